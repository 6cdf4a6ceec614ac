"""Every widget on one page, over a synthetic source; a test drives it in a real browser.

`texts` is what the callbacks were told, shown on the page so that a test can read it.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import ipywidgets

from crmkit.ui import widgets as ck
from crmkit.ui.handling import Handler, Notice, NoticeLevel

HOSTILE = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"

ROWS = int(os.environ.get("GALLERY_ROWS", "1000000"))

_BUILD = """
create table row as
select
    i as id,
    i + 1 as row_no,
    case i % 6 when 0 then 'new' when 1 then 'changed' when 2 then 'unchanged'
        when 3 then 'skipped' when 4 then 'held_back' else 'problem' end as company,
    case when i = 7 then $hostile else 'Company ' || hash(i) % 100000 end as name,
    'person' || i || '@example.org' as email,
    case i % 3 when 0 then 'Oslo' when 1 then 'Zwolle' else 'Växjö' end as city,
    case when i % 50 = 0 then '' else '+47 ' || (20000000 + i) end as phone,
    true as taken
from range($rows) as numbers(i)
"""

# One text for each order that a header click can ask for: nothing is put together from outside.
_ORDERS = {
    (key, down): "create or replace temp table shown as "
    "select id, (row_number() over ("
    f"order by {key} {'desc' if down else 'asc'}, id)) - 1 as place from row "
    "where ($search = '' or contains(lower(concat_ws(' ', name, email, city)), $search)) "
    "and ($status = '' or company = $status)"
    for key in ("id", "row_no", "company", "name", "email", "city", "phone", "taken")
    for down in (False, True)
}


class Rows:
    """A grid source over a table in memory."""

    def __init__(self, rows: int) -> None:
        self.db = duckdb.connect()
        self.status = ""
        self.slow = False
        self.db.execute("set enable_progress_bar = false")
        self.db.execute(_BUILD, {"rows": rows, "hostile": HOSTILE})

    def order(self, sort: tuple[str, bool] | None, search: str) -> int:
        if search == "crash":
            raise RuntimeError("as asked")
        if search == "kill the kernel":
            os._exit(1)
        self.slow = search == "example.org"  # which all rows contain
        self.db.execute(
            _ORDERS[sort or ("id", False)], {"search": search.lower(), "status": self.status}
        )
        (total,) = self.db.execute("select count(*) from shown").fetchall()[0]
        return int(total)

    def page(self, offset: int, limit: int) -> list[dict[str, Any]]:
        if self.slow:
            time.sleep(2)
        result = self.db.execute(
            "select row.* from shown join row using (id) where place >= $first and place < $last "
            "order by place",
            {"first": offset, "last": offset + limit},
        )
        names = [column[0] for column in result.description]
        return [dict(zip(names, values, strict=True)) for values in result.fetchall()]

    def check(self, row_id: int, checked: bool) -> None:
        self.db.execute(
            "update row set taken = $taken where id = $id", {"taken": checked, "id": row_id}
        )


COLUMNS = (
    ck.GridColumn("taken", "Import", ck.GridKind.CHECK),
    ck.GridColumn("row_no", "Row", ck.GridKind.NUMBER),
    ck.GridColumn("company", "Company", ck.GridKind.STATUS),
    ck.GridColumn("name", "Company name"),
    ck.GridColumn("email", "E-mail"),
    ck.GridColumn("city", "City"),
    ck.GridColumn("phone", "Phone"),
)

SECTIONS = (
    ck.ComparedSection(
        "Company",
        "changed",
        "Matched on VAT number 956753104.",
        "Replace: filled cells overwrite what the CRM has.",
        (),
        (
            ck.ComparedField("Name", "Acme AS", HOSTILE, HOSTILE, True),
            ck.ComparedField("Phone", "+47 22 33 44 55", "22334455", "+47 22 33 44 55", False),
            ck.ComparedField("Category", None, "Prospect", "Prospect", True),
            ck.ComparedField("Business", "Retail", None, "Retail", False),
            ck.ComparedField("Notes", "Old note", "", None, True),
        ),
    ),
    ck.ComparedSection(
        "Person",
        "problem",
        problems=("The e-mail address “kari@” is not complete. Mend it in the file.",),
        fields=(ck.ComparedField("First name", None, "Kari", None, False),),
    ),
)


def mapping_table(columns: int, **kwargs: Any) -> ck.MappingTable:
    """A mapping table of so many columns, with eighty fields to choose from."""
    groups = tuple(
        ck.TargetGroup(
            entity,
            tuple(
                ck.Target(f"{entity.lower()}.f{i}", f"{entity} field {i}", required=i == 0)
                for i in range(40)
            ),
        )
        for entity in ("Company", "Person")
    )
    rows = [
        ck.MappingRow(
            column=f"c{i}",
            header=f"Column {i}" if i != 3 else HOSTILE,
            filled_percent=100 - i % 60,
            distinct=1000 + i,
            samples=("Oslo", HOSTILE if i == 3 else f"Sample value {i}", "0167"),
            target=None if i % 5 == 4 else f"company.f{i % 40}",
            confidence=None if i % 5 == 4 else (0.97, 0.72, 0.41, 0.9)[i % 4],
            reason="" if i % 5 == 4 else "The header is a known name of this field",
        )
        for i in range(columns)
    ]
    return ck.MappingTable(rows, groups, **kwargs)


class Gallery:
    """The page."""

    def __init__(self, folder: Path) -> None:
        self.texts = ipywidgets.Label("told: nothing")
        self.message = ck.Message()
        self.handler = Handler(self.message.show, strict=False)
        self.location = ck.Location(self.on_ready, handler=self.handler)
        self.chips = ck.FilterChips(
            (
                ck.Chip("new", "New", 166667, "new"),
                ck.Chip("changed", "Changed", 166667, "changed"),
                ck.Chip("unchanged", "Unchanged", 166667, "unchanged"),
                ck.Chip("skipped", "Skipped", 166667, "skipped"),
                ck.Chip("held_back", "Held back", 166666, "held_back"),
                ck.Chip("problem", "Problem", 0, "problem"),
            ),
            label="Company",
            on_choose=self.on_chip,
            handler=self.handler,
        )
        self.rows = Rows(ROWS)
        self.grid = ck.Grid(
            COLUMNS,
            self.rows,
            label="Rows of the import",
            on_focus_row=lambda row: self.tell(f"row {row}"),
            handler=self.handler,
        )
        self.stepper = ck.Stepper(
            (
                ck.Step("source", "Source", ck.StepState.DONE),
                ck.Step("mapping", "Mapping", ck.StepState.STALE),
                ck.Step("settings", "Settings", ck.StepState.OPEN),
                ck.Step("preview", "Preview", ck.StepState.OPEN),
                ck.Step("result", "Result", ck.StepState.LOCKED),
            ),
            current="settings",
            on_choose=self.on_step,
            handler=self.handler,
        )
        self.comparison = ck.Comparison(SECTIONS, handler=self.handler)
        self.uploader = ck.Uploader(
            folder,
            on_file=self.on_file,
            accept=(".csv", ".xlsx"),
            limit_bytes=200 * 1024 * 1024,
            handler=self.handler,
        )
        self.mapping = mapping_table(
            int(os.environ.get("GALLERY_COLUMNS", "12")),
            on_change=self.on_map,
            handler=self.handler,
        )
        self.fail = ipywidgets.Button(description="Fail")
        self.fail.on_click(self.handler.guard(self.on_fail))

    def tell(self, text: str) -> None:
        self.texts.value = f"told: {text}"

    def on_ready(self, params: dict[str, str]) -> None:
        self.tell(f"ready {sorted(params.items())}")
        self.location.set(seen="1")

    def on_chip(self, value: str | None) -> None:
        self.rows.status = value or ""
        self.grid.refresh(keep_place=False)
        self.tell(f"chip {value}")

    def on_step(self, key: str) -> None:
        self.stepper.current = key
        self.tell(f"step {key}")

    def on_file(self, path: Path) -> None:
        self.tell(f"file {path.name} {path.stat().st_size}")

    def on_map(self, column: str, target: str | None) -> None:
        self.mapping.conflicts = {column: f"Two columns go into {target}."} if target else {}
        self.tell(f"map {column} {target}")

    def on_fail(self, _: object) -> None:
        raise RuntimeError(HOSTILE)

    def show(self) -> ipywidgets.VBox:
        """All of it, one below the other."""
        self.message.show(
            Notice(NoticeLevel.SUCCESS, "The sample page is ready.", HOSTILE, "Nothing to mend.")
        )
        return ipywidgets.VBox(
            [
                ck.ConnectionGuard(patience=3.0),
                self.location,
                self.stepper,
                self.message,
                self.texts,
                self.fail,
                self.chips,
                self.grid,
                self.comparison,
                self.mapping,
                self.uploader,
            ]
        )


def gallery() -> ipywidgets.VBox:
    """The page with an upload folder of its own, or the one the test gives."""
    folder = os.environ.get("GALLERY_UPLOADS")
    return Gallery(Path(folder) if folder else Path(tempfile.mkdtemp())).show()
