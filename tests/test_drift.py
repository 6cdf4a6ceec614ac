"""What has changed in next month's file is told before anything runs, and what fits is applied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from crmkit import descriptions
from crmkit.descriptions import DescribedColumn, DescribedPriceList, Description
from crmkit.drift import Drift, Kind
from crmkit.entities import COMPANY, LANGUAGES, Field
from crmkit.errors import SettingsError, SourceError
from crmkit.session import ImportSession
from crmkit.settings import Action, FieldRule, Rule, Settings, UnknownItem
from crmkit.steps import Expression, Pattern, Phone, Trim
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.test_descriptions import loaded, write

NAMES = ["Acme AS", "Beta BV", "Gamma AB", "Delta AS", "Epsilon GmbH", "Zeta ApS"]
CITIES = ["Oslo", "Utrecht", "Lund", "Bergen", "Bremen", "Odense"]


def rows(**changed: list[str]) -> dict[str, list[str]]:
    """Column -> cells of a list; a column that is given none is not in it."""
    usual = {
        "Company": NAMES,
        "Nr": [f"100{number}" for number in range(6)],
        "Town": CITIES,
        "Class": ["Gold"] * 6,
        "Remark": [""] * 5 + ["x"],
    }
    return {header: cells for header, cells in (usual | changed).items() if cells}


def table(path: Path, columns: dict[str, list[str]], delimiter: str = ",") -> Path:
    lines = [list(columns), *(list(cells) for cells in zip(*columns.values(), strict=True))]
    return write(path, lines, delimiter)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace")


@pytest.fixture(scope="module")
def monthly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with an import of the usual list, saved as “Monthly”; to be copied."""
    workspace = new_workspace(tmp_path_factory.mktemp("monthly") / "workspace")
    session = loaded(workspace, table(workspace.path / "usual.csv", rows()))
    mapping = session.mapping
    for column, target in {
        "c1": "company.name",
        "c2": "company.number",
        "c3": "company.postal.city",
        "c4": "company.category",
        "c5": None,
    }.items():
        mapping = mapping.with_target(column, target)
    session.mapping = mapping
    session.settings = Settings().with_rule(COMPANY, match_key="number", action=Action.REPLACE)
    session.save_description("Monthly")
    return workspace.path


@pytest.fixture
def saved(monthly: Path, workspace: Workspace) -> ImportSession:
    """That import, in a workspace of the test's own."""
    shutil.copytree(monthly, workspace.path, dirs_exist_ok=True)
    (waiting,) = workspace.unfinished()
    return workspace.open_import(waiting.id, take_over=True)


def applied(workspace: Workspace, columns: dict[str, list[str]]) -> tuple[ImportSession, Drift]:
    session = loaded(workspace, table(workspace.path / "next.csv", columns))
    return session, session.apply_description("Monthly")


def told(drift: Drift) -> list[tuple[str, tuple[str, ...]]]:
    return [(change.kind.value, change.names) for change in drift.changes]


def targets(session: ImportSession) -> dict[str, str | None]:
    headers = session.mapping.headers(session.staged)
    return {headers[entry.column]: entry.target for entry in session.mapping.columns}


def test_the_same_file_has_not_changed(workspace: Workspace, saved: ImportSession) -> None:
    session, drift = applied(workspace, rows())

    assert [] == told(drift)
    assert not drift.needs_look
    assert targets(saved) == targets(session)
    assert saved.settings == session.settings


def test_columns_in_another_order_are_the_same(workspace: Workspace, saved: ImportSession) -> None:
    session, drift = applied(workspace, dict(reversed(rows().items())))

    assert [] == told(drift)
    assert targets(saved) == targets(session)


def test_a_column_that_is_gone_is_told(workspace: Workspace, saved: ImportSession) -> None:
    session, drift = applied(workspace, rows(Town=[]))

    assert [("gone", ("Town",))] == told(drift)
    assert drift.needs_look
    assert drift.columns == 3
    assert session.preview().balance[0].balances


def test_a_column_that_was_left_out_may_go(workspace: Workspace, saved: ImportSession) -> None:
    _, drift = applied(workspace, rows(Remark=[]))

    assert [("note", ("Remark",))] == told(drift)
    assert not drift.needs_look


def test_a_new_column_is_left_out_and_told(workspace: Workspace, saved: ImportSession) -> None:
    session, drift = applied(workspace, rows(Phone=["22 33 44 55"] * 6))

    assert [("new", ("Phone",))] == told(drift)
    assert drift.needs_look
    assert targets(session)["Phone"] is None


def test_a_header_spelled_anew_is_the_same_column(
    workspace: Workspace, saved: ImportSession
) -> None:
    session, drift = applied(workspace, rows(Company=[], Compagny=["X"] * 6))

    assert [("renamed", ("Company", "Compagny"))] == told(drift)
    assert drift.needs_look
    assert targets(session)["Compagny"] == "company.name"


def test_a_column_is_known_by_its_cells(workspace: Workspace, saved: ImportSession) -> None:
    """Five of six cities are the same, in another order and another case."""
    cities = ["moss", *CITIES[:0:-1]]
    session, drift = applied(workspace, rows(Town=[], Where=cities))

    assert [("renamed", ("Town", "Where"))] == told(drift)
    assert targets(session)["Where"] == "company.postal.city"


def test_cells_count_more_than_spelling(workspace: Workspace, saved: ImportSession) -> None:
    _, drift = applied(workspace, rows(Town=[], Towns=["a"] * 6, Where=CITIES))

    assert [("renamed", ("Town", "Where")), ("new", ("Towns",))] == told(drift)


def test_columns_with_few_different_cells_are_not_known_by_them(
    workspace: Workspace, saved: ImportSession
) -> None:
    _, drift = applied(workspace, rows(Class=[], Tier=["Gold"] * 6))

    assert [("gone", ("Class",)), ("new", ("Tier",))] == told(drift)


def test_numbered_columns_are_not_each_other(workspace: Workspace) -> None:
    columns = rows() | {"Phone 1": ["22 33 44 55"] * 6}
    session = loaded(workspace, table(workspace.path / "usual.csv", columns))
    session.mapping = session.mapping.with_target("c6", "company.phone")
    session.save_description("Monthly")

    _, drift = applied(workspace, rows() | {"Phone 2": ["99 88 77 66"] * 6})

    assert ("gone", ("Phone 1",)) in told(drift)
    assert ("new", ("Phone 2",)) in told(drift)


def test_new_values_of_a_list_are_told(workspace: Workspace, saved: ImportSession) -> None:
    """Gold was there when the description was saved; Platinum was not."""
    _, drift = applied(workspace, rows(Class=["Gold"] * 4 + ["Platinum", "platinum"]))

    (change,) = drift.changes
    assert (Kind.NEW_VALUES, ("Platinum",)) == (change.kind, change.names)
    assert "would be added" in change.text


def test_a_value_that_was_mapped_is_not_new(workspace: Workspace, saved: ImportSession) -> None:
    saved.preview()
    saved.commit(back_up=False)
    again, _ = applied(workspace, rows())
    again.settings = again.settings.with_list(
        "category", unknown=UnknownItem.BLANK, values={"Platinum": "Gold"}
    )
    again.save_description("Monthly", overwrite=True)

    _, drift = applied(workspace, rows(Class=["Platinum"] * 6))

    assert [] == told(drift)


def test_a_value_map_to_an_item_that_is_not_there_is_left_out(
    workspace: Workspace, saved: ImportSession
) -> None:
    saved.settings = saved.settings.with_list("category", values={"Silver": "Nobody"})
    saved.save_description("Monthly", overwrite=True)

    session, drift = applied(workspace, rows())

    assert [("unfit", ("Silver",))] == told(drift)
    assert {} == dict(session.settings.list_rule("category").values)


def test_steps_and_made_columns_follow_a_renamed_column(workspace: Workspace, saved) -> None:
    """Expressions go on naming it by the header that it had."""
    saved.set_steps("Nr", [Trim(), Expression(text="value || '-' || \"Town\"")])
    saved.make_column("Place", ["Town", "Nr"], separator="/")
    saved.save_description("Monthly", overwrite=True)

    session, drift = applied(workspace, rows(Town=[], Where=CITIES))

    assert [("renamed", ("Town", "Where"))] == told(drift)
    assert {t.after for t in session.try_steps("Nr")} == {
        f"100{number}-{city}" for number, city in enumerate(CITIES)
    }
    assert "Oslo/1000-Oslo" in {trial.after for trial in session.try_steps("Place")}


def test_a_column_that_cannot_be_cleaned_is_left_out(workspace: Workspace, saved) -> None:
    """Uncleaned it would be read wrongly."""
    saved.set_steps("Nr", [Expression(text='value || "Town"')])
    saved.make_column("Place", ["Town", "Nr"])
    saved.save_description("Monthly", overwrite=True)

    session, drift = applied(workspace, rows(Town=[]))

    assert [("gone", ("Town",)), ("unfit", ("Place",)), ("unfit", ("Nr",))] == told(drift)
    assert targets(session) == {
        "Company": "company.name",
        "Nr": None,
        "Class": "company.category",
        "Remark": None,
    }
    assert session.mapping.steps == {}


def test_an_expression_that_names_a_place_is_left_out(
    workspace: Workspace, saved: ImportSession
) -> None:
    """c3 is another column in another file; crmkit writes headers, but a person may write this."""
    path = workspace.description_folder / "Monthly.yaml"
    text = path.read_text(encoding="utf-8")
    edited = text.replace(
        "  field: company.number\n",
        "  field: company.number\n  steps:\n  - {kind: expression, text: value || c3}\n",
    )
    path.write_text(edited, encoding="utf-8")

    session, drift = applied(workspace, rows())

    assert [("unfit", ("Nr",))] == told(drift)
    assert "by its place" in drift.sentences[0]
    assert targets(session)["Nr"] is None


def test_fields_and_settings_that_are_not_here_are_told(
    tmp_path: Path, workspace: Workspace, saved: ImportSession
) -> None:
    """A description of a workspace with fields of its own, in another workspace."""
    labels = dict.fromkeys(LANGUAGES, "Region")
    workspace.add_custom_field(COMPANY, Field("region", labels=labels))
    saved.mapping = saved.mapping.with_target("c3", "company.region").with_constant(
        "company.region", "North"
    )
    saved.settings = saved.settings.with_field("company.region", FieldRule(blank_clears=True))
    path = saved.save_description("Monthly", overwrite=True).path
    other = loaded(new_workspace(tmp_path / "other"), saved.source_path)

    drift = other.apply_description(path)

    assert [("unfit", ("company.region",))] * 3 == [t for t in told(drift) if t[0] == "unfit"]
    assert {} == dict(other.settings.fields)
    assert () == other.mapping.constants
    assert other.preview().balance[0].balances


def test_rules_for_what_does_not_exist_are_told(workspace: Workspace, saved) -> None:
    description = saved.describe("Monthly")[0]
    chosen = description.settings.model_copy(update={"rules": {"ship": Rule()}})
    path = workspace.path / "ships.yaml"
    descriptions.write(description.model_copy(update={"settings": chosen}), path)

    drift = saved.apply_description(path)

    assert [("unfit", ("ship",))] == told(drift)


# --- how the file is read -------------------------------------------------------------------


def test_the_file_is_read_as_the_user_said(workspace: Workspace) -> None:
    """A list with a delimiter that would not be found, and a title above its headers."""
    columns = {"Company;City": ["Acme;Oslo", "Beta;Lund"], "Nr": ["1", "2"]}
    session = workspace.new_import()
    session.load(table(workspace.path / "a.csv", columns, "|"), delimiter="|", header_row=1)
    session.mapping = session.mapping.with_target("c1", "company.name")
    session.save_description("Pipes")
    again = loaded(workspace, workspace.path / "a.csv")

    drift = again.apply_description("Pipes")

    assert again.staged.delimiter == "|"
    assert drift.columns >= 1
    assert [c.header for c in again.staged.columns] == ["Company;City", "Nr"]


def test_what_the_user_did_not_say_is_found_anew(workspace: Workspace, saved) -> None:
    session = loaded(workspace, table(workspace.path / "next.csv", rows(), ";"))

    drift = session.apply_description("Monthly")

    assert [] == told(drift)
    assert session.staged.delimiter == ";"


def test_a_sheet_that_is_gone_is_told_and_nothing_changes(workspace: Workspace, saved) -> None:
    description = saved.describe("Sheet")[0]
    source = description.source.model_copy(update={"sheet": "Customers"})
    path = workspace.path / "sheet.yaml"
    descriptions.write(description.model_copy(update={"source": source}), path)
    session = loaded(workspace, saved.source_path)
    before = session.mapping

    with pytest.raises(SourceError, match="no such sheet"):
        session.apply_description(path)

    assert before == session.mapping


# --- price lists ----------------------------------------------------------------------------


def test_a_price_list_is_found_by_its_name(tmp_path: Path, workspace: Workspace) -> None:
    """It has another number in another workspace."""
    path = write(tmp_path / "p.csv", [["Name", "Code", "Price"], ["Nut", "N1", "1,50"]])
    session = workspace.new_import()
    session.price_list = workspace.add_price_list(name="Standard", currency="NOK")
    session.load(path)
    saved = session.save_description("Products").path
    other = new_workspace(tmp_path / "other")
    other.add_price_list(name="First", currency="EUR")
    wanted = other.add_price_list(name="standard", currency="NOK")
    again = loaded(other, path)

    drift = again.apply_description(saved)

    assert [] == told(drift)
    assert "product" == again.subject
    assert wanted == again.price_list


@pytest.mark.parametrize("currency", ["EUR", ""], ids=["other currency", "none"])
def test_a_price_list_that_is_not_there_is_never_guessed(
    tmp_path: Path, workspace: Workspace, currency: str
) -> None:
    if currency:
        workspace.add_price_list(name="Standard", currency=currency)
    description = Description(
        version=1,
        name="Products",
        subject="product",
        columns=(
            DescribedColumn(header="Name", field="product.name"),
            DescribedColumn(header="Code", field="product.code"),
        ),
        price_list=DescribedPriceList(name="Standard", currency="NOK"),
    )
    path = workspace.path / "products.yaml"
    descriptions.write(description, path)
    session = loaded(workspace, write(tmp_path / "p.csv", [["Name", "Code"], ["Nut", "N1"]]))

    drift = session.apply_description(path)

    assert [("unfit", ("Standard (NOK)",))] == told(drift)
    with pytest.raises(SettingsError, match="price list"):
        session.preview()


def test_steps_of_a_step_kind_survive(workspace: Workspace, saved: ImportSession) -> None:
    saved.set_steps("Nr", [Phone(country="NO")])
    saved.save_description("Monthly", overwrite=True)

    session, _ = applied(workspace, rows())

    assert session.mapping.steps == {"c2": (Phone(country="NO"),)}


def test_decisions_follow_their_record_by_its_cleaned_key(
    workspace: Workspace, saved: ImportSession
) -> None:
    """With and without a preview."""
    saved.set_steps("Nr", [Trim(), Pattern(pattern="[0-9]+$")])
    saved.preview()
    saved.decide_action("company", [5], Action.SKIP)
    saved.save_description("Monthly", overwrite=True)

    session, drift = applied(workspace, rows(Nr=["7-1003", *(f"8-{n}" for n in range(5))]))
    session.save_description("Again")

    assert 1 == drift.decisions
    assert [{"company.number": "1003"}] == [d.key for d in workspace.description("Again").decisions]
    assert ["Row 2: Skip - do not import."] == [decision.label for decision in session.decisions()]
