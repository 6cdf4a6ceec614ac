"""A disk that is full or read-only: a message, and the CRM as it was. Needs a small disk of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crmkit import generator
from crmkit.erp.model import Actors, Request
from crmkit.erp.sample import make_sample_erp
from crmkit.errors import StorageError
from crmkit.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32m", "crmkit-test", str(folder)]
    if (
        sys.platform != "linux"
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("NO SMALL DISK: this test mounts one, which needs Linux and the superuser")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def import_file(workspace: Workspace, path: Path) -> None:
    session = workspace.new_import()
    session.load(path)
    session.preview()
    session.commit()


def test_a_full_disk_is_told_and_loses_nothing(small_disk: Path, tmp_path: Path) -> None:
    workspace = Workspace.create(small_disk / "workspace")
    people = tmp_path / "people.csv"
    generator.write_csv(generator.Recipe(rows=200), people)
    import_file(workspace, people)
    before = workspace.record_counts()
    large = tmp_path / "large.csv"
    generator.write_csv(generator.Recipe(rows=100_000, seed=2), large)

    with pytest.raises(StorageError) as raised:
        import_file(workspace, large)

    assert "disk" in raised.value.message
    assert raised.value.mend
    again = Workspace.open(workspace.path)
    assert before == again.record_counts()
    assert len(again.batches()) == 1


def test_a_read_only_disk_is_told(small_disk: Path) -> None:
    workspace = Workspace.create(small_disk / "workspace")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    again = Workspace.open(workspace.path)
    with pytest.raises(StorageError) as raised:
        again.new_import()

    assert "cannot be written" in raised.value.message
    assert (("Companies", 0), ("Persons", 0), ("Products", 0)) == again.record_counts()


def test_an_erp_that_has_more_than_the_disk_takes_is_told(small_disk: Path, tmp_path: Path) -> None:
    workspace = Workspace.create(small_disk / "workspace")
    workspace.erp.add("ERP", make_sample_erp(tmp_path / "erp.sqlite"))
    session = workspace.new_import()
    many = (
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 400000)"
        " select i, hex(zeroblob(50)) as name from n"
    )

    with pytest.raises(StorageError) as raised:
        session.load_erp(Request(connection="ERP", actors=Actors.SQL, sql=many))

    assert "disk" in raised.value.mend
    assert not session.has_source
    assert [] == list(session.upload_folder.iterdir())
