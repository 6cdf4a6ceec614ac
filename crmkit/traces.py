"""What is left of one person in the files beside the CRM, and its removal.

Imports lose the rows that are the person, by ID, e-mail address, phone number, or as the preview or
the user matched them; their file is written anew, because DuckDB keeps deleted rows in the old one.
Exports are searched as text and deleted whole; backups are named.
"""

from __future__ import annotations

import html
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from crmkit import descriptions, private, transforms
from crmkit.backup import backups
from crmkit.database import Database, opened_as
from crmkit.descriptions import Description
from crmkit.entities import PERSON, SCHEMA, Form
from crmkit.errors import DescriptionError, StorageError
from crmkit.forget import InCrm, Words, present
from crmkit.mapping import Mapping
from crmkit.sql import Query, join, name, sql

_TABLES: Final = ("staged", "staged_rejected", "left_out", "decision", "held_back")
"""What an import's file must keep; its preview is made anew."""

_BLOCK: Final = 4_000_000
_OVERLAP: Final = 1_000


@dataclass(frozen=True)
class InImport:
    """Rows of one import that are the person.

    Attributes:
        rows: How many; 0 where only the preview shows the person.
        uploads: The uploaded files it was read from, which go as a whole.
        owner, shared: Whose it is on a team's dashboard, and whether the others see it.
    """

    import_id: str
    source: str
    rows: int
    uploads: tuple[str, ...]
    owner: str
    shared: bool


@dataclass(frozen=True)
class Traces:
    """Where a person is beside the CRM.

    Attributes:
        exports, descriptions, backups: Names of files that hold the person, or may.
        outside: Files elsewhere from which rows of the person were read: they are not ours.
        unread: Files that could not be looked into.
    """

    imports: tuple[InImport, ...]
    exports: tuple[str, ...]
    descriptions: tuple[str, ...]
    backups: tuple[str, ...]
    outside: tuple[str, ...]
    unread: tuple[str, ...]


@dataclass(frozen=True)
class ForgetPreview:
    """What forgetting a person would do: what the CRM holds of the person, and which files."""

    crm: InCrm
    files: Traces

    @property
    def lines(self) -> tuple[str, ...]:
        """All of it in plain words, a sentence for each thing."""
        found, files = self.crm, self.files
        belongs = sum(found.children.values())
        rows = [
            f"{_counted(item.rows, 'row')} of the import of {item.source}"
            + (f", with the uploaded file {', '.join(item.uploads)}" if item.uploads else "")
            for item in files.imports
        ]
        told = [
            (
                f"From the CRM go {found.label} (ID {found.person_id}), with"
                f" {_counted(belongs, 'thing')} of the person's, {_counted(found.changes, 'line')} of"
                f" the change log and {_counted(found.selections, 'place')} in selections."
            ),
            _listed("From imports go", rows),
            _listed("Decisions about the person go from these descriptions:", files.descriptions),
            _listed("These exports hold the person, or may:", files.exports),
            _listed(
                "These backups hold the person. They go by themselves when newer ones take their place;"
                " if one is restored, the person is forgotten again:",
                files.backups,
            ),
            _listed(
                "These files elsewhere hold the person, and are yours to delete:", files.outside
            ),
            _listed("These files could not be looked into:", files.unread),
            _listed(
                "These companies have the person's name, and stay:",
                [f"{label} (ID {number})" for number, label in found.namesakes],
            ),
        ]
        return tuple(line for line in told if line)


def look(workspace: Path, known: Words, *, country: str) -> Traces:
    """Find a person in the files of a workspace. Nothing is changed.

    Args:
        country: Phone numbers are read in it.
    """
    unread: list[str] = []
    imports, outside = _imports(workspace, known, country, unread)
    described = _descriptions(workspace, known, unread)
    return Traces(
        imports=tuple(imports),
        exports=tuple(_exports(workspace, known, unread)),
        descriptions=tuple(path.stem for path, _ in described),
        backups=tuple(_copies(workspace, known, unread)),
        outside=tuple(dict.fromkeys(outside)),
        unread=tuple(unread),
    )


def _imports(
    workspace: Path, known: Words, country: str, unread: list[str]
) -> tuple[list[InImport], list[str]]:
    """The imports that hold the person, and the files elsewhere that they were read from."""
    found, outside = [], []
    for path in private.import_files(workspace):
        import_id = private.import_id(path)
        uploads = tuple(file.name for file in _files(workspace / "uploads" / import_id))
        try:
            with _import(path) as db:
                state = _state(db)
                rows = _rows(db, state, known, country)
        except StorageError:
            unread.append(path.name)
            continue
        if rows is None:
            # Uploaded and not read yet: a workbook that waits for its password, for instance.
            unread += [f"{import_id}/{file}" for file in uploads if not state.get("staged")]
            continue
        found.append(
            InImport(
                import_id,
                state.get("source_name", ""),
                len(rows),
                uploads,
                owner=state.get("owner", ""),
                shared=bool(state.get("shared")),
            )
        )
        source = Path(state.get("source_path", ""))
        if rows and source.is_file() and not source.resolve().is_relative_to(workspace.resolve()):
            outside.append(str(source))
    return found, outside


def _exports(workspace: Path, known: Words, unread: list[str]) -> Iterator[str]:
    for path in _files(workspace / "exports"):
        try:
            if _holds(path, known):
                yield path.name
        except (OSError, zipfile.BadZipFile):
            unread.append(path.name)


def _copies(workspace: Path, known: Words, unread: list[str]) -> Iterator[str]:
    folder = workspace / "backups"
    for item in backups(folder):
        try:
            with opened_as(folder / item.name, "crm", read_only=True) as db:
                if present(db, [known.person_id]):
                    yield item.name
        except StorageError:
            unread.append(item.name)
    unread += [path.name for path in folder.glob("unreadable-*")]


def remove(
    workspace: Path, known: Words, found: Traces, *, country: str, exports: bool, backups: bool
) -> None:
    """Take a person out of the files of a workspace.

    Args:
        found: What `look` found.
        exports, backups: Whether those that hold the person are deleted.

    Raises:
        StorageError: A file is in use; what was done before it stays done, and it can be repeated.
    """
    for item in found.imports:
        _rewrite_import(private.import_path(workspace, item.import_id), known, country)
        private.delete(workspace / "uploads" / item.import_id / file for file in item.uploads)
    for path, description in _descriptions(workspace, known, []):
        descriptions.write(description, path)
    if exports:
        private.delete(workspace / "exports" / file for file in found.exports)
    if backups:
        private.delete(workspace / "backups" / file for file in found.backups)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _listed(lead: str, things: Sequence[str]) -> str:
    return f"{lead} {', '.join(things)}." if things else ""


# --- imports -----------------------------------------------------------------------------------


@contextmanager
def _import(path: Path) -> Iterator[Database]:
    """An import's file, attached as `import`; nobody can write to it meanwhile."""
    with opened_as(path, "import", read_only=True, wait=2.0) as db:
        yield db


def _state(db: Database) -> dict[str, Any]:
    return dict(db.rows(sql("select key, value from import.state order by key")))


def _rows(
    db: Database, state: dict[str, Any], known: Words, country: str
) -> list[tuple[int, ...]] | None:
    """The rows that are the person; None where the import has nothing of the person at all."""
    table = "held_back" if state.get("rest") else "staged"
    if not db.has_table(table, catalog="import"):
        return None
    mapping = Mapping.model_validate_json(state["mapping"])
    parts = [
        sql("select row_no from import.{t} where {w}", t=name(table), w=where)
        for where in _conditions(db, table, mapping, known, country)
    ]
    parts += _matched_sql(db, known.person_id)
    rows = join(" union all ", parts) if parts else sql("select 0 as row_no limit 0")
    db.run(sql("create or replace temp table gone as select distinct row_no from ({r})", r=rows))
    found = db.rows(sql("select row_no from gone order by row_no"))
    if found or _is_shown(db, known.person_id) or _is_said(state, known) or _is_aside(db, known):
        return found
    return None


def _conditions(
    db: Database, table: str, mapping: Mapping, known: Words, country: str
) -> Iterator[Query]:
    described = db.rows(sql("describe import.{t}", t=name(table)))
    columns = [column for column, kind, *_ in described if kind == "VARCHAR"]
    for column in columns if known.emails else ():
        yield sql(
            "case when contains({c}, '@') then list_has_any({emails},"
            " regexp_split_to_array(lower({c}), '[\\s;,<>()\"'':|]+')) else false end",
            c=name(column),
            emails=list(known.emails),
        )
    for column in mapping.columns_for(f"{PERSON.id}.id"):
        if column in columns:
            yield sql("trim({c}) = {id}", c=name(column), id=str(known.person_id))
    keys = _phone_keys(db, known, country)
    phones = [
        target.id
        for target in SCHEMA.targets()
        if target.entity is PERSON and target.child and target.child.form is Form.PHONE
    ]
    for target in phones if keys else ():
        for column in mapping.columns_for(target):
            if column in columns:
                yield sql(
                    "{key} in (select unnest({keys}))",
                    key=_phone_key(name(column), country),
                    keys=keys,
                )


def _phone_keys(db: Database, known: Words, country: str) -> list[str]:
    if not known.phones:
        return []
    transforms.make_dialling(db)
    rows = db.rows(
        sql(
            "select distinct {key} as k from (select unnest({phones}) as phone) order by k",
            key=_phone_key(sql("phone"), country),
            phones=list(known.phones),
        )
    )
    return [key for (key,) in rows if key]


def _phone_key(value: Query, country: str) -> Query:
    return sql(
        "(select {key} from dialling where dialling.iso = {country})",
        key=transforms.normal_form(value, Form.PHONE),
        country=country,
    )


def _matched_sql(db: Database, person_id: int) -> Iterator[Query]:
    """Rows that the preview, or the user, says are the person."""
    if db.has_table("person_record", catalog="import") and db.has_table(
        "person_row", catalog="import"
    ):
        yield sql(
            "select row.row_no from import.person_row as row join import.person_record as record"
            " on record.record_no = row.record_no where record.match_id = {id}",
            id=person_id,
        )
    if db.has_table("decision", catalog="import"):
        yield sql(
            "select row_no from import.decision where entity = {person} and record_id = {id}",
            person=PERSON.id,
            id=person_id,
        )


def _is_shown(db: Database, person_id: int) -> bool:
    """Whether the preview shows the person, as a candidate for instance."""
    tables = db.rows(
        sql(
            "select table_name, column_name from duckdb_columns() where database_name = 'import'"
            " and starts_with(table_name, 'person_') and column_name in ('id', 'match_id')"
            " and data_type = 'INTEGER' order by all"
        )
    )
    return any(
        db.value(
            sql(
                "select count(*) from import.{t} where {c} = {id}",
                t=name(table),
                c=name(column),
                id=person_id,
            )
        )
        for table, column in tables
    )


def _is_said(state: dict[str, Any], known: Words) -> bool:
    """Whether the description that an import keeps has a decision about the person."""
    kept = json.loads(state.get("rest") or "{}").get("description", "")
    return bool(kept) and without(descriptions.from_yaml(kept), known) is not None


def _is_aside(db: Database, known: Words) -> bool:
    """Whether a row that could not be read has the person's address."""
    if not known.emails or not db.has_table("staged_rejected", catalog="import"):
        return False
    return bool(
        db.value(
            sql("select count(*) from import.staged_rejected where {w}", w=_aside(known.emails))
        )
    )


def _aside(emails: Sequence[str]) -> Query:
    return join(" or ", (sql("contains(lower(text), {e})", e=email) for email in emails))


def _rewrite_import(path: Path, known: Words, country: str) -> None:
    """Write an import's file anew, without the person."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with _import(path) as db:
        state = _state(db)
        if _rows(db, state, known, country) is None:
            return
        with db.attached(part, "part", read_only=False):
            for table in _TABLES:
                if db.has_table(table, catalog="import"):
                    db.run(
                        sql(
                            "create table part.{t} as select * from import.{t} where {kept}",
                            t=name(table),
                            kept=_kept(table, known),
                        )
                    )
            db.run(sql("create table part.state (key varchar, value varchar)"))
            for key, value in _cleared(db, state, known).items():
                db.run(sql("insert into part.state values ({key}, {value})", key=key, value=value))
    part.replace(path)


def _kept(table: str, known: Words) -> Query:
    if table == "staged_rejected":
        return sql("not ({w})", w=_aside(known.emails)) if known.emails else sql("true")
    return sql("row_no not in (select row_no from gone)")


def _cleared(db: Database, state: dict[str, Any], known: Words) -> dict[str, Any]:
    """An import's state without its preview, and without samples that only the person had."""
    staged = json.loads(state["staged"])
    if not state.get("rest"):
        staged["row_count"] = db.value(sql("select count(*) from part.staged"))
        if db.has_table("staged_rejected", catalog="part"):
            staged["rejected"] = db.value(sql("select count(*) from part.staged_rejected"))
        for column in staged["columns"]:
            column["samples"] = [
                text
                for text in column["samples"]
                if db.value(
                    sql(
                        "select count(*) from part.staged where {c} = {text}",
                        c=name(column["id"]),
                        text=text,
                    )
                )
            ]
    rest = json.loads(state.get("rest") or "{}")
    if "description" in rest:
        cleared = without(descriptions.from_yaml(rest["description"]), known)
        if cleared is not None:
            rest["description"] = descriptions.as_yaml(cleared)
    changed = {"plan": "", "staged": json.dumps(staged)}
    return state | changed | ({"rest": json.dumps(rest)} if rest else {})


# --- descriptions and exports ------------------------------------------------------------------


def _descriptions(
    workspace: Path, known: Words, unread: list[str]
) -> list[tuple[Path, Description]]:
    """The descriptions with decisions about the person, without them."""
    found = []
    for path in _files(workspace / "descriptions"):
        try:
            cleared = without(descriptions.read(path), known)
        except DescriptionError:
            unread.append(path.name)
            continue
        if cleared is not None:
            found.append((path, cleared))
    return found


def without(description: Description, known: Words) -> Description | None:
    """A description without the decisions about a person; None where it has none."""
    names = {part.casefold() for part in known.names}
    texts = {text.casefold() for text in (known.full_name, *known.emails, *known.phones) if text}

    def about(said: Iterable[str]) -> bool:
        found = {text.strip().casefold() for text in said if text}
        return bool(found & texts) or (bool(names) and names <= found)

    kept = tuple(
        decision
        for decision in description.decisions
        if decision.entity != PERSON.id
        or not (
            decision.record_id == known.person_id
            or about([*decision.key.values(), decision.value, decision.record])
        )
    )
    if len(kept) == len(description.decisions):
        return None
    return description.model_copy(update={"decisions": kept})


def _holds(path: Path, known: Words) -> bool:
    """Whether a file has the person's e-mail address or phone number, or all parts of the name.

    Rather too often than too seldom: an export can be made again.
    """
    sought = [*known.emails, *(phone.casefold() for phone in known.phones)]
    names = [part.casefold() for part in known.names]
    seen: set[str] = set()
    for block in _text(path):
        if any(text in block for text in sought):
            return True
        seen |= {part for part in names if part in block}
    return bool(names) and seen == set(names)


def _text(path: Path) -> Iterator[str]:
    """A file's text in small letters, in blocks; of a workbook, that of all its parts."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as book:
            for member in book.namelist():
                with book.open(member) as file:
                    yield from (html.unescape(block) for block in _blocks(file))
        return
    with path.open("rb") as file:
        yield from _blocks(file)


def _blocks(file: IO[bytes]) -> Iterator[str]:
    tail = b""
    while block := file.read(_BLOCK):
        yield (tail + block).decode("utf-8", errors="replace").casefold()
        tail = block[-_OVERLAP:]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file())
