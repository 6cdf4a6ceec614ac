"""An ERP database as the source: its connection, whom to take, the criteria, and the rows to tick."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import ipywidgets as w

from crmkit import keychain
from crmkit.erp import connections
from crmkit.erp.model import Actors, Request
from crmkit.errors import SettingsError, SourceError
from crmkit.sources import Progress
from crmkit.staging import StagedTable
from crmkit.ui import markup
from crmkit.ui.desk import Desk, button
from crmkit.ui.handling import NoticeLevel
from crmkit.ui.origin import Load, Origin
from crmkit.ui.parts import Part, check, dropdown, offer

if TYPE_CHECKING:
    from crmkit.erp.reading import Choices, Found

_SHOWN: Final = 100
_STYLE: Final = {"description_width": "200px"}

_IS_NEW: Final = (
    "The CRM has companies, and none has a key of this ERP yet. In the settings, match them by VAT"
    " number, number or name this once: that gives them their keys."
)


class _New(Part):
    """Asks for a new connection, tries it and keeps it."""

    def __init__(self, desk: Desk, origin: ErpOrigin) -> None:
        super().__init__("New connection", desk)
        self._origin = origin
        self.name = _text("Connection name:", "What you call this ERP, as: Our Tryton")
        self.url = _text("Database URL:", "postgresql://user@host/database")
        self.password = w.Password(description="Database password:", style=_STYLE, layout=_wide())
        self.company = _text("Its company:", "Only where the database has several")
        self.keep = check("Keep the password in this computer's keychain")
        self.keep.value = keychain.is_available()
        self.keep.layout.display = "" if keychain.is_available() else "none"
        self.save = button("Connect and save", self._save, desk)
        self.body.children = [
            *(self.name, self.url, self.password, self.company, self.keep, self.save),
        ]

    def _save(self) -> None:
        if self.desk.workspace.visitor:
            # Else the server could be made to knock at any door in its network.
            raise SettingsError(
                "On a team's dashboard nobody can make a connection.",
                mend="Ask whoever looks after the server: `crmkit app` there can make it.",
            )
        # Once it was tried, nothing here knows it any more.
        password, self.password.value = self.password.value, ""
        bare, inside = connections.take_apart(self.url.value)
        self.url.value = bare
        self._origin.allow(bare)
        name, company, keep = self.name.value, self.company.value.strip(), self.keep.value
        book = self.desk.workspace.erp

        def work(progress: Progress) -> str:
            progress(0.0, "Connecting")
            return book.add(
                name, bare, password=password or inside, company=company, keep_password=keep
            ).name

        def done(made: str) -> None:
            self.turn(to_open=False)
            self._origin.connected(made, password or inside)
            self.desk.tell(f"{made} is connected.", level=NoticeLevel.SUCCESS)

        self.desk.run(work, done)


class ErpOrigin(Origin):
    """Take customers, suppliers, persons or products from an ERP's database."""

    title = "ERP database"

    def __init__(self, desk: Desk, load: Load) -> None:
        super().__init__(desk, load)
        self.connection = dropdown("Connection:", [])
        self.forget = button(
            "Forget it", self._forget, desk, tooltip="The connection and its password go"
        )
        self.new = _New(desk, self)
        self.password = w.Password(
            description="Password for it:",
            placeholder="If the keychain does not have it",
            style=_STYLE,
            layout=_wide(),
        )
        self.repeat = dropdown("Like the description:", [])
        self.actors = dropdown("Take:", [(actors.label, actors) for actors in Actors])
        self.name = _text("Name contains:", "")
        self.code = _text("Number or code contains:", "")
        self.city = _text("City contains:", "")
        self.country = dropdown("Country:", [("All", "")])
        self.since = w.DatePicker(description="Changed since:", style=_STYLE, layout=_wide())
        self._criteria = w.VBox(
            [self.name, self.code, self.city, self.country, self.since],
        )
        self.options = w.VBox()
        self._chosen: dict[str, w.Dropdown] = {}
        self.sql = w.Textarea(
            description="Query:",
            placeholder="select name as company__name, ... from ...",
            style=_STYLE,
            layout=w.Layout(width="720px", max_width="100%", height="120px"),
        )
        self.look = button("Show rows", self._look, desk)
        self.take = button("Take all", self._take_all, desk, primary=True)
        self.take_ticked = button("Take the ticked ones", self._take_ticked, desk)
        self.hint = w.HTML()
        self.found = w.HTML()
        self.ticks = w.VBox(layout=w.Layout(max_height="320px", overflow="auto"))
        self._secret: dict[str, str] = {}
        self.widget.children = [
            *(w.HBox([self.connection, self.forget]), self.new.widget, self.password),
            *(self.repeat, self.actors),
            *(self._criteria, self.options, self.sql),
            w.HBox([self.look, self.take, self.take_ticked]),
            *(self.hint, self.found, self.ticks),
        ]
        self.new.widget.layout.display = "none" if desk.workspace.visitor else ""
        self.widget.add_class("ck-erp")
        self._filling = False
        changed = desk.handler.guard(self._changed)
        for control in (self.connection, self.actors, self.repeat):
            control.observe(changed, names="value")

    def show(self) -> None:
        self._filling = True
        try:
            book, chosen = self.desk.workspace.erp, self.connection.value
            names = [item.name for item in book.connections()]
            if not names:
                self.new.turn(to_open=True)  # there is nothing else to do here
            self.connection.options = names
            if names:
                self.connection.value = chosen if chosen in names else names[0]
            offer(self.country, [("All", ""), *self.desk.workspace.countries()], keep=True)
            self._offer_descriptions()
        finally:
            self._filling = False
        self._arrange()
        is_new = self.desk.session.erp_is_new()
        self.hint.value = markup.paragraph(_IS_NEW, style="ck-notes") if is_new else ""

    def connected(self, name: str, password: str) -> None:
        """A connection was made: choose it, and know its password for this visit."""
        self._secret[name] = password
        self.show()
        self.connection.value = name

    def _forget(self) -> None:
        gone = self.connection.value
        self.desk.workspace.erp.remove(gone)
        self._secret.pop(gone, None)
        self.show()
        self.desk.tell(f"{gone} is forgotten; what was imported stays.", level=NoticeLevel.INFO)

    def allow(self, url: str) -> None:
        """Of files, only those in the folders from which files may be read.

        Raises:
            SourceError: It is a file elsewhere.
        """
        from sqlalchemy.engine import make_url  # slow to import, and most imports are of files

        parts = make_url(url)
        if parts.get_backend_name() != "sqlite":
            return
        path = Path(parts.database or "").resolve()
        if not any(path.is_relative_to(folder) for folder in self.desk.folders):
            allowed = ", ".join(str(folder) for folder in self.desk.folders) or "none"
            raise SourceError(
                "This database file cannot be opened from here.",
                where=str(parts.database),
                mend=f"Put it into one of these folders: {allowed}.",
            )

    def _offer_descriptions(self) -> None:
        workspace = self.desk.workspace
        # Those that say “erp:” in a line of its own; a broken one is told when it is used.
        found = [
            file.name
            for file in workspace.descriptions()
            if "\nerp:" in file.path.read_text(encoding="utf-8", errors="replace")
        ]
        kept = self.repeat.value
        self.repeat.options = [("(none)", ""), *((name, name) for name in found)]
        self.repeat.value = kept if kept in found else ""
        self.repeat.layout.display = "" if found else "none"

    def _changed(self, _: object) -> None:
        if self._filling:
            return
        self._chosen, self.options.children = {}, ()
        self._arrange()

    def _arrange(self) -> None:
        """Show what the connection and the actors have."""
        has, own = bool(self.connection.value), self.actors.value is Actors.SQL
        repeats = bool(self.repeat.value)
        for control, shown in (
            (self.connection, has),
            (self.forget, has),
            (self.password, has),
            (self.actors, has and not repeats),
            (self._criteria, has and not own and not repeats),
            (self.options, has and not own and not repeats),
            (self.sql, has and own and not repeats),
            (self.look, has),
            (self.take, has),
            (self.take_ticked, False),
        ):
            control.layout.display = "" if shown else "none"
        self.found.value, self.ticks.children = "", ()

    def _request(self) -> Request:
        if self.repeat.value:
            erp = self.desk.workspace.description(self.repeat.value).erp
            if erp is None:
                raise SettingsError("This description is about a file.", where=self.repeat.value)
            return erp
        actors = self.actors.value
        if actors is Actors.SQL:
            if not self.sql.value.strip():
                raise SourceError("There is no query.", mend="Write one SELECT.")
            return Request(connection=self.connection.value, actors=actors, sql=self.sql.value)
        since: date | None = self.since.value
        return Request(
            connection=self.connection.value,
            actors=actors,
            name=self.name.value.strip(),
            code=self.code.value.strip(),
            city=self.city.value.strip(),
            country=self.country.value,
            changed_since=since,
            options={option: control.value for option, control in self._chosen.items()},
        )

    def _password(self, name: str) -> str:
        """What was typed for a connection in this visit; empty to ask the keychain."""
        typed, self.password.value = self.password.value, ""
        if typed:
            self._secret[name] = typed
        return self._secret.get(name, "")

    def _look(self) -> None:
        request = self._request()
        password = self._password(request.connection)
        session, book = self.desk.session, self.desk.workspace.erp

        def work(progress: Progress) -> tuple[Found, tuple[Choices, ...]]:
            progress(0.0, "Asking the ERP")
            choices = book.choices(request.connection, request.actors, password=password)
            return session.find_erp(request, password=password, limit=_SHOWN), choices

        self.desk.run(work, lambda result: self._show_found(request, *result))

    def _show_found(self, request: Request, found: Found, choices: tuple[Choices, ...]) -> None:
        self._show_choices(request, choices)
        shown = (
            f", the first {len(found.rows):,} are shown" if found.count > len(found.rows) else ""
        )
        rows = "row" if found.count == 1 else "rows"
        self.found.value = markup.paragraph(f"{found.count:,} {rows}{shown}.", style="ck-lead")
        filled = [
            place for place in range(len(found.headers)) if any(row[place] for row in found.rows)
        ]
        self.found.value += markup.table(
            [found.headers[place] for place in filled],
            ([row[place] for place in filled] for row in found.rows),
        )
        boxes, seen = [], set()
        at = _named(found.headers)
        for row, key in zip(found.rows, found.keys, strict=True):
            if key and key not in seen:
                seen.add(key)
                box = check(" · ".join(row[place] for place in at if row[place]))
                box.key = key
                boxes.append(box)
        self.ticks.children = boxes
        self.take_ticked.layout.display = "" if boxes else "none"

    def _show_choices(self, request: Request, choices: tuple[Choices, ...]) -> None:
        if self._chosen:
            return
        for item in choices:
            control = dropdown(
                f"{item.option.label}:",
                [(item.option.none, ""), *((value, value) for value in item.values)],
                request.options.get(item.option.id, item.preferred),
            )
            self._chosen[item.option.id] = control
        self.options.children = list(self._chosen.values())

    def _take_all(self) -> None:
        self._take(self._request())

    def _take_ticked(self) -> None:
        ticked = tuple(box.key for box in self.ticks.children if box.value)
        if not ticked:
            raise SourceError("Nothing is ticked.", mend="Tick some rows, or take all.")
        self._take(self._request().model_copy(update={"only": ticked}))

    def _take(self, request: Request) -> None:
        session, described = self.desk.session, self.repeat.value
        password = self._password(request.connection)

        def read(progress: Progress) -> StagedTable:
            staged = session.load_erp(request, password=password, progress=progress)
            if described:
                session.apply_description(described)
            return staged

        self.load(read)


def _named(headers: tuple[str, ...]) -> list[int]:
    """The columns by which a person knows a row."""
    wanted = (
        *("Person full name", "Person first name", "Person last name"),
        *("Company name", "Company number", "Company postal address: City"),
        *("Product name", "Product code"),
    )
    return [headers.index(header) for header in wanted if header in headers]


def _text(label: str, placeholder: str) -> w.Text:
    return w.Text(description=label, placeholder=placeholder, style=_STYLE, layout=_wide())


def _wide() -> w.Layout:
    return w.Layout(width="520px", max_width="100%")
