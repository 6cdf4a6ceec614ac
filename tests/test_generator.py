"""The generator invents the same people every time, with numbers that check and a known truth."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from stdnum.de import vat as german
from stdnum.dk import cvr as danish
from stdnum.gb import vat as british
from stdnum.nl import btw as dutch
from stdnum.no import orgnr as norwegian
from stdnum.se import vat as swedish

from crmkit import generator
from crmkit.generator import COLUMNS, Recipe
from crmkit.sample_files import write_samples
from crmkit.samples import SAMPLES
from tests.crm_kit import Kit


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_recipe_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        generator.write_csv(Recipe(rows=500, seed=3), tmp_path / name)

    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_another_seed_gives_other_people(tmp_path: Path) -> None:
    for seed in (1, 2):
        generator.write_csv(Recipe(rows=50, seed=seed), tmp_path / f"{seed}.csv")

    assert (tmp_path / "1.csv").read_bytes() != (tmp_path / "2.csv").read_bytes()


@pytest.mark.parametrize(
    ("country", "check"),
    [
        ("Norway", norwegian),
        ("Netherlands", dutch),
        ("Germany", german),
        ("United Kingdom", british),
        ("Sweden", swedish),
        ("Denmark", danish),
    ],
)
def test_registration_numbers_have_right_check_digits(country: str, check: Any) -> None:
    numbers = generator.vat_numbers(country, np.arange(500, dtype=np.int64))

    assert all(check.is_valid(number) for number in numbers)
    assert len(set(numbers)) == 500


def test_nobody_in_a_file_can_be_reached(tmp_path: Path) -> None:
    generator.write_csv(Recipe(rows=300), tmp_path / "people.csv")

    rows = read(tmp_path / "people.csv")
    assert tuple(rows[0]) == COLUMNS
    assert all(row["E-mail"].casefold().endswith(".example") for row in rows)
    assert len({row["E-mail"].casefold() for row in rows}) == 300


def test_the_truth_of_a_pair_is_what_an_import_finds(tmp_path: Path) -> None:
    """Every person that the files share is found, and nobody else."""
    existing, incoming, truth = (tmp_path / f"{n}.csv" for n in ("existing", "incoming", "truth"))
    generator.write_pair(Recipe(rows=400), existing, incoming, truth, overlap=0.5)
    mails = {row["E-mail"].casefold() for row in read(existing)}

    for row, fact in zip(read(incoming), read(truth), strict=True):
        assert (row["E-mail"].casefold() in mails) == (fact["change"] != "new")
        assert bool(fact["existing_row"]) == (fact["change"] != "new")


def test_shared_companies_keep_their_number_in_both_files(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    existing, incoming, truth = (tmp_path / f"{n}.csv" for n in ("existing", "incoming", "truth"))
    generator.write_pair(Recipe(rows=100), existing, incoming, truth, overlap=0.5)
    kit.load(
        [
            {"company.number": row["Company number"], "company.name": row["Company name"]}
            for row in read(existing)
        ]
    )

    shared = {row["Company number"] for row in read(existing)} & {
        row["Company number"] for row in read(incoming)
    }

    assert len(shared) == 20
    assert shared <= {record["number"] for record in kit.records("company")}


def cells(path: Path) -> list[list[Any]]:
    book = openpyxl.load_workbook(path)
    return [[list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets]


def test_the_samples_are_what_the_generator_writes(tmp_path: Path) -> None:
    """A sample that was changed by hand would be lost the next time."""
    write_samples(tmp_path)

    made = sorted(path.name for path in tmp_path.iterdir())
    by_hand = {"README.md", "password-protected.xlsx", "audit-file.xml", "catalogue.xml"}
    kept = {path.name for path in SAMPLES.iterdir()} - by_hand
    assert kept == set(made)
    for name in made:
        if name.endswith((".csv", ".vcf")) or name == "not-a-workbook.xlsx":
            assert (SAMPLES / name).read_bytes() == (tmp_path / name).read_bytes()
        else:
            assert cells(SAMPLES / name) == cells(tmp_path / name)
