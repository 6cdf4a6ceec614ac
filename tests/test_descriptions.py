"""Import descriptions: saved, read, applied to next month's file, and refused with a line when broken."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit import descriptions, steps
from crmkit.descriptions import Description
from crmkit.entities import COMPANY, PERSON
from crmkit.errors import DescriptionError, MappingError
from crmkit.session import ImportSession
from crmkit.settings import (
    Action,
    ChildAction,
    FieldRule,
    NumberFormat,
    Settings,
    UnknownItem,
    Write,
)
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace

HEADERS = ["Company", "Nr", "City", "Class", "First name", "Last name", "value", "c2"]
ROWS = [
    ["Acme AS", "1001", "Oslo", "Gold", "Ann", "Hansen", "x", "y"],
    ["Beta BV", "1002", "Utrecht", "Silver", "Bo", "Berg", "x", "z"],
]


def write(path: Path, rows: list[list[str]], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def loaded(workspace: Workspace, path: Path) -> ImportSession:
    session = workspace.new_import()
    session.load(path)
    return session


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return new_workspace(tmp_path_factory.mktemp("descriptions") / "workspace")


@pytest.fixture(scope="module")
def session(workspace: Workspace) -> ImportSession:
    return loaded(workspace, write(workspace.path / "list.csv", [HEADERS, *ROWS]))


@pytest.fixture(scope="module")
def again(workspace: Workspace) -> ImportSession:
    """Another import of the same file, to which descriptions are applied."""
    return loaded(workspace, workspace.path / "list.csv")


# --- round trip -----------------------------------------------------------------------------

_TARGETS = ("company.name", "company.number", "person.first_name", "person.mobile", None)
_texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
_steps = st.one_of(
    st.just(steps.Trim()),
    st.builds(steps.Phone, country=st.sampled_from(["NO", "NL", ""])),
    st.builds(steps.Constant, text=_texts, where=st.sampled_from(["empty", "all"])),
    st.builds(steps.NullWords),
    st.sampled_from(
        [
            steps.Expression(text="upper(value) || ' c1 ' || \"City\""),
            steps.Expression(text="c3 || c5"),
            steps.Expression(text='"C3" || coalesce(c4, value)'),
        ]
    ),
)
_settings = st.builds(
    Settings,
    blanks_clear=st.booleans(),
    phones=st.sampled_from(ChildAction),
    number_format=st.sampled_from(NumberFormat),
    fields=st.dictionaries(
        st.sampled_from(["company.name", "person.title"]),
        st.builds(FieldRule, write=st.sampled_from([None, *Write]), blank_clears=st.booleans()),
    ),
).map(
    lambda made: made.with_rule(COMPANY, action=Action.SKIP).with_list(
        "country", unknown=UnknownItem.BLANK, values={"NO": "Norway"}
    )
)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    targets=st.lists(st.sampled_from(_TARGETS), min_size=8, max_size=8),
    cleaned=st.dictionaries(st.sampled_from(HEADERS[:6]), st.lists(_steps, max_size=3), max_size=3),
    made=st.lists(
        st.tuples(st.lists(st.sampled_from(HEADERS[:3]), min_size=1, max_size=3), _texts, _steps),
        max_size=3,
    ),
    dropped=st.booleans(),
    constants=st.dictionaries(st.just("person.position"), _texts),
    chosen=_settings,
)
def test_a_description_applied_is_the_same_description(
    session, again, targets, cleaned, made, dropped, constants, chosen
) -> None:
    """Description to session to description, through the file's text, loses and adds nothing."""
    mapping = session.suggest_mapping().model_copy(
        update={"made": (), "steps": {}, "constants": ()}
    )
    mapping = mapping.model_copy(update={"columns": mapping.columns[: len(HEADERS)]})
    for number, target in enumerate(targets, start=1):
        mapping = mapping.with_target(f"c{number}", target)
    session.mapping, session.settings = mapping, chosen
    for number, (parts, separator, step) in enumerate(made):
        session.make_column(f"Made {number}", parts, separator=separator, steps=[step])
    if dropped and made:
        session.remove_column("m1")
    for column, given_steps in cleaned.items():
        session.set_steps(column, given_steps)
    for target, value in constants.items():
        session.mapping = session.mapping.with_constant(target, value)

    first = session.save_description("Round trip", overwrite=True)
    drift = again.apply_description("Round trip")

    assert first.description == descriptions.read(first.path)
    assert not drift.needs_look
    assert first.description == again.describe("Round trip")[0]
    assert session.settings == again.settings
    assert [e.target for e in session.mapping.columns] == [e.target for e in again.mapping.columns]


# --- its file -------------------------------------------------------------------------------


def test_a_description_holds_no_cell_of_the_file(session: ImportSession) -> None:
    session.mapping = session.suggest_mapping()
    text = descriptions.as_yaml(session.describe("Shared")[0])

    assert "content:" in text
    assert not any(
        cell in text for row in ROWS for cell in row[:6] if cell not in ("Gold", "Silver")
    )


def test_names_are_found_in_any_case_and_paths_too(workspace: Workspace, session) -> None:
    saved = session.save_description("Every month", overwrite=True)

    assert "Every month" in [file.name for file in workspace.descriptions()]
    assert saved.description == workspace.description("every MONTH")
    assert saved.description == workspace.description(saved.path)
    with pytest.raises(DescriptionError, match="Every month"):
        workspace.description("Every year")


def test_a_description_is_not_overwritten_by_accident(session: ImportSession) -> None:
    session.save_description("Kept", overwrite=True)

    with pytest.raises(DescriptionError, match="There is a description of this name"):
        session.save_description("Kept")


@pytest.mark.parametrize(
    "name", ["", "../up", "a/b", "a\\b", ".hidden", "CON", "aux.x", "x" * 90, "a."]
)
def test_a_name_that_is_no_file_name_is_refused(session: ImportSession, name: str) -> None:
    with pytest.raises(DescriptionError, match="cannot have this name"):
        session.save_description(name)


def test_two_columns_of_one_header_cannot_be_described(workspace: Workspace) -> None:
    session = loaded(workspace, workspace.path / "list.csv")
    session.make_column("city", ["Company"])

    with pytest.raises(MappingError, match="two have the same"):
        session.describe()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["Line 1", "version: 1"]),
        ("- a\n", ["Line 1", "version: 1"]),
        ("columns: []\n", ["version: 1"]),
        ("version: 2\n", ["version 2", "Install a newer crmkit"]),
        ("version: one\n", ["Line 1", "version: 1"]),
        (
            "version: 1\ncolumns:\n- header: A\n  feild: company.name\n",
            ["Line 4", "“feild”", "header, field, steps, content"],
        ),
        ("version: 1\nsettings:\n  phone: add\n", ["Line 3", "“phone”", "phones"]),
        ("version: 1\nsettings:\n  phones: sometimes\n", ["Line 3", "phones", "'add'"]),
        ("version: 1\nsettings:\n  price_list: 3\n", ["Name the price list under price_list"]),
        ("version: 1\nsource:\n  header_row: two\n", ["Line 3", "header_row", "integer"]),
        (
            "version: 1\ncolumns:\n- header: A\n  steps:\n  - kind: trin\n",
            ["Line 5", "'trim'"],
        ),
        (
            "version: 1\ncolumns:\n- header: A\n  steps:\n  - kind: phone\n    land: NO\n",
            ["Line 6", "“land”", "country"],
        ),
        ("version: 1\ncolumns: A, B\n", ["Line 2", "columns"]),
        ("version: 1\ncolumns:\n- header: A\n- header: a\n", ["described twice"]),
        ("version: 1\nconstants:\n  company.name: [a]\n", ["Line 3", "string"]),
        ("version: 1\na: &x [1]\nb: *x\n", ["Line 2", "anchors"]),
    ],
)
def test_a_broken_description_tells_line_and_mend(
    tmp_path: Path, text: str, told: list[str]
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(DescriptionError) as error:
        descriptions.read(path)

    assert error.value.where == "broken.yaml"
    assert [] == [part for part in told if part not in str(error.value)], str(error.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(DescriptionError) as error:
        descriptions.from_yaml("version: 1\nx: 1\nsettings:\n  y: 2\n")

    assert "Line 2" in error.value.mend
    assert "Line 4" in error.value.mend


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"version: 1\nname: \xe6\n"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(content)

    with pytest.raises(DescriptionError, match="UTF-8"):
        descriptions.read(path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"#" * 2_000_001)

    with pytest.raises(DescriptionError, match="larger than"):
        descriptions.read(path)


def test_a_description_by_hand_needs_little() -> None:
    """Country codes and zip codes are texts without quotation marks."""
    made = descriptions.from_yaml(
        "version: 1\ncolumns:\n- header: 2026\n  field: company.name\n"
        "  steps:\n  - {kind: phone, country: NO}\n"
        "settings:\n  blanks_clear: yes\n  lists: {country: {values: {no: Norway}}}\n"
    )

    (column,) = made.columns
    assert column.header == "2026"
    assert column.steps == (steps.Phone(country="NO"),)
    assert made.settings.blanks_clear
    assert made.settings.list_rule("country").values == {"no": "Norway"}
    assert made == Description.model_validate(made.model_dump())


def test_persons_are_left_out_as_the_settings_say(session: ImportSession) -> None:
    session.settings = Settings().with_rule(PERSON, match_key="none")

    assert session.describe()[0].settings.rules["person"].match_key == "none"
