"""The cleaning steps of one column: add, change, move and remove them, and see what they do."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, get_origin

import ipywidgets as w
from pydantic.fields import FieldInfo

from crmkit.cleaning import Trial
from crmkit.errors import MappingError
from crmkit.steps import REGISTRY, Step, steps_from
from crmkit.ui import markup
from crmkit.ui.desk import Desk, button

_STYLE: Final = {"description_width": "220px"}
_WIDE: Final = {"width": "520px", "max_width": "100%"}
_NARROW: Final = "160px"


class StepsEditor:
    """Says what happens to a column's cells before they are read; shown below the mapping table.

    Args:
        on_change: Called when the steps, or the columns, are others.
        on_close: Called when the user is done.
    """

    def __init__(
        self, desk: Desk, *, on_change: Callable[[], None], on_close: Callable[[], None]
    ) -> None:
        self.desk = desk
        self.column = ""
        self._on_change = on_change
        self._on_close = on_close
        self._forms: list[_Form] = []
        self._places: list[_Place] = []
        self._title = w.HTML()
        self._list = w.VBox()
        self._fault = w.HTML()
        self._trials = w.HTML()
        self._kind = w.Dropdown(
            description="Add a step:",
            options=[(step.title, kind) for kind, step in REGISTRY.items()],
            style=_STYLE,
            layout=w.Layout(**_WIDE),
        )
        self._new = _NewColumns(self)
        self._remove = button("Remove this column", self._remove_column, desk)
        self.widget = w.VBox(
            [
                self._title,
                self._list,
                w.HBox([self._kind, button("Add step", self._add, desk)]),
                self._fault,
                self._trials,
                self._new.widget,
                w.HBox([self._remove, button("Done", self.close, desk, primary=True)]),
            ]
        )
        self.widget.add_class("ck-steps")
        self.widget.layout.display = "none"

    def open(self, column: str) -> None:
        """Show the steps of a column."""
        session = self.desk.session
        self.column = column
        header = session.mapping.headers(session.staged)[column]
        self._title.value = f"<h3>Clean “{markup.escape(header)}”</h3>" + markup.paragraph(
            "The steps are done from top to bottom before the cells are read. The file stays as it"
            " is.",
            style="ck-hint",
        )
        made = {one.id for one in session.mapping.made}
        self._forms = [
            _Form(self, type(step), step.model_dump())
            for step in session.mapping.steps.get(column, ())
        ]
        self._new.show(column, is_made=column in made)
        self._remove.layout.display = "" if column in made else "none"
        self._fault.value = ""
        self._draw()
        self._look()
        self.widget.layout.display = ""
        self._kind.focus()

    def close(self) -> None:
        """Put the editor away."""
        self.column = ""
        self.widget.layout.display = "none"
        self._on_close()

    def changed(self) -> None:
        """Keep the steps as they are on the screen, when they can be used, and show what they do."""
        session = self.desk.session
        try:
            session.set_steps(self.column, steps_from(form.given() for form in self._forms))
        except MappingError as error:
            self._fault.value = markup.paragraph(
                f"{error.mend or error.message} The steps are not used until this is mended.",
                style="ck-fault",
            )
            return
        self._fault.value = ""
        self._look()
        self._on_change()

    def move(self, position: int, by: int) -> None:
        """Move a step up or down; the keyboard's focus goes with it."""
        target = position + by
        if not (0 <= position < len(self._forms) and 0 <= target < len(self._forms)):
            return
        self._forms.insert(target, self._forms.pop(position))
        self._draw()
        self.changed()
        place = self._places[target]
        # At the end of the way its button cannot be pressed any more, and takes no focus.
        first, second = (place.up, place.down) if by < 0 else (place.down, place.up)
        (second if first.disabled else first).focus()

    def remove(self, position: int) -> None:
        """Take a step away."""
        if position >= len(self._forms):
            return
        del self._forms[position]
        self._draw()
        self.changed()
        self._kind.focus()

    def columns_changed(self) -> None:
        """There is one more column, or one less."""
        self._on_change()

    def _add(self) -> None:
        self._forms.append(_Form(self, REGISTRY[self._kind.value], {}))
        self._draw()
        self.changed()

    def _remove_column(self) -> None:
        self.desk.session.remove_column(self.column)
        self.close()
        self._on_change()

    def _draw(self) -> None:
        count = len(self._forms)
        self._places += [_Place(self, position) for position in range(len(self._places), count)]
        self._list.children = [place.widget for place in self._places[:count]]
        for place, form in zip(self._places[:count], self._forms, strict=True):
            place.show(form, is_last=form is self._forms[-1])

    def _look(self) -> None:
        self._trials.value = _trial_table(self.desk.session.try_steps(self.column))


class _Place:
    """A place in the list, first, second, ..., with the buttons of the step that stands there.

    The places stay when steps move: a button that is made anew has no focus, and cannot get it
    before the browser has drawn it.
    """

    def __init__(self, editor: StepsEditor, position: int) -> None:
        self._position = position
        self._title = w.HTML()
        self.up = _small("Up", functools.partial(editor.move, position, -1), editor.desk)
        self.down = _small("Down", functools.partial(editor.move, position, 1), editor.desk)
        self._remove = _small("Remove", functools.partial(editor.remove, position), editor.desk)
        head = w.HBox(
            [self._title, self.up, self.down, self._remove],
            layout=w.Layout(align_items="center", flex_flow="row wrap"),
        )
        self._options = w.VBox()
        self.widget = w.VBox([head, self._options])
        self.widget.add_class("ck-step")

    def show(self, form: _Form, *, is_last: bool) -> None:
        """Put a step here."""
        title = form.step.title
        self._title.value = f"<b>{markup.escape(title)}</b>"
        for button_ in (self.up, self.down, self._remove):
            button_.tooltip = f"{button_.description}: {title}"
        self.up.disabled, self.down.disabled = self._position == 0, is_last
        self._options.children = form.widgets


class _Form:
    """One step with its options."""

    def __init__(self, editor: StepsEditor, step: type[Step], given: dict[str, Any]) -> None:
        self.step = step
        # Filled when the step is set, not by the user.
        self._options = {
            option: _Option(field, given.get(option, field.get_default(call_default_factory=True)))
            for option, field in step.model_fields.items()
            if option not in ("kind", "names")
        }
        for option in self._options.values():
            option.widget.observe(
                editor.desk.handler.guard(lambda _: editor.changed()), names=option.watched
            )
        self.widgets = tuple(option.widget for option in self._options.values())

    def given(self) -> dict[str, Any]:
        """The step as it stands on the screen."""
        kind = self.step.model_fields["kind"].default
        return {"kind": kind, **{name: option.value for name, option in self._options.items()}}


class _Option:
    """One option of a step, as a plain control."""

    watched: str = "value"

    def __init__(self, field: FieldInfo, value: Any) -> None:
        self._kind = get_origin(field.annotation) or field.annotation
        extra = field.json_schema_extra
        labels = extra.get("labels") if isinstance(extra, dict) else None
        shared: dict[str, Any] = {
            "description": f"{field.title}:",
            "style": _STYLE,
            "layout": w.Layout(**_WIDE),
        }
        if isinstance(labels, dict) and labels:
            options = [(str(label), key) for key, label in labels.items()]
            self.widget: Any = w.Dropdown(options=options, value=str(value), **shared)
        elif self._kind is bool:
            self.widget = w.Checkbox(
                description=field.title or "", value=value, indent=False, layout=shared["layout"]
            )
        elif self._kind is int:
            low, high = (
                next(getattr(bound, end) for bound in field.metadata if hasattr(bound, end))
                for end in ("ge", "le")
            )
            self.widget = w.BoundedIntText(value=value, min=low, max=high, **shared)
        elif self._kind is dict:
            text = "\n".join(f"{said} = {becomes}" for said, becomes in value.items())
            hint = "one to a line, as N = Norway"
            self.widget = w.Textarea(
                value=text, placeholder=hint, continuous_update=False, **shared
            )
        else:
            text = ", ".join(value) if self._kind is tuple else value
            hint = field.description or ("with commas between them" if self._kind is tuple else "")
            self.widget = w.Text(value=text, placeholder=hint, continuous_update=False, **shared)
            self.widget.tooltip = hint

    @property
    def value(self) -> Any:
        """What the user chose, as the step wants it."""
        chosen = self.widget.value
        if self._kind is tuple:
            return tuple(word.strip() for word in chosen.split(",") if word.strip())
        if self._kind is dict:
            pairs = (line.split("=", 1) for line in chosen.splitlines() if "=" in line)
            return {said.strip(): becomes.strip() for said, becomes in pairs}
        return chosen


class _NewColumns:
    """Columns made of the one in hand: its parts, or joined with another."""

    def __init__(self, editor: StepsEditor) -> None:
        self._editor = editor
        desk = editor.desk
        narrow = w.Layout(width=_NARROW)
        self._separator = w.Text(value=",", description="Separator:", layout=narrow)
        self._count = w.BoundedIntText(value=2, min=2, max=20, description="Parts:", layout=narrow)
        self._other = w.Dropdown(description="Join with:", layout=w.Layout(width="320px"))
        self._between = w.Text(value=" ", description="Between:", layout=narrow)
        self.widget = w.VBox(
            [
                w.HTML("<b>New columns from this one</b>"),
                w.HBox([self._separator, self._count, button("Split", self._split, desk)]),
                w.HBox([self._other, self._between, button("Join", self._join, desk)]),
                w.HBox(
                    [
                        button("Split full names", self._names, desk),
                        button("Copy the column", self._copy, desk),
                    ]
                ),
            ]
        )

    def show(self, column: str, *, is_made: bool) -> None:
        """Offer what can be made of a column; of a made one nothing."""
        self.widget.layout.display = "none" if is_made else ""
        staged = self._editor.desk.session.staged
        self._other.options = [
            (other.header, other.id) for other in staged.columns if other.id != column
        ]

    def _split(self) -> None:
        if not self._separator.value:
            self._editor.desk.tell("Type what stands between the parts.")
            return
        session = self._editor.desk.session
        session.split_column(self._editor.column, self._separator.value, self._count.value)
        self._editor.columns_changed()

    def _join(self) -> None:
        session, column = self._editor.desk.session, self._editor.column
        if self._other.value is None:
            return
        headers = session.mapping.headers(session.staged)
        session.make_column(
            f"{headers[column]} + {headers[self._other.value]}",
            [column, self._other.value],
            separator=self._between.value,
        )
        self._editor.columns_changed()

    def _names(self) -> None:
        self._editor.desk.session.split_names(self._editor.column)
        self._editor.columns_changed()

    def _copy(self) -> None:
        session, column = self._editor.desk.session, self._editor.column
        header = session.mapping.headers(session.staged)[column]
        session.make_column(f"{header} (copy)", [column])
        self._editor.columns_changed()


def _small(label: str, act: Callable[[], None], desk: Desk) -> w.Button:
    made = button(label, act, desk)
    made.layout.width = "auto"
    return made


def _trial_table(trials: tuple[Trial, ...]) -> str:
    """Some texts of the file, before and after."""
    return markup.table(
        ("In the file", "After the steps", "Note"),
        ((trial.before, trial.after, trial.fault or _said(trial)) for trial in trials),
        caption="Some of the column's texts",
    )


def _said(trial: Trial) -> str:
    if trial.before == trial.after:
        return "unchanged"
    return "changed" if trial.after is not None else "emptied"
