"""What a file holds, chosen before it is mapped; for products also the price list they go into."""

from __future__ import annotations

import ipywidgets as w

from crmkit.price_lists import currencies
from crmkit.ui import markup
from crmkit.ui.desk import Desk, button
from crmkit.ui.handling import NoticeLevel

_NEW = 0
"""In the place of a price list's id; None would be shown as an empty box."""

_STYLE = {"description_width": "200px"}


class SubjectChoice:
    """Companies and persons, or products and their price list."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._subject = w.Dropdown(description="What does it hold?", style=_STYLE, layout=_wide())
        self._list = w.Dropdown(description="Import to price list:", style=_STYLE, layout=_wide())
        self._name = w.Text(description="Name:", style=_STYLE, layout=_wide())
        self._currency = w.Dropdown(
            description="Currency:",
            options=[(f"{code} - {name}", code) for code, name in currencies()],
            value="EUR",
            style=_STYLE,
            layout=_wide(),
        )
        self._from = w.DatePicker(description="Valid from:", style=_STYLE, layout=_wide())
        self._to = w.DatePicker(description="Valid to:", style=_STYLE, layout=_wide())
        self._new = w.VBox(
            [
                self._name,
                self._currency,
                self._from,
                self._to,
                button("Create price list", self._create, desk),
            ]
        )
        self._new.add_class("ck-rule")
        self._other = w.HBox()
        self.widget = w.VBox([self._subject, self._other, self._list, self._new])
        self._showing = False
        for field in (self._subject, self._list):
            field.observe(desk.handler.guard(self._change), names="value")

    def ready(self) -> bool:
        """Whether all is chosen that the mapping needs."""
        session = self._desk.session
        return not session.settings.lacks_price_list(session.schema.root)

    def show(self) -> None:
        """Bring the choices up to date with the session."""
        session = self._desk.session
        self._showing = True
        try:
            self._subject.options = [
                (_holds([entity.plural["en"] for entity in schema.entities]), schema.root.id)
                for schema in session.workspace.schema.subjects()
            ]
            self._subject.value = session.subject
            scoped = bool(session.schema.root.scope)
            if scoped:
                lists = session.workspace.price_lists()
                known = {item.id for item in lists}
                chosen = session.settings.price_list
                self._list.options = [
                    ("A new price list", _NEW),
                    *((item.label, item.id) for item in lists),
                ]
                self._list.value = chosen if chosen in known else _NEW
            self._list.layout.display = "" if scoped else "none"
            self._new.layout.display = "" if scoped and self._list.value == _NEW else "none"
            self._other.children = self._suggestion()
        finally:
            self._showing = False

    def _suggestion(self) -> list[w.Widget]:
        """That the file seems to hold something else, and the way there; nothing when it does not."""
        session = self._desk.session
        if not session.has_source or (better := session.better_subject) is None:
            return []
        holds = {subject: text for text, subject in self._subject.options}
        plural = holds[better.subject].lower()

        def take() -> None:
            self._subject.value = better.subject

        text = (
            f"This file looks like {plural}: {better.fitting:,} of its"
            f" {len(session.staged.columns):,} columns have a field there, and {better.before:,} in"
            f" {holds[session.subject].lower()}."
        )
        return [
            w.HTML(markup.paragraph(text, style="ck-lead")),
            button(f"It holds {plural}", take, self._desk),
        ]

    def _change(self, _: object) -> None:
        if self._showing:
            return
        session = self._desk.session
        if session.subject != self._subject.value:
            session.subject = self._subject.value
        else:
            chosen = self._list.value
            session.price_list = None if chosen == _NEW else session.workspace.price_list(chosen)
        self.show()
        self._desk.on_change()

    def _create(self) -> None:
        session = self._desk.session
        session.price_list = session.workspace.add_price_list(
            name=self._name.value,
            currency=self._currency.value,
            valid_from=self._from.value,
            valid_to=self._to.value,
        )
        self._name.value = ""
        self.show()
        self._desk.on_change()
        self._desk.tell(
            "The price list is made. The products go into it.", level=NoticeLevel.SUCCESS
        )


def _holds(plurals: list[str]) -> str:
    first, *others = plurals
    return " and ".join([first, *(other.lower() for other in others)])


def _wide() -> w.Layout:
    """A layout of a control's own: one that is shared would hide all controls with one."""
    return w.Layout(width="520px")
