"""What holds for any file, any settings and any CRM (house style 21; the design's promises 1 and 2)."""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crmkit import crm, decisions, preview
from crmkit.commit import commit
from crmkit.crm import Preferences
from crmkit.database import Database, in_memory
from crmkit.entities import COMPANY, PERSON, SCHEMA
from crmkit.errors import SettingsError
from crmkit.plan import Plan, balance, make_plan
from crmkit.records import children
from crmkit.settings import (
    Action,
    ChildAction,
    FieldRule,
    ListRule,
    NoCompanyName,
    Privacy,
    Settings,
    UnknownItem,
    Write,
)
from crmkit.sql import name, sql
from tests.conftest import THREADS
from tests.crm_kit import Kit, Row, _header, mapping_of, records_of, silent, stage

# Few values, so that rows and records meet each other often, in several spellings.
CELLS: dict[str, list[str]] = {
    "company.name": ["", "Acme AS", " acme  as", "Beta BV", "Gamma", "#N/A"],
    "company.department": ["", "Sales", "IT"],
    "company.number": ["", "1", "2", "3"],
    "company.vat_number": ["", "NO 956 753 104 MVA", "956753104", "NL1B01", "DE1B01"],
    "company.category": ["", "Customer", "customer", "Odd"],
    "company.country": ["", "Norway", "NL", "norge"],
    "company.postal.city": ["", "Oslo", "Bergen"],
    "company.postal.zip_code": ["", "167", "0167"],
    "company.phone": ["", "23354000", "+47 23 35 40 00", "030-1234567"],
    "person.first_name": ["", "Ann", "Bo"],
    "person.last_name": ["", "Hansen", "hansen", "x" * 120],
    "person.email": ["", "ann@acme.example", "ANN@acme.example", "nonsense"],
    "person.mobile": ["", "90011223", "+4790011223"],
    "person.number": ["", "7"],
    "person.birth_date": ["", "1980-01-31", "31.1.1980", "soon"],
}

# An import of many rows takes as long as one of few: rather more rows than more examples.
MOST_ROWS: Final = 12

rows = st.lists(
    st.fixed_dictionaries({target: st.sampled_from(values) for target, values in CELLS.items()}),
    min_size=1,
    max_size=MOST_ROWS,
)
known_crms = st.integers(min_value=1, max_value=8)
"""Numbers of CRMs that are there before; making one takes as long as an import, so they are few."""
CHOICES = st.fixed_dictionaries(
    {
        "no_company_name": st.sampled_from(list(NoCompanyName)),
        "blanks_clear": st.booleans(),
        "rows_apart": st.booleans(),
        "search_everywhere": st.booleans(),
        "lists": st.sampled_from(list(UnknownItem)).map(
            lambda unknown: {"category": ListRule(unknown=unknown)}
        ),
        "phones": st.sampled_from(list(ChildAction)),
        "links": st.sampled_from(list(ChildAction)),
        "fields": st.dictionaries(
            st.sampled_from(["company.department", "company.postal.city", "person.birth_date"]),
            st.builds(
                FieldRule,
                write=st.sampled_from([None, *Write]),
                blank_clears=st.sampled_from([None, True, False]),
            ),
            max_size=2,
        ),
        "privacy": st.sampled_from(
            [Privacy(), Privacy(legal_basis="Consent", comment="Fair 2026")]
        ),
        "restore_zeros": st.booleans(),
    }
)


def settings_with(actions: list[Action]) -> st.SearchStrategy[Settings]:
    """Any settings, in which companies and persons have one of these actions."""
    return st.builds(
        lambda company, company_action, person, person_action, rest: (
            Settings(**rest)
            .with_rule(COMPANY, match_key=company, action=company_action)
            .with_rule(PERSON, match_key=person, action=person_action)
        ),
        st.sampled_from([key.id for key in COMPANY.match_keys if key.id != "id"]),
        st.sampled_from(actions),
        st.sampled_from([key.id for key in PERSON.match_keys if key.id != "id"]),
        st.sampled_from(actions),
        CHOICES,
    )


Standing = dict[str, dict[int, dict[str, Any]]]
"""Entity, record id and column -> value."""

ALL = tuple(CELLS)
any_columns = st.one_of(
    st.just(list(ALL)),
    st.lists(st.sampled_from(ALL), min_size=6, unique=True).map(
        lambda found: list(dict.fromkeys(["company.name", "person.last_name", *found]))
    ),
)
any_settings = settings_with(list(Action))
settings_without_add = settings_with([Action.MERGE, Action.REPLACE, Action.SKIP])
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

relaxed = settings(
    max_examples=30,
    deadline=None,
    # The same examples every time: a run that fails must fail again. Shrinking takes minutes here.
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


PREFERENCES: Final = Preferences(mandatory_company=False, default_category="Prospect")


@contextmanager
def kit_with(known: int) -> Iterator[Kit]:
    """One of the known CRMs, in a folder of its own that goes with the block.

    Every fourth is worked on by two threads, which come to its rows in another order each time.
    """
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv(THREADS, "1" if known % 4 else "2")
        kit = Kit(Path(folder), PREFERENCES)
        chosen = random.Random(known)
        held: list[Row] = [
            {target: chosen.choice(values) for target, values in CELLS.items()}
            for _ in range(chosen.randint(1, MOST_ROWS))
        ]
        kit.load(held)
        yield kit


def standing(kit: Kit) -> Standing:
    """The records of the CRM by entity and id."""
    with kit.reading() as db:
        return {
            entity: {record["id"]: record for record in records_of(db, entity)}
            for entity in ("company", "person")
        }


@relaxed
@given(known=known_crms, incoming=rows, chosen=any_settings, mapped=any_columns)
def test_an_import_writes_what_its_plan_shows_and_its_settings_say(
    known: int, incoming: list[Row], chosen: Settings, mapped: list[str]
) -> None:
    """Of any import: rows add up, the preview is the commit cell for cell, known records change only
    as the settings say, and ids are unique and point to records.
    """
    with kit_with(known) as kit:
        before, phones = standing(kit), _phones(kit)

        with in_memory() as db:
            stage(db, mapped, incoming, ())
            plan = planned_in(db, kit, chosen, mapped)
            counted = balance(db, plan.entities)
            planned = {entity.id: _outcomes(db, entity.id) for entity in plan.entities}
            details = {
                row_no: preview.row_detail(db, plan, row_no)
                for row_no in range(2, 2 + len(incoming), 2)
            }
            with db.attached(kit.path, "crm", read_only=False):
                commit(db, plan, _header(len(incoming)), progress=silent)

        assert all(item.balances for item in counted)
        assert all(detail for detail in details.values())
        after = standing(kit)
        stands_as_planned(kit, planned, before, after)
        changed_as_said(chosen, mapped, before, after)
        if chosen.phones is ChildAction.KEEP:
            known_ids = {(entity, found) for entity, records in before.items() for found in records}
            assert {phone for phone in _phones(kit) if phone[:2] in known_ids} == phones
        points_to_records(kit)


def planned_in(db: Database, kit: Kit, chosen: Settings, mapped: Sequence[str] = ALL) -> Plan:
    """Plan what was staged, with these of its columns."""
    with db.attached(kit.path, "crm", read_only=True):
        return make_plan(
            db,
            mapping=mapping_of(mapped),
            settings=chosen,
            schema=crm.load_schema(db),
            preferences=crm.load_preferences(db),
            progress=silent,
        )


def stands_as_planned(kit: Kit, planned: Standing, before: Standing, after: Standing) -> None:
    """Check that records are what the plan says, and that no other changed."""
    addresses = _addresses(kit)
    for entity, outcomes in planned.items():
        for record_id, outcome in outcomes.items():
            for column, value in outcome.items():
                slot, _, field = column.partition(".")
                if field:
                    assert addresses.get((entity, record_id, slot), {}).get(field) == value
                else:
                    assert after[entity][record_id][column] == value
        for record_id, record in before[entity].items():
            if record_id not in outcomes:
                assert after[entity][record_id] == record


def changed_as_said(
    chosen: Settings, mapped: Sequence[str], before: Standing, after: Standing
) -> None:
    """Check that Skip and Add changed nothing, Merge no filled cell, and no action an unmapped field."""
    defaulted = {"name", "category", "country"}  # a company has these in every plan
    for entity, found in (("company", COMPANY), ("person", PERSON)):
        action = chosen.rule(found).action
        for record_id, record in before[entity].items():
            for field, value in record.items():
                target = f"{entity}.{field}"
                if (
                    action in (Action.SKIP, Action.ADD)
                    or (field != "company_id" and target not in mapped and field not in defaulted)
                    or (
                        action is Action.MERGE
                        and value is not None
                        and chosen.write(target) is not Write.ALWAYS
                    )
                ):
                    assert after[entity][record_id][field] == value


def points_to_records(kit: Kit) -> None:
    """Check what the missing keys of the tables would guard: unique ids, parents that exist."""
    with kit.reading() as db:
        for table in (
            "company",
            "person",
            "address",
            "phone",
            "email",
            "link",
            "interest",
            "consent",
            "list_item",
        ):
            twice = sql(
                "select id from {t} group by id having count(*) > 1 order by id",
                t=name("crm", table),
            )
            assert [] == db.rows(twice)
        lost = sql(
            "select id from crm.person where company_id is not null"
            " and company_id not in (select id from crm.company) order by id"
        )
        assert [] == db.rows(lost)
        crowded = sql(
            "select company_id, slot from crm.address where company_id is not null"
            " group by all having count(*) > 1 order by all"
        )
        assert [] == db.rows(crowded)


# In every example: Add has a new record each time, as it says.
without_add = settings(relaxed, max_examples=18)


@without_add
@given(known=known_crms, incoming=rows, chosen=settings_without_add)
def test_the_same_file_again_changes_nothing(
    known: int, incoming: list[Row], chosen: Settings
) -> None:
    """Under Merge, Replace and Skip a second import adds and changes nothing.

    Rows whose match cell is empty are new each time, as the rules say, so every row has one here.
    Rows apart are left out too: a nameless row finds the company that its neighbour made before.
    """
    with kit_with(known) as kit:
        filled = [
            {
                **row,
                "company.number": row["company.number"] or str(10 + n),
                "person.number": str(100 + n),
            }
            for n, row in enumerate(incoming)
        ]
        chosen = chosen.with_rule(COMPANY, match_key="number").with_rule(PERSON, match_key="number")
        chosen = chosen.model_copy(update={"rows_apart": False})
        kit.load(filled, chosen)
        records = standing(kit)

        again = kit.load(filled, chosen)

        for entity in ("company", "person"):
            assert set(again.counts(entity)) <= {"unchanged", "skipped", "held_back", "problem"}
        assert records == standing(kit)


# Each of these makes four plans.
fewer = settings(relaxed, max_examples=14)

# --- decisions ---------------------------------------------------------------------------------

MULTIPLE = ("company.phone", "person.email", "person.mobile")

row_numbers = st.integers(min_value=2, max_value=1 + MOST_ROWS)
entities = st.sampled_from(["company", "person"])
cells_by_hand = st.sampled_from(list(CELLS)).flatmap(
    lambda target: st.tuples(
        st.just("cell"),
        st.just(target.split(".")[0]),
        row_numbers,
        st.just(target),
        st.lists(st.sampled_from(CELLS[target]), min_size=1, max_size=2).map(
            lambda texts: "; ".join(texts) if target in MULTIPLE else texts[0]
        ),
    )
)
settled = st.one_of(
    st.tuples(st.just("leave_out"), st.just(""), row_numbers, st.just(""), st.just("")),
    st.tuples(
        st.just("action"),
        entities,
        row_numbers,
        st.just(""),
        st.sampled_from([Action.MERGE, Action.REPLACE, Action.SKIP]),
    ),
    cells_by_hand,
)
any_decision = st.one_of(
    settled,
    st.tuples(st.just("action"), entities, row_numbers, st.just(""), st.just(Action.ADD)),
    st.tuples(st.just("new"), entities, row_numbers, st.just(""), st.just("")),
    st.tuples(st.just("match"), entities, row_numbers, st.just(""), st.sampled_from("1234")),
)


def decide(db: Database, kit: Kit, decided: list[tuple[str, str, int, str, str]]) -> None:
    """Decide as the session does; what it would refuse is left out."""
    with db.attached(kit.path, "crm", read_only=True):
        for kind, entity, row_no, target, value in decided:
            if kind == "leave_out":
                db.run(
                    sql(
                        "insert into left_out select row_no from staged where row_no = {n}",
                        n=row_no,
                    )
                )
                continue
            record_id, text = None, value
            with contextlib.suppress(SettingsError):
                if kind == "match":
                    decisions.check_record(db, SCHEMA.entity(entity), int(value), None)
                    record_id, text = sql("{id}", id=int(value)), ""
                if kind == "cell":
                    text = decisions.check_cell(db, SCHEMA.target(target), value)
                decisions.decide(
                    db,
                    entity,
                    sql("select {n} as row_no", n=row_no),
                    decisions.Kind(kind),
                    target=target,
                    value=text,
                    record_id=record_id,
                )


@fewer
@given(
    known=known_crms,
    incoming=rows,
    chosen=any_settings,
    decided=st.lists(any_decision, min_size=1, max_size=6),
)
def test_decisions_are_previewed_committed_and_undone_like_everything_else(
    known: int,
    incoming: list[Row],
    chosen: Settings,
    decided: list[tuple[str, str, int, str, str]],
) -> None:
    """Preview is commit and rows add up; without its decisions the plan is as if there were none."""
    with kit_with(known) as kit:
        before = standing(kit)

        with in_memory() as db:
            stage(db, ALL, incoming, ())
            without = _whole_plan(db, planned_in(db, kit, chosen))
            decide(db, kit, decided)
            planned_in(db, kit, chosen)
            for entity in ("company", "person"):
                decisions.undo(db, entity, sql("select row_no from staged"))
            db.run(sql("delete from decision where row_no not in (select row_no from staged)"))
            db.run(sql("delete from left_out"))
            assert without == _whole_plan(db, planned_in(db, kit, chosen))

            decide(db, kit, decided)
            plan = planned_in(db, kit, chosen)
            counted = balance(db, plan.entities)
            planned = {entity.id: _outcomes(db, entity.id) for entity in plan.entities}
            expected = _planned_children(db, kit, plan)
            with db.attached(kit.path, "crm", read_only=False):
                commit(db, plan, _header(len(incoming)), progress=silent)

        assert all(item.balances for item in counted)
        stands_as_planned(kit, planned, before, standing(kit))
        assert expected == _children(kit)


@settings(without_add, max_examples=10)
@given(
    known=known_crms,
    incoming=rows,
    chosen=settings_without_add,
    decided=st.lists(settled, max_size=6),
)
def test_the_same_file_with_the_same_decisions_again_changes_nothing(
    known: int,
    incoming: list[Row],
    chosen: Settings,
    decided: list[tuple[str, str, int, str, str]],
) -> None:
    """But for those that add: "add always" and "none of these" do so each time, as they say.

    A match key that was set by hand is another record's the next time, so none is here.
    """
    with kit_with(known) as kit:
        filled = [
            {**row, "company.number": str(10 + n), "person.number": str(100 + n)}
            for n, row in enumerate(incoming)
        ]
        chosen = chosen.with_rule(COMPANY, match_key="number").with_rule(PERSON, match_key="number")
        decided = [found for found in decided if not found[3].endswith(".number")]

        written = []
        for _ in range(2):
            with in_memory() as db:
                stage(db, ALL, filled, ())
                decide(db, kit, decided)
                plan = planned_in(db, kit, chosen)
                statuses = {
                    item.entity: {s.value for s, count in item.records.items() if count}
                    for item in balance(db, plan.entities)
                }
                with db.attached(kit.path, "crm", read_only=False):
                    commit(db, plan, _header(len(filled)), progress=silent)
            written.append((standing(kit), _children(kit)))

        assert written[0] == written[1]
        for found in statuses.values():
            assert found <= {"unchanged", "skipped", "held_back", "problem"}


def _whole_plan(db: Database, plan: Plan) -> dict[str, list[tuple[Any, ...]]]:
    """What a plan says about every record and row."""
    tables = ["plan_row", "issue", "new_item"]
    for entity in plan.entities:
        tables += [f"{entity.id}_{kind}" for kind in ("record", "before", "incoming", "after")]
        for child in children(plan.matchers[entity.id]):
            tables += [f"{entity.id}_{child.id}_{kind}" for kind in ("after", "removed")]
    return {t: db.rows(sql("select * from {t} order by all", t=name(t))) for t in tables}


Alive = set[tuple[str, str, int, str, str]]


def _planned_children(db: Database, kit: Kit, plan: Plan) -> Alive:
    """Child, owner, its id, slot and value of all phones and the like after the import."""
    expected = _children(kit)
    for entity in plan.entities:
        for child in children(plan.matchers[entity.id]):
            after, removed, before = (
                name(f"{entity.id}_{child.id}_{kind}") for kind in ("after", "removed", "before")
            )
            gone = db.rows(
                sql(
                    "select record.id, before.slot, before.value from {removed} as removed"
                    " join {before} as before using (id)"
                    " join {record} as record on record.record_no = removed.record_no order by all",
                    removed=removed,
                    before=before,
                    record=name(f"{entity.id}_record"),
                )
            )
            added = db.rows(
                sql("select owner_id, slot, value from {after} order by all", after=after)
            )
            expected -= {(child.id, entity.id, *found) for found in gone}
            expected |= {(child.id, entity.id, *found) for found in added}
    return expected


def _children(kit: Kit) -> Alive:
    found: Alive = set()
    with kit.reading() as db:
        for child in ("phone", "email"):
            for owner in ("company", "person"):
                rows = db.rows(
                    sql(
                        "select {child}, {owner}, {id}, slot, value from {t}"
                        " where {id} is not null and deleted_at is null order by all",
                        child=child,
                        owner=owner,
                        id=name(f"{owner}_id"),
                        t=name("crm", child),
                    )
                )
                assert len(rows) == len(set(rows)), "the same value twice"
                found |= set(rows)
    return found


def _phones(kit: Kit) -> set[tuple[Any, ...]]:
    """Entity, owner's id, slot and value of every phone."""
    return {phone[1:] for phone in _children(kit) if phone[0] == "phone"}


def _outcomes(db: Database, entity: str) -> dict[int, dict[str, Any]]:
    """Record id -> its cells after the import, for new and changed records."""
    found = db.records(sql("select * exclude (record_no) from {t}", t=name(f"{entity}_after")))
    return {record.pop("id"): record for record in found}


def _addresses(kit: Kit) -> dict[tuple[str, int, str], dict[str, Any]]:
    """Entity, owner's id and slot -> the address."""
    found = {}
    with kit.reading() as db:
        for child in SCHEMA.children:
            if child.form is None:
                query = crm.record_sql(child, child.fields)
                for record in db.records(sql("select * from ({q}) order by id", q=query)):
                    for entity in ("company", "person"):
                        if (owner := record.get(f"{entity}_id")) is not None:
                            found[entity, owner, record["slot"]] = record
    return found
