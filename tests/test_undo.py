"""Undo of imports, deletes and undos: what comes back, what is removed, and what is kept."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as run_settings

from crmkit import crm, price_lists
from crmkit.batches import BatchHeader, BatchKind
from crmkit.crm import Preferences
from crmkit.database import in_memory
from crmkit.entities import COMPANY, PERSON, PRODUCT
from crmkit.errors import SettingsError, StalePlanError
from crmkit.settings import Action, ChildAction, Settings
from crmkit.sql import sql
from crmkit.undo import KeptReason, UndoPreview, check_revision, preview_undo, undo
from tests.crm_kit import Kit, Row, silent
from tests.test_properties import any_settings, kit_with, known_crms, rows

REPLACE = (
    Settings().with_rule(COMPANY, action=Action.REPLACE).with_rule(PERSON, action=Action.REPLACE)
)


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path, Preferences(mandatory_company=False, country=""))


def look(kit: Kit, batch: int) -> UndoPreview:
    with in_memory() as db, db.attached(kit.path, "crm", read_only=True):
        return preview_undo(db, crm.load_schema(db), batch)


def take_back(kit: Kit, batch: int) -> int:
    header = BatchHeader(
        committed_at=datetime(2026, 2, 3, 4, 5),
        committed_by="tester",
        source=f"undo of batch {batch}",
        kind=BatchKind.UNDO,
        undoes=batch,
    )
    with in_memory() as db, db.attached(kit.path, "crm", read_only=False):
        return undo(db, crm.load_schema(db), batch, header, progress=silent)


def visible(kit: Kit) -> dict[str, list[tuple[Any, ...]]]:
    """Everything a person can see of the CRM, with the ids."""
    with in_memory() as db, db.attached(kit.path, "crm", read_only=True):
        schema = crm.load_schema(db)
        found = {}
        for table in (*schema.entities, *schema.children):
            fields = table.stored if table in schema.entities else table.fields  # type: ignore[union-attr]
            query = crm.record_sql(table, fields)
            found[table.id] = db.rows(sql("select * from ({q}) order by id", q=query))
        return found


def kept(preview: UndoPreview) -> list[tuple[str, int, str, KeptReason]]:
    return [(k.entity, k.record_id, k.field, k.reason) for k in preview.kept]


def test_added_records_are_removed_with_what_belongs_to_them(kit: Kit) -> None:
    kit.load([{"company.name": "Acme", "company.phone": "23354000", "person.first_name": "Ann"}])

    preview = look(kit, 1)
    take_back(kit, 1)

    assert (preview.removed["company"], preview.removed["person"]) == (1, 1)
    assert [] == [row for table in visible(kit).values() for row in table]


def test_changed_cells_get_their_earlier_value(kit: Kit) -> None:
    kit.load([{"company.name": "Acme", "company.department": "IT", "company.postal.city": "Oslo"}])
    before = visible(kit)
    kit.load(
        [
            {
                "company.name": "Acme",
                "company.department": "Sales",
                "company.postal.city": "Bergen",
                "company.category": "Odd",
            }
        ],
        REPLACE,
    )

    preview = look(kit, 2)
    take_back(kit, 2)

    assert preview.cells == 3
    assert {entity for entity, count in preview.restored.items() if count} == {"company"}
    assert preview.kept == ()
    assert before == visible(kit)


def test_a_cell_that_was_changed_later_is_kept_and_listed(kit: Kit) -> None:
    kit.load([{"company.name": "Acme", "company.department": "IT"}])
    kit.load(
        [{"company.name": "Acme", "company.department": "Sales", "company.code": "A"}], REPLACE
    )
    kit.load([{"company.name": "Acme", "company.department": "Law"}], REPLACE)

    preview = look(kit, 2)
    take_back(kit, 2)

    assert kept(preview) == [("company", 1, "department", KeptReason.CELL_CHANGED)]
    (company,) = kit.records("company")
    assert (company["department"], company["code"]) == ("Law", None)


def test_a_record_that_was_changed_later_is_kept_and_listed(kit: Kit) -> None:
    kit.load([{"company.name": "Acme"}, {"company.name": "Beta"}])
    kit.load([{"company.name": "Acme", "company.code": "A"}])

    preview = look(kit, 1)
    take_back(kit, 1)

    assert kept(preview) == [("company", 1, "", KeptReason.CHANGED_LATER)]
    assert [r["name"] for r in kit.records("company")] == ["Acme"]


def test_a_company_that_got_other_persons_is_kept(kit: Kit) -> None:
    kit.load([{"company.name": "Acme", "person.first_name": "Ann"}])
    kit.load([{"company.name": "Acme", "person.first_name": "Bo"}])

    preview = look(kit, 1)
    take_back(kit, 1)

    assert kept(preview) == [("company", 1, "", KeptReason.HAS_RECORDS)]
    assert {entity for entity, count in preview.removed.items() if count} == {"person"}
    assert [r["first_name"] for r in kit.records("person")] == ["Bo"]


def test_a_later_batch_that_was_undone_does_not_count(kit: Kit) -> None:
    kit.load([{"company.name": "Acme"}])
    kit.load([{"company.name": "Acme", "company.code": "A", "company.phone": "23354000"}])
    take_back(kit, 2)

    assert look(kit, 1).kept == ()
    take_back(kit, 1)

    assert kit.records("company") == []


def test_an_undo_is_undone(kit: Kit) -> None:
    kit.load([{"company.name": "Acme", "company.department": "IT"}])
    rows = [
        {"company.name": "Acme", "company.department": "Sales", "company.postal.city": "Oslo"},
        {"company.name": "Beta", "company.department": "", "company.postal.city": "Bergen"},
    ]
    kit.load(rows, REPLACE)
    committed = visible(kit)

    take_back(kit, take_back(kit, 2))

    assert committed == visible(kit)


def test_a_batch_is_undone_once(kit: Kit) -> None:
    kit.load([{"company.name": "Acme"}])
    take_back(kit, 1)

    with pytest.raises(SettingsError) as raised:
        look(kit, 1)

    assert "Undo batch 2" in raised.value.mend


def test_a_batch_that_does_not_exist_is_refused(kit: Kit) -> None:
    with pytest.raises(SettingsError, match="no such batch"):
        look(kit, 7)


def test_an_undo_on_another_state_than_its_preview_is_refused(kit: Kit) -> None:
    kit.load([{"company.name": "Acme"}])
    seen = look(kit, 1).revision
    kit.load([{"company.name": "Beta"}])

    with (
        in_memory() as db,
        db.attached(kit.path, "crm", read_only=True),
        pytest.raises(StalePlanError),
    ):
        check_revision(db, seen)


def test_an_item_that_nothing_uses_leaves_its_list_and_can_be_added_again(kit: Kit) -> None:
    rows: list[Row] = [{"company.name": "Acme", "company.category": "Odd"}]
    items = "select name from crm.list_item where list = 'category' and not deleted order by name"
    kit.load(rows)
    back = take_back(kit, 1)
    assert kit.rows(items) == []

    kit.load(rows)
    assert kit.rows(items) == [("Odd",)]
    assert kit.records("company")[0]["category"] == "Odd"

    take_back(kit, back)
    assert [r["category"] for r in kit.records("company")] == ["Odd", "Odd"]


def test_an_item_that_others_use_stays(kit: Kit) -> None:
    kit.load([{"company.name": "Acme", "company.category": "Odd"}])
    kit.load([{"company.name": "Beta", "company.category": "odd"}])

    take_back(kit, 1)

    assert [r["category"] for r in kit.records("company")] == ["Odd"]
    assert kit.rows("select deleted from crm.list_item where list = 'category'") == [(False,)]


def test_what_an_undo_did_is_logged(kit: Kit) -> None:
    kit.load([{"company.name": "Acme"}])
    kit.load([{"company.name": "Acme", "company.code": "A"}, {"company.name": "Beta"}])

    batch = take_back(kit, 2)

    log = kit.rows(
        "select entity, record_id, field, before, after from crm.change"
        f" where batch_id = {batch} order by all"
    )
    assert log == [
        ("company", 1, "code", "A", None),
        ("company", 2, "deleted", "false", "true"),
    ]
    assert kit.rows("select kind, undoes from crm.batch order by id desc limit 1") == [("undo", 2)]


def test_a_phone_that_an_import_replaced_is_in_the_log(kit: Kit) -> None:
    kit.load([{"company.name": "Acme", "company.phone": "23354000"}])
    replace = Settings(phones=ChildAction.REPLACE)
    kit.load([{"company.name": "Acme", "company.phone": "23354001"}], replace)

    logged = kit.rows("select entity, record_id, field, before, after from crm.change")

    assert [("phone", 1, "deleted", "false", "true")] == logged
    take_back(kit, 2)
    left = kit.rows("select company_id, slot, value from crm.phone where deleted_at is null")
    assert [(1, "phone", "23354000")] == left


def test_selections_of_an_undo_hold_what_was_restored_and_kept(kit: Kit) -> None:
    kit.load([{"company.name": "Acme"}, {"company.name": "Beta"}])
    kit.load([{"company.name": "Acme", "company.code": "A"}])

    batch = take_back(kit, 1)

    members = kit.rows(
        "select kind, record_id from crm.selection as s join crm.selection_member as m"
        f" on m.selection_id = s.id where batch_id = {batch} order by all"
    )
    assert members == [("kept", 1)]


def test_products_are_taken_back_too(kit: Kit) -> None:
    with in_memory() as db, db.attached(kit.path, "crm", read_only=False):
        price_lists.add_price_list(
            db, name="Standard", currency="EUR", valid_from=None, valid_to=None
        )
    chosen = Settings(price_list=1).with_rule(PRODUCT, match_key="code", action=Action.REPLACE)
    desk: Row = {"product.name": "Desk", "product.code": "D", "product.list_price": "100"}
    kit.load([desk], chosen)
    before = visible(kit)
    kit.load(
        [{**desk, "product.list_price": "120.5"}, {**desk, "product.code": "E"}],
        chosen,
    )

    preview = look(kit, 2)
    take_back(kit, 2)

    assert (preview.removed["product"], preview.restored["product"]) == (1, 1)
    assert before == visible(kit)


@pytest.mark.slow
@pytest.mark.timeout(900)
@run_settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(known=known_crms, incoming=rows, chosen=any_settings)
def test_commit_then_undo_gives_the_crm_back_cell_for_cell(
    known: int, incoming: list[Row], chosen: Settings
) -> None:
    """And undoing the undo gives what the commit gave, and undoing that the CRM again."""
    with kit_with(known) as kit:
        before = visible(kit)
        kit.load(incoming, chosen)
        committed = visible(kit)

        assert look(kit, 2).kept == ()
        try:
            first = take_back(kit, 2)
        except SettingsError:
            # Only what changed nothing has nothing to take back.
            assert before == committed
            return
        assert before == visible(kit)
        second = take_back(kit, first)
        assert committed == visible(kit)
        take_back(kit, second)
        assert before == visible(kit)
