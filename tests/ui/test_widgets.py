"""The Python side of the widgets: what the browser says comes in, what is shown goes out."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import SourceError, StorageError
from crmkit.ui import widgets as ck
from crmkit.ui.handling import Handler, Notice, NoticeLevel
from crmkit.ui.widgets import upload
from crmkit.ui.widgets.upload import Upload, clean_name, sweep

COLUMNS = (
    ck.GridColumn("taken", "Import", ck.GridKind.CHECK, sortable=False),
    ck.GridColumn("name", "Name"),
    ck.GridColumn("born", "Born"),
)


class Outbox(list[tuple[dict[str, Any], list[Any]]]):
    """Keeps what a widget sends to the browser."""

    def put(self, content: dict[str, Any], buffers: Sequence[Any] | None = None) -> None:
        self.append((content, list(buffers or ())))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [content for content, _ in self if content["kind"] == kind]


def listen_to(widget: ck.Component) -> Outbox:
    outbox = Outbox()
    widget.send = outbox.put
    return outbox


def say(widget: ck.Component, kind: str, *buffers: bytes, **content: object) -> None:
    """Let the browser say something."""
    message = {"method": "custom", "content": {"kind": kind, **content}}
    widget._handle_msg({"content": {"data": message}, "buffers": [memoryview(b) for b in buffers]})


class People:
    """A source of so many people, that can be told to fail."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.orders: list[tuple[tuple[str, bool] | None, str]] = []
        self.checks: list[tuple[int, bool]] = []
        self.threads: set[str] = set()
        self.fails = False

    def order(self, sort: tuple[str, bool] | None, search: str) -> int:
        self.threads.add(threading.current_thread().name)
        if self.fails:
            raise SourceError("The rows are gone.")
        self.orders.append((sort, search))
        return self.count

    def page(self, offset: int, limit: int) -> list[dict[str, Any]]:
        self.threads.add(threading.current_thread().name)
        if self.fails:
            raise SourceError("The rows are gone.")
        last = min(offset + limit, self.count)
        return [
            {"id": i, "taken": True, "name": f"Person {i}", "born": date(2000, 1, 1)}
            for i in range(offset, last)
        ]

    def check(self, row_id: int, checked: bool) -> None:
        if self.fails:
            raise SourceError("The rows are gone.")
        self.checks.append((row_id, checked))


class Told:
    """Collects the notices of a handler that is not strict."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.handler = Handler(self.notices.append, strict=False)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def people() -> People:
    return People(250)


@pytest.fixture
def grid(people: People, told: Told) -> Iterator[ck.Grid]:
    grid = ck.Grid(COLUMNS, people, label="People", handler=told.handler)
    yield grid
    grid.close()


def test_grid_asks_for_the_order_when_it_is_shown(grid: ck.Grid, people: People) -> None:
    """Nothing is asked of the source before somebody looks."""
    outbox = listen_to(grid)
    assert people.orders == []

    say(grid, "ready")
    grid.settle()

    assert people.orders == [(None, "")]
    assert [message["total"] for message in outbox.of("ordered")] == [250]


def test_second_view_gets_the_order_that_is_there(grid: ck.Grid, people: People) -> None:
    """The same grid shown twice does not sort twice."""
    outbox = listen_to(grid)
    for _ in range(2):
        say(grid, "ready")
        grid.settle()

    assert len(people.orders) == 1
    assert len(outbox.of("ordered")) == 2


def test_grid_sends_the_page_asked_for(grid: ck.Grid) -> None:
    """Rows travel as lists, id first, in a form that JSON knows."""
    outbox = listen_to(grid)
    say(grid, "ready")
    say(grid, "page", version=1, block=2, offset=200, limit=100)
    grid.settle()

    (page,) = outbox.of("page")
    assert (page["block"], len(page["rows"])) == (2, 50)
    assert page["rows"][0] == [200, True, "Person 200", "2000-01-01"]


def test_late_question_is_not_answered(grid: ck.Grid) -> None:
    """A page of an order that is over must not be shown in the new one."""
    outbox = listen_to(grid)
    say(grid, "ready")
    say(grid, "order", key="name", descending=True, search="")
    say(grid, "page", version=1, block=0, offset=0, limit=100)
    grid.settle()

    assert outbox.of("page") == []
    assert grid.sort == ("name", True)


def test_only_known_sortable_columns_sort(grid: ck.Grid, people: People) -> None:
    """What the browser sends is not trusted."""
    for key in ("taken", "drop table", None, 7):
        say(grid, "order", key=key, descending=True, search=" x ")
    grid.settle()

    assert {(None, "x")} == set(people.orders)


def test_refresh_asks_again_and_keeps_the_place(grid: ck.Grid, people: People) -> None:
    """After a filter the same sort and search hold."""
    outbox = listen_to(grid)
    say(grid, "order", key="name", descending=False, search="pe")
    grid.settle()
    for count, keep_place in ((10, True), (5, False)):
        people.count = count
        grid.refresh(keep_place=keep_place)
        grid.settle()

    shown = [(message["total"], message["keep"]) for message in outbox.of("ordered")]
    assert shown == [(250, False), (10, True), (5, False)]
    assert people.orders == [(("name", False), "pe")] * 3


def test_source_is_called_from_one_background_thread(grid: ck.Grid, people: People) -> None:
    """A slow source never holds up the kernel."""
    say(grid, "ready")
    grid.refresh()
    say(grid, "page", version=2, block=0, offset=0, limit=100)
    grid.settle()

    assert len(people.threads) == 1
    assert threading.current_thread().name not in people.threads


def test_check_is_kept_and_confirmed(grid: ck.Grid, people: People) -> None:
    """A tick goes to the source and comes back."""
    outbox = listen_to(grid)
    say(grid, "check", id=7, checked=False)
    grid.settle()

    assert people.checks == [(7, False)]
    assert outbox.of("checked") == [{"kind": "checked", "id": 7, "checked": False}]


def test_check_that_fails_is_taken_back(grid: ck.Grid, people: People, told: Told) -> None:
    """The box must show what holds, not what was wished."""
    outbox = listen_to(grid)
    people.fails = True
    say(grid, "check", id=7, checked=False)
    grid.settle()

    assert outbox.of("checked") == [{"kind": "checked", "id": 7, "checked": True}]
    assert [notice.message for notice in told.notices] == ["The rows are gone."]


@pytest.mark.parametrize("kind", ["order", "page"])
def test_failing_source_is_reported_to_grid_and_user(
    grid: ck.Grid, people: People, told: Told, kind: str
) -> None:
    """A failure shows in the grid and as a message, and can be tried again."""
    outbox = listen_to(grid)
    say(grid, "ready")
    grid.settle()
    people.fails = True
    if kind == "order":
        grid.refresh()
    else:
        say(grid, "page", version=1, block=0, offset=0, limit=100)
    grid.settle()
    people.fails = False
    say(grid, "ready")
    grid.settle()

    assert len(outbox.of("failed")) == 1
    assert [notice.message for notice in told.notices] == ["The rows are gone."]
    assert outbox[-1][0]["kind"] == "ordered"


def test_strict_grid_raises_when_settled(people: People) -> None:
    """A test of a panel sees what failed in the background."""
    grid = ck.Grid(COLUMNS, people, label="People", handler=Handler(strict=True))
    people.fails = True
    grid.refresh()

    with pytest.raises(SourceError):
        grid.settle()
    grid.close()


def test_focus_of_a_row_is_passed_on(people: People) -> None:
    """The panel beside the grid is told which row to show."""
    seen: list[int] = []
    grid = ck.Grid(COLUMNS, people, label="People", on_focus_row=seen.append)
    say(grid, "focus", id=12)
    grid.close()

    assert seen == [12]


def test_closed_grid_answers_nothing(grid: ck.Grid, people: People) -> None:
    """What comes in after the end is dropped quietly."""
    grid.close()
    grid.refresh()
    grid.settle()

    assert people.orders == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (math.nan, None),
        (math.inf, None),
        (date(2026, 1, 2), "2026-01-02"),
        ("<b>", "<b>"),
        ("x" * 501, "x" * 499 + "…"),
    ],
    ids=repr,
)
def test_cells_are_sent_in_a_form_that_json_knows(value: object, shown: object) -> None:
    """Dates become text, endless numbers become blank, letters are cut."""

    class One(People):
        def page(self, offset: int, limit: int) -> list[dict[str, Any]]:  # noqa: ARG002  the protocol's
            return [{"id": 1, "name": value}]

    grid = ck.Grid((ck.GridColumn("name", "Name"),), One(1), label="One")
    outbox = listen_to(grid)
    say(grid, "ready")
    say(grid, "page", version=1, block=0, offset=0, limit=100)
    grid.settle()
    grid.close()

    assert outbox.of("page")[0]["rows"] == [[1, shown]]


def test_chips_pass_on_the_choice_and_keep_it() -> None:
    """A chip is chosen, taken back, and an unknown one is ignored."""
    seen: list[str | None] = []
    chips = ck.FilterChips((ck.Chip("new", "New", 3),), label="Company", on_choose=seen.append)
    for value in ("new", "other", None):
        say(chips, "choose", value=value)

    assert seen == ["new", None]
    assert chips.selected is None


def test_stepper_does_not_enter_a_locked_step() -> None:
    """The browser cannot go where the steps do not allow it."""
    seen: list[str] = []
    stepper = ck.Stepper(
        (ck.Step("a", "A", ck.StepState.STALE), ck.Step("b", "B")), on_choose=seen.append
    )
    for key in ("b", "a", "z"):
        say(stepper, "choose", key=key)

    assert seen == ["a"]


def mapping_rows() -> tuple[ck.MappingRow, ...]:
    return (
        ck.MappingRow("c1", "Firma", 100, 10, ("Acme",), "company.name", 0.97, "known name"),
        ck.MappingRow("c2", "Tlf", 50, 5, ("1",), None),
    )


GROUPS = (ck.TargetGroup("Company", (ck.Target("company.name", "Name", required=True),)),)


def test_mapping_keeps_the_choice_and_passes_it_on() -> None:
    """The row says that the user chose, and the callback sees the new rows."""
    seen: list[tuple[str, str | None, str | None]] = []
    table = ck.MappingTable(
        mapping_rows(),
        GROUPS,
        on_change=lambda column, target: seen.append((column, target, table.rows[1].target)),
    )
    say(table, "map", column="c2", target="company.name")
    say(table, "map", column="c1", target=None)

    first, second = mapping_rows()
    chosen = {"confidence": None, "reason": "chosen by you"}
    assert seen == [("c2", "company.name", "company.name"), ("c1", None, "company.name")]
    assert table.rows == (
        replace(first, target=None, **chosen),
        replace(second, target="company.name", **chosen),
    )


@pytest.mark.parametrize(("column", "target"), [("c9", None), ("c1", "company.nothing"), ("c1", 5)])
def test_mapping_ignores_what_it_did_not_offer(column: str, target: object) -> None:
    """The browser cannot name a column or field of its own."""
    table = ck.MappingTable(mapping_rows(), GROUPS)
    say(table, "map", column=column, target=target)

    assert table.rows == mapping_rows()


def test_location_reads_once_and_keeps_what_was_set() -> None:
    """A page shown again does not start the import again."""
    seen: list[dict[str, str]] = []
    location = ck.Location(seen.append)
    say(location, "here", search="?import=a%20b&theme=dark")
    say(location, "here", search="?import=other")
    location.set(theme=None, lang="de")

    assert seen == [{"import": "a b", "theme": "dark"}]
    assert location.params == {"import": "a b", "lang": "de"}


def test_message_is_shown_until_it_is_closed() -> None:
    """The user closes it, or another one takes its place."""
    message = ck.Message()
    message.show(Notice(NoticeLevel.INFO, "One"))
    message.show(Notice(NoticeLevel.INFO, "Two"))
    shown = message.notice
    say(message, "close")

    assert shown == Notice(NoticeLevel.INFO, "Two")
    assert message.notice is None


def test_guard_answers_while_a_callback_holds_the_lock() -> None:
    """A long callback is not a lost connection."""
    guard = ck.ConnectionGuard()
    outbox = listen_to(guard)
    answered = threading.Thread(target=say, args=(guard, "ping"))
    with guard.handler.lock:
        answered.start()
        answered.join(5)

    assert outbox.of("pong") == [{"kind": "pong"}]


def test_callback_of_a_widget_runs_under_its_handler(told: Told) -> None:
    """What a panel's callback raises is shown, not lost."""

    def fail(value: str | None) -> None:
        raise SourceError("No.")

    chips = ck.FilterChips((ck.Chip("a", "A"),), label="x", on_choose=fail, handler=told.handler)
    say(chips, "choose", value="a")

    assert [notice.message for notice in told.notices] == ["No."]


def test_uploader_puts_a_file_together(tmp_path: Path) -> None:
    """Pieces are acknowledged one by one and the whole file is handed over."""
    seen: list[Path] = []
    uploader = ck.Uploader(tmp_path / "new", on_file=seen.append, accept=(".CSV",))
    outbox = listen_to(uploader)
    say(uploader, "start", upload="u", name="../../Kunden.csv", size=5)
    say(uploader, "piece", b"abc", upload="u")
    say(uploader, "piece", b"de", upload="u")
    say(uploader, "end", upload="u")

    assert [message["received"] for message in outbox.of("took")] == [0, 3, 5]
    assert seen == [tmp_path / "new" / "Kunden.csv"]
    assert seen[0].read_bytes() == b"abcde"


def test_same_name_again_gets_a_number(tmp_path: Path) -> None:
    """A file that came before is never overwritten."""
    names = []
    for _ in range(3):
        arriving = Upload(tmp_path, "a.csv", 1)
        arriving.take(b"x")
        names.append(arriving.finish().name)

    assert names == ["a.csv", "a (2).csv", "a (3).csv"]


@pytest.mark.parametrize(
    ("name", "size", "pieces", "says"),
    [
        ("a.docx", 1, (), "This kind of file cannot be read."),
        ("a.csv", 3 * 1024 * 1024, (), "The file is larger than 2 MB."),
        ("a.csv", 2, (b"abc",), "The file grew while it was uploaded."),
        ("a.csv", 2, (b"a",), "The file did not arrive whole."),
    ],
    ids=["kind", "size", "more", "less"],
)
def test_upload_that_cannot_be_taken_ends_with_a_plain_message(
    tmp_path: Path, name: str, size: int, pieces: tuple[bytes, ...], says: str
) -> None:
    """It is refused in words, and leaves nothing behind."""
    uploader = ck.Uploader(tmp_path, accept=(".csv",), limit_bytes=2 * 1024 * 1024)
    outbox = listen_to(uploader)
    say(uploader, "start", upload="u", name=name, size=size)
    for piece in pieces:
        say(uploader, "piece", piece, upload="u")
    say(uploader, "end", upload="u")

    assert says in outbox.of("refused")[0]["text"]
    assert list(tmp_path.iterdir()) == []


def test_cancelled_upload_leaves_nothing(tmp_path: Path) -> None:
    """A piece that is still under way finds no upload and is refused."""
    uploader = ck.Uploader(tmp_path)
    outbox = listen_to(uploader)
    say(uploader, "start", upload="u", name="a.csv", size=5)
    say(uploader, "cancel", upload="u")
    say(uploader, "piece", b"abc", upload="u")

    assert list(tmp_path.iterdir()) == []
    assert len(outbox.of("refused")) == 1


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file stands where the folder should be: told with where and how to mend it."""
    (tmp_path / "uploads").write_text("in the way")

    with pytest.raises(StorageError, match="could not be saved") as caught:
        Upload(tmp_path / "uploads", "a.csv", 1)
    assert caught.value.mend


def test_file_larger_than_the_disk_is_refused_at_once(tmp_path: Path) -> None:
    """Nobody waits for an upload that cannot end well."""
    with pytest.raises(StorageError, match="not enough room"):
        Upload(tmp_path, "a.csv", 1 << 60)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_ends_with_a_plain_message(tmp_path: Path) -> None:
    """A disk that fills up on the way is told, and the upload ends."""
    uploader = ck.Uploader(tmp_path)
    outbox = listen_to(uploader)
    say(uploader, "start", upload="u", name="a.csv", size=1024 * 1024)
    arriving = uploader._uploads["u"]
    arriving._file.close()
    arriving._file = Path("/dev/full").open("wb")  # noqa: SIM115  the upload closes it
    say(uploader, "piece", b"x" * 1024 * 1024, upload="u")

    assert "could not be saved" in outbox.of("refused")[0]["text"]
    assert list(tmp_path.iterdir()) == []


def test_sweep_removes_old_parts_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a cut-off upload left goes after a day; an upload under way stays."""
    arriving = Upload(tmp_path, "a.csv", 1)
    sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1

    arriving._file.close()
    monkeypatch.setattr(upload, "_FORGOTTEN_SECONDS", -1)
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("Kunden 2026.xlsx", "Kunden 2026.xlsx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\kari\\a.csv", "a.csv"),
        ("con.csv", "_con.csv"),
        ("LPT1", "_LPT1"),
        ("a\x00b\u202ecsv.exe", "abcsv.exe"),
        ("what?.csv", "what_.csv"),
        (" . ", "file"),
        ("", "file"),
        ("..", "file"),
        ("Ærø å.csv", "Ærø å.csv"),
    ],
    ids=repr,
)
def test_names_are_clean(name: str, clean: str) -> None:
    """Only the last part, nothing unseen, nothing that Windows refuses."""
    assert clean_name(name) == clean


@given(st.text(max_size=400))
def test_every_name_becomes_one_safe_file_name(name: str) -> None:
    """Whatever comes in, a plain short name in the same folder comes out, and stays as it is."""
    clean = clean_name(name)

    assert clean == clean_name(clean)
    assert clean not in ("", ".", "..")
    assert not set(clean) & set('<>:"/\\|?*\n\r\t\x00')
    assert len(clean.encode()) <= 150
    assert clean[-1] not in ". "
