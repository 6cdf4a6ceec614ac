"""Decisions of the user about single records, which go before the settings.

The table `decision` of the import's file keeps them: entity, the row that the record began with,
kind, and what was chosen. A decision follows its row: when rows are brought together in another way,
it holds for the record that the row is part of then. `make_standing` looks which of them can be
carried out, and `fill_cells`, `make_decided`, `make_edits` and `set_children` bring them into the
plan, so that the preview shows and the commit writes them like everything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from crmkit import transforms
from crmkit.database import Database
from crmkit.entities import Child, Entity, Field, FieldType, Form, Target
from crmkit.errors import Level, SettingsError
from crmkit.incoming import IssueCode
from crmkit.matching import Matcher, name_fields_sql
from crmkit.settings import Action
from crmkit.sql import Query, join, name, sql

SEPARATOR: Final = "; "
"""Between the values of a cell that holds several, as a person's phones."""


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


def make_standing(db: Database, matchers: Iterable[Matcher], fields: Mapping[str, Field]) -> None:
    """Make `standing`: the decisions that can be carried out; an issue for each that cannot.

    A record that was chosen may be deleted since, an item too, and a column may be mapped otherwise.

    Args:
        fields: Target -> its field, of all cells that can be set by hand in this plan.
    """
    db.run(sql("create or replace temp table standing as from decision"))
    if not db.value(sql("select count(*) from standing")):
        return
    for matcher in matchers:
        entity = matcher.entity
        mine = sql("standing.entity = {e} and standing.kind = 'match'", e=entity.id)
        known = sql("record.id = standing.record_id and record.deleted_at is null")
        if matcher.scope is not None:
            holder = name("record", f"{entity.scope}_id")
            known = sql("{known} and {holder} = {id}", known=known, holder=holder, id=matcher.scope)
        gone = sql(
            "{mine} and not exists (from {t} as record where {known})",
            mine=mine,
            t=name("crm", entity.id),
            known=known,
        )
        _drop(db, gone, "The record that you chose is not there any more.")
    imported = [matcher.entity.id for matcher in matchers]
    cells = sql("standing.kind = 'cell' and list_contains({e}, standing.entity)", e=imported)
    unmapped = sql("{cells} and not list_contains({t}, standing.target)", cells=cells, t=[*fields])
    _drop(db, unmapped, "You set a field by hand that no column is mapped to any more.")
    for target, field in fields.items():
        if field.type is not FieldType.LIST:
            continue
        items = sql(
            "(select name from crm.list_item where list = {list} and not deleted)", list=field.list
        )
        missing = sql(
            "{cells} and standing.target = {target} and standing.value <> ''"
            " and standing.value not in {items} and exists (from"
            " (select unnest(string_split(standing.value, {s})) as item) as part"
            " where part.item not in {items})",
            cells=cells,
            target=target,
            items=items,
            s=SEPARATOR,
        )
        _drop(db, missing, "You set a list item by hand that the list does not have any more.")


def _drop(db: Database, which: Query, why: str) -> None:
    """Take decisions out of `standing`, and say so."""
    db.run(
        sql(
            "insert into issue select {level}, {code}, entity, row_no, null, nullif(target, ''),"
            " nullif(value, ''), {why} || ' The decision is passed over.',"
            " 'Decide anew about this record, or undo the decision.'"
            " from standing where {which}",
            level=Level.WARNING.value,
            code=IssueCode.DECISION_LOST.value,
            why=why,
            which=which,
        )
    )
    db.run(sql("delete from standing where {which}", which=which))


def fill_cells(db: Database, matcher: Matcher) -> None:
    """Take what was set by hand for a row's own where the row would be held back by itself.

    That is a cell of the name or of the match key that could not be used, or a row that has neither.
    With it the row is brought together with others and looked for in the CRM, as if the file said so.
    """
    entity = matcher.entity
    parts = dict.fromkeys((*matcher.key.fields, *matcher.named_by, *entity.needs))
    targets = [f"{entity.id}.{part}" for part in parts]
    own = sql("entity = {e} and kind = 'cell' and value <> ''", e=entity.id)
    set_targets = {
        row[0]
        for row in db.rows(
            sql("select distinct target from standing where {own} order by target", own=own)
        )
    }
    nothing = join(" and ", (sql("{c} is null", c=matcher.cells.first(t)) for t in targets))
    for target in targets:
        if target not in set_targets:
            continue
        for number, cell in enumerate(matcher.cells.filling(target)):
            # A cell takes one value, also where several were set.
            text = sql("split_part(standing.value, {s}, 1)", s=SEPARATOR)
            bad = sql(
                "exists (from issue where issue.level = {error} and issue.row_no = cell.row_no"
                " and issue.target = {target} and issue.header = {header})",
                error=Level.ERROR.value,
                target=target,
                header=cell.header,
            )
            db.run(
                sql(
                    "update cell set {column} = {value} from standing"
                    " where {own} and standing.target = {target} and standing.row_no = cell.row_no"
                    " and cell.{column} is null and ({bad} or ({first} and {nothing}))",
                    column=name(cell.column),
                    value=reading(text, cell.target.field),
                    own=own,
                    target=target,
                    bad=bad,
                    first=number == 0,
                    nothing=nothing,
                )
            )
    db.run(
        sql(
            "update issue set level = {note}, mend = 'You set it to “' || standing.value || '” by hand.'"
            " from standing where issue.level = {error} and list_contains({targets}, issue.target)"
            " and standing.entity = {e} and standing.kind = 'cell' and standing.value <> ''"
            " and standing.row_no = issue.row_no and standing.target = issue.target",
            note=Level.NOTE.value,
            error=Level.ERROR.value,
            targets=targets,
            e=entity.id,
        )
    )


def make_decided(db: Database, matcher: Matcher) -> None:
    """Make `<entity>_decided` (record_no, action, match_id, fresh) for the records of the plan.

    Where several rows of a record have decisions, the first row's counts.
    """
    db.run(
        sql(
            """
            create or replace table {decided} as
            select row.record_no,
                arg_min(decision.value, row.row_no) filter (decision.kind = 'action') as action,
                arg_min(decision.record_id, row.row_no) filter (decision.kind = 'match') as match_id,
                coalesce(bool_or(decision.kind = 'new'), false) as fresh
            from standing as decision
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
                "select distinct target from standing where entity = {entity} and kind = {kind}"
                " order by target",
                entity=matcher.entity.id,
                kind=Kind.CELL.value,
            )
        )
    ]
    columns = [column for column in edited if column in fields]
    values = [
        sql(
            "arg_min({value}, row.row_no) filter (decision.target = {target}) as {column},"
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
            from standing as decision join {row} as row on row.row_no = decision.row_no
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


def edited(column: str, value: Query, columns: Sequence[str]) -> Query:
    """A cell that was set by hand, over `edit`, else what was worked out.

    Args:
        columns: Those that have cells set by hand, as `make_edits` gives them.
    """
    if column not in columns:
        return value
    return sql(
        "case when edit.{is_set} then edit.{c} else {value} end",
        is_set=name(f"{column}?"),
        c=name(column),
        value=value,
    )


def edits_join(matcher: Matcher, columns: Sequence[str], record: str) -> Query:
    """The join that brings `edit` beside a table's records; nothing where no cell was set by hand."""
    if not columns:
        return sql("")
    return sql(
        "left join {edit} as edit on edit.record_no = {record}.record_no",
        edit=matcher.table("edit"),
        record=name(record),
    )


def set_children(db: Database, matcher: Matcher, child: Child) -> None:
    """Bring the phones and the like that were set by hand into `<entity>_<child>_after` and `_removed`.

    What was set is all that the record has there then: other values go, whatever the settings say.
    """
    entity, prefix = matcher.entity, f"{matcher.entity.id}."
    targets = [prefix + slot.id for slot in child.slots[entity.id]]
    db.run(
        sql(
            """
            create or replace temp table set_slot as
            select row.record_no, substr(standing.target, {start}) as slot,
                arg_min(standing.value, row.row_no) as text
            from standing join {row} as row on row.row_no = standing.row_no
            where standing.entity = {entity} and standing.kind = 'cell'
                and list_contains({targets}, standing.target)
            group by all
            """,
            start=len(prefix) + 1,
            row=matcher.table("row"),
            entity=entity.id,
            targets=targets,
        )
    )
    if not db.value(sql("select count(*) from set_slot")):
        return
    db.run(
        sql(
            """
            create or replace temp table set_value as
            select record_no, slot, value, min(position) as position
            from (
                select record_no, slot, unnest(parts) as value,
                    unnest(range(1, len(parts) + 1)) as position
                from (select record_no, slot, string_split(text, {s}) as parts from set_slot)
            )
            where value <> '' group by all
            """,
            s=SEPARATOR,
        )
    )
    before, after, removed = (
        name(f"{entity.id}_{child.id}_{kind}") for kind in ("before", "after", "removed")
    )
    for table in (after, removed):
        slot = sql("slot")
        if table is removed:
            slot = sql(
                "(select min(slot) from {before} as b where b.id = r.id and b.record_no = r.record_no)",
                before=before,
            )
        db.run(
            sql(
                "delete from {table} as r where (record_no, {slot}) in (select (record_no, slot) from set_slot)",
                table=table,
                slot=slot,
            )
        )
    db.run(
        sql(
            """
            insert into {after}
            select said.record_no, match.id, said.slot, said.value,
                said.position + coalesce(ranks.rank, 0) as rank
            from set_value as said
            join {match} as match on match.record_no = said.record_no
                and match.decision in ('new', 'update')
            left join (select record_no, slot, max(rank) as rank from {before} group by all) as ranks
                on ranks.record_no = said.record_no and ranks.slot = said.slot
            where not exists (
                from {before} as before where before.record_no = said.record_no
                    and before.slot = said.slot and before.value = said.value
            )
            """,
            after=after,
            before=before,
            match=matcher.table("match"),
        )
    )
    db.run(
        sql(
            """
            insert into {removed}
            select before.record_no, before.id
            from {before} as before
            join set_slot on set_slot.record_no = before.record_no and set_slot.slot = before.slot
            join {match} as match on match.record_no = before.record_no and match.decision = 'update'
            where not exists (
                from set_value as said where said.record_no = before.record_no
                    and said.slot = before.slot and said.value = before.value
            )
            """,
            removed=removed,
            before=before,
            match=matcher.table("match"),
        )
    )


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


def check_cell(db: Database, target: Target, text: str) -> str:
    """A text that a cell is to be set to, as it will be stored; the CRM is attached.

    Raises:
        SettingsError: It is too long, no item of the field's list, or cannot be read as its type; or
            a name would be cleared.
    """
    part = target.id.removeprefix(f"{target.entity.id}.")
    if target.multiple:
        # A link may have a semicolon of its own.
        links = target.child is not None and target.child.form is Form.LINK
        parts = re.split(r";\s+" if links else ";", text)
    else:
        parts = [text]
    checked = [_check_text(db, target, part) for part in parts if part.strip()]
    needs = target.entity.needs
    if not checked and part in needs and (target.entity.needs_all or len(needs) == 1):
        raise SettingsError(
            f"A {target.entity.labels['en'].lower()} cannot be without {target.labels['en']}.",
            where=target.label,
            mend="Write another one, or leave the row out.",
        )
    return SEPARATOR.join(dict.fromkeys(checked))


def _check_text(db: Database, target: Target, text: str) -> str:
    text, field, label = text.strip(), target.field, target.labels["en"]
    if field.length is not None and len(text) > field.length:
        raise SettingsError(
            f"The text has {len(text)} characters; {label} takes {field.length}.",
            where=label,
            mend="Shorten it.",
        )
    if field.type is FieldType.LIST:
        return _item(db, field, text)
    value = sql("cast({t} as varchar)", t=text)
    if target.slot is not None and target.slot.id == Form.EMAIL.value:
        if not db.value(sql("select {ok}", ok=transforms.is_email(value))):
            raise SettingsError(
                f"“{text}” is not an e-mail address.",
                where=label,
                mend="Write it as name@company.com; separate several with a semicolon.",
            )
        return text
    if db.value(sql("select {v}", v=reading(value, field))) is None:
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
