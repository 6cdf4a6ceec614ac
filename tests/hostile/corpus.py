"""Files that mean harm, made anew for each test: bombs, floods, traps and garbage.

Each is small to write and names what it tries. What is large when it is read is streamed, never held.
"""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crmkit.limits import USUAL, Limits

MB: Final = 1 << 20
SECRET: Final = "root:x:0:0"
"""What would show that a file of this machine was read."""

_TYPES: Final = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    "{more}</Types>"
)
_STRINGS: Final = (
    '<Override PartName="/xl/sharedStrings.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)
_ROOT: Final = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="xl/workbook.xml"'
    ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/>'
    "</Relationships>"
)
_BOOK: Final = (
    '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
    '<sheet name="{name}" sheetId="1" r:id="rId1"/></sheets>{more}</workbook>'
)
_LINKS: Final = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="worksheets/sheet1.xml"'
    ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/>'
    "{more}</Relationships>"
)
_SHEET: Final = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{before}'
    "<sheetData>{rows}</sheetData>{after}</worksheet>"
)
_LAUGHS: Final = "<!DOCTYPE x [<!ENTITY a0 'ha'>{}]>".format(
    "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
)
_OUTSIDE: Final = (
    "<!DOCTYPE x [<!ENTITY out SYSTEM 'file:///etc/passwd'>"
    "<!ENTITY web SYSTEM 'http://127.0.0.1:9/x'>]>"
)


@dataclass(frozen=True)
class Hostile:
    """A hostile file.

    Attributes:
        name: What it is called on the disk.
        write: Makes it.
        refused: Words of the message when it cannot be read; empty when its good rows must land.
        rows: How many rows land, where they do.
        either: It may be refused or land, as the readers see fit; only never worse.
        limits: Lower ones than usual, so that the test is quick.
    """

    name: str
    write: Callable[[Path], object]
    refused: str = ""
    rows: int = 0
    either: bool = False
    limits: Limits = USUAL


# --- workbooks -------------------------------------------------------------------------------


def cells(*rows: Iterable[str]) -> str:
    """Rows of a sheet with their texts in the cells themselves."""
    return "".join(
        f'<row r="{number}">'
        + "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in row)
        + "</row>"
        for number, row in enumerate(rows, start=1)
    )


GOOD: Final = cells(("Name", "City"), ("Acme", "Oslo"), ("Bolt", "Bergen"))


def xlsx(
    path: Path,
    *,
    rows: str = GOOD,
    before: str = "",
    after: str = "",
    prolog: str = "",
    name: str = "Sheet1",
    book: str = "",
    links: str = "",
    parts: dict[str, str | bytes] | None = None,
) -> None:
    """A workbook of one sheet, written by hand so that anything can be in it."""
    whole = {
        "[Content_Types].xml": _TYPES.format(
            more=_STRINGS if "xl/sharedStrings.xml" in (parts or {}) else ""
        ),
        "_rels/.rels": _ROOT,
        "xl/workbook.xml": _BOOK.format(name=name, more=book),
        "xl/_rels/workbook.xml.rels": _LINKS.format(more=links),
        "xl/worksheets/sheet1.xml": prolog + _SHEET.format(before=before, rows=rows, after=after),
        **(parts or {}),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in whole.items():
            archive.writestr(part, content)


def _with_flood(path: Path, part: str, head: str, piece: str, tail: str, megabytes: int) -> None:
    """A workbook with a part that repeats one piece until it is as large as said."""
    xlsx(path, parts={part: ""} if "sheet" not in part else None)
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name != part}
    block = (piece * (MB // len(piece) + 1)).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in kept.items():
            archive.writestr(name, content)
        with archive.open(part, "w", force_zip64=True) as file:
            file.write(head.encode())
            for _ in range(megabytes):
                file.write(block)
            file.write(tail.encode())


def _sheet_bomb(path: Path) -> None:
    head, tail = _SHEET.format(before="", rows="|", after="").split("|")
    _with_flood(path, "xl/worksheets/sheet1.xml", head, " " * 1000, tail, 500)


def _string_flood(path: Path) -> None:
    head = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    _with_flood(path, "xl/sharedStrings.xml", head, "<si><t>flood</t></si>", "</sst>", 200)


def _lying_bomb(path: Path) -> None:
    """The directory says that a part is small; in the file it is not."""
    _with_flood(path, "xl/worksheets/sheet1.xml", "<x>", " " * 1000, "</x>", 300)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    start = content.rfind(size.to_bytes(4, "little"))
    content[start : start + 4] = (1_000).to_bytes(4, "little")
    path.write_bytes(content)


def _ods(path: Path, rows: str, *, prolog: str = "", manifest: bytes = b"<x/>") -> None:
    content = (
        f"{prolog}<office:document-content"
        ' xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
        ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
        ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>'
        f'<office:spreadsheet><table:table table:name="T">{rows}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest)


def _ods_row(*texts: str, repeated: str = "", rows: str = "") -> str:
    across = f' table:number-columns-repeated="{repeated}"' if repeated else ""
    down = f' table:number-rows-repeated="{rows}"' if rows else ""
    return (
        f"<table:table-row{down}>"
        + "".join(
            f'<table:table-cell office:value-type="string"{across}><text:p>{text}</text:p>'
            "</table:table-cell>"
            for text in texts
        )
        + "</table:table-row>"
    )


def _nested_zip(path: Path) -> None:
    inside = io.BytesIO()
    with zipfile.ZipFile(inside, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.zip", b"\x00" * (50 * MB))
    for _ in range(8):
        outside = io.BytesIO()
        with zipfile.ZipFile(outside, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(16):
                archive.writestr(f"{number}.zip", inside.getvalue()[:20_000])
        inside = outside
    path.write_bytes(inside.getvalue())


def _csv_bomb(path: Path) -> None:
    block = b"Name,City\n" + b",\n" * (MB // 2)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("contacts.csv", "w", force_zip64=True) as file,
    ):
        for _ in range(500):
            file.write(block)


def _many_members(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(100_001):
            archive.writestr(zipfile.ZipInfo(f"{number}.vcf"), b"")


def _xml_2003(rows: str, prolog: str = "") -> str:
    return (
        f'<?xml version="1.0"?>{prolog}<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"'
        ' xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="A"><Table>'
        f"{rows}</Table></Worksheet></Workbook>"
    )


def _xml_row(*texts: str, place: str = "", column: str = "") -> str:
    at = f' ss:Index="{place}"' if place else ""
    where = f' ss:Index="{column}"' if column else ""
    return (
        f"<Row{at}>"
        + "".join(f'<Cell{where}><Data ss:Type="String">{text}</Data></Cell>' for text in texts)
        + "</Row>"
    )


_XML_GOOD: Final = _xml_row("Name", "City") + _xml_row("Acme", "Oslo")
_HTML: Final = "<html><body><table><tr><td>Name<td>City<tr><td>{}<td>Oslo</table></body></html>"


def _text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content, encoding="utf-8", newline="")


def _bytes(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def noise(size: int, seed: int = 0) -> bytes:
    """Garbage, the same each time."""
    return random.Random(seed).randbytes(size)


def _external(path: Path) -> None:
    link = (
        '<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        "<externalBook/></externalLink>"
    )
    target = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Target="file:///etc/passwd" TargetMode="External"'
        ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/externalLinkPath"/>'
        "</Relationships>"
    )
    rows = GOOD.replace(
        '<c t="inlineStr"><is><t>Bergen</t></is></c>',
        '<c t="str"><f>WEBSERVICE("http://127.0.0.1:9/")&amp;\'file:///etc/[passwd]x\'!A1</f>'
        "<v>Bergen</v></c>",
    )
    xlsx(
        path,
        rows=rows,
        book='<externalReferences><externalReference r:id="rId9"/></externalReferences>',
        links='<Relationship Id="rId9" Target="externalLinks/externalLink1.xml"'
        ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/externalLink"/>'
        '<Relationship Id="rId8" Target="http://127.0.0.1:9/x" TargetMode="External" Type="x"/>',
        parts={
            "xl/externalLinks/externalLink1.xml": link,
            "xl/externalLinks/_rels/externalLink1.xml.rels": target,
        },
    )


def _outside_part(path: Path) -> None:
    """The sheet's part is said to be a file outside the workbook."""
    xlsx(path)
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    links = kept["xl/_rels/workbook.xml.rels"].decode()
    kept["xl/_rels/workbook.xml.rels"] = links.replace(
        "worksheets/sheet1.xml", "../../../../etc/passwd"
    ).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in kept.items():
            archive.writestr(name, content)


WORKBOOKS: Final = (
    Hostile("sheet-bomb.xlsx", _sheet_bomb, "unpacks to", limits=Limits(unpacked_mb=400)),
    Hostile("shared-string-flood.xlsx", _string_flood, "MB of memory", limits=Limits(memory_mb=170)),
    Hostile("lying-bomb.xlsx", _lying_bomb, either=True),
    Hostile(
        "declared-dimensions.xlsx",
        lambda path: xlsx(path, before='<dimension ref="A1:XFD1048576"/>'),
        rows=2,
    ),
    Hostile(
        "far-cell.xlsx",
        lambda path: xlsx(
            path, rows=GOOD + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        ),
        either=True,
    ),
    Hostile(
        "impossible-cell.xlsx",
        lambda path: xlsx(
            path, rows=GOOD + '<row r="4294967295"><c r="ZZZZZZZ4294967295"><v>1</v></c></row>'
        ),
        either=True,
    ),
    Hostile(
        "row-number.xlsx",
        lambda path: xlsx(path, rows=GOOD.replace('r="2"', 'r="-2"')),
        either=True,
    ),
    Hostile("external-links.xlsx", _external, rows=2),
    Hostile("outside-part.xlsx", _outside_part, "damaged"),
    Hostile(
        "macros.xlsm",
        lambda path: xlsx(
            path,
            parts={
                "xl/vbaProject.bin": noise(4_000),
                "xl/macrosheets/sheet1.xml": "<x>=EXEC(\"calc.exe\")</x>",
            },
        ),
        rows=2,
    ),
    Hostile(
        "laughs.xlsx",
        lambda path: xlsx(path, prolog=_LAUGHS, rows=GOOD.replace("Acme", "&a11;")),
        either=True,
    ),
    Hostile(
        "outside-entity.xlsx",
        lambda path: xlsx(path, prolog=_OUTSIDE, rows=GOOD.replace("Acme", "&out;&web;")),
        either=True,
    ),
    Hostile(
        "deep.xlsx",
        lambda path: xlsx(
            path, after="<a>" * 300_000 + "</a>" * 300_000, parts={"xl/styles.xml": "<a>" * 99_999}
        ),
        either=True,
    ),
    Hostile("styles.xlsx", lambda path: xlsx(path, parts={
        "xl/styles.xml": "<styleSheet><numFmts><numFmt numFmtId='x' formatCode='0'/></numFmts>"
        "<cellXfs><xf numFmtId='99999999999999999999'/></cellXfs></styleSheet>"
    }), rows=2),
    Hostile("cut.xlsx", lambda path: (xlsx(path), path.write_bytes(path.read_bytes()[:-40])),
            "damaged"),
    Hostile("bare-zip-head.xlsx", _bytes(b"PK\x03\x04" + noise(500)), "damaged"),
    Hostile("nested-zip.zip", _nested_zip, "no contacts"),
    Hostile("csv-bomb.zip", _csv_bomb, "unpacks to", limits=Limits(unpacked_mb=400)),
    Hostile("many-members.zip", _many_members, "files in it"),
    Hostile(
        "floods.ods",
        lambda path: _ods(path, _ods_row("Name") + _ods_row("x", repeated="16384", rows="1048576")),
        "large",
    ),
    Hostile(
        "numbers.ods",
        lambda path: _ods(
            path,
            _ods_row("Name", "City")
            + _ods_row("x", "y", repeated="99999999999999999999", rows="-1"),
        ),
        either=True,
    ),
    Hostile(
        "laughs.ods",
        lambda path: _ods(path, _ods_row("Name", "City") + _ods_row("&a11;", "y"), prolog=_LAUGHS),
        either=True,
    ),
    Hostile("garbage.xlsb", lambda path: xlsx(path, parts={
        "xl/workbook.bin": noise(3_000, 1), "xl/worksheets/sheet1.bin": noise(9_000, 2),
        "xl/_rels/workbook.bin.rels": _LINKS.format(more="").replace(".xml", ".bin"),
    }), either=True),
    Hostile("garbage.xls", _bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + noise(20_000)), "damaged"),
    Hostile("laughs.xml.xls", _text(_xml_2003(_XML_GOOD.replace("Acme", "&a11;"), _LAUGHS)),
            either=True),
    Hostile("outside-entity.xml.xls",
            _text(_xml_2003(_XML_GOOD.replace("Acme", "x&out;"), _OUTSIDE)), either=True),
    Hostile("deep.xml.xls", _text(_xml_2003("<Row>" * 200_000)), "damaged"),
    Hostile(
        "far-cells.xml.xls",
        _text(_xml_2003(_XML_GOOD + _xml_row("x", place="1048576", column="16384") * 60_000)),
        "million cells",
        limits=Limits(million_cells=20),
    ),
    Hostile("deep-page.xls", _text(_HTML.format("<div>" * 100_000 + "Acme")), either=True),
    Hostile("comments-page.xls", _text("<!---->" * 5_000 + "x"), either=True),
    Hostile("spans-page.xls", _text(
        "<table><tr><td>Name<td>City" + "<tr><td rowspan=99999999 colspan=16000>x" * 100
    ), either=True),
    Hostile("scripts-page.xls", _text(_HTML.format(
        "<script>fetch('http://127.0.0.1:9/')</script><img src=http://127.0.0.1:9/x>Acme"
        "<iframe src=file:///etc/passwd></iframe>")), rows=1),
)  # fmt: skip


# --- text ------------------------------------------------------------------------------------


def _one_line(path: Path) -> None:
    """A gigabyte without a line end, of zeros that take no place on the disk, and text before them."""
    with path.open("wb") as file:
        file.write(b"Name;City;" + b"x;y" * 1_000)
        file.truncate(1_000 * MB)


def _one_text_line(path: Path) -> None:
    block = b"a;b" * (MB // 3)
    with path.open("wb") as file:
        for _ in range(1_000):
            file.write(block)


def _open_quote(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b'Name,City\n"Acme,Oslo\n')
        for _ in range(3):
            file.write(b"Bolt,Bergen\n" * (MB // 12))


TEXTS: Final = (
    Hostile("one-line-of-zeros.csv", _one_line, "neither", either=True),
    Hostile("one-line.csv", _one_text_line, "first line"),
    Hostile("open-quote.csv", _open_quote, either=True),
    Hostile("zeros.csv", _bytes(b"Name,City\nAc\x00me,Os\x00lo\n" + b"Bolt,Bergen\n" * 30), rows=31),
    Hostile("many-columns.csv",
            _text(",".join(f"h{n}" for n in range(300_000)) + "\n" + "," * 299_999 + "\n"),
            "columns"),
    Hostile("million-cells-row.csv", _text("Name,City\n" + "Acme,Oslo\n" * 9 + "x," * 1_000_000 + "\n"),
            rows=9),
    Hostile("large-cell.csv", _text("Name,City\n" + "x" * (10 * MB) + ",Oslo\nBolt,Bergen\n"),
            rows=2),
    Hostile("large-line.csv", _text("Name,City\n" + "x" * (80 * MB) + ",Oslo\nBolt,Bergen\n"),
            rows=1),
    Hostile("quotes.csv", _text("Name,City\n" + '"' * 2_000_001 + "\nBolt,Bergen\n"), either=True),
    Hostile("many-open-quotes.csv", _text("Name,City\n" + 'a,"b\n' * 100_000), either=True),
    Hostile("separators.csv", _text("sep=\x00\n" + ",;|\t" * 20_000), either=True),
    Hostile("noise.csv", _bytes(noise(200_000)), either=True),
    Hostile("wide-noise.csv", _bytes(b"\xff\xfe" + noise(200_001)), either=True),
    Hostile("marks.csv", _text("Na\u202eme,\u200bCity\n\u202eemcA,Os\u2066lo\n"), rows=1),
    Hostile("headers.csv", _text('"a"",""b; drop table company;--","../../x","CON","' + "h" * 100_000
            + '"\n1,2,3,4\n5,6,7,8\n'), rows=2),
)  # fmt: skip


# --- address books ---------------------------------------------------------------------------


def card(*lines: str) -> str:
    """A vCard of some lines."""
    return "\r\n".join(("BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD", ""))


_CARD: Final = card("FN:Ola Nordmann", "EMAIL:ola@example.com")


def _folds(path: Path) -> None:
    """One property, broken into millions of lines: longer than a card may be."""
    with path.open("wb") as file:
        file.write(_CARD.encode() + b"BEGIN:VCARD\r\nFN:A\r\nNOTE:")
        for _ in range(22):
            file.write(b" xxxxxxx\n" * (MB // 9))
        file.write(b"\r\nEND:VCARD\r\n" + _CARD.encode())


def _nested_cards(path: Path) -> None:
    path.write_text("BEGIN:VCARD\r\n" * 60_000 + _CARD, encoding="utf-8")


CARDS: Final = (
    Hostile("folds.vcf", _folds, rows=2),
    Hostile("nested.vcf", _nested_cards, either=True),
    Hostile("garbage.vcf", _bytes(b"BEGIN:VCARD\n" + noise(100_000) + b"\nEND:VCARD\n"), either=True),
    Hostile("zeros.vcf", _bytes(_CARD.encode().replace(b"Ola", b"O\x00la") * 2), rows=2),
    Hostile(
        "pictures.vcf",
        _text(card("FN:A", "PHOTO;ENCODING=b:" + base64.b64encode(noise(9 * MB)).decode()) + _CARD),
        rows=2,
    ),
    Hostile(
        "base64-names.vcf",
        _text(card("FN;ENCODING=b:" + "QUFB" * (2 * MB), "N:A;B", "EMAIL:a@example.com")),
        either=True,
    ),
    Hostile("wide.vcf", _text(card(*(f"item{n}.TEL;TYPE=X{n}:+47{n}" for n in range(8_000)))), rows=1),
    Hostile("parts.vcf", _text(card("N:" + ";" * 1_000_000, "FN:A")), rows=1),
    Hostile("escapes.vcf", _text(card("NOTE:" + "\\" * 2_000_000, "FN:A")), rows=1),
    Hostile("quotes.vcf", _text(card('TEL;X="' + '";"' * 200_000 + ":1", "FN:A")), either=True),
    Hostile("charset.vcf", _text(card("FN;CHARSET=zlib_codec:A", "N;CHARSET=../../x:B;C",
                                       "NOTE;CHARSET=rot13:nab")), rows=1),
    Hostile("outside.vcf", _text(card("FN:A", "PHOTO;VALUE=uri:file:///etc/passwd",
                                      "NOTE;VALUE=uri:http://127.0.0.1:9/x")), rows=1),
    Hostile("deep.json", _text('["vcard",' + "[" * 200_000), "damaged"),
    Hostile("deep-value.json", _text(
        '["vcard",[["fn",{},"text",' + "[" * 900 + "]" * 900 + '],["fn",{},"text","A"]]]'), either=True),
    Hostile("numbers.json", _text('["vcard",[["fn",{},"text",' + "9" * 100_000 + "]]]"), either=True),
    Hostile("large.json", _text('["vcard",[["note",{},"text","' + "x" * (31 * MB) + '"]]]'), "large"),
    Hostile("folds.ldif", lambda path: path.write_text(
        "dn: cn=a\ncn: a\ndescription: x" + "\n xxxxxxx" * (3 * MB) + "\n\ndn: cn=b\ncn: b\n",
        encoding="utf-8"), rows=1, either=True),
    Hostile("base64.ldif", _text("dn: cn=a\ncn: a\nmail:: " + "QUFB" * (4 * MB) + "\n"), either=True),
    Hostile("links.ldif", _text("dn: cn=a\ncn: a\njpegphoto:< file:///etc/passwd\n"
                                "description:< file:///etc/passwd\n"), rows=1),
    Hostile("garbage.ldif", _bytes(b"dn: cn=a\n" + noise(40_000)), either=True),
)  # fmt: skip

FILES: Final = (*WORKBOOKS, *TEXTS, *CARDS)


# --- names and cells -------------------------------------------------------------------------

NAMES: Final = (
    "'; drop table crm.company; --",
    '"; drop table crm.company; --',
    '" or ""="',
    "../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd",
    "C:\\Windows\\x",
    "\\\\server\\share\\x",
    "CON",
    "nul.xlsx",
    "COM1.csv",
    "a\x00b",
    "\u202exslx.exe",
    "\u200b",
    "name\r\nInjected: 1",
    "{table}",
    "$v1",
    "%s%n",
    "<script>alert(1)</script>",
    "a" * 300,
    "=cmd|' /C calc'!A0",
    ".",
    "..",
    " ",
    "-rf",
    "~root",
    "${HOME}",
    "`id`",
)
"""Texts for names of files, sheets, columns, lists and for cells: never run, never a path."""


def rows_of_names() -> Iterator[tuple[str, str]]:
    """A row for each: a name that is itself the trap, and one beside it."""
    for number, text in enumerate(NAMES):
        yield text, f"Name {number}"


def jcard_of(text: str) -> str:
    """A jCard with one text everywhere."""
    return json.dumps(["vcard", [["fn", {}, "text", text], ["org", {"type": text}, "text", text]]])
