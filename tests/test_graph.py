"""Contacts as Microsoft Graph answers them become rows, whatever was saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit import sources, staging
from crmkit.database import Database
from crmkit.errors import SourceError
from crmkit.sources import SourceKind
from crmkit.sources.answers import read_answers
from crmkit.sources.graph import contact_of
from crmkit.sql import name, sql
from tests.landing import land, rows
from tests.outlook_service import people, person

CONTEXT = "https://graph.microsoft.com/v1.0/$metadata#users('oid')/contacts"


def cells(item: dict[str, Any]) -> dict[str, str]:
    contact = contact_of(item)
    return {heading.text: text for heading, text in contact.finish().items()}


def saved(folder: Path, *answers: Any, indent: int | None = None) -> Path:
    path = folder / "answer.json"
    text = "\n".join(json.dumps(answer, indent=indent) for answer in answers)
    path.write_text(text, encoding="utf-8")
    return path


def test_all_that_a_contact_has_stands_in_columns_by_kind() -> None:
    given = person(
        1,
        title="Dr.",
        generation="jr.",
        nickName="Ole",
        homePhones=["+47 22 1", "+47 22 2"],
        businessPhones=["+47 33 1"],
        birthday="1974-07-22T11:59:00Z",
        categories=["Kunde", "VIP"],
        personalNotes="ring etter tolv",
        businessHomePage="https://nordlys.example",
        homeAddress={"street": "Hjemveien 1", "postalCode": "0010", "city": "Oslo"},
        emailAddresses=[
            {"name": "Ola Bergb", "address": "ola@nordlys.example"},
            {"name": "privat", "address": "ola@hjemme.example"},
        ],
    )

    found = cells(given)

    expected = {
        "Prefix": "Dr.",
        "Suffix": "jr.",
        "Nickname": "Ole",
        "Phone (home)": "+47 22 1",
        "Phone (home) 2": "+47 22 2",
        "Phone (work)": "+47 33 1",
        "Birthday": "1974-07-22",
        "Categories": "Kunde, VIP",
        "Notes": "ring etter tolv",
        "Web page (work)": "https://nordlys.example",
        "Home address: street": "Hjemveien 1",
        "Work address: zip code": "0155",
        "E-mail": "ola@nordlys.example",
        "E-mail 2": "ola@hjemme.example",
        "E-mail 2: label": "privat",
    }
    assert expected == {key: found.get(key) for key in expected}
    assert "E-mail: label" not in found


def test_a_company_has_the_companys_phones() -> None:
    given = person(
        1, givenName=None, surname=None, displayName="Nordlys AS", companyName="Nordlys AS"
    )

    found = cells(given)

    assert ("Nordlys AS", "+47 22 000001") == (found["Company"], found["Company phone"])
    assert "Full name" not in found


def test_contacts_whose_ids_differ_in_capitals_only_have_keys_of_their_own() -> None:
    """Keys of the CRM do not count capitals, IDs of Outlook do."""
    first, second = cells(person(1, id="AAkALgAAb=")), cells(person(2, id="AAkALgAAB="))

    assert first["Outlook key"].startswith("Outlook:")
    assert first["Outlook key"].casefold() != second["Outlook key"].casefold()


def test_a_field_that_is_not_known_has_a_column() -> None:
    assert "2001-05-17" == cells(person(1, weddingAnniversary="2001-05-17"))["Wedding anniversary"]


@pytest.mark.parametrize("indent", [None, 2], ids=["one line", "many lines"])
def test_a_saved_answer_loads_as_a_file(tmp_path: Path, db: Database, indent: int | None) -> None:
    path = saved(tmp_path, {"@odata.context": CONTEXT, "value": people(1, 3)}, indent=indent)

    staged = land(db, path)

    assert ("Outlook", 3) == (staged.program, staged.row_count)
    assert [1, 2, 3] == [row[0] for row in rows(db)]


def test_several_answers_stand_one_on_a_line(tmp_path: Path, db: Database) -> None:
    path = saved(
        tmp_path,
        {"@crmkit.folder": "Contacts", "value": people(1, 2)},
        {"@crmkit.folder": "Contacts/Customers", "value": people(3, 1)},
    )

    staged = land(db, path)

    (column,) = (column for column in staged.columns if column.header == "Folder")
    folders = db.rows(sql("select {c} from staged order by row_no", c=name(column.id)))
    assert [("Contacts",), ("Contacts",), ("Contacts/Customers",)] == folders


def test_what_is_no_contact_is_set_aside_with_its_reason(tmp_path: Path, db: Database) -> None:
    path = saved(
        tmp_path, {"@odata.context": CONTEXT, "value": [person(1), "lost", {"id": "x"}, person(2)]}
    )

    staged = land(db, path)

    assert (2, 2) == (staged.row_count, staged.rejected)
    reasons = [(row, reason) for row, reason, _ in staging.rejected_rows(db, 5)]
    assert [(2, "it is no contact of Outlook"), (3, "it is empty")] == reasons


@pytest.mark.parametrize(
    "text",
    [
        '{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#contacts", "value": [',
        '{"@crmkit.folder": "Contacts", "value": []}\n{"value": [\n',
        '{"@crmkit.folder": "Contacts", "value": []}\n[1]\n',
        '{"@odata.context": "x/contacts", "value": ' + "[" * 100_000,
    ],
    ids=["cut off", "second cut off", "no answer", "nested"],
)
def test_a_damaged_answer_is_told(tmp_path: Path, db: Database, text: str) -> None:
    path = tmp_path / "answer.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(SourceError, match="damaged"):
        land(db, path)


def test_other_json_is_no_contact(tmp_path: Path) -> None:
    path = saved(tmp_path, {"value": [{"subject": "Meeting"}]})

    with pytest.raises(SourceError, match="no contacts"):
        sources.inspect(path)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(person(1), _JSON)))
def test_any_contact_becomes_cells(item: dict[str, Any]) -> None:
    assert all(isinstance(text, str) and text for text in cells(item).values())


@given(
    answers=st.lists(
        st.dictionaries(st.text(max_size=8), _JSON, max_size=3), min_size=1, max_size=5
    )
)
def test_what_was_written_line_by_line_is_read_the_same(
    tmp_path_factory: pytest.TempPathFactory, answers: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "answers.jsonl"
    lines = [json.dumps(answer) for answer in answers]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    assert lines == [json.dumps(answer) for answer in read_answers(path, lambda _: None)]


def test_it_is_told_by_its_content_and_not_its_name(tmp_path: Path) -> None:
    path = saved(tmp_path, {"@odata.context": CONTEXT, "value": people(1, 1)})
    other = path.rename(tmp_path / "list.csv")

    assert SourceKind.GRAPH is sources.inspect(other).kind
