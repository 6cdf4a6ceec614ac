"""Every widget in a real browser, in Voilà and in JupyterLab, over a million rows."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PAGES = Path(__file__).parent / "widget_pages"
PACKAGE = Path(__file__).parents[2]
WIDE: ViewportSize = {"width": 1280, "height": 900}
READY = 90_000  # ms; the machine may be busy with other tests


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def widgets(uploads: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    command = [
        "voila",
        "gallery.ipynb",
        "--no-browser",
        f"--port={port}",
        "--show_tracebacks=False",
        # Each test leaves a kernel with a million rows behind.
        "--MappingKernelManager.cull_idle_timeout=5",
        "--MappingKernelManager.cull_interval=2",
    ]
    with server(command, f"http://127.0.0.1:{port}/", uploads, tmp_path_factory) as address:
        yield address


@contextlib.contextmanager
def opened(browser: Browser, widgets: str) -> Iterator[Page]:
    """The widgets in Voilà; a context of its own, because the stock template asks the internet."""
    page = browser.new_page(viewport=WIDE)
    page.set_default_timeout(30_000)
    page.goto(f"{widgets}?import=abc")
    first_rows(page)
    yield page
    page.close()


@pytest.fixture
def fresh_gallery(browser: Browser, widgets: str) -> Iterator[Page]:
    """A page of the test's own: for what comes first on it, or ends it."""
    with opened(browser, widgets) as page:
        yield page


@pytest.fixture(scope="module")
def shared_gallery(browser: Browser, widgets: str) -> Iterator[Page]:
    """One page for most tests: a new one takes a kernel and a million rows."""
    with opened(browser, widgets) as page:
        yield page


@pytest.fixture
def gallery(shared_gallery: Page) -> Page:
    """The module's page, with all rows in the grid, in their order, and the first on top."""
    shared_gallery.set_viewport_size(WIDE)
    shared_gallery.get_by_role("searchbox", name="Search in Rows of the import").fill("")
    all_rows = shared_gallery.get_by_text("1,000,000 rows", exact=True)
    expect(all_rows).to_be_visible()
    by = shared_gallery.locator("[aria-sort=ascending], [aria-sort=descending]")
    while by.count():
        # After the second click on a header its sort is taken back.
        by.click()
        expect(all_rows).to_be_visible()
    shared_gallery.locator(".ck-grid-scroll").evaluate("node => { node.scrollTop = 0; }")
    expect(grid_row(shared_gallery, 1)).to_contain_text("person0@")
    return shared_gallery


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(
    command: list[str], address: str, uploads: Path, temp: pytest.TempPathFactory
) -> Iterator[str]:
    """A Jupyter server on the widget pages, for the length of a block."""
    home = temp.mktemp("jupyter")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(PACKAGE), os.environ.get("PYTHONPATH", ""))),
        "GALLERY_UPLOADS": str(uploads),
        # Settings of the machine's user must not change what the test sees.
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
    }
    log = (home / "log.txt").open("w", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=PAGES, env=environment, stdout=log, stderr=log
    )
    try:
        wait_for_server(address)
        yield address
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def wait_for_server(address: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            socket.create_connection(address_of(address), 1).close()
            return
        time.sleep(0.2)
    pytest.fail(f"No server answers at {address}.")


def address_of(address: str) -> tuple[str, int]:
    host, port = address.split("/")[2].split(":")
    return host, int(port)


def rows(page: Page) -> Locator:
    return page.locator(".ck-grid-body .ck-grid-row:not(.ck-waiting)")


def first_rows(page: Page) -> None:
    rows(page).first.wait_for(timeout=READY)


def grid_row(page: Page, number: int) -> Locator:
    """A row by its place in the grid, from 1."""
    return page.locator(f'.ck-grid-body .ck-grid-row[aria-rowindex="{number + 1}"]')


def told(page: Page, text: str) -> None:
    expect(page.get_by_text("told:")).to_have_text(f"told: {text}")


def test_grid_shows_a_million_rows_and_hostile_text_as_text(gallery: Page) -> None:
    """The first rows are there, and markup in a cell is only text."""
    grid = gallery.get_by_role("grid", name="Rows of the import")

    expect(grid).to_have_attribute("aria-rowcount", "1000001")
    expect(gallery.get_by_text("1,000,000 rows")).to_be_visible()
    expect(grid_row(gallery, 8)).to_contain_text("<script>window.hacked=1</script>")
    assert gallery.evaluate("window.hacked") is None


def test_keys_walk_through_the_whole_grid(gallery: Page) -> None:
    """Arrows, pages, ends and Enter work at any depth, and focus is never lost."""
    grid_row(gallery, 1).get_by_role("gridcell").nth(1).click()
    told(gallery, "row 0")

    gallery.keyboard.press("ArrowDown")
    gallery.keyboard.press("ArrowRight")
    focused = gallery.locator(":focus")
    expect(focused).to_have_attribute("aria-colindex", "3")
    told(gallery, "row 1")

    gallery.keyboard.press("Control+End")
    expect(focused).to_have_text("+47 20999999")
    told(gallery, "row 999999")

    gallery.keyboard.press("PageUp")
    expect(focused).to_contain_text("+47 2099998")

    gallery.keyboard.press("Control+Home")
    expect(focused).to_have_attribute("type", "checkbox")
    told(gallery, "row 0")

    gallery.keyboard.press("End")
    expect(focused).to_have_attribute("aria-colindex", "7")
    gallery.keyboard.press("Home")
    gallery.keyboard.press("ArrowRight")
    gallery.keyboard.press("ArrowUp")
    expect(focused).to_have_role("columnheader")
    gallery.keyboard.press("Enter")
    gallery.keyboard.press("Enter")
    expect(focused).to_have_attribute("aria-sort", "descending")
    expect(grid_row(gallery, 1)).to_contain_text("1000000")


def test_wheel_goes_row_by_row_in_a_million(gallery: Page) -> None:
    """The scroll is scaled there; a turn of the wheel must not leap over rows."""
    gallery.get_by_role("grid").hover()
    gallery.mouse.wheel(0, 36 * 10)

    expect(grid_row(gallery, 12)).to_be_in_viewport()
    expect(grid_row(gallery, 12)).to_contain_text("person11@")
    expect(grid_row(gallery, 40)).to_have_count(0)


def test_scroll_bar_reaches_the_middle_and_the_end(gallery: Page) -> None:
    """Dragging the scroll bar comes to the right rows, at any depth."""
    gallery.locator(".ck-grid-scroll").evaluate(
        "node => { node.scrollTop = node.scrollHeight / 2; }"
    )
    expect(rows(gallery).filter(has_text=re.compile(r"person5000\d\d@")).first).to_be_visible()

    gallery.locator(".ck-grid-scroll").evaluate("node => { node.scrollTop = node.scrollHeight; }")
    expect(grid_row(gallery, 1_000_000)).to_contain_text("person999999@")
    expect(grid_row(gallery, 1_000_000)).to_be_in_viewport()


def test_search_and_sort_are_done_by_the_source(gallery: Page) -> None:
    """A search finds rows anywhere, sorting starts at the top, and both can be taken back."""
    gallery.get_by_role("searchbox", name="Search in Rows of the import").fill("person99999")
    expect(gallery.get_by_text("11 rows found")).to_be_visible()

    gallery.get_by_role("columnheader", name="Row").click()
    gallery.get_by_role("columnheader", name="Row").click()
    expect(grid_row(gallery, 1)).to_contain_text("person999999@")

    gallery.get_by_role("searchbox", name="Search in").fill("nobody at all")
    expect(gallery.get_by_text("Nothing contains these words.")).to_be_visible()


def test_check_box_is_kept_by_the_source(gallery: Page) -> None:
    """A box is cleared by click and by Space, stays so after sorting, and can be ticked again."""
    box = grid_row(gallery, 3).get_by_role("checkbox")
    box.click()
    expect(box).not_to_be_checked()
    gallery.keyboard.press("ArrowDown")
    gallery.keyboard.press("Space")
    expect(grid_row(gallery, 4).get_by_role("checkbox")).not_to_be_checked()

    gallery.get_by_role("columnheader", name="Import").click()
    expect(grid_row(gallery, 1)).to_contain_text("person2@")
    expect(grid_row(gallery, 2)).to_contain_text("person3@")
    expect(grid_row(gallery, 2).get_by_role("checkbox")).not_to_be_checked()
    for number in (1, 2):
        box = grid_row(gallery, number).get_by_role("checkbox")
        box.click()
        expect(box).to_be_checked()


def test_check_box_waits_for_its_row(gallery: Page) -> None:
    """Until the row has come the box would tick nothing, and says so."""
    box = grid_row(gallery, 3).get_by_role("checkbox")
    box.focus()
    gallery.get_by_role("searchbox", name="Search in").fill("example.org")
    expect(box).to_be_disabled()
    # A click that waits for it would scroll in the meantime, each time it looks again.
    expect(box).to_be_enabled()

    box.click()

    expect(box).not_to_be_checked()
    gallery.get_by_role("columnheader", name="Import").click()
    expect(grid_row(gallery, 1)).to_contain_text("person2@")
    box = grid_row(gallery, 1).get_by_role("checkbox")
    box.click()
    expect(box).to_be_checked()


def test_failing_source_says_so_and_can_be_tried_again(gallery: Page) -> None:
    """A source that raises shows a line in the grid and a message, never a traceback."""
    gallery.get_by_role("searchbox", name="Search in").fill("crash")

    expect(gallery.get_by_text("The rows could not be loaded.")).to_be_visible()
    expect(
        gallery.get_by_text(re.compile(r"Something went wrong \(E-[0-9A-F]{4}\)"))
    ).to_be_visible()
    gallery.get_by_role("searchbox", name="Search in").fill("person7@")
    expect(gallery.get_by_text("The rows could not be loaded.")).to_have_count(0)
    expect(gallery.get_by_text("1 row found")).to_be_visible()
    gallery.get_by_role("button", name="Close this message").click()
    expect(gallery.get_by_text("Something went wrong")).to_have_count(0)
    assert gallery.get_by_text("Traceback").count() == 0


def test_chips_choose_one_or_none(gallery: Page) -> None:
    """A chip filters from the first row on, and is given back by another click."""
    gallery.locator(".ck-grid-scroll").evaluate("node => { node.scrollTop = 3000; }")
    chip = gallery.get_by_role("group", name="Company").get_by_role(
        "button", name="Changed 166,667", exact=True
    )
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    told(gallery, "chip changed")
    expect(gallery.get_by_text("166,667 rows")).to_be_visible()
    expect(grid_row(gallery, 1)).to_be_in_viewport()
    expect(grid_row(gallery, 1)).to_contain_text("person1@")

    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "false")
    told(gallery, "chip None")
    expect(gallery.get_by_text("1,000,000 rows")).to_be_visible()


def test_stepper_marks_the_step_and_locks_the_rest(gallery: Page) -> None:
    """A step that is not locked can be entered; a locked one cannot."""
    steps = gallery.get_by_role("navigation", name="Steps of the import")
    expect(steps.get_by_role("button", name="Settings")).to_have_attribute("aria-current", "step")
    expect(steps.get_by_role("button", name="Result")).to_be_disabled()

    steps.get_by_role("button", name="Mapping").click()
    told(gallery, "step mapping")
    expect(steps.get_by_role("button", name="Mapping")).to_have_attribute("aria-current", "step")


def test_mapping_changes_one_column_and_shows_the_conflict(gallery: Page) -> None:
    """A choice reaches Python, says who made it, and a conflict is shown in its row."""
    gallery.get_by_role("combobox", name="Column 4", exact=True).select_option("Person field 2")
    told(gallery, "map c4 person.f2")
    row = gallery.get_by_role("row").filter(
        has=gallery.get_by_role("combobox", name="Column 4", exact=True)
    )
    expect(row).to_contain_text("chosen by you")
    expect(row).to_contain_text("Two columns go into person.f2.")

    gallery.get_by_role("button", name="Unmapped").click()
    expect(gallery.get_by_role("combobox", name=re.compile("Column"))).to_have_count(1)
    gallery.get_by_role("button", name="All", exact=True).last.click()
    gallery.get_by_role("searchbox", name="Find a column").fill("column 1")
    expect(gallery.get_by_role("combobox", name=re.compile("Column"))).to_have_count(3)


def test_comparison_marks_each_change_in_a_word(gallery: Page) -> None:
    """Changed cells carry a word beside the colour, and hostile text stays text."""
    company = gallery.get_by_role("region", name="Company", exact=True)

    for field, word in (
        ("Name", "changed"),
        ("Phone", "kept"),
        ("Category", "new"),
        ("Notes", "cleared"),
    ):
        expect(
            company.get_by_role("row").filter(has=gallery.get_by_role("rowheader", name=field))
        ).to_contain_text(word)
    expect(company.get_by_role("row", name=re.compile("^Name"))).to_contain_text(
        "<img src=x onerror="
    )
    assert gallery.evaluate("window.hacked") is None


def test_address_is_read_and_changed_without_a_reload(fresh_gallery: Page) -> None:
    """What the page was asked for reaches Python, and Python can write into the address."""
    told(fresh_gallery, "ready [('import', 'abc')]")

    expect(fresh_gallery).to_have_url(re.compile(r"\?import=abc&seen=1$"))


def test_callback_that_fails_is_shown_as_a_message(gallery: Page) -> None:
    """An exception in a callback ends as one plain message with a number."""
    gallery.get_by_role("button", name="Fail").click()

    alert = gallery.get_by_role("alert").filter(has_text="Something went wrong")
    expect(alert).to_be_visible()
    expect(alert).not_to_contain_text("script")
    gallery.get_by_role("button", name="Close this message").click()
    expect(alert).to_have_count(0)


def test_hundred_megabytes_arrive_whole(gallery: Page, uploads: Path, tmp_path: Path) -> None:
    """A file ten times the server's message limit arrives, byte for byte, under a clean name."""
    big = tmp_path / "big.csv"
    with big.open("wb") as file:
        for number in range(100):
            file.write(bytes([number]) * 1024 * 1024)

    gallery.locator('.ck-up input[type="file"]').set_input_files(big)

    expect(gallery.get_by_text("“big.csv” has arrived.")).to_be_visible(timeout=120_000)
    told(gallery, f"file big.csv {100 * 1024 * 1024}")
    assert (uploads / "big.csv").read_bytes() == big.read_bytes()
    assert list(uploads.glob("*.part")) == []


def test_upload_can_be_cancelled(gallery: Page, uploads: Path, tmp_path: Path) -> None:
    """Cancel leaves nothing behind, and the next file can come."""
    big, small = tmp_path / "long.csv", tmp_path / "short.csv"
    big.write_bytes(b"x" * 150 * 1024 * 1024)
    small.write_text("name\nAcme\n")

    gallery.locator('.ck-up input[type="file"]').set_input_files(big)
    expect(gallery.get_by_text(re.compile(r"long.csv · [1-9].* of 150.0 MB"))).to_be_visible()
    gallery.get_by_role("button", name="Cancel").click()
    expect(gallery.get_by_text("The upload was cancelled.")).to_be_visible()
    gallery.locator('.ck-up input[type="file"]').set_input_files(small)

    told(gallery, "file short.csv 10")
    assert list(uploads.glob("long*")) == []
    assert list(uploads.glob("*.part")) == []


def test_file_that_is_too_large_is_refused_before_it_is_sent(gallery: Page, tmp_path: Path) -> None:
    """The size and the ending are looked at in the browser."""
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(201 * 1024 * 1024)
    other = tmp_path / "letter.docx"
    other.write_text("x")

    gallery.locator('.ck-up input[type="file"]').set_input_files(large)
    expect(gallery.get_by_role("alert").filter(has_text="at most 200.0 MB")).to_be_visible()
    gallery.locator('.ck-up input[type="file"]').set_input_files(other)
    expect(
        gallery.get_by_role("alert").filter(has_text="“letter.docx” cannot be read.")
    ).to_be_visible()


def test_dead_kernel_is_told_on_the_page(fresh_gallery: Page) -> None:
    """When the program dies, a banner says so and offers to reload the page."""
    banner = fresh_gallery.get_by_role("alert").filter(
        has_text="The connection to the program was lost."
    )
    expect(banner).to_have_count(0)

    fresh_gallery.get_by_role("searchbox", name="Search in").fill("kill the kernel")

    expect(banner).to_be_visible(timeout=15_000)
    fresh_gallery.get_by_role("button", name="Reload").click()
    first_rows(fresh_gallery)
    expect(banner).to_have_count(0)


def test_narrow_page_does_not_overflow(gallery: Page) -> None:
    """At 800 pixels only the tables scroll sideways, not the page."""
    gallery.set_viewport_size({"width": 800, "height": 900})

    wider = gallery.evaluate(
        "[...document.querySelectorAll('.ck')]"
        ".filter(node => node.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert wider == 0


def test_widgets_run_in_jupyterlab(
    page: Page, uploads: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same page runs in JupyterLab; keys in the grid stay in the grid, the address stays."""
    port = free_port()
    command = [
        "jupyterlab",
        "--no-browser",
        f"--port={port}",
        "--IdentityProvider.token=",
        "--allow-root",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with server(command, f"http://127.0.0.1:{port}/", uploads, tmp_path_factory) as address:
        page.goto(f"{address}lab/tree/gallery.ipynb?reset")
        page.wait_for_function(
            "window.jupyterapp?.shell?.currentWidget?.sessionContext"
            "?.session?.kernel?.status === 'idle'",
            timeout=READY,
        )
        cells = page.locator(".jp-Notebook .jp-Cell").count()
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        first_rows(page)

        grid_row(page, 2).get_by_role("gridcell").nth(3).click()
        told(page, "row 1")
        for key in ("b", "a", "d", "d", "x", "Control+End"):
            page.keyboard.press(key)
        expect(page.locator(":focus")).to_have_text("+47 20999999")
        told(page, "row 999999")
        page.get_by_role("button", name="New 166,667", exact=True).focus()
        page.keyboard.press("b")
        page.keyboard.press("Enter")
        told(page, "chip new")
        assert page.locator(".jp-Notebook .jp-Cell").count() == cells
        assert "seen=1" not in page.url
        assert page.evaluate("window.hacked") is None
