"""Readers of contacts meet any bytes: no crash, no hang, and no card is lost."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit import sources, staging
from crmkit.database import in_memory
from crmkit.errors import SourceError
from crmkit.samples import SAMPLES
from crmkit.sources import SourceKind
from tests.crm_kit import silent
from tests.test_sources import REAL

_PIECES = st.sampled_from(
    [
        b"BEGIN:VCARD\n", b"BEGIN:VCARD\r\n", b"END:VCARD\n", b"END:VCARD\r\n", b"VERSION:2.1\n",
        b"VERSION:3.0\n", b"N:Dahl;Per\n", b"FN:Per\n", b"TEL", b"EMAIL", b";TYPE=", b";WORK",
        b"item1.", b"X-ABLabel:a\n", b"ADR:;;a;b\n", b"NOTE:", b"ENCODING=QUOTED-PRINTABLE:",
        b"=\n", b"=3D", b";ENCODING=BASE64:", b"AAAA\n", b"PHOTO", b"AGENT:\n", b"AGENT:", b":",
        b";", b"\\", b'"', b",", b"\n", b"\r", b" ", b"\t", b"\xe5", b"\xc3\xa5", b"\xff", b"=",
        b"CHARSET=unicode_escape", b"\\n", b"begin:vcard\n", b"X-A:b\n", b"KIND:group\n",
    ]
)  # fmt: skip

few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def accounted(content: bytes, name: str) -> staging.StagedTable | None:
    """Land some bytes; None when they are refused with a message."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            source = sources.inspect(path)
            with in_memory() as db:
                staged = staging.land(db, source, sources.detect_layout(source), progress=silent)
        except SourceError:
            return None
    return staged if source.kind is SourceKind.VCARD else None


def cards_in(content: bytes) -> int:
    lines = re.split(rb"\r+\n?|\n", content.removeprefix(b"\xef\xbb\xbf"))
    return sum(bool(re.fullmatch(rb"BEGIN:VCARD\s*", line, re.IGNORECASE)) for line in lines)


@few
@given(pieces=st.lists(_PIECES, max_size=60))
def test_no_card_is_lost_whatever_is_in_the_file(pieces: list[bytes]) -> None:
    content = b"BEGIN:VCARD\nFN:Kari\nEND:VCARD\n" + b"".join(pieces)

    staged = accounted(content, "any.vcf")

    assert staged is not None
    assert cards_in(content) == staged.row_count + staged.rejected


def _real_cards() -> list[Path]:
    found = [SAMPLES / "contacts.vcf"]
    folder = REAL / "real" / "vcard"
    return found + (sorted(folder.glob("*.vcf")) if folder.is_dir() else [])


@few
@given(data=st.data())
def test_no_card_of_a_damaged_real_file_is_lost(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(_real_cards())).read_bytes())
    for _ in range(data.draw(st.integers(1, 12))):
        place = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(_PIECES)
        match data.draw(st.sampled_from(["put", "cut", "twice"])):
            case "put":
                content[place:place] = piece
            case "cut":
                del content[place : place + data.draw(st.integers(1, 200))]
            case _:
                content[place:place] = content[place : place + 500]
        if not content:
            content += b"x"

    staged = accounted(bytes(content), "any.vcf")

    if staged is not None:
        assert cards_in(bytes(content)) == staged.row_count + staged.rejected


@pytest.mark.parametrize("name", ["google.csv", "outlook.csv", "contacts.vcf"])
@few
@given(data=st.data())
def test_a_damaged_address_book_is_landed_or_refused(name: str, data: st.DataObject) -> None:
    content = bytearray((SAMPLES / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    accounted(bytes(content), name)


_LDIF = st.sampled_from(
    ["dn: a\n", "dn:: YQ==\n", "cn: Per\n", "sn:: AAA\n", "mail: a@b.example\n", "\n", " x\n", ":",
     "objectclass: groupOfNames\n", "o: Acme\n", "#c\n", "x", "birthday: 1\n", "birthmonth: 2\n"]
)  # fmt: skip


@few
@given(pieces=st.lists(_LDIF, max_size=40))
def test_no_record_of_ldif_is_lost(pieces: list[str]) -> None:
    text = "dn: first\ncn: Kari\n\ndn: second\ncn: Per\n" + "".join(pieces)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.ldif"
        path.write_text(text, encoding="utf-8")
        source = sources.inspect(path)
        with in_memory() as db:
            staged = staging.land(db, source, sources.detect_layout(source), progress=silent)

    assert len(re.findall(r"^dn\s*:", text, re.MULTILINE)) == staged.row_count + staged.rejected


@few
@given(
    card=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["type", "pref", "group"]), inner, max_size=2)
        ),
        max_leaves=12,
    )
)
def test_any_json_is_landed_or_refused(card: object) -> None:
    content = json.dumps([["vcard", [["fn", {}, "text", "Kari"]]], card, ["vcard", [card, card]]])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.json"
        path.write_text(content, encoding="utf-8")
        source = sources.inspect(path)
        with in_memory() as db:
            staged = staging.land(db, source, sources.detect_layout(source), progress=silent)

    assert 3 == staged.row_count + staged.rejected
