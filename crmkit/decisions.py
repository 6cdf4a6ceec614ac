"""Decisions of the user about single records, which go before the settings.

The table `decision` of the import's file keeps them: entity, the row that the record began with,
kind, and what was chosen. A decision follows its row: when rows are brought together in another way,
it holds for the record that the row is part of then. `make_decided` and `make_edits` bring them into
the plan, so that the preview shows and the commit writes them like everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from crmkit import transforms
from crmkit.database import Database
from crmkit.entities import Entity, Field, FieldType
from crmkit.errors import SettingsError
from crmkit.matching import Matcher, name_fields_sql
from crmkit.settings import Action
from crmkit.sql import Query, join, name, sql


class Kind(StrEnum):
    """What was decided about a record."""

    ACTION = "action"  # another action than its entity's
    MATCH = "match"  # it is this record of the CRM
    NEW = "new"  # it is none of the records that were found
    CELL = "cell"  # one cell of its outcome


class Choice(StrEnum):
    """What can be decided for many records at once."""

    FIRST_CANDIDATE = "first_candidate"
    ADD_NEW = "add_new"
    MERGE = "merge"
    REPLACE = "replace"
    SKIP = "skip"
    LEAVE_OUT = "leave_out"
    UNDO = "undo"

    @property
    def label(self) -> str:
        return {
            Choice.FIRST_CANDIDATE: "Take the first of the matching records (ambiguous ones)",
            Choice.ADD_NEW: "Add as new: they are none of the records found",
            Choice.MERGE: "Merge - update empty fields",
            Choice.REPLACE: "Replace - overwrite existing",
            Choice.SKIP: "Skip - do not import",
            Choice.LEAVE_OUT: "Leave the rows out",
            Choice.UNDO: "Undo the decisions about them",
        }[self]


@dataclass(frozen=True)
class Decision:
    """One decision.

    Attributes:
        row_no: The first row of the record when it was decided.
        target: The field of a CELL.
        value: The action of an ACTION, the text of a CELL.
        record_id: The record of the CRM of a MATCH.
        named: The name of that field or of that record, for people.
    """

    entity: str
    row_no: int
    kind: Kind
    target: str
    value: str
    record_id: int | None
    named: str

    @property
    def label(self) -> str:
        """What was decided, in one sentence."""
        match self.kind:
            case Kind.ACTION:
                return f"Row {self.row_no}: {Action(self.value).label}."
            case Kind.MATCH:
                known = self.named or f"the record with ID {self.record_id}"
                return f"Row {self.row_no}: it is {known}."
            case Kind.NEW:
                return f"Row {self.row_no}: it is none of the records found; it is added."
            case Kind.CELL:
                field = self.named or self.target
                if not self.value:
                    return f"Row {self.row_no}: {field} is cleared."
                return f"Row {self.row_no}: {field} is set to “{self.value}”."


def create(db: Database) -> None:
    """Make the empty table; a file of an earlier version lacks it, or its last column."""
    db.run(
        sql(
            "create table if not exists decision (entity varchar, row_no integer, kind varchar,"
            " target varchar, value varchar, record_id integer, named varchar default '')"
        )
    )
    db.run(sql("alter table decision add column if not exists named varchar default ''"))


def decide(
    db: Database,
    entity: str,
    rows: Query,
    kind: Kind,
    *,
    target: str = "",
    value: str = "",
    record_id: Query | None = None,
    named: Query | None = None,
) -> None:
    """Keep a decision for rows; it takes the place of an earlier one of its kind.

    Args:
        rows: A query with a column `row_no`.
        record_id: SQL over `chosen.row_no`, for a MATCH.
        named: The same for the name of the record, or of a CELL's field.
    """
    # A record is either one of the CRM's or none of them.
    replaced = [Kind.MATCH, Kind.NEW] if kind in (Kind.MATCH, Kind.NEW) else [kind]
    db.run(sql("create or replace temp table chosen as select distinct row_no from ({r})", r=rows))
    db.run(
        sql(
            "delete from decision where entity = {entity} and list_contains({kinds}, kind)"
            " and target = {target} and row_no in (select row_no from chosen)",
            entity=entity,
            kinds=[found.value for found in replaced],
            target=target,
        )
    )
    db.run(
        sql(
            "insert into decision select {entity}, row_no, {kind}, {target}, {value}, {record_id},"
            " {named} from chosen order by row_no",
            entity=entity,
            kind=kind.value,
            target=target,
            value=value,
            record_id=record_id or sql("null"),
            named=named or sql("''"),
        )
    )


def undo(db: Database, entity: str, rows: Query) -> None:
    """Forget all decisions about rows of an entity."""
    db.run(
        sql(
            "delete from decision where entity = {entity} and row_no in (select row_no from ({r}))",
            entity=entity,
            r=rows,
        )
    )


def decisions(db: Database) -> tuple[Decision, ...]:
    """All decisions, in the order of the file."""
    rows = db.records(
        sql(
            "select entity, row_no, kind, target, value, record_id, named from decision"
            " order by row_no, entity, kind, target"
        )
    )
    return tuple(Decision(**{**row, "kind": Kind(row["kind"])}) for row in rows)


def make_decided(db: Database, matcher: Matcher) -> None:
    """Make `<entity>_decided` (record_no, action, match_id, fresh) for the records of the plan."""
    db.run(
        sql(
            """
            create or replace table {decided} as
            select row.record_no, max(decision.value) filter (decision.kind = 'action') as action,
                max(decision.record_id) filter (decision.kind = 'match') as match_id,
                coalesce(bool_or(decision.kind = 'new'), false) as fresh
            from decision
            join {row} as row on row.row_no = decision.row_no
            where decision.entity = {entity}
            group by row.record_no
            """,
            decided=matcher.table("decided"),
            row=matcher.table("row"),
            entity=matcher.entity.id,
        )
    )


def apply_matches(db: Database, matcher: Matcher) -> None:
    """Bring the decisions into `<entity>_hit`, and make `<entity>_rejected` (tag, id).

    What is rejected is remembered by the commit: the same record of another file is not taken for
    that record again.
    """
    hit, decided = matcher.table("hit"), matcher.table("decided")
    db.run(
        sql(
            """
            create or replace table {rejected} as
            select distinct incoming.tag, found.id
            from (
                select record_no, match_id as id from {hit} where hits = 1
                union all
                select record_no, id from {candidate}
            ) as found
            join {decided} as decided on decided.record_no = found.record_no and decided.fresh
            join {group} as incoming on incoming.record_no = found.record_no
            """,
            rejected=matcher.table("rejected"),
            hit=hit,
            candidate=matcher.table("candidate"),
            decided=decided,
            group=matcher.table("group"),
        )
    )
    db.run(
        sql(
            "delete from {hit} where record_no in (select record_no from {decided}"
            " where fresh or match_id is not null or action = {add})",
            hit=hit,
            decided=decided,
            add=Action.ADD.value,
        )
    )
    db.run(
        sql(
            "insert into {hit} select decided.record_no, known.id, 1 from {decided} as decided"
            " join {known} as known on known.id = decided.match_id and known.deleted_at is null",
            hit=hit,
            decided=decided,
            known=name("crm", matcher.entity.id),
        )
    )


def actions(db: Database, matcher: Matcher) -> tuple[Action, ...]:
    """The actions that records of an entity have: the rule's, and those decided."""
    decided = db.rows(
        sql(
            "select distinct action from {t} where action is not null order by action",
            t=matcher.table("decided"),
        )
    )
    return tuple(dict.fromkeys([matcher.action, *(Action(row[0]) for row in decided)]))


def make_edits(db: Database, matcher: Matcher, fields: dict[str, Field]) -> tuple[str, ...]:
    """Make `<entity>_edit`: for each record with a cell set by hand its values, and which are set.

    Args:
        fields: Column of the plan -> its field.

    Returns:
        The columns that have values, each beside one called `<column>?` that is true where it is set.
    """
    prefix = f"{matcher.entity.id}."
    edited = [
        row[0].removeprefix(prefix)
        for row in db.rows(
            sql(
                "select distinct target from decision where entity = {entity} and kind = {kind}"
                " order by target",
                entity=matcher.entity.id,
                kind=Kind.CELL.value,
            )
        )
    ]
    columns = [column for column in edited if column in fields]
    values = [
        sql(
            "max({value}) filter (decision.target = {target}) as {column},"
            " coalesce(bool_or(decision.target = {target}), false) as {is_set}",
            value=reading(sql("decision.value"), fields[column]),
            target=prefix + column,
            column=name(column),
            is_set=name(f"{column}?"),
        )
        for column in columns
    ]
    db.run(
        sql(
            """
            create or replace temp table {edit} as
            select row.record_no {values}
            from decision join {row} as row on row.row_no = decision.row_no
            where decision.entity = {entity} and decision.kind = {kind}
            group by row.record_no
            """,
            edit=matcher.table("edit"),
            values=join("", (sql(", {v}", v=value) for value in values)),
            row=matcher.table("row"),
            entity=matcher.entity.id,
            kind=Kind.CELL.value,
        )
    )
    return tuple(columns)


def reading(text: Query, field: Field) -> Query:
    """A text set by hand as its field's type; a list's item is stored by its name already."""
    if field.type is FieldType.LIST:
        return transforms.cleaned(text)
    return transforms.reading(transforms.cleaned(text), field)


def check_record(db: Database, entity: Entity, record_id: int, scope: int | None) -> str:
    """The name of a record of the CRM that a record of the file is said to be; the CRM is attached.

    Args:
        scope: For products, the price list of the import.

    Raises:
        SettingsError: There is no such record any more, or it is in another price list.
    """
    title = entity.labels["en"]
    holder = name("record", f"{entity.scope}_id") if entity.scope else sql("null")
    found = db.rows(
        sql(
            "select coalesce({named}, '(no name)') || ' (ID ' || record.id || ')', {holder},"
            " record.deleted_at is not null from {t} as record where record.id = {id}"
            " order by record.id",
            named=name_fields_sql(entity, "record"),
            holder=holder,
            t=name("crm", entity.id),
            id=record_id,
        )
    )
    if not found or found[0][2]:
        raise SettingsError(
            f"The CRM has no {title.lower()} with ID {record_id}"
            + (" any more: it was deleted." if found else "."),
            where=f"{title}, ID {record_id}",
            mend="Search for it by its name and choose one that is found.",
        )
    if scope is not None and found[0][1] != scope:
        raise SettingsError(
            f"{found[0][0]} is in another price list than this import's.",
            where=f"{title}, ID {record_id}",
            mend="Choose a record of the import's own price list.",
        )
    return str(found[0][0])


def check_text(db: Database, field: Field, text: str) -> str:
    """A text that a cell is to be set to, as it will be stored; the CRM is attached.

    Raises:
        SettingsError: It is too long, no item of the field's list, or cannot be read as its type.
    """
    if not (text := text.strip()):
        return ""
    label = field.labels["en"]
    if field.length is not None and len(text) > field.length:
        raise SettingsError(
            f"The text has {len(text)} characters; {label} takes {field.length}.",
            where=label,
            mend="Shorten it.",
        )
    if field.type is FieldType.LIST:
        return _item(db, field, text)
    if db.value(sql("select {v}", v=reading(sql("cast({t} as varchar)", t=text), field))) is None:
        raise SettingsError(
            f"“{text}” cannot be read as {label}.",
            where=label,
            mend="Write a date as day.month.year, a number in digits, or yes or no.",
        )
    return text


def _item(db: Database, field: Field, text: str) -> str:
    found = db.rows(
        sql(
            "select item.name from crm.list_alias as known"
            " join crm.list_item as item on item.id = known.item_id and not item.deleted"
            " where known.list = {list} and known.alias = {alias} order by item.id",
            list=field.list,
            alias=transforms.name_key(sql("cast({t} as varchar)", t=text)),
        )
    )
    if not found:
        raise SettingsError(
            f"The list of {field.labels['en'].lower()} has no item “{text}”.",
            where=field.labels["en"],
            mend="Choose an item that the list has, or add it to the list first.",
        )
    return str(found[0][0])
