"""The source panel takes address books and says what it recognised."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from crmkit.crm import Preferences
from crmkit.samples import SAMPLES
from crmkit.ui.desk import Desk
from crmkit.ui.file_origin import FileOrigin
from crmkit.ui.source import SourcePanel
from tests.crm_kit import new_workspace


@pytest.fixture
def panel(tmp_path: Path) -> SourcePanel:
    workspace = new_workspace(tmp_path / "workspace", preferences=Preferences())
    folder = tmp_path / "lists"
    folder.mkdir()
    for sample in ("contacts.vcf", "outlook.csv"):
        shutil.copy(SAMPLES / sample, folder)
    with zipfile.ZipFile(folder / "takeout.zip", "w") as made:
        made.write(SAMPLES / "contacts.vcf", "All/All.vcf")
        made.write(SAMPLES / "google.csv", "My/My.csv")
    panel = SourcePanel(Desk(workspace, workspace.new_import(), folders=(folder,), strict=True))
    panel.show()
    return panel


def files(panel: SourcePanel) -> FileOrigin:
    return next(origin for origin in panel.origins if isinstance(origin, FileOrigin))


def opened(panel: SourcePanel, name: str) -> str:
    """Choose a file by its path; what the panel then says."""
    files(panel).files.value = name
    files(panel).open.click()
    assert panel.desk.wait(60)
    return str(panel._found.value)


def test_address_books_are_offered(panel: SourcePanel) -> None:
    offered = ["lists/contacts.vcf", "lists/outlook.csv", "lists/takeout.zip"]

    assert offered == list(files(panel).files.options)


def test_every_sample_is_offered(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "workspace")
    panel = SourcePanel(Desk(workspace, workspace.new_import(), folders=(SAMPLES,), strict=True))
    panel.show()

    offered = {Path(label).name for label in files(panel).files.options}

    assert offered == {path.name for path in SAMPLES.iterdir()} - {"README.md"}


def test_it_says_which_program_wrote_the_file(panel: SourcePanel) -> None:
    assert "Outlook contacts (German)" in opened(panel, "lists/outlook.csv")


def test_vcards_have_only_their_encoding_to_choose_and_their_broken_card_is_shown(
    panel: SourcePanel,
) -> None:
    said = opened(panel, "lists/contacts.vcf")

    assert "vCard contacts" in said
    assert "one row for each entry, 1 row set aside" in said
    assert "the file ends before the card does" in said
    assert "" == panel._encoding.layout.display
    assert "none" == panel._header.layout.display == panel._sheet.layout.display


def test_the_encoding_of_an_audit_file_can_be_chosen(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "workspace")
    desk = Desk(workspace, workspace.new_import(), folders=(SAMPLES,), strict=True)
    panel = SourcePanel(desk)
    panel.show()
    (name,) = [label for label in files(panel).files.options if "audit-file" in label]
    opened(panel, name)
    assert "" == panel._encoding.layout.display
    assert "Bjørkelund" in str(panel._found.value)

    panel._encoding.value = "cp1252"
    panel._again.click()
    assert panel.desk.wait(60)

    assert "BjÃ¸rkelund" in str(panel._found.value)
    assert "cp1252" == panel._encoding.value


def test_one_row_is_not_called_rows(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "one.csv").write_text("Company name,City\nAcme AS,Oslo\n")
    workspace = new_workspace(tmp_path / "workspace")
    folders = (tmp_path / "lists",)
    panel = SourcePanel(Desk(workspace, workspace.new_import(), folders=folders, strict=True))
    panel.show()

    assert "one.csv: 1 row, 2 columns (" in opened(panel, "lists/one.csv")


def test_another_list_of_a_zip_can_be_chosen(panel: SourcePanel) -> None:
    assert "vCard contacts" in opened(panel, "lists/takeout.zip")
    assert ("All/All.vcf", "My/My.csv") == tuple(value for _, value in panel._sheet.options)

    panel._sheet.value = "My/My.csv"
    panel._again.click()
    assert panel.desk.wait(60)

    assert "Google contacts" in str(panel._found.value)
    assert "" == panel._header.layout.display


def test_the_kind_of_source_is_asked_only_where_there_is_a_choice(panel: SourcePanel) -> None:
    offered = [label for label, _ in panel.origin.options]

    assert [origin.title for origin in panel.origins] == offered
    assert ("" if len(offered) > 1 else "none") == panel.origin.layout.display
    assert "" == files(panel).widget.layout.display
