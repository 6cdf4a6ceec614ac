"""The rules of the project that no type checker knows: versions in step, layers, clean notebooks."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGE: Final = ROOT / "crmkit"
NOTEBOOKS: Final = sorted((ROOT / "notebooks").glob("*.ipynb"))

# A module, or a folder of modules, imports only from those above it.
LAYERS: Final = (
    "errors",
    "keychain",
    "processes",
    "limits",
    "sql",
    "database",
    "progress",
    "entities",
    "transforms",
    "crm",
    "price_lists",
    "workbook_child",
    "sources",
    "accounts",
    "erp_sheets",
    "staging",
    "expressions",
    "company_numbers",
    "mojibake",
    "steps",
    "mapping",
    "headers",
    "contents",
    "signatures",
    "remembered",
    "suggestions",
    "settings",
    "offered_steps",
    "cleaning",
    "incoming",
    "lists",
    "matching",
    "decisions",
    "records",
    "plan",
    "consequences",
    "preview",
    "backup",
    "batches",
    "commit",
    "undo",
    "deletion",
    "forget",
    "restore",
    "leftovers",
    "workbooks",
    "template",
    "held_back",
    "selections",
    "history",
    "private",
    "meanwhile",
    "plain_yaml",
    "erp",
    "descriptions",
    "keyed",
    "drift",
    "traces",
    "import_state",
    "session",
    "workspace",
    "generator",
    "sample_files",
    "samples",
    "mapping_score",
    "benchmark",
    "ui",
    "jobs",
    "users",
    "visitors",
    "team",
    "serve",
    "cli",
)

PLATFORMS: Final = {
    "Linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "Windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
    "macOS": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements() -> list[Requirement]:
    listed = project()["dependencies"] + project()["optional-dependencies"]["dev"]
    return [Requirement(text) for text in listed]


def pinned_lines() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def pins() -> dict[str, str]:
    return dict(line.split("==") for line in pinned_lines())


def closure(platform: dict[str, str]) -> set[str]:
    """Everything that is installed for the project, found through what is installed here."""
    seen: set[tuple[str, str]] = set()
    waiting = requirements()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras} - {known for of, known in seen if of == name}:
            seen.add((name, extra))
            waiting.extend(needs(name, {**default_environment(), **platform, "extra": extra}))
    return {name for name, _ in seen}


def needs(name: str, environment: dict[str, str]) -> Iterator[Requirement]:
    try:
        listed = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        # Of another platform: it is pinned, but what it needs in turn cannot be seen from here.
        return
    for requirement in map(Requirement, listed):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            yield requirement


@cache
def modules() -> list[tuple[str, ast.Module]]:
    """The package's modules: dotted name below `crmkit`, and code."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found.append((name, ast.parse(path.read_text(encoding="utf-8"), str(path))))
    return found


def imported(code: ast.Module) -> Iterator[tuple[str, int]]:
    """The modules below `crmkit` that a module imports, and the line where it does.

    Not those that only a type checker sees: a session names the type of its workspace.
    """
    for_types = {
        statement
        for block in code.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
    }
    for node in ast.walk(code):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "crmkit":
            names = [f"crmkit.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        else:
            continue
        for name in names:
            if name.startswith("crmkit."):
                yield name.removeprefix("crmkit."), node.lineno


def calls(code: ast.Module, function: str) -> Iterator[ast.Call]:
    for node in ast.walk(code):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name == function:
            yield node


def test_pins_are_names_and_versions_in_order():
    lines = pinned_lines()

    assert [] == [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)]
    assert sorted(set(lines)) == lines


def test_pins_are_all_that_is_installed_and_no_more():
    """Nothing that is installed floats, and nothing is pinned that nobody needs."""
    expected = set().union(*(closure(platform) for platform in PLATFORMS.values()))

    assert expected == set(pins())


def test_pins_are_within_the_declared_ranges():
    versions = pins()
    outside = [
        str(requirement)
        for requirement in requirements()
        if not requirement.specifier.contains(versions[canonicalize_name(requirement.name)])
    ]

    assert [] == outside


def test_conda_installs_the_same_set():
    """Conda brings Python, and pip in it what the other way of installing brings."""
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
    items = [line.strip().removeprefix("- ") for line in lines if line.strip().startswith("- ")]

    python = next(item for item in items if item.startswith("python="))
    assert Requirement(f"python{project()['requires-python']}").specifier.contains(
        python.removeprefix("python=")
    )
    assert [
        "conda-forge",
        python,
        "pip",
        "pip:",
        "--constraint constraints.txt",
        "--editable .",
    ] == items


@pytest.mark.skipif(shutil.which("make") is None, reason="NO MAKE: Windows does without it")
@pytest.mark.parametrize(
    ("target", "what"), [("app", "-e ."), ("lab", "-e ."), ("test", '-e ".[dev]"')]
)
def test_who_only_starts_crmkit_installs_nothing_of_the_tests(target: str, what: str):
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    installed = [line for line in done.stdout.splitlines() if "pip install" in line]
    assert [True] == [line.endswith(f"constraints.txt {what}") for line in installed]


def test_version_is_the_same_everywhere():
    code = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert f'__version__ = "{project()["version"]}"' in code
    assert f"## {project()['version']}" in changelog


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_stored_without_outputs(path: Path):
    """An output may hold a customer's data."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code_cells = [cell for cell in cells if cell["cell_type"] == "code"]

    assert [] == [cell["id"] for cell in code_cells if cell["outputs"] or cell["execution_count"]]


def test_every_module_has_its_place():
    assert set(LAYERS) == {name.split(".")[0] for name, _ in modules() if name}


def test_modules_import_only_from_above():
    wrong = [
        f"{name}:{line} imports {target}"
        for name, code in modules()
        for target, line in imported(code)
        if name
        and target.split(".")[0] != name.split(".")[0]
        and LAYERS.index(target.split(".")[0]) >= LAYERS.index(name.split(".")[0])
    ]

    assert [] == wrong


def test_only_the_database_module_knows_duckdb():
    users = [
        name
        for name, code in modules()
        for node in ast.walk(code)
        if (isinstance(node, ast.Import) and any(a.name == "duckdb" for a in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("duckdb"))
    ]

    assert ["database"] == users


def test_the_door_opens_without_what_few_imports_need():
    """What is slow to import waits until it is used: commands and dashboards start sooner."""
    slow = {
        *("google", "keyring", "msal", "numpy", "openpyxl"),
        *("pandas", "requests", "sqlalchemy", "sqlglot"),
    }
    code = f"import sys, crmkit.cli; print(*sorted({slow} & sys.modules.keys()))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert [] == done.stdout.split()


def test_children_of_the_tests_keep_what_they_compile():
    code = "import sys; print(sys.dont_write_bytecode)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False" == done.stdout.strip()


def test_sql_is_written_out():
    """The first argument of `sql(...)` is a literal: no text from outside can become SQL."""
    wrong = [
        f"{name}:{call.lineno}"
        for name, code in modules()
        for call in calls(code, "sql")
        if not (
            call.args
            and isinstance(call.args[0], ast.Constant)
            and isinstance(call.args[0].value, str)
        )
    ]

    assert [] == wrong


def test_screens_ask_nobody_on_the_internet():
    """No page, style or script of ours names another server."""
    names = re.compile(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", re.IGNORECASE)
    # What SVG is called; nothing is asked of it.
    harmless = "http://www.w3.org/"
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((PACKAGE / "ui").rglob("*"))
        if path.suffix in {".js", ".css", ".j2", ".json", ".html"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if names.search(line.replace(harmless, ""))
    ]

    assert [] == found
