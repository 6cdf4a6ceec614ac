"""Damaged audit files and documents: a fault with a word, or every party accounted for."""

from __future__ import annotations

import csv
import re
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from crmkit.samples import SAMPLES
from crmkit.workbook_child import business_xml
from crmkit.workbook_child.elements import local
from crmkit.workbook_child.task import FaultError, Task
from tests.audit_files import DUTCH, INVOICE, PORTUGUESE, invoices
from tests.test_sources import REAL

few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

_PIECES = st.sampled_from(
    [
        b"<", b">", b"&", b"&amp;", b"&#0;", b"&#x41;", b"\x00", b"\xff", b"\xc3\xa6", b"]]>", b"",
        b"<![CDATA[ <Customer> ]]>", b"<!-- x -->", b"<?pi x?>", b"<Customer>", b"</Customer>",
        b"<Customer/>", b"<n1:Customer/>", b"<Party/>", b"<cac:PayeeParty/>", b'<x a="1"/>',
        b"<Faktura/>", b"</MasterFiles>", b"999999990", b"Desconhecido", b"xmlns=''",
    ]
)  # fmt: skip


def _files() -> list[bytes]:
    texts = [DUTCH, INVOICE, PORTUGUESE.replace("windows-1252", "utf-8")]
    texts.append(invoices(("Ala", "Polna 1", "5261040828"), ("Ala", "", "brak")))
    found = [text.encode() for text in texts]
    found += [(SAMPLES / name).read_bytes() for name in ("audit-file.xml", "catalogue.xml")]
    folder = REAL / "real" / "xml"
    return found + [path.read_bytes() for path in sorted(folder.glob("*.xml"))]


_FILES = _files()


@few
@given(data=st.data())
def test_a_damaged_file_is_refused_or_loses_nobody(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(_FILES)))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(_PIECES)
        match data.draw(st.sampled_from(["put", "between", "cut", "twice"])):
            case "put":
                content[place:place] = piece
            case "between":
                # Where it is least harmful: after the end of an element.
                ends = [found.end() for found in re.finditer(rb">", content)]
                at = ends[place % len(ends)] if ends else 0
                content[at:at] = piece
            case "cut":
                del content[place : place + data.draw(st.integers(1, 100))]
            case _:
                content[place:place] = content[place : place + 300]
        content = content or bytearray(b"x")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.xml"
        path.write_bytes(content)
        try:
            found = business_xml.inspect(Task(str(path), False, 0, 0, encoding="utf-8"))
        except FaultError:
            return
        for table in found["tables"]:
            _account(path, table, Path(folder))


def _account(path: Path, table: dict[str, Any], folder: Path) -> None:
    rows, aside = folder / "rows.csv", folder / "aside.csv"
    task = Task(
        *(str(path), False, 0, 0),
        encoding="utf-8",
        sheet=table["name"],
        target=str(rows),
        aside=str(aside),
    )

    done = business_xml.write(task)

    assert table["rows"] == done["present"]
    with rows.open(encoding="utf-8", newline="") as file:
        listed = list(csv.reader(file))
    with aside.open(encoding="utf-8", newline="") as file:
        set_aside = list(csv.reader(file))
    seen = [place for header, _, place in done["columns"] if header == "Times seen"]
    times = sum(int(row[seen[0] + 1]) for row in listed) if seen else len(listed)
    unseen = sum(_times(reason) for _, reason, _ in set_aside)
    further = sum(int(n) for note in done["notes"] for n in re.findall(r"^(\d+) further", note))
    assert done["present"] == times + unseen - further
    if (counted := _counted(path, table["name"])) is not None:
        assert counted == done["present"]


def _times(reason: str) -> int:
    found = re.search(r"it stands ([\d,]+) times", reason)
    return int(found[1].replace(",", "")) if found else 1


def _counted(path: Path, table: str) -> int | None:
    """The rows of a table in the whole tree; None where what stands behind them is damaged."""
    try:
        root = etree.fromstring(path.read_bytes(), etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError:
        return None
    # The namespace may be declared and not used.
    namespaces = [root.tag.rpartition("}")[0].lstrip("{"), *root.nsmap.values()]
    known = [space for space in namespaces if space and "XMLSchema" not in space]
    kind = business_xml.format_of(local(root), known[0] if known else "")
    count = 0
    waiting = [((local(root),), root)]
    while waiting:
        names, element = waiting.pop()
        count += kind.may_be_row(names[-1]) and kind.table_of(names) == table
        waiting += [((*names, local(child)), child) for child in element if local(child)]
    return count
