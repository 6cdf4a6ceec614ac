"""Which rows of the file are one record, and which record of the CRM that is.

For each entity, in this order:
`<entity>_keyed`  row_no, key, guard, fallback, parent, problem   what each row is recognised by
`<entity>_group`  one row for each incoming record; its number is the first of its rows' numbers
`<entity>_row`    row_no -> record_no
`<entity>_hit`    incoming records found in the CRM: match_id, and how many records have the key
Keys are compared on their normal form; two VAT numbers whose countries are both known and differ
are not the same (the *guard*).
"""

from __future__ import annotations

from dataclasses import dataclass

from crmkit import transforms
from crmkit.database import Database
from crmkit.entities import Child, Entity, Form, MatchKey, Schema
from crmkit.incoming import Cells, cells_sql
from crmkit.settings import Action, NoCompanyName
from crmkit.sql import Query, join, name, names, sql


@dataclass(frozen=True)
class Matcher:
    """How the rows of one entity are brought together and looked for.

    Attributes:
        entity: The entity.
        key: The match key chosen for it.
        action: What happens to known records; under ADD none are looked for.
        everywhere: A key that is looked for within the parent is looked for in the whole CRM.
    """

    entity: Entity
    key: MatchKey
    action: Action
    cells: Cells
    schema: Schema

    @property
    def within_parent(self) -> bool:
        return self.key.within_parent and not self.cells.settings.search_everywhere

    @property
    def scope(self) -> int | None:
        """The record that holds all records of this import (its price list); None for no such."""
        return self.cells.settings.price_list if self.entity.scope else None

    @property
    def named_by(self) -> tuple[str, ...]:
        """The fields that make a record's name."""
        return self.entity.match_key("name").fields

    def table(self, kind: str) -> Query:
        """A table of this entity in the import's file."""
        return name(f"{self.entity.id}_{kind}")


def make_matcher(entity: Entity, cells: Cells, schema: Schema) -> Matcher:
    """The matcher that the settings ask for."""
    rule = cells.settings.rule(entity)
    return Matcher(entity, entity.match_key(rule.match_key), rule.action, cells, schema)


def name_of(matcher: Matcher) -> Query:
    """A record's whole name from its cells; null when none of its parts is filled."""
    parts = join(", ", (matcher.cells.first(f"{matcher.entity.id}.{p}") for p in matcher.named_by))
    return sql("nullif(concat_ws(' ', {parts}), '')", parts=parts)


def name_fields_sql(entity: Entity, record: str) -> Query:
    """A stored record's whole name; null when none of its parts is filled."""
    parts = names(entity.match_key("name").fields, table=record)
    return sql("nullif(concat_ws(' ', {parts}), '')", parts=parts)


def group_roots(db: Database, matcher: Matcher, persons: Matcher | None) -> None:
    """Bring the rows of the same company, or product, together.

    A row without a company of its own takes its person's name for one, when the settings say so
    and the person is not known already (`known_person`).
    """
    own = name_of(matcher)
    derived = sql("cast(null as varchar)")
    wanted = list(matcher.cells.of(matcher.entity))
    takes_person = matcher.cells.settings.no_company_name is NoCompanyName.USE_PERSON_NAME
    if persons is not None and takes_person:
        _make_known_person(db, persons, own)
        derived = sql(
            "case when {own} is null and known_person.row_no is null then {person} end",
            own=own,
            person=name_of(persons),
        )
        wanted += persons.cells.of(persons.entity)
    else:
        db.run(sql("create or replace temp table known_person (row_no integer)"))
    key = _key(matcher)
    if matcher.key.fields[0] == "name":
        # A company that is named after its person is found again under that name.
        key = _key(matcher, sql("coalesce(cell.own_name, cell.derived_name)"))
    filled = [name("cell", cell.column) for cell in matcher.cells.of(matcher.entity) if cell.header]
    db.run(
        sql(
            """
            create or replace temp table {keyed} as
            select cell.row_no, cast(null as integer) as parent, cell.problem,
                case when not cell.problem then {key} end as key, {guard} as guard,
                case when not cell.problem then {fallback} end as fallback,
                case when not cell.problem then cell.derived_name end as derived_name
            from (
                select cell.*, bad.row_no is not null as problem, {own} as own_name,
                    {derived} as derived_name
                from ({cells}) as cell
                left join known_person on known_person.row_no = cell.row_no
                left join problem_row as bad on bad.entity = {entity} and bad.row_no = cell.row_no
            ) as cell
            where cell.derived_name is not null or cell.problem {filled}
            """,
            keyed=matcher.table("keyed"),
            entity=matcher.entity.id,
            key=key,
            guard=_guard(
                matcher, matcher.cells.first(f"{matcher.entity.id}.{matcher.key.fields[0]}")
            ),
            # Only a row that has nothing else to go by is recognised by its person's name.
            fallback=transforms.name_key(
                sql(
                    "coalesce(cell.own_name, case when {key} is null then cell.derived_name end)",
                    key=key,
                )
            ),
            own=own,
            derived=derived,
            cells=cells_sql(wanted),
            filled=join("", (sql(" or {cell} is not null", cell=cell) for cell in filled)),
        )
    )
    _group(db, matcher)


def group_children(db: Database, matcher: Matcher) -> None:
    """Bring the rows of the same person together, once the companies have their ids."""
    person = matcher.entity
    filled = [name("cell", cell.column) for cell in matcher.cells.of(person) if cell.header]
    whole_name = transforms.name_key(name_of(matcher))
    key = whole_name if matcher.key.within_parent else _key(matcher)
    db.run(
        sql(
            """
            create or replace temp table {keyed} as
            select cell.row_no, parent.id as parent, parent_row.record_no as parent_record,
                bad.row_no is not null as problem,
                case when bad.row_no is null then {key} end as key, cast(null as varchar) as guard,
                case when bad.row_no is null then {fallback} end as fallback,
                cast(null as varchar) as derived_name
            from ({cells}) as cell
            left join {parent_rows} as parent_row on parent_row.row_no = cell.row_no
            left join {parents} as parent on parent.record_no = parent_row.record_no
            {dialling}
            left join problem_row as bad on bad.entity = {person} and bad.row_no = cell.row_no
            where bad.row_no is not null {filled}
            """,
            keyed=matcher.table("keyed"),
            key=key,
            fallback=whole_name,
            cells=cells_sql(matcher.cells.of(person)),
            parent_rows=name(f"{person.parent}_row"),
            parents=name(f"{person.parent}_match"),
            dialling=sql(
                """
                left join {parent_iso} as parent_iso on parent_iso.record_no = parent_row.record_no
                left join dialling on dialling.iso = coalesce(parent_iso.iso, cell.iso, {country})
                """,
                parent_iso=name(f"{person.parent}_iso"),
                country=matcher.cells.preferences.country,
            )
            if matcher.key.form is Form.PHONE
            else sql(""),
            person=person.id,
            filled=join("", (sql(" or {cell} is not null", cell=cell) for cell in filled)),
        )
    )
    _group(db, matcher)


def find(db: Database, matcher: Matcher) -> None:
    """Look the incoming records up in the CRM; under ADD nothing is looked for."""
    hit, candidate = matcher.table("hit"), matcher.table("candidate")
    db.run(
        sql(
            "create or replace temp table {hit} (record_no integer, match_id integer, hits integer)",
            hit=hit,
        )
    )
    db.run(sql("create or replace table {t} (record_no integer, id integer)", t=candidate))
    same = [sql("known.key = incoming.key")]
    if matcher.action is Action.ADD:
        # Only those are looked for of which the user decided otherwise.
        wanted = sql(
            "select record_no from {t} where action <> {add}",
            t=matcher.table("decided"),
            add=Action.ADD.value,
        )
        if not db.value(sql("select count(*) from ({wanted})", wanted=wanted)):
            return
        same.append(sql("incoming.record_no in ({wanted})", wanted=wanted))
    if db.value(
        sql(
            "select count(*) from crm.not_same where entity = {e} and not undone",
            e=matcher.entity.id,
        )
    ):
        same.append(
            sql(
                "not exists (from crm.not_same as other where other.entity = {e}"
                " and other.tag = incoming.tag and other.record_id = known.id and not other.undone)",
                e=matcher.entity.id,
            )
        )
    if matcher.key.form is Form.VAT:
        same.append(
            sql(
                "coalesce(known.guard, incoming.guard, '') = coalesce(incoming.guard, known.guard, '')"
            )
        )
    if matcher.within_parent:
        same.append(sql("known.parent = coalesce(incoming.parent, 0)"))
    db.run(
        sql(
            """
            insert into {hit}
            select incoming.record_no, min(known.id) as match_id,
                case when min(known.id) = max(known.id) then 1 else 2 end as hits
            from {group} as incoming
            join ({known}) as known on {same}
            group by incoming.record_no
            """,
            hit=hit,
            group=matcher.table("group"),
            known=known_keys_sql(matcher),
            same=join(" and ", same),
        )
    )
    if not db.value(sql("select count(*) from {hit} where hits > 1", hit=hit)):
        return
    db.run(
        sql(
            """
            insert into {candidate}
            select distinct incoming.record_no, known.id
            from {hit} as hit
            join {group} as incoming on incoming.record_no = hit.record_no
            join ({known}) as known on {same}
            where hit.hits > 1
            """,
            candidate=candidate,
            hit=hit,
            group=matcher.table("group"),
            known=known_keys_sql(matcher),
            same=join(" and ", same),
        )
    )


def known_keys_sql(matcher: Matcher) -> Query:
    """The match key of every record in the CRM: id, key, guard, parent (0 for none)."""
    entity, key = matcher.entity, matcher.key
    owner = (
        sql("record.{parent}", parent=name(f"{entity.parent}_id")) if entity.parent else sql("null")
    )
    child = _child_of(matcher)
    if child is not None:
        return _known_child_keys_sql(matcher, child)
    fields = [name("record", part) for part in key.fields]
    value = name_fields_sql(entity, "record") if key.within_parent else fields[0]
    return sql(
        "select record.id, {key} as key, {guard} as guard, coalesce({owner}, 0) as parent"
        " from {table} as record {country} where record.deleted_at is null {scope}",
        scope=sql("and record.{scope} = {id}", scope=name(f"{entity.scope}_id"), id=matcher.scope)
        if matcher.scope is not None
        else sql(""),
        key=_compound(matcher, value, fields),
        guard=_guard(matcher, value, "country.code"),
        owner=owner,
        table=name("crm", entity.id),
        country=sql("left join crm.list_item as country on country.id = record.country_id")
        if key.form is Form.VAT
        else sql(""),
    )


def _known_child_keys_sql(matcher: Matcher, child: Child) -> Query:
    """Keys that a child holds: a person's e-mail address or mobile number."""
    entity = matcher.entity
    return sql(
        """
        select owner.id, {key} as key, null as guard, 0 as parent
        from {child} as child
        join {table} as owner on owner.id = child.{owner_id} and owner.deleted_at is null
        {countries}
        where child.slot = {slot} and child.deleted_at is null
        """,
        key=transforms.normal_form(sql("child.value"), matcher.key.form),
        child=name("crm", child.id),
        table=name("crm", entity.id),
        owner_id=name(f"{entity.id}_id"),
        slot=matcher.key.fields[0],
        countries=sql(
            """
            left join {parents} as parent on parent.id = owner.{parent_id}
            left join crm.list_item as own on own.id = owner.country_id
            left join crm.list_item as country on country.id = parent.country_id
            left join dialling on dialling.iso = coalesce(country.code, own.code, {default})
            """,
            parents=name("crm", entity.parent),
            parent_id=name(f"{entity.parent}_id"),
            default=matcher.cells.preferences.country,
        )
        if matcher.key.form is Form.PHONE
        else sql(""),
    )


def _child_of(matcher: Matcher) -> Child | None:
    target = matcher.schema.target(f"{matcher.entity.id}.{matcher.key.fields[0]}")
    return target.child


def _key(matcher: Matcher, first: Query | None = None) -> Query:
    """The match key of a row, over its cells; `first` stands for the first part when given."""
    values = [matcher.cells.first(f"{matcher.entity.id}.{part}") for part in matcher.key.fields]
    return _compound(matcher, first or values[0], values)


def _compound(matcher: Matcher, value: Query, parts: list[Query]) -> Query:
    form = matcher.key.form
    key = transforms.normal_form(value, form)
    if matcher.key.within_parent or len(parts) == 1:
        return key
    # The first part must be filled; the others may be empty on both sides.
    rest = join(
        " || ",
        (
            sql("coalesce({part}, '')", part=transforms.normal_form(part, form))
            for part in parts[1:]
        ),
    )
    return sql("({key} || '\x1f' || {rest})", key=key, rest=rest)


def _guard(matcher: Matcher, value: Query, country: str = "cell.iso") -> Query:
    """The country of a VAT number: its own prefix, else the record's; null when it is not known."""
    if matcher.key.form is not Form.VAT:
        return sql("cast(null as varchar)")
    return sql(
        "coalesce({prefix}, {country})",
        prefix=transforms.vat_country(value),
        country=name(*country.split(".")),
    )


def _make_known_person(db: Database, persons: Matcher, company: Query) -> None:
    """Rows without a company's name whose person is known: no company is made for them."""
    if (
        persons.action is Action.ADD
        or persons.within_parent
        or not db.value(sql("select exists (from cell where {c} is null)", c=company))
    ):
        db.run(sql("create or replace temp table known_person (row_no integer)"))
        return
    key = transforms.name_key(name_of(persons)) if persons.key.within_parent else _key(persons)
    db.run(
        sql(
            """
            create or replace temp table known_person as
            select distinct row_no from (
                select cell.row_no, {key} as key
                from cell
                left join dialling on dialling.iso = coalesce(cell.iso, {country})
                where {company} is null
            )
            where key in (select key from ({known}))
            """,
            key=key,
            company=company,
            country=persons.cells.preferences.country,
            known=known_keys_sql(persons),
        )
    )


def _group(db: Database, matcher: Matcher) -> None:
    apart = matcher.cells.settings.rows_apart
    keyed = matcher.table("keyed")
    parent = bool(matcher.entity.parent)
    # A row without the match key belongs to the record that other rows name alike, if there is
    # just one such; a person only to one of its own company.
    db.run(
        sql(
            """
            create or replace temp table {alias} as
            select coalesce(parent, 0) as parent, fallback, min(key) as key
            from {keyed}
            where key is not null and fallback in (select fallback from {keyed} where key is null)
            group by 1, 2 having min(key) = max(key)
            """,
            alias=matcher.table("alias"),
            keyed=keyed,
        )
    )
    if apart:
        db.run(
            sql(
                "create or replace temp table {found} as select distinct key from ({known})",
                found=matcher.table("found"),
                known=known_keys_sql(matcher),
            )
        )
    alone = sql("problem or (keyed.key is null and keyed.fallback is null)")
    if apart and matcher.action is Action.ADD:
        alone = sql("true")
    elif apart:
        alone = sql(
            "{alone} or not exists (from {found} as found where found.key = keyed.key)",
            alone=alone,
            found=matcher.table("found"),
        )
    # Two persons under one key but with different names are two persons: neither must vanish in
    # the other. A person's name counts only inside its company.
    named = sql("")
    if parent and not matcher.key.within_parent:
        named = sql("|| '\x1f' || coalesce(keyed.fallback, '')")
    # One VAT number in two countries is two companies.
    if matcher.key.form is Form.VAT:
        named = sql(
            "|| case when keyed.key in (select key from {keyed} group by key"
            " having min(guard) <> max(guard)) then '\x1f' || coalesce(keyed.guard, '') else '' end",
            keyed=keyed,
        )
    scope = sql("")
    if matcher.within_parent or (parent and matcher.key.within_parent):
        scope = sql("coalesce(keyed.parent, 0) || '\x1f' ||")
    db.run(
        sql(
            """
            create or replace temp table {tagged} as
            select keyed.row_no, keyed.parent, {extra} as parent_record, keyed.problem, keyed.guard,
                keyed.derived_name, coalesce(keyed.key, alias.key) as record_key,
                -- 128 bits instead of long texts: as good as unique, and half the memory.
                md5_number(case when {alone} then 'r' || keyed.row_no
                    when coalesce(keyed.key, alias.key) is not null
                        then 'k' || {scope} coalesce(keyed.key, alias.key) {named}
                    else 'f' || coalesce(keyed.parent, 0) || '\x1f' || keyed.fallback end) as tag
            from {keyed} as keyed
            left join {alias} as alias on alias.parent = coalesce(keyed.parent, 0)
                and alias.fallback = case when keyed.key is null then keyed.fallback end
            """,
            tagged=matcher.table("tagged"),
            alone=alone,
            scope=scope,
            named=named,
            keyed=keyed,
            alias=matcher.table("alias"),
            extra=sql("keyed.parent_record") if parent else sql("cast(null as integer)"),
        )
    )
    for done in ("keyed", "alias"):
        db.run(sql("drop table {t}", t=matcher.table(done)))
    db.run(
        sql(
            """
            create or replace temp table {group} as
            select tag, min(row_no) as record_no, count(*) as row_count, min(record_key) as key,
                min(guard) as guard, min(parent) as parent, min(parent_record) as parent_record,
                bool_or(problem) as problem, arg_min(derived_name, row_no) as derived_name
            from {tagged} group by tag
            """,
            group=matcher.table("group"),
            tagged=matcher.table("tagged"),
        )
    )
    db.run(
        sql(
            """
            create or replace table {row} as
            select tagged.row_no, incoming.record_no
            from {tagged} as tagged join {group} as incoming on incoming.tag = tagged.tag
            """,
            row=matcher.table("row"),
            tagged=matcher.table("tagged"),
            group=matcher.table("group"),
        )
    )
    db.run(sql("drop table {t}", t=matcher.table("tagged")))
