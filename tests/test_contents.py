"""Cells are looked at by shape, in a sample that a large file does not make larger."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit import contents, sources, staging
from crmkit.contents import Contents
from crmkit.database import in_memory
from tests.crm_kit import silent


def look(path: Path, cells: list[str]) -> Contents:
    path.write_text("\n".join(["Header,Other", *(f'"{cell}",x' for cell in cells)]), "utf-8")
    source = sources.inspect(path)
    with in_memory() as db:
        staged = staging.land(db, source, sources.detect_layout(source), progress=silent)
        return contents.look(db, staged)["c1"]


@pytest.mark.parametrize(
    ("shape", "cell", "other"),
    [
        ("email", "Ann Lee <ann@acme.example>", "ann at acme"),
        ("email", "a@x.example; b@x.example", "a@b"),
        ("shared_email", "info@acme.example", "ann@acme.example"),
        ("phone", "+47 22 11 00 99", "22 eggs"),
        ("link", "https://acme.example/a?b=1", "acme"),
        ("vat", "NL001234567B01", "16012345"),
        ("zip", "3511 AB", "Utrecht"),
        ("zip", "SW1A 1AA", "350000"),
        ("zip_city", "6800 Førde", "3511 AB"),
        ("date", "0-0-00", "12 eggs"),
        ("date", "2024-01-02 10:00:00", "1024"),
        ("person", "Johan de Vries", "Acme"),
        ("company", "Bau Schmidt GmbH", "Hans Schmidt"),
        ("salutation", "De heer", "Directeur"),
        ("academic", "Prof. Dr.", "Magazijnmedewerker"),
        ("country", "Norge", "Oslo"),
        ("id", "8c1f2a30-0000-4000-8000-000000000001", "10001"),
    ],
)
def test_a_shape_is_told_from_others(shape: str, cell: str, other: str, tmp_path: Path) -> None:
    assert look(tmp_path / "a.csv", [cell]).share(shape) == 1
    assert look(tmp_path / "b.csv", [other]).share(shape) == 0


def test_a_share_is_of_different_values(tmp_path: Path) -> None:
    found = look(tmp_path / "a.csv", ["a@x.example", "red", "red", "red"])

    assert found.cells == 2
    assert found.share("email") == 0.5
    assert found.common[0] == "red"


def test_a_column_whose_first_cell_stands_far_below_is_seen(tmp_path: Path) -> None:
    found = look(tmp_path / "a.csv", [""] * 3000 + ["a@x.example"])

    assert found.share("email") == 1


def test_an_empty_column_holds_nothing(tmp_path: Path) -> None:
    assert look(tmp_path / "a.csv", ["", ""]) == contents.EMPTY
