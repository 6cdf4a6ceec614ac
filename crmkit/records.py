"""The records of a plan in three tables of one shape: before, incoming, after.

`<entity>_incoming`  what the source says, one row for each incoming record
`<entity>_before`    the matched record as it stands in the CRM, where there is one
`<entity>_after`     what a new or changed record will be; others stay as they are
All three have `record_no` and the columns of the entity's `Shape`; the last two have the record's
`id`. Nothing else computes a change: the preview shows these tables and the commit writes `after`.
What a record has in numbers (phones, ...) goes the same way in `<entity>_<child>_*`, where `after`
is what it gets and `removed` what it loses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from crmkit import transforms
from crmkit.crm import record_sql
from crmkit.database import Database
from crmkit.decisions import actions as decided_actions
from crmkit.decisions import edited, edits_join, set_children
from crmkit.entities import Child, Entity, Field, FieldType, Form, Slot
from crmkit.errors import Level
from crmkit.incoming import Cell, IssueCode, cells_sql
from crmkit.matching import Matcher
from crmkit.settings import Action, ChildAction, Write
from crmkit.sql import Query, join, led, name, sql


@dataclass(frozen=True)
class Column:
    """One column of a shape.

    Attributes:
        id: The field's id, or slot and field (`postal.city`), or `company_id` for the parent.
        slot: The slot whose single child holds the field; None for the record's own.
        field: The field; None for the parent's id.
        cell: What fills it from the source; None when it is only there to be given a default.
        default: What a new record gets when the source says nothing; empty for nothing.
    """

    id: str
    slot: Slot | None
    field: Field | None
    cell: Cell | None
    default: str = ""


@dataclass(frozen=True)
class Shape:
    """The columns that before, incoming and after share: what the source can change, no more."""

    entity: Entity
    columns: tuple[Column, ...]

    @property
    def own(self) -> tuple[Column, ...]:
        """The columns of the record's own table."""
        return tuple(column for column in self.columns if column.slot is None)

    def slots(self) -> Iterator[tuple[Slot, tuple[Column, ...]]]:
        """The slots that hold one child each, with their columns."""
        slots = {column.slot.id: column.slot for column in self.columns if column.slot is not None}
        for slot in slots.values():
            yield (
                slot,
                tuple(c for c in self.columns if c.slot is not None and c.slot.id == slot.id),
            )


def make_shape(matcher: Matcher) -> Shape:
    """The shape of an entity under a mapping."""
    entity, preferences = matcher.entity, matcher.cells.preferences
    columns = []
    for cell in matcher.cells.single(entity):
        target = cell.target
        if target.field.type is FieldType.ID:
            continue
        own = target.slot is None or target.child is None
        column_id = target.field.id if own else target.id.removeprefix(f"{entity.id}.")
        columns.append(Column(column_id, None if own else target.slot, target.field, cell))
    if entity.parent:
        columns.append(Column(f"{entity.parent}_id", None, None, None))
    if not entity.named_after:
        return Shape(entity, tuple(columns))
    # A company may take its name from a person, and a new one the workspace's defaults.
    defaults = {"name": "", "category": preferences.default_category}
    defaults |= {"business": preferences.default_business, "country": preferences.country}
    known = {column.id for column in columns}
    columns = [
        Column(c.id, c.slot, c.field, c.cell, "" if c.slot else defaults.get(c.id, ""))
        for c in columns
    ]
    columns += [
        Column(field_id, None, entity.field(field_id), None, default)
        for field_id, default in defaults.items()
        if field_id not in known and (default or field_id == "name")
    ]
    return Shape(entity, tuple(columns))


def by_hand(matcher: Matcher, shape: Shape) -> dict[str, Field]:
    """The cells of an entity's outcome that can be set by hand: target -> field."""
    single = {
        f"{shape.entity.id}.{column.id}": column.field
        for column in shape.columns
        if column.field is not None
    }
    cells = matcher.cells.of(shape.entity)
    return single | {c.target.id: c.target.field for c in cells if c.target.multiple}


@dataclass(frozen=True)
class Said:
    """Where what the rows of an entity's records say is read from.

    Attributes:
        once: From the table `<entity>_said`, because most records have several rows. Else from
            `cell`: nearly every row is a record of its own.
        several: Some records have several rows.
    """

    once: bool
    several: bool


def make_said(db: Database, matcher: Matcher) -> Said:
    """Make `<entity>_said` where most records have several rows, since those mostly say the same.

    It has the different rows of each record once: `record_no`, its `parent_record`, the first
    `row_no` that says so, and the cells.
    """
    records, several = db.row(
        sql(
            "select count(*), count(*) filter (row_count > 1) from {group}",
            group=matcher.table("group"),
        )
    )
    said = Said(once=2 * several > records, several=several > 0)
    if said.once:
        db.run(
            sql(
                """
                create or replace temp table {said} as
                select row.record_no, any_value(found.parent_record) as parent_record,
                    min(row.row_no) as row_no {cells}
                from {row} as row
                join {group} as found on found.record_no = row.record_no
                join cell on cell.row_no = row.row_no
                group by row.record_no {cells}
                """,
                said=matcher.table("said"),
                row=matcher.table("row"),
                group=matcher.table("group"),
                cells=led(name("cell", c.column) for c in matcher.cells.of(matcher.entity)),
            )
        )
    return said


def _rows_sql(matcher: Matcher, said: Said, cells: Iterable[Cell], *, alone: bool = False) -> Query:
    """Some cells of the rows with their `record_no`, its `parent_record` and `row_no`.

    Args:
        alone: Where they are read from `cell`: those of the records of one row, else of the others.
    """
    wanted = led(name("cell", cell.column) for cell in cells)
    if said.once:
        return sql(
            "select record_no, parent_record, row_no {wanted} from {said} as cell",
            wanted=wanted,
            said=matcher.table("said"),
        )
    if alone:
        return sql(
            "select found.record_no, found.parent_record, cell.row_no {wanted} from cell"
            " join {group} as found on found.record_no = cell.row_no and found.row_count = 1",
            wanted=wanted,
            group=matcher.table("group"),
        )
    return sql(
        "select row.record_no, found.parent_record, row.row_no {wanted} from {row} as row"
        " join {group} as found on found.record_no = row.record_no and found.row_count > 1"
        " join cell on cell.row_no = row.row_no",
        wanted=wanted,
        group=matcher.table("group"),
        row=matcher.table("row"),
    )


def make_incoming(db: Database, matcher: Matcher, shape: Shape, said: Said) -> None:
    """Make `<entity>_incoming`. Where the rows of one record differ, the first filled cell counts."""
    cells = [column.cell for column in shape.columns if column.cell is not None]
    one, first = [], []
    for column in shape.columns:
        if column.cell is None:
            value = chosen = sql("cast(null as {type})", type=_type(column))
        else:
            value = name(column.cell.column)
            chosen = sql("arg_min({cell}, row_no)", cell=value)
        one.append(sql("{v} as {column}", v=value, column=name(column.id)))
        first.append(sql("{v} as {column}", v=chosen, column=name(column.id)))
    parts = []
    if not said.once:
        # Records of one row, mostly all persons, need no aggregation.
        parts.append(
            sql(
                "select record_no, {one} from ({rows})",
                one=join(", ", one),
                rows=_rows_sql(matcher, said, cells, alone=True),
            )
        )
    if said.several:
        parts.append(
            sql(
                "select record_no, {first} from ({rows}) group by record_no",
                first=join(", ", first),
                rows=_rows_sql(matcher, said, cells),
            )
        )
    db.run(
        sql(
            "create or replace table {incoming} as {parts}",
            incoming=matcher.table("incoming"),
            parts=join(" union all ", parts),
        )
    )


def report_differences(db: Database, matcher: Matcher, shape: Shape, said: Said) -> None:
    """An issue for each cell that loses to an earlier row of the same record."""
    compared = [(c, c.cell) for c in shape.columns if c.cell is not None and c.cell.header]
    if not compared:
        return
    several = sql("select record_no from {t} where row_count > 1", t=matcher.table("group"))
    if said.once:
        several = sql(
            "select record_no from {t} group by record_no having count(*) > 1",
            t=matcher.table("said"),
        )
    differs = [
        # The plain comparison settles nearly all rows, before the normal forms are worked out.
        sql(
            "(case when cell.{cell} <> chosen.{column} then {said} <> {chosen} else false end)",
            cell=name(cell.column),
            column=name(column.id),
            said=_compared(column, name("cell", cell.column)),
            chosen=_compared(column, name("chosen", column.id)),
        )
        for column, cell in compared
    ]
    db.run(
        sql(
            """
            create or replace temp table differing as
            select cell.*, row.record_no
            from {row} as row
            join ({several}) as several on several.record_no = row.record_no
            join ({cells}) as cell on cell.row_no = row.row_no
            join {incoming} as chosen on chosen.record_no = row.record_no
            where row.row_no <> row.record_no -- the first row has the chosen cell, or none
                and ({differs})
            """,
            row=matcher.table("row"),
            several=several,
            cells=cells_sql([cell for _, cell in compared]),
            incoming=matcher.table("incoming"),
            differs=join(" or ", differs),
        )
    )
    for (column, cell), condition in zip(compared, differs, strict=True):
        db.run(
            sql(
                """
                insert into issue
                select {level}, {code}, {entity}, cell.row_no, {header}, {target},
                    cast(cell.{cell} as varchar),
                    'Rows of one record differ here. The first filled cell is used: '
                        || cast(chosen.{column} as varchar),
                    'Make the rows from row ' || cell.record_no || ' on agree in the file, if this matters.'
                from differing as cell
                join {incoming} as chosen on chosen.record_no = cell.record_no
                where {condition}
                """,
                level=Level.WARNING.value,
                code=IssueCode.DIFFERS.value,
                entity=matcher.entity.id,
                header=cell.header,
                target=cell.target.id,
                cell=name(cell.column),
                column=name(column.id),
                incoming=matcher.table("incoming"),
                condition=condition,
            )
        )


def _compared(column: Column, value: Query) -> Query:
    """A cell without the differences that nobody means: case, spaces, a VAT number's punctuation."""
    text = sql("cast({value} as varchar)", value=value)
    form = Form.VAT if column.id == "vat_number" else Form.NAME
    return transforms.normal_form(text, form)


def make_before(db: Database, matcher: Matcher, shape: Shape) -> None:
    """Make `<entity>_before` from the matched records of the CRM."""
    fields = [column.field for column in shape.own if column.field is not None]
    columns = [sql("known.{column}", column=name(column.id)) for column in shape.own]
    joins = []
    for slot, slot_columns in shape.slots():
        alias = name(slot.id)
        columns += [
            sql(
                "{slot}.{field} as {column}",
                slot=alias,
                field=name(_field(c).id),
                column=name(c.id),
            )
            for c in slot_columns
        ]
        joins.append(
            sql(
                "left join ({child}) as {slot} on {slot}.{owner} = known.id and {slot}.slot = {id}",
                child=record_sql(slot_child(slot_columns), [_field(c) for c in slot_columns]),
                slot=alias,
                owner=name(f"{shape.entity.id}_id"),
                id=slot.id,
            )
        )
    db.run(
        sql(
            """
            create or replace table {before} as
            select match.record_no, match.id, {columns}
            from {match} as match
            join ({known}) as known on known.id = match.id
            {joins}
            where match.decision in ('update', 'skip')
            """,
            before=matcher.table("before"),
            columns=join(", ", columns),
            match=matcher.table("match"),
            known=record_sql(shape.entity, fields),
            joins=join(" ", joins),
        )
    )


def make_after(db: Database, matcher: Matcher, shape: Shape, edits: Sequence[str]) -> None:
    """Make `<entity>_after`: the changed records, then the new ones. The only place that decides a cell.

    Args:
        edits: The columns that have cells set by hand.
    """
    replacing = replace(matcher, action=Action.REPLACE)
    if any(_clears(replacing, column) for column in shape.columns):
        db.run(
            sql(
                "create or replace temp table unread as select distinct row.record_no, issue.target"
                " from issue join {row} as row on row.row_no = issue.row_no"
                " where issue.level = 'error' or issue.code = {unknown}",
                row=matcher.table("row"),
                unknown=IssueCode.UNKNOWN_ITEM.value,
            )
        )
    actions = decided_actions(db, matcher)
    merged = [
        edited(column.id, _by_record(matcher, shape, column, actions), edits)
        for column in shape.columns
    ]
    added = [edited(column.id, _added(matcher, column), edits) for column in shape.columns]
    changes = join(
        " or ",
        (
            sql("({after}) is distinct from before.{column}", after=value, column=name(column.id))
            for value, column in zip(merged, shape.columns, strict=True)
        ),
    )
    db.run(
        sql(
            """
            create or replace table {after} as
            select before.record_no, before.id, {merged}
            from {before} as before
            join {match} as match on match.record_no = before.record_no and match.decision = 'update'
            join {incoming} as incoming on incoming.record_no = before.record_no
            {parent}
            {edits}
            where {changes}
            union all
            select incoming.record_no, match.id, {added}
            from {incoming} as incoming
            join {match} as match on match.record_no = incoming.record_no and match.decision = 'new'
            {parent}
            {edits}
            """,
            after=matcher.table("after"),
            edits=edits_join(matcher, edits, "match"),
            merged=_columns(shape, merged),
            added=_columns(shape, added),
            before=matcher.table("before"),
            match=matcher.table("match"),
            incoming=matcher.table("incoming"),
            changes=changes,
            parent=_parent_join(shape.entity),
        )
    )


def _by_record(matcher: Matcher, shape: Shape, column: Column, actions: Sequence[Action]) -> Query:
    """A known record's cell under its own action, where the user decided on others than the rule's."""
    if len(actions) == 1:
        return _merged(matcher, shape, column)
    cases = (
        sql(
            "when {action} then {value}",
            action=action.value,
            value=_merged(replace(matcher, action=action), shape, column),
        )
        for action in actions
    )
    return sql("case match.action {cases} end", cases=join(" ", cases))


def _merged(matcher: Matcher, shape: Shape, column: Column) -> Query:
    """A known record's cell: Merge fills what is empty, Replace overwrites with what is filled.

    An exception for the field goes before the record's action, and nothing takes back what is final.
    """
    before = sql("before.{c}", c=name(column.id))
    merged = _by_action(matcher, shape, column, before)
    final = _final(column)
    lead = _lead(shape, column)
    if lead is not column:
        final = final or _final(lead)
    if final is None:
        return merged
    return sql(
        "case when before.{lead} = {final} then {before} else {merged} end",
        lead=name(lead.id),
        final=final,
        before=before,
        merged=merged,
    )


def _by_action(matcher: Matcher, shape: Shape, column: Column, before: Query) -> Query:
    incoming = _incoming(column)
    write = _write(matcher, column)
    if write is Write.NEVER:
        return before
    if write is Write.IF_EMPTY:
        lead = _lead(shape, column)
        if lead is not column:
            return sql(
                "case when before.{lead} is null then {incoming} else {before} end",
                lead=name(lead.id),
                incoming=incoming,
                before=before,
            )
        return sql("coalesce({before}, {incoming})", before=before, incoming=incoming)
    if _clears(matcher, column) and column.cell is not None:
        # A field that a new record would get a default in gets it again instead of nothing.
        incoming = _with_default(incoming, column)
        # A cell that could not be read is not a blank one.
        return sql(
            "case when {said} is null and exists (from unread where unread.target = {target}"
            " and unread.record_no = before.record_no) then {before} else {incoming} end",
            said=sql("incoming.{c}", c=name(column.id)),
            incoming=incoming,
            before=before,
            target=column.cell.target.id,
        )
    return sql("coalesce({incoming}, {before})", before=before, incoming=incoming)


def _write(matcher: Matcher, column: Column) -> Write:
    """When a known record's cell is written: its own rule, else what the action means."""
    own = matcher.cells.settings.write(column.cell.target.id) if column.cell else None
    if own is not None:
        return own
    return Write.IF_EMPTY if matcher.action is Action.MERGE else Write.ALWAYS


def _clears(matcher: Matcher, column: Column) -> bool:
    """Whether a blank cell of the file empties the field; a name and a constant never do."""
    if column.cell is None or not column.cell.header or column.id in matcher.entity.needs:
        return False
    target = column.cell.target.id
    return _write(matcher, column) is Write.ALWAYS and matcher.cells.settings.clears(target)


def _lead(shape: Shape, column: Column) -> Column:
    """The column that decides for its slot where the slot's fields belong together; else itself."""
    if column.slot is None:
        return column
    (slot_columns,) = (found for slot, found in shape.slots() if slot.id == column.slot.id)
    child = slot_child(slot_columns)
    first = next((c for c in slot_columns if _field(c).id == child.fields[0].id), column)
    return first if child.whole else column


def _final(column: Column) -> Query | None:
    field = column.field
    if field is None or not field.final:
        return None
    if field.type is FieldType.BOOLEAN:
        return sql("{value}", value=field.final == "true")
    return sql("{value}", value=field.final)


def report_opt_outs(db: Database, matcher: Matcher, shape: Shape) -> None:
    """An issue for each cell that would take back a withdrawn consent or an opt-out."""
    for column in shape.columns:
        final = _final(column)
        if final is None or column.cell is None:
            continue
        db.run(
            sql(
                """
                insert into issue
                select {level}, {code}, {entity}, before.record_no, {header}, {target},
                    cast(incoming.{c} as varchar),
                    {label} || ' was chosen in the CRM and stays: an import does not take it back.',
                    'Change it in the CRM when the person has asked for it.'
                from {before} as before
                join {incoming} as incoming on incoming.record_no = before.record_no
                join {match} as match on match.record_no = before.record_no
                where match.decision = 'update' and before.{c} = {final} and incoming.{c} <> {final}
                """,
                level=Level.WARNING.value,
                code=IssueCode.OPTED_OUT.value,
                entity=matcher.entity.id,
                header=column.cell.header,
                target=column.cell.target.id,
                c=name(column.id),
                label=f"{column.cell.target.label}"
                + (f" ({column.field.final})" if column.field and column.slot else ""),
                before=matcher.table("before"),
                incoming=matcher.table("incoming"),
                match=matcher.table("match"),
                final=final,
            )
        )


def _added(matcher: Matcher, column: Column) -> Query:
    """A new record's cell: what the source says, else the workspace's default."""
    incoming = _incoming(column)
    if matcher.entity.parent:
        return incoming
    if column.id == "name":
        return sql("coalesce({incoming}, match.derived_name)", incoming=incoming)
    return _with_default(incoming, column)


def _with_default(incoming: Query, column: Column) -> Query:
    if not column.default:
        return incoming
    default = sql("{default}", default=column.default)
    if column.id == "country":
        default = sql(
            "(select min(name) from crm.list_item where list = 'country' and code = {code})",
            code=column.default,
        )
    return sql("coalesce({incoming}, {default})", incoming=incoming, default=default)


def _incoming(column: Column) -> Query:
    return sql("parent.id") if column.field is None else sql("incoming.{c}", c=name(column.id))


def _parent_join(entity: Entity) -> Query:
    if not entity.parent:
        return sql("")
    return sql(
        "left join {parents} as parent on parent.record_no = match.parent_record"
        " and parent.decision in ('new', 'update', 'skip') and parent.id is not null",
        parents=name(f"{entity.parent}_match"),
    )


def _columns(shape: Shape, values: Iterable[Query]) -> Query:
    return join(
        ", ",
        (
            sql("{value} as {column}", value=value, column=name(column.id))
            for value, column in zip(values, shape.columns, strict=True)
        ),
    )


def _type(column: Column) -> Query:
    return sql("integer") if column.field is None else sql("varchar")


def _field(column: Column) -> Field:
    assert column.field is not None
    return column.field


def slot_child(columns: tuple[Column, ...]) -> Child:
    """The child that the columns of a slot belong to."""
    cell = columns[0].cell
    assert cell is not None
    assert cell.target.child is not None
    return cell.target.child


def children(matcher: Matcher) -> tuple[Child, ...]:
    """The children in numbers (phones, ...) that the source has columns for."""
    used = {
        c.target.child.id
        for c in matcher.cells.of(matcher.entity)
        if c.target.multiple and c.target.child
    }
    return tuple(child for child in matcher.schema.children_of(matcher.entity) if child.id in used)


def make_children(db: Database, matcher: Matcher, child: Child, said: Said) -> None:
    """Make a child's three tables: what a record has already is kept, what it lacks is added.

    Two values in one slot are the same when their normal forms are; the number written in two ways
    is one number.
    """
    entity = matcher.entity
    incoming, before, after = (
        name(f"{entity.id}_{child.id}_{kind}") for kind in ("incoming", "before", "after")
    )
    cells = [c for c in matcher.cells.of(entity) if c.target.multiple and c.target.child == child]
    rule = matcher.cells.settings.child_action(child)
    form = child.form or Form.NAME
    country = sql("")
    if form is Form.PHONE:
        country = sql(
            "left join {iso} as country on country.record_no = row.{record}"
            " left join dialling on dialling.iso = coalesce(country.iso, {own})",
            iso=name(f"{entity.parent or entity.id}_iso"),
            record=sql("parent_record") if entity.parent else sql("record_no"),
            own=matcher.cells.preferences.country,
        )

    def values(*, alone: bool = False) -> Query:
        """One line for each value: its slot, and the place of its column."""
        return join(
            " union all ",
            (
                sql(
                    "select record_no, parent_record, row_no, {slot} as slot, {position} as position,"
                    " {cell} as value from ({rows}) where {cell} is not null",
                    slot=cell.target.slot.id if cell.target.slot else "",
                    position=position,
                    cell=name(cell.column),
                    rows=_rows_sql(matcher, said, (cell,), alone=alone),
                )
                for position, cell in enumerate(cells, start=1)
            ),
        )

    def keyed(rows: Query) -> Query:
        return sql(
            """
            select row.record_no, row.row_no, row.slot, row.position, row.value,
                coalesce({key}, lower(trim(row.value))) as key
            from ({rows}) as row
            {country}
            """,
            key=transforms.normal_form(sql("row.value"), form),
            rows=rows,
            country=country,
        )

    def together(rows: Query) -> Query:
        """The first of the values that are the same, in the order of the columns, then of the rows."""
        return sql(
            "select record_no, slot, key, value,"
            " row_number() over (partition by record_no, slot order by position, row_no) as position"
            " from (select record_no, slot, key, arg_min(value, row_no) as value,"
            " min(position) as position, min(row_no) as row_no"
            " from ({rows}) group by record_no, slot, key)",
            rows=rows,
        )

    # One row and one column make one value: most persons have nothing to bring together.
    parts = []
    if not said.once:
        alone = keyed(values(alone=True))
        parts.append(
            together(alone)
            if len(cells) > 1
            else sql("select record_no, slot, key, value, position from ({rows})", rows=alone)
        )
    if said.several:
        parts.append(together(keyed(values())))
    db.run(
        sql(
            "create or replace table {table} as {parts}",
            table=incoming,
            parts=join(" union all ", parts),
        )
    )
    _make_known_children(db, matcher, child, before)
    known = sql(
        """
        union all
        select incoming.record_no, match.id, incoming.slot, incoming.value,
            incoming.position + coalesce(ranks.rank, 0)
        from {incoming} as incoming
        join {match} as match on match.record_no = incoming.record_no and match.decision = 'update'
        left join (select record_no, slot, max(rank) as rank from {before} group by all) as ranks
            on ranks.record_no = incoming.record_no and ranks.slot = incoming.slot
        anti join {before} as before on before.record_no = incoming.record_no
            and before.slot = incoming.slot and before.key = incoming.key
        """,
        incoming=incoming,
        before=before,
        match=matcher.table("match"),
    )
    db.run(
        sql(
            """
            create or replace table {after} as
            select incoming.record_no, match.id as owner_id,
                incoming.slot, incoming.value, incoming.position as rank
            from {incoming} as incoming
            join {match} as match on match.record_no = incoming.record_no and match.decision = 'new'
            {known}
            """,
            after=after,
            incoming=incoming,
            match=matcher.table("match"),
            known=sql("") if rule is ChildAction.KEEP else known,
        )
    )
    # Only a slot that the file fills for a record is replaced: a blank cell removes nothing.
    db.run(
        sql(
            """
            create or replace table {removed} as
            select before.record_no, before.id
            from {before} as before
            join {match} as match on match.record_no = before.record_no
                and match.decision = 'update' and {replaces}
            where (before.record_no, before.slot) in (select (record_no, slot) from {incoming})
                and not exists (
                    from {incoming} as incoming where incoming.record_no = before.record_no
                        and incoming.slot = before.slot and incoming.key = before.key
                )
            """,
            removed=name(f"{entity.id}_{child.id}_removed"),
            before=before,
            match=matcher.table("match"),
            incoming=incoming,
            replaces=rule is ChildAction.REPLACE,
        )
    )
    set_children(db, matcher, child)


def _make_known_children(db: Database, matcher: Matcher, child: Child, before: Query) -> None:
    entity, form = matcher.entity, child.form or Form.NAME
    value = child.fields[0]
    country = sql("")
    if form is Form.PHONE:
        record = sql("match.parent_record") if entity.parent else sql("match.record_no")
        country = sql(
            "left join {iso} as country on country.record_no = {record}"
            " left join dialling on dialling.iso = coalesce(country.iso, {own})",
            iso=name(f"{entity.parent or entity.id}_iso"),
            record=record,
            own=matcher.cells.preferences.country,
        )
    db.run(
        sql(
            """
            create or replace table {before} as
            select match.record_no, known.id, known.slot,
                coalesce({key}, lower(trim(known.value))) as key, known.value, known.rank
            from {match} as match
            join ({known}) as known on known.{owner} = match.id
            {country}
            where match.decision in ('update', 'skip')
            """,
            before=before,
            key=transforms.normal_form(sql("known.value"), form),
            match=matcher.table("match"),
            known=record_sql(child, (value,)),
            owner=name(f"{entity.id}_id"),
            country=country,
        )
    )
