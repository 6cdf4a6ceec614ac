"""Decisions record by record: what the user says about the row in focus, and about all rows shown."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

import ipywidgets as w

from crmkit.decisions import Choice
from crmkit.entities import Entity
from crmkit.plan import Status
from crmkit.preview import RecordDetail
from crmkit.session import ImportSession
from crmkit.settings import Action
from crmkit.ui import markup
from crmkit.ui.desk import Desk, button
from crmkit.ui.parts import Part, offer

_WIDTH: Final = {"description_width": "120px"}
_MOST_LISTED: Final = 200
"""Decisions listed on the screen; the rest is counted."""

Decide = Callable[[ImportSession, int], object]
"""Is given the import, and the row from which the record is numbered."""


class RowDecisions:
    """What can be decided about the records of the row in focus, one box for each.

    Args:
        decided: Called after a decision: the preview is old.
    """

    def __init__(self, desk: Desk, decided: Callable[[], None]) -> None:
        self._desk = desk
        self._decided = decided
        self._boxes: dict[str, _RecordBox] = {}
        self._session = ""
        self.widget = w.VBox()
        self.widget.add_class("ck-decide-all")

    def show(self, details: Sequence[RecordDetail]) -> None:
        """Show what can be decided about a row's records.

        The controls stay the same ones, so that the preview made anew after a decision takes
        neither the focus of the keyboard nor a text that is being typed.
        """
        if self._session != self._desk.session.id:
            self._session, self._boxes = self._desk.session.id, {}
        for detail in details:
            if detail.entity not in self._boxes:
                self._boxes[detail.entity] = _RecordBox(detail.entity, self._desk, self._decided)
            self._boxes[detail.entity].show(detail)
        shown = [self._boxes[d.entity].widget for d in details if d.record_no is not None]
        if list(self.widget.children) != shown:
            self.widget.children = shown


class _RecordBox:
    """The decisions about one record."""

    def __init__(self, entity_id: str, desk: Desk, decided: Callable[[], None]) -> None:
        self._desk = desk
        self._decided = decided
        self._entity: Entity = desk.session.schema.entity(entity_id)
        self._detail: RecordDetail | None = None
        label = self._entity.labels["en"]
        self._head = w.HTML()

        self._action = _choice(
            f"{label}, action:", [(action.label, action) for action in Action], Action.MERGE
        )
        self._candidates = w.VBox()
        self._candidates.add_class("ck-candidates")
        self._none = button("None of these - add it", self._add_new, desk)
        self._not_same = button(
            "Not the same - add it",
            self._add_new,
            desk,
            tooltip="It is remembered: the next file does not ask again",
        )

        self._search = w.Text(
            description=f"{label}, find:",
            placeholder="Name or ID in the CRM",
            style=_WIDTH,
            layout=_layout(),
            continuous_update=False,
        )
        self._found = _choice("This is:", [])
        self._take = button("This is that one", self._take_found, desk)
        self._finding = w.VBox(
            [w.HBox([self._search, button("Find", self._find, desk)]), self._found, self._take]
        )

        self._field = _choice(f"{label}, field:", [])
        self._text = w.Text(
            description="Outcome:",
            placeholder="Several: separate them with ;",
            style=_WIDTH,
            layout=_layout(),
            continuous_update=False,
        )
        self._set = button("Set", self._set_cell, desk)
        self._editing = w.VBox([self._field, w.HBox([self._text, self._set])])

        self._undo = button("Undo decisions", self._forget, desk)
        self.widget = w.VBox(
            [
                self._head,
                self._candidates,
                self._not_same,
                self._finding,
                w.HBox([self._action, button("Use action", self._act, desk)]),
                self._editing,
                self._undo,
            ]
        )
        self.widget.add_class("ck-decide")
        self._field.observe(desk.handler.guard(self._show_cell), names="value")
        self._clear_found()

    def show(self, detail: RecordDetail) -> None:
        """Bring the controls up to date with a record."""
        old, self._detail = self._detail, detail
        if detail.record_no is None:
            return
        other = old is None or old.record_no != detail.record_no
        self._head.value = f"<h3>{markup.escape(self._entity.labels['en'])}: decide yourself</h3>"
        self._candidates.children = [
            button(
                f"It is {candidate.label}",
                functools.partial(
                    self._decide,
                    functools.partial(self._match, candidate.id),
                ),
                self._desk,
            )
            for candidate in detail.candidates
        ] + ([self._none] if detail.candidates else [])
        known = any(field.existing is not None for field in detail.fields)
        _when(self._not_same, shown=known and not detail.candidates)
        _when(self._finding, shown=detail.status is Status.NEW or bool(detail.candidates))
        _when(self._undo, shown=bool(detail.decided))
        self._show_fields(detail, other=other)
        if other:
            self._search.value = ""
            self._clear_found()
            rule = self._desk.session.settings.rule(self._entity)
            self._action.value = rule.action

    def _show_fields(self, detail: RecordDetail, *, other: bool) -> None:
        options = [(field.label, field.target) for field in detail.fields if field.target]
        _when(self._editing, shown=bool(options))
        if tuple(self._field.options) != tuple(options):
            offer(self._field, options, keep=not other)
        if other:
            self._show_cell(None)

    def _show_cell(self, _: object) -> None:
        """Start from what the field's outcome is now."""
        fields = self._detail.fields if self._detail is not None else ()
        values = [field.outcome for field in fields if field.target == self._field.value]
        self._text.value = (values[0] or "") if values and self._field.value else ""

    def _match(self, record_id: int, session: ImportSession, record_no: int) -> None:
        session.decide_match(self._entity.id, [record_no], record_id)

    def _add_new(self) -> None:
        self._decide(lambda session, record_no: session.decide_new(self._entity.id, [record_no]))

    def _act(self) -> None:
        action = self._action.value
        self._decide(
            lambda session, record_no: session.decide_action(self._entity.id, [record_no], action)
        )

    def _set_cell(self) -> None:
        target, text = self._field.value, self._text.value
        self._decide(
            lambda session, record_no: session.decide_cell(self._entity.id, record_no, target, text)
        )

    def _forget(self) -> None:
        # A decision stands at the row that the record began with then.
        rows = self._detail.rows if self._detail is not None else ()
        self._decide(
            lambda session, record_no: session.undo_decisions(
                self._entity.id, sorted({record_no, *rows})
            )
        )

    def _find(self) -> None:
        text = self._search.value.strip()
        if not text:
            self._desk.tell("Type a part of the name, or the ID, of the record to find.")
            return
        found = self._desk.session.find_existing(self._entity.id, text)
        if not found:
            self._clear_found()
            self._desk.tell(
                f"The CRM has no {self._entity.labels['en'].lower()} with “{text}” in its name.",
                mend="Type less of it, or the ID.",
            )
            return
        offer(self._found, [(label, record_id) for record_id, label in found])
        _when(self._found, shown=True)
        _when(self._take, shown=True)

    def _take_found(self) -> None:
        record_id = self._found.value
        self._decide(functools.partial(self._match, record_id))

    def _clear_found(self) -> None:
        self._found.options = []
        _when(self._found, shown=False)
        _when(self._take, shown=False)

    def _decide(self, decide: Decide) -> None:
        if self._desk.working:
            # The plan holds the import's file: a decision would wait for it with the screen frozen.
            self._desk.tell("The preview is being made.", mend="Decide again when it is there.")
            return
        record_no = self._detail.record_no if self._detail is not None else None
        if record_no is None:
            # A click on its way while the screen turned to another row.
            self._desk.tell(
                "The row in focus has no such record.", mend="Go to the row again, then decide."
            )
            return
        self._desk.message.clear()
        decide(self._desk.session, record_no)
        self._decided()


class ShownDecisions:
    """One decision for the records of all rows that the grid shows, after a question.

    Args:
        shown: How many rows the grid shows.
        decided: Called after a decision: the preview is old.
    """

    def __init__(
        self, desk: Desk, *, shown: Callable[[], int], decided: Callable[[], None]
    ) -> None:
        self._desk = desk
        self._shown = shown
        self._decided = decided
        self._entity = w.Dropdown(
            description="For all rows shown:",
            style={"description_width": "140px"},
            layout=w.Layout(width="290px"),
        )
        self._choice = w.Dropdown(
            description="decide:",
            options=[(choice.label, choice) for choice in Choice],
            style={"description_width": "60px"},
            layout=w.Layout(width="460px", max_width="100%"),
        )
        self._question = w.VBox()
        self.widget = w.VBox(
            [
                w.HBox([self._entity, self._choice, button("Decide …", self._ask, desk)]),
                self._question,
            ]
        )
        self.widget.add_class("ck-decide-shown")

    def show(self, entities: Sequence[Entity]) -> None:
        """Offer the entities of the preview."""
        options = [(entity.plural["en"], entity.id) for entity in entities]
        if tuple(self._entity.options) != tuple(options):
            offer(self._entity, options, keep=True)
        self._close()

    def _ask(self) -> None:
        count = self._shown()
        if not count:
            self._desk.tell("No rows are shown.", mend="Choose another filter first.")
            return
        rows = "1 row" if count == 1 else f"{count:,} rows"
        which = "" if self._choice.value is Choice.LEAVE_OUT else f"{self._entity.label.lower()}, "
        text = f"For the {rows} shown: {which}{self._choice.value.label}?"
        yes = button("Yes, decide", self._act, self._desk, primary=True)
        no = button("No", self._close, self._desk)
        box = w.VBox([w.HTML(markup.paragraph(text, style="ck-lead")), w.HBox([yes, no])])
        box.add_class("ck-ask")
        self._question.children = [box]

    def _close(self) -> None:
        self._question.children = []

    def _act(self) -> None:
        self._close()
        if self._desk.working:
            self._desk.tell("The preview is being made.", mend="Decide again when it is there.")
            return
        session, choice, entity = self._desk.session, self._choice.value, self._entity.value

        def done(count: int) -> None:
            if count:
                self._decided()
            else:
                self._desk.tell("There was nothing to decide among the rows shown.")

        self._desk.run(lambda _: session.decide_shown(entity, choice), done)


class DecisionList(Part):
    """How many decisions the import has, and which; closed at first."""

    def __init__(self, desk: Desk) -> None:
        super().__init__("Decisions", desk)
        self._listed = w.HTML()
        self.body.children = [self._listed]
        self._count = 0

    def show(self) -> None:
        """Bring the count up to date."""
        self._count = self.desk.session.decision_count()
        self.widget.layout.display = "" if self._count else "none"
        words = "1 decision is" if self._count == 1 else f"{self._count:,} decisions are"
        self.head.summary = f"{words} part of this import"
        if self.head.opened:
            self.opened()

    def opened(self) -> None:
        decisions = self.desk.session.decisions()
        schema = self.desk.session.schema
        lines = [
            f"{schema.entity(decision.entity).labels['en']}, {decision.label}"
            for decision in decisions[:_MOST_LISTED]
        ]
        more = len(decisions) - len(lines)
        self._listed.value = markup.bullets(lines) + (
            markup.paragraph(f"And {more:,} more.", style="ck-hint") if more else ""
        )


def _choice(label: str, options: Sequence[Any], value: Any = None) -> w.Dropdown:
    made = w.Dropdown(
        description=label,
        options=options,
        style=_WIDTH,
        layout=_layout(),
    )
    if value is not None:
        made.value = value
    return made


def _when(widget: w.Widget, *, shown: bool) -> None:
    widget.layout.display = "" if shown else "none"


def _layout() -> w.Layout:
    # One for each control: a control is hidden through its layout.
    return w.Layout(width="310px", max_width="100%")
