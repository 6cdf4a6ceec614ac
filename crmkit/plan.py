"""The plan: what every row will do. The preview shows it and the commit does exactly that.

`make_plan` fills the import's file in the order of the work; every step is SQL over whole tables.
What a reader of the file finds afterwards, for each entity:
`<entity>_record`  one row for each incoming record: its id, status, reason and number of rows
`<entity>_incoming`, `_before`, `_after`, `<entity>_<child>_*`  see `records`
`plan_row`         row_no -> the company's and the person's record and status, number of issues
`issue`            what is wrong with cells and rows, each with its mend
`new_item`         items that the lists will get
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from crmkit import crm, transforms
from crmkit.cleaning import make_source
from crmkit.database import Database
from crmkit.decisions import (
    apply_matches,
    edited,
    edits_join,
    fill_cells,
    make_decided,
    make_edits,
    make_standing,
)
from crmkit.entities import Entity, Schema
from crmkit.errors import Level
from crmkit.incoming import (
    Cells,
    IssueCode,
    look,
    make_cell_table,
    make_cells,
    make_issues,
    make_list_values,
    make_number_signs,
)
from crmkit.mapping import Mapping
from crmkit.matching import (
    Matcher,
    find,
    group_children,
    group_roots,
    make_matcher,
    name_fields_sql,
)
from crmkit.progress import Progress
from crmkit.records import (
    Said,
    Shape,
    by_hand,
    children,
    make_after,
    make_before,
    make_children,
    make_incoming,
    make_said,
    make_shape,
    report_differences,
    report_opt_outs,
)
from crmkit.settings import DO_NOT_IMPORT, Action, NoCompanyName, Settings, imported
from crmkit.sql import Query, join, name, sql


class Status(StrEnum):
    """What becomes of a record."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    HELD_BACK = "held_back"
    PROBLEM = "problem"  # held back because a cell that it needs cannot be used

    @property
    def label(self) -> str:
        return self.value.replace("_", " ")


class Reason(StrEnum):
    """Why a record has its status."""

    NOT_FOUND = "not_found"
    KEY_EMPTY = "key_empty"
    ADD_ALWAYS = "add_always"
    DECIDED_NEW = "decided_new"
    MATCHED = "matched"
    KNOWN = "known"
    AMBIGUOUS = "ambiguous"
    CLAIMED = "claimed"
    PARENT_HELD_BACK = "parent_held_back"
    NO_COMPANY_NAME = "no_company_name"
    NAME_MISSING = "name_missing"
    FIELD_MISSING = "field_missing"
    BAD_CELL = "bad_cell"
    LEFT_OUT = "left_out"

    @property
    def label(self) -> str:
        return _REASONS[self]


_REASONS: Final = {
    Reason.NOT_FOUND: "not in the CRM yet",
    Reason.KEY_EMPTY: "nothing to match on: the cell of the duplicate match is empty",
    Reason.ADD_ALWAYS: "add always: known records are not looked for",
    Reason.DECIDED_NEW: "you said that it is none of the records found",
    Reason.MATCHED: "found in the CRM",
    Reason.KNOWN: "found in the CRM, and known records are skipped",
    Reason.AMBIGUOUS: "several records of the CRM match",
    Reason.CLAIMED: "an earlier row of the file is the same record under another name",
    Reason.PARENT_HELD_BACK: "its company is held back",
    Reason.NO_COMPANY_NAME: "the row has no company name",
    Reason.NAME_MISSING: "it has no name, and a new record needs one",
    Reason.FIELD_MISSING: "a new record needs a field that is empty here",
    Reason.BAD_CELL: "a cell that it needs cannot be used",
    Reason.LEFT_OUT: "left out by you",
}


@dataclass(frozen=True)
class Plan:
    """How a plan was made, and for which entities.

    Attributes:
        entities: The entities that the import writes, parents first.
        matchers, shapes: By entity id.
        revision: The CRM's revision that it was made on.
    """

    entities: tuple[Entity, ...]
    matchers: dict[str, Matcher]
    shapes: dict[str, Shape]
    revision: int


@dataclass(frozen=True)
class Balance:
    """Where the rows and records of one entity went: the parts add up, or the plan is refused.

    Attributes:
        rows: Rows of the file.
        rows_without: Rows that have nothing of this entity.
        records: Records by status; several rows may be one record.
        rows_by_status: Rows by the status of their record; left-out rows are among the skipped.
    """

    entity: str
    label: str
    rows: int
    rows_without: int
    records: dict[Status, int]
    rows_by_status: dict[Status, int]

    @property
    def balances(self) -> bool:
        return self.rows == self.rows_without + sum(self.rows_by_status.values())


def make_plan(
    db: Database,
    *,
    mapping: Mapping,
    settings: Settings,
    schema: Schema,
    preferences: crm.Preferences,
    progress: Progress,
) -> Plan:
    """Work out what every staged row will do; the CRM is attached as `crm` and only read.

    Args:
        db: The import's file, with the tables `staged` and `left_out`.
        progress: Told the share done and what is being done; may raise CancelledError.
    """
    progress(0.0, "Reading the cells")
    make_source(db, mapping, preferences.country)
    cells = make_cells(mapping, schema, settings, preferences, look(db, mapping))
    plan = outline(cells, mapping, schema, revision=crm.revision(db))
    transforms.make_dialling(db)
    make_number_signs(db, cells)
    make_list_values(db, cells)
    make_cell_table(db, cells)
    make_issues(db, cells)
    fields = {
        target: field
        for entity in plan.entities
        for target, field in by_hand(plan.matchers[entity.id], plan.shapes[entity.id]).items()
    }
    make_standing(db, plan.matchers.values(), fields)
    for matcher in plan.matchers.values():
        fill_cells(db, matcher)
    _make_problem_rows(db, plan)
    share = 0.75 / len(plan.entities)
    for number, entity in enumerate(plan.entities):
        part = _share(progress, 0.2 + share * number, share)
        _plan_entity(db, plan, plan.matchers[entity.id], part)
    progress(0.95, "Counting")
    _make_labels(db, plan)
    _make_plan_rows(db, plan)
    db.run(sql("drop table cell"))
    progress(1.0, "The preview is ready")
    return plan


def _share(progress: Progress, start: float, share: float) -> Progress:
    return lambda fraction, text: progress(start + share * fraction, text)


def _plan_entity(db: Database, plan: Plan, matcher: Matcher, progress: Progress) -> None:
    entity, many = matcher.entity, matcher.entity.plural["en"].lower()
    if entity.parent:
        progress(0.0, f"Looking the {many} up")
        group_children(db, matcher)
    else:
        progress(0.0, f"Bringing the rows of the same {many} together")
        group_roots(db, matcher, plan.matchers.get(entity.named_after))
        progress(0.3, f"Looking the {many} up")
    said = make_said(db, matcher)
    edits = _decide(db, matcher, plan, said)
    progress(0.6, f"Working out the {many}")
    _work_out(db, matcher, plan, edits, said)


def outline(cells: Cells, mapping: Mapping, schema: Schema, *, revision: int) -> Plan:
    """What a plan is made of, without making it: the commit and the preview read the same tables."""
    settings = cells.settings
    taken = {entity.id for entity in imported(settings, mapping, schema)}
    # Companies take part even where the file has none of their columns: a person may need one.
    mapped = {target.split(".")[0] for target in mapping.mapped_targets}
    roots = {schema.entity(entity_id).parent or entity_id for entity_id in mapped}
    entities = tuple(e for e in schema.entities if e.id in taken or e.id in roots)
    ruled = settings
    for entity in entities:
        if settings.rule(entity).match_key == DO_NOT_IMPORT:
            ruled = ruled.with_rule(entity, match_key=entity.default_key)
    cells = Cells(cells.cells, ruled, cells.preferences)
    matchers = {entity.id: make_matcher(entity, cells, schema) for entity in entities}
    shapes = {entity_id: make_shape(matcher) for entity_id, matcher in matchers.items()}
    return Plan(entities, matchers, shapes, revision)


def balance(db: Database, entities: tuple[Entity, ...]) -> tuple[Balance, ...]:
    """Where all rows and records went, counted from the plan."""
    rows = db.value(sql("select count(*) from plan_row"))
    return tuple(_balance(db, entity, rows) for entity in entities)


def _balance(db: Database, entity: Entity, rows: int) -> Balance:
    records = db.rows(
        sql(
            "select status, count(*) from {t} group by status order by status",
            t=name(f"{entity.id}_record"),
        )
    )
    by_status = db.rows(
        sql(
            "select {status}, count(*) from plan_row group by all order by all",
            status=name(f"{entity.id}_status"),
        )
    )
    counts = {status: count for status, count in by_status if status is not None}
    return Balance(
        entity.id,
        entity.plural["en"],
        rows,
        rows - sum(counts.values()),
        {status: dict(records).get(status.value, 0) for status in Status},
        {status: counts.get(status.value, 0) for status in Status},
    )


def _work_out(db: Database, matcher: Matcher, plan: Plan, edits: Sequence[str], said: Said) -> None:
    shape = plan.shapes[matcher.entity.id]
    report_differences(db, matcher, shape, said)
    make_before(db, matcher, shape)
    report_opt_outs(db, matcher, shape)
    make_after(db, matcher, shape, edits)
    if any(f.id == "country" for f in matcher.entity.fields) and not matcher.entity.parent:
        _make_country(db, matcher, shape)
    for child in children(matcher):
        make_children(db, matcher, child, said)
    _make_records(db, matcher)
    # What the records were found by is not asked for again, and memory is.
    for done in ("hit", "group", "said"):
        db.run(sql("drop table if exists {t}", t=matcher.table(done)))


def _make_problem_rows(db: Database, plan: Plan) -> None:
    """Rows whose cells for a name or the match key cannot be used: their record is held back."""
    needed = sorted(
        {
            f"{entity.id}.{part}"
            for entity in plan.entities
            for part in (*plan.matchers[entity.id].key.fields, *entity.needs)
        }
    )
    db.run(
        sql(
            "create or replace temp table problem_row as select distinct entity, row_no from issue"
            " where level = {error} and list_contains({needed}, target)",
            error=Level.ERROR.value,
            needed=needed,
        )
    )


def _decide(db: Database, matcher: Matcher, plan: Plan, said: Said) -> tuple[str, ...]:
    """Make `<entity>_match`: for each incoming record its decision, the reason, and its id.

    Returns:
        The columns that have cells set by hand.
    """
    shape = plan.shapes[matcher.entity.id]
    make_decided(db, matcher)
    edits = make_edits(db, matcher, {c.id: c.field for c in shape.columns if c.field is not None})
    find(db, matcher)
    apply_matches(db, matcher)
    make_incoming(db, matcher, shape, said)
    parent = matcher.entity.parent
    # To bring only the few here that lack something is half the work of bringing all.
    incoming = matcher.table("incoming")
    if not edits:
        incoming = sql(
            "(from {t} as incoming where {lacks})",
            t=incoming,
            lacks=_lacks_needed(matcher, edits),
        )
    db.run(
        sql(
            """
            create or replace temp table {match} as
            with decided as materialized (
                select *, {decision} as decision
                from (
                    select found.record_no, found.row_count, found.key, found.parent_record,
                        found.derived_name, hit.match_id, {reason} as reason,
                        coalesce(decided.action, {action}) as action
                    from {group} as found
                    left join {decided} as decided on decided.record_no = found.record_no
                    left join {hit} as hit on hit.record_no = found.record_no
                    left join {incoming} as incoming on incoming.record_no = found.record_no
                    {edits}
                    left join (
                        select match_id, min(record_no) as first
                        from {hit} where hits = 1 group by match_id
                    ) as claim on claim.match_id = hit.match_id
                    left join ({shared}) as shared on shared.key = found.key
                    {parents}
                )
            )
            -- Numbered by themselves: sorting whole records for it is far more work.
            select decided.*, coalesce({next} - 1 + numbered.number, decided.match_id) as id
            from decided left join (
                select record_no, row_number() over (order by record_no) as number
                from decided where decision = 'new'
            ) as numbered on numbered.record_no = decided.record_no
            """,
            match=matcher.table("match"),
            next=sql("(select next_id from crm.counter where table_id = {t})", t=matcher.entity.id),
            decision=_decision(),
            reason=_reason(matcher, edits),
            edits=edits_join(matcher, edits, "found"),
            action=matcher.action.value,
            decided=matcher.table("decided"),
            group=matcher.table("group"),
            hit=matcher.table("hit"),
            incoming=incoming,
            shared=_shared_keys_sql(matcher),
            parents=sql(
                "left join {match} as parent on parent.record_no = found.parent_record",
                match=name(f"{parent}_match"),
            )
            if parent
            else sql(""),
        )
    )
    _report_held_back(db, matcher, edits)
    return edits


def _shared_keys_sql(matcher: Matcher) -> Query:
    """Keys that differently named records of the file share: the first has it, the others wait."""
    by_name = matcher.key.within_parent
    if matcher.action is Action.ADD or not matcher.entity.parent or by_name:
        return sql("select cast(null as varchar) as key, 0 as first where false")
    return sql(
        "select key, min(record_no) as first from {group} where key is not null"
        " group by key having count(*) > 1",
        group=matcher.table("group"),
    )


def _reason(matcher: Matcher, edits: Sequence[str]) -> Query:
    lacks = _lacks_needed(matcher, edits)
    action = sql("coalesce(decided.action, {rule})", rule=matcher.action.value)
    branches = [(sql("found.problem"), Reason.BAD_CELL)]
    no_company = matcher.cells.settings.no_company_name
    if matcher.entity.parent:
        branches.append(
            (sql("parent.decision in ('held_back', 'problem')"), Reason.PARENT_HELD_BACK)
        )
    elif matcher.entity.named_after:
        derived = edited("name", sql("found.derived_name"), edits)
        lacks = sql("{lacks} and {derived} is null", lacks=lacks, derived=derived)
    branches += [
        (sql("hit.hits > 1"), Reason.AMBIGUOUS),
        (
            # Who says that it is none of those found has looked: it is added.
            sql(
                "(claim.first < found.record_no or shared.first < found.record_no)"
                " and not coalesce(decided.fresh, false)"
            ),
            Reason.CLAIMED,
        ),
        (
            sql("hit.hits = 1 and {action} = {skip}", action=action, skip=Action.SKIP.value),
            Reason.KNOWN,
        ),
        (sql("hit.hits = 1"), Reason.MATCHED),
    ]
    if matcher.entity.parent and no_company is NoCompanyName.SKIP:
        branches.append((sql("parent.id is null"), Reason.NO_COMPANY_NAME))
    missing = Reason.FIELD_MISSING if matcher.entity.needs_all else Reason.NAME_MISSING
    if matcher.entity.named_after and no_company is not NoCompanyName.USE_PERSON_NAME:
        missing = Reason.NO_COMPANY_NAME
    branches.append((sql("incoming.record_no is not null and {lacks}", lacks=lacks), missing))
    branches.append((sql("decided.fresh"), Reason.DECIDED_NEW))
    branches.append(
        (sql("{action} = {add}", action=action, add=Action.ADD.value), Reason.ADD_ALWAYS)
    )
    branches.append((sql("found.key is null"), Reason.KEY_EMPTY))
    cases = join(" ", (sql("when {c} then {r}", c=c, r=r.value) for c, r in branches))
    return sql("case {cases} else {other} end", cases=cases, other=Reason.NOT_FOUND.value)


def _lacks_needed(matcher: Matcher, edits: Sequence[str]) -> Query:
    """Whether `incoming` and `edit` lack what a new record needs: all of it, or each part."""
    needs = [missing for _, missing in _needed(matcher, edits)] or [sql("true")]
    lacks = join(" or ", needs) if matcher.entity.needs_all else join(" and ", needs)
    return sql("({lacks})", lacks=lacks)


def _needed(matcher: Matcher, edits: Sequence[str]) -> list[tuple[str, Query]]:
    """What a new record needs: a field's label, and that neither `incoming` nor `edit` has it.

    Where all of it is needed, a field that is not mapped is lacking in every row; where one will do,
    it is not looked at.
    """
    if matcher.entity.scope and matcher.scope is None:
        return [("a price list", sql("true"))]
    mapped = {cell.target.id for cell in matcher.cells.cells}
    return [
        (
            matcher.entity.field(part).labels["en"],
            sql("{v} is null", v=edited(part, sql("incoming.{field}", field=name(part)), edits))
            if f"{matcher.entity.id}.{part}" in mapped
            else sql("true"),
        )
        for part in matcher.entity.needs
        if matcher.entity.needs_all or f"{matcher.entity.id}.{part}" in mapped
    ]


def _decision() -> Query:
    """What each reason leads to; whatever is left is new."""
    decisions = {
        "problem": (Reason.BAD_CELL,),
        "held_back": (
            Reason.AMBIGUOUS,
            Reason.CLAIMED,
            Reason.PARENT_HELD_BACK,
            Reason.NAME_MISSING,
            Reason.FIELD_MISSING,
        ),
        "skip": (Reason.KNOWN, Reason.NO_COMPANY_NAME),
        "update": (Reason.MATCHED,),
    }
    cases = join(
        " ",
        (
            sql(
                "when list_contains({r}, reason) then {d}", r=[r.value for r in reasons], d=decision
            )
            for decision, reasons in decisions.items()
        ),
    )
    return sql("case {cases} else 'new' end", cases=cases)


def _report_held_back(db: Database, matcher: Matcher, edits: Sequence[str]) -> None:
    reported = (
        (
            Reason.AMBIGUOUS,
            IssueCode.AMBIGUOUS,
            "Choose another duplicate match, or bring the records of the CRM together.",
        ),
        (
            Reason.CLAIMED,
            IssueCode.CLAIMED,
            "Give each record its own value in the file, or choose another duplicate match.",
        ),
        (Reason.NAME_MISSING, IssueCode.NAME_MISSING, "Fill the name in the file."),
    )
    for reason, code, mend in reported:
        db.run(
            sql(
                "insert into issue select {level}, {code}, {entity}, record_no, null, null, key,"
                " {message}, {mend} from {match} where reason = {reason}",
                level=Level.ERROR.value,
                code=code.value,
                entity=matcher.entity.id,
                message=f"The {matcher.entity.labels['en'].lower()} is held back: {reason.label}.",
                mend=mend,
                match=matcher.table("match"),
                reason=reason.value,
            )
        )
    _report_fields_missing(db, matcher, edits)


def _report_fields_missing(db: Database, matcher: Matcher, edits: Sequence[str]) -> None:
    """Say which of the fields that a new record needs are empty."""
    needed = _needed(matcher, edits)
    if not needed:
        return  # the file has none of them: it is about known records
    title = matcher.entity.labels["en"].lower()
    missing = join(
        ", ", (sql("case when {m} then {label} end", m=m, label=label) for label, m in needed)
    )
    db.run(
        sql(
            "insert into issue select {level}, {code}, {entity}, record_no, null, null, match.key,"
            " {message} || concat_ws(' and ', {missing}) || '.', {mend}"
            " from {match} as match left join {incoming} as incoming using (record_no) {edits}"
            " where match.reason = {reason}",
            edits=edits_join(matcher, edits, "match"),
            level=Level.ERROR.value,
            code=IssueCode.FIELD_MISSING.value,
            entity=matcher.entity.id,
            message=f"The {title} is held back: it is new, and a new {title} cannot do without ",
            missing=missing,
            mend="Fill it in the file.",
            match=matcher.table("match"),
            incoming=matcher.table("incoming"),
            reason=Reason.FIELD_MISSING.value,
        )
    )


def _make_country(db: Database, matcher: Matcher, shape: Shape) -> None:
    """Make `company_iso`: the country in which a record's phone numbers are read.

    It is the country that the company will have, so that the next import reads them alike.
    """
    country = sql("item.id = known.country_id")
    if any(column.id == "country" for column in shape.columns):
        country = sql(
            "item.list = 'country' and item.name = case when after.record_no is not null"
            " then after.country when before.record_no is not null then before.country"
            " else incoming.country end"
        )
    db.run(
        sql(
            """
            create or replace temp table {iso} as
            select match.record_no, min(item.code) as iso
            from {match} as match
            left join {after} as after on after.record_no = match.record_no
            left join {before} as before on before.record_no = match.record_no
            left join {incoming} as incoming on incoming.record_no = match.record_no
            left join {known} as known on known.id = match.match_id
            left join crm.list_item as item on {country}
            group by match.record_no
            """,
            iso=matcher.table("iso"),
            country=country,
            known=name("crm", matcher.entity.id),
            **{kind: matcher.table(kind) for kind in ("match", "after", "before", "incoming")},
        )
    )


def _make_records(db: Database, matcher: Matcher) -> None:
    """Make `<entity>_record`: a known record is changed when one of its cells or children is."""
    changed = [sql("select record_no from {t}", t=matcher.table("after"))]
    changed += [
        sql("select record_no from {t}", t=name(f"{matcher.entity.id}_{child.id}_{kind}"))
        for child in children(matcher)
        for kind in ("after", "removed")
    ]
    db.run(
        sql(
            """
            create or replace table {record} as
            select match.record_no, match.id, match.match_id, match.parent_record, match.row_count,
                match.key, match.reason, match.action,
                case match.decision
                    when 'update' then
                        case when match.record_no in ({changed}) then 'changed' else 'unchanged' end
                    when 'skip' then 'skipped'
                    else match.decision end as status
            from {match} as match
            """,
            record=matcher.table("record"),
            match=matcher.table("match"),
            changed=join(" union all ", changed),
        )
    )


def _make_labels(db: Database, plan: Plan) -> None:
    """Names of the CRM's records that the screen mentions: candidates, and other companies of persons."""
    for entity in plan.entities:
        named = name_fields_sql(entity, "known")
        db.run(
            sql(
                """
                create or replace table {label} as
                select candidate.record_no, candidate.id,
                    coalesce({named}, '(no name)') || ' (ID ' || candidate.id || ')' as label
                from {candidate} as candidate join {known} as known on known.id = candidate.id
                """,
                label=name(f"{entity.id}_candidate_label"),
                named=named,
                candidate=name(f"{entity.id}_candidate"),
                known=name("crm", entity.id),
            )
        )
        if not entity.parent:
            continue
        parent = plan.matchers[entity.parent].entity
        db.run(
            sql(
                """
                create or replace table {names} as
                select known.id, {named} as name from {known} as known
                where known.id in (select {parent_id} from {before})
                """,
                names=name(f"{parent.id}_name"),
                named=name_fields_sql(parent, "known"),
                known=name("crm", parent.id),
                parent_id=name(f"{parent.id}_id"),
                before=name(f"{entity.id}_before"),
            )
        )


def _make_plan_rows(db: Database, plan: Plan) -> None:
    columns, joins = [], []
    for entity in plan.entities:
        row, record = name(f"{entity.id}_row"), name(f"{entity.id}_record")
        columns.append(
            sql(
                "{record}.record_no as {number}, case when left_out.row_no is null"
                " then {record}.status else 'skipped' end as {status}",
                record=record,
                number=name(f"{entity.id}_record"),
                status=name(f"{entity.id}_status"),
            )
        )
        joins.append(
            sql(
                "left join {row} on {row}.row_no = staged.row_no"
                " left join {record} on {record}.record_no = {row}.record_no",
                row=row,
                record=record,
            )
        )
    db.run(
        sql(
            """
            create or replace table plan_row as
            select staged.row_no, left_out.row_no is not null as left_out, {columns},
                coalesce(found.issues, 0) as issues
            from staged
            left join left_out on left_out.row_no = staged.row_no
            {joins}
            left join (select row_no, count(*) as issues from issue group by row_no) as found
                on found.row_no = staged.row_no
            """,
            columns=join(", ", columns),
            joins=join(" ", joins),
        )
    )
