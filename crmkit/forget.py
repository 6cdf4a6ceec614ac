"""Forgets one person: the record itself, what belongs to it, and what the log holds of it, for good.

This is the part inside the CRM. What is left of the person in files beside it is found by `traces`.
Which batches touched the person is kept, as numbers, so that an undo of one of them can say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from crmkit import crm
from crmkit.batches import BatchHeader, insert_batch
from crmkit.database import Database
from crmkit.entities import PERSON, Child, Schema
from crmkit.errors import SettingsError
from crmkit.matching import name_fields_sql
from crmkit.sql import Query, join, name, sql

_FOUND: Final = 20


@dataclass(frozen=True)
class Words:
    """What a person is known by in files, as the CRM has it.

    Attributes:
        names: The parts of the name that are filled.
        emails: In small letters.
        phones: As written.
    """

    person_id: int
    names: tuple[str, ...]
    emails: tuple[str, ...]
    phones: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """All parts of the name."""
        return " ".join(self.names)


@dataclass(frozen=True)
class InCrm:
    """What the CRM holds of a person.

    Attributes:
        revision: The CRM's, when it was looked at.
        children: What belongs to the person, by its kind, deleted things too.
        changes: Lines of the log of changes.
        batches: The batches that touched the person.
        namesakes: Companies that have the person's name: they stay.
    """

    person_id: int
    label: str
    revision: int
    children: dict[str, int]
    changes: int
    selections: int
    batches: tuple[int, ...]
    namesakes: tuple[tuple[int, str], ...]


def find(db: Database, text: str) -> list[tuple[int, str]]:
    """Persons by a part of their name or e-mail address, or by their ID; deleted ones too."""
    named = name_fields_sql(PERSON, "person")
    return db.rows(
        sql(
            """
            select person.id, concat_ws(', ', coalesce({named}, '(no name)'), company.name)
                || ' (ID ' || person.id || ')' || case when person.deleted_at is null then ''
                else ', deleted' end
            from crm.person as person
            left join crm.company as company on company.id = person.company_id
            where {text} <> '' and (contains(lower({named}), lower({text}))
                or cast(person.id as varchar) = {text}
                or person.id in (select person_id from crm.email where contains(lower(value), lower({text}))))
            order by person.deleted_at is not null, {named}, person.id limit {most}
            """,
            named=named,
            text=text.strip(),
            most=_FOUND,
        )
    )


def words(db: Database, person_id: int) -> Words:
    """What a person is known by, also what was changed or removed since.

    Raises:
        SettingsError: There is no such person.
    """
    _label(db, person_id)
    parts = PERSON.match_key("name").fields
    (names,) = db.rows(
        sql(
            "select {parts} from crm.person where id = {id}",
            parts=join(", ", (name(part) for part in parts)),
            id=person_id,
        )
    )
    emails = db.rows(
        sql(
            "select distinct lower(trim(value)) as v from crm.email where person_id = {id}"
            " and value is not null order by v",
            id=person_id,
        )
    )
    phones = db.rows(
        sql(
            "select distinct trim(value) as v from crm.phone where person_id = {id}"
            " and value is not null order by v",
            id=person_id,
        )
    )
    return Words(
        person_id,
        tuple(part for part in names if part),
        tuple(value for (value,) in emails if value),
        tuple(value for (value,) in phones if value),
    )


def look(db: Database, schema: Schema, person_id: int) -> InCrm:
    """What the attached CRM holds of a person.

    Raises:
        SettingsError: There is no such person.
    """
    label = _label(db, person_id)
    full_name = words(db, person_id).full_name
    return InCrm(
        person_id,
        label,
        crm.revision(db),
        {
            child.id: _count(db, _children_sql(child, person_id))
            for child in schema.children_of(PERSON)
        },
        _count(db, _changes_sql(schema, person_id)),
        _count(db, _members_sql(person_id)),
        tuple(batch for (batch,) in db.rows(_touched_sql(schema, person_id))),
        tuple(
            db.rows(
                sql(
                    "select id, name from crm.company where lower(name) = lower({name}) order by id",
                    name=full_name,
                )
            )
        ),
    )


def forget(db: Database, schema: Schema, person_id: int, header: BatchHeader) -> None:
    """Delete a person from the attached CRM for good, as a batch that says only which number it had.

    Raises:
        SettingsError: There is no such person.
    """
    _label(db, person_id)
    with db.atomic():
        erase(db, schema, [person_id])
        batch = crm.next_id(db, "batch")
        insert_batch(db, batch, header, {})
        crm.raise_revision(db)


def erase(db: Database, schema: Schema, person_ids: Sequence[int]) -> None:
    """Delete what the CRM holds of persons; inside a transaction."""
    for person_id in person_ids:
        db.run(
            sql(
                "insert into crm.forgotten select {entity}, {id}, batch from ({touched})",
                entity=PERSON.id,
                id=person_id,
                touched=_touched_sql(schema, person_id),
            )
        )
        _erase_decisions(db, person_id)
        for statement in _erase_sql(schema, person_id):
            db.run(statement)


def forgotten(db: Database) -> list[int]:
    """The ids of the persons that were forgotten; none in a CRM of an older format."""
    if not db.has_table("forgotten", catalog="crm"):
        return []
    rows = db.rows(sql("select distinct record_id from crm.forgotten order by record_id"))
    return [person_id for (person_id,) in rows]


def present(db: Database, person_ids: Sequence[int]) -> list[int]:
    """Those of some persons that the attached CRM holds, or has something of in its log."""
    rows = db.rows(
        sql(
            "select distinct id from (select id from crm.person union all"
            " select record_id from crm.change where entity = {person})"
            " where list_contains({ids}, id) order by id",
            person=PERSON.id,
            ids=[0, *person_ids],  # a list must not be empty; no person has the id 0
        )
    )
    return [person_id for (person_id,) in rows]


def _label(db: Database, person_id: int) -> str:
    rows = db.rows(
        sql(
            "select concat_ws(', ', coalesce({named}, '(no name)'), company.name)"
            " from crm.person as person left join crm.company as company"
            " on company.id = person.company_id where person.id = {id}",
            named=name_fields_sql(PERSON, "person"),
            id=person_id,
        )
    )
    if not rows:
        raise SettingsError(
            "There is no such person.",
            where=f"Person {person_id}",
            mend="Look for the person by name or e-mail address.",
        )
    return str(rows[0][0])


def _children_sql(child: Child, person_id: int) -> Query:
    return sql("select id from {t} where person_id = {id}", t=crm.table(child.id), id=person_id)


def _members_sql(person_id: int) -> Query:
    return sql(
        "select selection_id from crm.selection_member where record_id = {id} and selection_id in"
        " (select id from crm.selection where entity = {person})",
        id=person_id,
        person=PERSON.id,
    )


def _changes_sql(schema: Schema, person_id: int) -> Query:
    """The lines of the log about a person and what belongs to it: batch, entity, record."""
    parts = [
        sql(
            "select batch_id, entity, record_id from crm.change"
            " where entity = {person} and record_id = {id}",
            person=PERSON.id,
            id=person_id,
        )
    ]
    parts += [
        sql(
            "select batch_id, entity, record_id from crm.change"
            " where entity = {child} and record_id in ({ids})",
            child=child.id,
            ids=_children_sql(child, person_id),
        )
        for child in schema.children_of(PERSON)
    ]
    return join(" union all ", parts)


def _touched_sql(schema: Schema, person_id: int) -> Query:
    """The batches that touched a person."""
    parts = [
        sql("select batch_id as batch from ({changes})", changes=_changes_sql(schema, person_id)),
        sql(
            "select batch_id from crm.source_row where entity = {person} and record_id = {id}",
            person=PERSON.id,
            id=person_id,
        ),
    ]
    tables = [(PERSON.id, "id")] + [(c.id, "person_id") for c in schema.children_of(PERSON)]
    parts += [
        sql(
            "select unnest([created_by_batch, updated_by_batch, deleted_by_batch]) from {t}"
            " where {owner} = {id}",
            t=crm.table(table),
            owner=name(owner),
            id=person_id,
        )
        for table, owner in tables
    ]
    return sql(
        "select distinct batch from ({parts}) where batch is not null order by batch",
        parts=join(" union all ", parts),
    )


def _erase_sql(schema: Schema, person_id: int) -> list[Query]:
    children = schema.children_of(PERSON)
    about = sql("entity = {person} and record_id = {id}", person=PERSON.id, id=person_id)
    return [
        *(
            sql(
                "delete from crm.change where entity = {child} and record_id in ({ids})",
                child=child.id,
                ids=_children_sql(child, person_id),
            )
            for child in children
        ),
        *(
            sql("delete from {t} where person_id = {id}", t=crm.table(child.id), id=person_id)
            for child in children
        ),
        *(
            sql("delete from {t} where {about}", t=crm.table(table), about=about)
            for table in ("change", "source_row", "not_same")
        ),
        sql(
            "delete from crm.selection_member where record_id = {id} and selection_id in"
            " (select id from crm.selection where entity = {person})",
            id=person_id,
            person=PERSON.id,
        ),
        sql("delete from crm.person where id = {id}", id=person_id),
    ]


def _erase_decisions(db: Database, person_id: int) -> None:
    """What was decided about the person, which batches keep with the row and the texts."""
    known = words(db, person_id)
    texts = [text.lower() for text in (known.full_name, *known.emails, *known.phones) if text]
    batches = db.rows(
        sql(
            "select id from crm.batch where length(cast(decisions as varchar)) > 2 order by id",
        )
    )
    for (batch,) in batches:
        db.run(
            sql(
                """
                update crm.batch set decisions = (
                    select coalesce(to_json(list(d order by place)), '[]')
                    from (
                        select unnest(cast(decisions as json[])) as d,
                            generate_subscripts(cast(decisions as json[]), 1) as place
                        from crm.batch where id = {batch}
                    )
                    where not (d ->> 'entity' = {person} and (
                        coalesce(cast(d ->> 'record_id' as integer) = {id}, false)
                        or cast(d ->> 'row_no' as integer) in (
                            select row_no from crm.source_row where batch_id = {batch}
                                and entity = {person} and record_id = {id})
                        or list_has_any({texts}, [lower(d ->> 'value'), lower(d ->> 'named')])
                    ))
                )
                where id = {batch}
                """,
                batch=batch,
                person=PERSON.id,
                id=person_id,
                texts=["", *texts][1:] or ["\0"],
            )
        )


def _count(db: Database, rows: Query) -> int:
    return int(db.value(sql("select count(*) from ({rows})", rows=rows)))
