"""Contacts as the People API answers them become rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.database import Database
from crmkit.sources.people import contact_of
from tests.landing import land

PRIMARY = {"metadata": {"primary": True, "source": {"type": "CONTACT", "id": "1a"}}}
_PERSON: dict[str, Any] = {
    "resourceName": "people/c7163",
    "etag": "%EgUBAgM=",
    "names": [
        {**PRIMARY, "displayName": "Frida Holm", "givenName": "Frida", "familyName": "Holm"}
    ],
    "emailAddresses": [
        {"value": "frida@hjemme.example", "type": "home", "formattedType": "Home"},
        {**PRIMARY, "value": "frida@fjell.example", "type": "work", "formattedType": "Work"},
    ],
    "phoneNumbers": [
        {"value": "900 11 222", "canonicalForm": "+4790011222", "type": "mobile"},
        {"value": "22 33 44 55", "type": "workFax"},
    ],
    "addresses": [
        {
            "type": "work", "formattedValue": "Fjellveien 3\n5003 Bergen", "country": "Norge",
            "streetAddress": "Fjellveien 3", "postalCode": "5003", "city": "Bergen",
        }
    ],
    "organizations": [{**PRIMARY, "name": "Fjell AS", "title": "Daglig leder"}],
    "birthdays": [{"date": {"month": 5, "day": 9}, "text": "9. mai"}],
    "biographies": [{"value": "liker kaffe", "contentType": "TEXT_PLAIN"}],
    "memberships": [
        {"contactGroupMembership": {"contactGroupResourceName": "contactGroups/77"}},
        {"contactGroupMembership": {"contactGroupResourceName": "contactGroups/myContacts"}},
    ],
    "userDefined": [{"key": "Kundenr", "value": "10044"}],
    "events": [{"date": {"year": 2014, "month": 6, "day": 1}, "type": "anniversary"}],
    "relations": [{"person": "Ada", "type": "assistant"}],
}  # fmt: skip


def cells(person: dict[str, Any], groups: dict[str, str] | None = None) -> dict[str, str]:
    contact = contact_of(person, groups or {})
    return {heading.text: text for heading, text in contact.finish().items()}


def test_all_that_a_contact_has_stands_in_columns_by_kind() -> None:
    assert {
        "Full name": "Frida Holm",
        "First name": "Frida",
        "Last name": "Holm",
        "Company": "Fjell AS",
        "Job title": "Daglig leder",
        "E-mail": "frida@fjell.example",
        "E-mail 2": "frida@hjemme.example",
        "Phone (mobile)": "900 11 222",
        "Fax (work)": "22 33 44 55",
        "Work address: street": "Fjellveien 3",
        "Work address: zip code": "5003",
        "Work address: city": "Bergen",
        "Work address: country": "Norge",
        "Birthday (no year)": "--05-09",
        "Notes": "liker kaffe",
        "Categories": "Kunder, myContacts",
        "Kundenr": "10044",
        "Date (anniversary)": "2014-06-01",
        "Related (assistant)": "Ada",
        "Google key": "Google:c7163",
    } == cells(_PERSON, {"contactGroups/77": "Kunder"})


def test_a_contact_without_a_persons_name_is_a_company() -> None:
    found = cells({**_PERSON, "names": [{"displayName": "Fjell AS"}]})

    assert "Full name" not in found
    assert "frida@fjell.example" == found["Company e-mail"]


def test_a_saved_answer_loads_as_a_file(tmp_path: Path, db: Database) -> None:
    path = tmp_path / "connections.json"
    answer = {"connections": [_PERSON, {"resourceName": "people/c1"}], "totalPeople": 2}
    path.write_text(json.dumps(answer, indent=2), encoding="utf-8")

    staged = land(db, path)

    assert ("Google Contacts", 1, 1) == (staged.program, staged.row_count, staged.rejected)


def test_the_names_of_groups_stand_in_an_answer_before(tmp_path: Path, db: Database) -> None:
    path = tmp_path / "gmail-contacts.jsonl"
    groups = {"contactGroups": [{"resourceName": "contactGroups/77", "formattedName": "Kunder"}]}
    lines = [json.dumps(answer) for answer in (groups, {"connections": [_PERSON]})]
    path.write_text("\n".join(lines), encoding="utf-8")

    staged = land(db, path)

    (column,) = (column for column in staged.columns if column.header == "Categories")
    assert ("Kunder, myContacts",) == column.samples


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "type", "date", "metadata"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(_PERSON, _JSON)))
def test_any_contact_becomes_cells(person: dict[str, Any]) -> None:
    assert all(isinstance(text, str) and text for text in cells(person).values())
