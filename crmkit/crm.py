"""The CRM database: its tables, lists, preferences and revision, made from the declarations.

Plain tables that a consultant can query. There are no primary keys or unique indexes: DuckDB keeps
such an index in memory and checks it row by row, which costs a million-row commit more than the
commit itself. Ids are given by `counter` and there is one writer, `commit`, so they are unique by
construction; the tests check it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from babel import Locale

from crmkit import limits
from crmkit.database import Database, in_memory
from crmkit.entities import (
    CONSENT_SOURCES,
    LEGAL_BASES,
    SCHEMA,
    Child,
    Entity,
    Field,
    FieldType,
    Schema,
)
from crmkit.errors import SettingsError, StorageError, UnreadableError
from crmkit.limits import Limits
from crmkit.sql import Query, join, name, sql
from crmkit.transforms import name_key

FORMAT: Final = 7
"""Raised when the tables change; an older file is upgraded when it is opened."""

_CATALOG: Final = "crm"
"""The CRM is always attached under this name, so that every statement says whose table it means."""

_TYPES: Final = {
    FieldType.TEXT: sql("varchar"),
    FieldType.LIST: sql("integer"),
    FieldType.BOOLEAN: sql("boolean"),
    FieldType.DATE: sql("date"),
    FieldType.NUMBER: sql("double"),
    FieldType.ID: sql("integer"),
}

# Babel's codes for the languages of the declarations.
_LOCALES: Final = ("en", "nl", "nb", "de", "sv", "da")


@dataclass(frozen=True)
class Preferences:
    """Choices that hold for the whole workspace.

    Attributes:
        mandatory_company: A person must belong to a company (SuperOffice's default is yes).
        default_category: List item given to a new company or person without one; empty for none.
        default_business: The same for the business.
        default_legal_basis: Legal basis of an imported person's consent; empty for none.
        country: ISO code of the workspace's own country: phones without a country are read so.
        keep_backups: How many backups are kept; the newest always is.
        backup_megabytes: What they may take together; the oldest go first.
        outlook_client_id, outlook_tenant: How crmkit is registered with Microsoft, to fetch
            contacts from Outlook; empty where it is not.
        keep_import_days: Days after its last use when what is left of an import is deleted.
        limits: What reading a file may cost.
    """

    mandatory_company: bool = True
    default_category: str = ""
    default_business: str = ""
    default_legal_basis: str = ""
    country: str = "NO"
    keep_backups: int = 10
    backup_megabytes: int = 5000
    outlook_client_id: str = ""
    outlook_tenant: str = "common"
    keep_import_days: int = 30
    limits: Limits = limits.USUAL


KEPT: Final = {
    "keep_backups": "Backups to keep",
    "backup_megabytes": "At most, in MB",
    "keep_import_days": "Keep imports, days",
}
"""What the screens call the preferences of how much is kept, and how long."""

_MOST_KEPT: Final = {
    "keep_backups": 1_000,
    "backup_megabytes": 10_000_000,
    "keep_import_days": 10_000,
}


def _check_kept(preferences: Preferences) -> None:
    """Refuse to keep nothing, or more than there can be.

    Raises:
        SettingsError: All numbers that make no sense.
    """
    faults = [
        f"{label}: {getattr(preferences, name):,}, of 1 to {_MOST_KEPT[name]:,}"
        for name, label in KEPT.items()
        if not 1 <= getattr(preferences, name) <= _MOST_KEPT[name]
    ]
    if faults:
        usual = ", ".join(f"{getattr(Preferences, name):,} ({KEPT[name]})" for name in KEPT)
        raise SettingsError(
            "So much, or so little, cannot be kept.",
            where="; ".join(faults),
            mend=f"Set each to a number in its range. Usual are {usual}.",
        )


def table(table_id: str) -> Query:
    """A table of the attached CRM."""
    return name(_CATALOG, table_id)


def column(field: Field) -> str:
    """The column in which a field is stored: a list field holds the id of its item."""
    return f"{field.id}_id" if field.type is FieldType.LIST else field.id


def column_type(field: Field | None) -> Query:
    """The type in which a field is stored; None is the id of a parent."""
    return sql("integer") if field is None else _TYPES[field.type]


def parent_columns(entity: Entity | Child) -> tuple[str, ...]:
    """The columns that point to what holds a record: `company_id`, `person_id`, `price_list_id`."""
    if isinstance(entity, Child):
        return tuple(f"{parent}_id" for parent in entity.slots)
    return tuple(f"{above}_id" for above in (entity.parent, entity.scope) if above)


def create(db: Database, *, preferences: Preferences) -> None:
    """Make all tables in the attached, empty CRM file, with the built-in lists."""
    with db.atomic():
        for statement in _create_sql(SCHEMA):
            db.run(statement)
        db.run(
            sql(
                "insert into crm.meta values ({format}, 0, {now})",
                format=FORMAT,
                now=datetime.now(UTC).replace(tzinfo=None),
            )
        )
        _fill(db, preferences)


def upgrade(db: Database) -> None:
    """Bring an older, attached CRM to this program's format: what the declarations have and the file
    lacks is added. Nothing is taken away, and no record changes.
    """
    with db.atomic():
        if "system" in {column_id for column_id, *_ in _columns(db, "external_key")}:
            # Up to format 5 it had another shape, and nothing ever wrote into it.
            db.run(sql("drop table {t}", t=table("external_key")))
        for table_id, columns in _declared_columns().items():
            known = {column_id for column_id, *_ in _columns(db, table_id)}
            if not known:
                listed = join(", ", (_column_sql(*column) for column in columns))
                db.run(sql("create table {t} ({columns})", t=table(table_id), columns=listed))
                continue
            for column_id, kind, default in columns:
                if column_id not in known:
                    # A default is also what the records that are there get.
                    added = _column_sql(column_id, kind, default)
                    db.run(
                        sql("alter table {t} add column {added}", t=table(table_id), added=added)
                    )
        _fill(db, Preferences())
        db.run(sql("update {meta} set format = {format}", meta=table("meta"), format=FORMAT))
        # A preview made by the older program does not have the new fields.
        raise_revision(db)


def _fill(db: Database, preferences: Preferences) -> None:
    """Give a CRM what it starts with: counters, built-in lists and preferences; what it has stays."""
    for table_id in _counted(SCHEMA):
        db.run(
            sql(
                "insert into crm.counter select {t}, 1"
                " where {t} not in (select table_id from crm.counter)",
                t=table_id,
            )
        )
    # Names are stored in English; every language's name and the ISO code find the item.
    add_list_items(db, "country", _countries())
    add_list_items(db, "legal_basis", [(item, key, ()) for item, key in LEGAL_BASES])
    add_list_items(db, "consent_source", [(item, key, ()) for item, key in CONSENT_SOURCES])
    known = _stored_preferences(db)
    save_preferences(db, _preferences({**_preference_values(preferences), **known}))


def _column_sql(column_id: str, kind: str, default: str | None) -> Query:
    # Type and default are DuckDB's own words, from the tables that it made.
    given = sql("") if default is None else sql(" default {value}", value=Query((default,)))
    return sql("{c} {kind}{given}", c=name(column_id), kind=Query((kind,)), given=given)


def _declared_columns() -> dict[str, list[tuple[str, str, str | None]]]:
    """Every table's columns, types and defaults, read from an empty CRM made in memory."""
    with in_memory() as model:
        model.run(sql("attach ':memory:' as crm"))
        for statement in _create_sql(SCHEMA):
            model.run(statement)
        tables = model.rows(
            sql(
                "select table_name from duckdb_tables() where database_name = {crm} order by 1",
                crm=_CATALOG,
            )
        )
        return {table_id: _columns(model, table_id) for (table_id,) in tables}


def _columns(db: Database, table_id: str) -> list[tuple[str, str, str | None]]:
    """The columns, types and defaults of a table of the attached CRM; none when it is not there."""
    return db.rows(
        sql(
            "select column_name, data_type, column_default from duckdb_columns()"
            " where database_name = {crm} and table_name = {t} order by column_index",
            crm=_CATALOG,
            t=table_id,
        )
    )


def check_format(db: Database) -> bool:
    """Refuse a CRM that a newer version wrote, or a file that is no CRM.

    Returns:
        Whether it is up to date; an older one must be upgraded.

    Raises:
        StorageError: The file is not a CRM of this program, or from a newer version.
    """
    if not db.has_table("meta", catalog=_CATALOG):
        raise UnreadableError(
            "This file is not a CRM of crmkit.",
            where="crm.duckdb",
            mend="Choose another workspace folder, or restore a backup: `crmkit backups` lists them.",
        )
    version = db.value(sql("select format from {meta}", meta=table("meta")))
    if version > FORMAT:
        raise StorageError(
            "This CRM was written by a newer version of crmkit.",
            where=f"crm.duckdb, format {version}; this program reads up to format {FORMAT}",
            mend="Install the newest crmkit and open the workspace again.",
        )
    return bool(version == FORMAT)


def revision(db: Database) -> int:
    """The CRM's revision, raised by every write; a plan remembers the one it was made on."""
    return int(db.value(sql("select revision from {meta}", meta=table("meta"))))


def raise_revision(db: Database, *, by: int = 1, above: int = 0) -> None:
    """Say that the CRM changed, so that plans made before are seen to be stale.

    Args:
        above: Another state of this CRM, above whose revision it must be too.
    """
    db.run(
        sql(
            "update {meta} set revision = greatest(revision, {above}) + {by}",
            meta=table("meta"),
            above=above,
            by=by,
        )
    )


def next_id(db: Database, table_id: str) -> int:
    """The number of a table's next record, which is then taken."""
    number = int(db.value(sql("select next_id from crm.counter where table_id = {t}", t=table_id)))
    db.run(sql("update crm.counter set next_id = next_id + 1 where table_id = {t}", t=table_id))
    return number


def load_preferences(db: Database) -> Preferences:
    """The workspace's preferences."""
    return _preferences(_stored_preferences(db))


def _stored_preferences(db: Database) -> dict[str, str]:
    return dict(db.rows(sql("select key, value from {t} order by key", t=table("preference"))))


def _preferences(stored: dict[str, str]) -> Preferences:
    return Preferences(
        mandatory_company=stored["mandatory_company"] == "true",
        default_category=stored["default_category"],
        default_business=stored["default_business"],
        default_legal_basis=stored.get("default_legal_basis", ""),
        country=stored["country"],
        keep_backups=int(stored.get("keep_backups", Preferences.keep_backups)),
        backup_megabytes=int(stored.get("backup_megabytes", Preferences.backup_megabytes)),
        outlook_client_id=stored.get("outlook_client_id", ""),
        outlook_tenant=stored.get("outlook_tenant", Preferences.outlook_tenant),
        keep_import_days=int(stored.get("keep_import_days", Preferences.keep_import_days)),
        limits=limits.from_texts(stored),
    )


def _preference_values(preferences: Preferences) -> dict[str, str]:
    return {
        "mandatory_company": "true" if preferences.mandatory_company else "false",
        "default_category": preferences.default_category,
        "default_business": preferences.default_business,
        "default_legal_basis": preferences.default_legal_basis,
        "country": preferences.country,
        "keep_backups": str(preferences.keep_backups),
        "backup_megabytes": str(preferences.backup_megabytes),
        "outlook_client_id": preferences.outlook_client_id,
        "outlook_tenant": preferences.outlook_tenant,
        "keep_import_days": str(preferences.keep_import_days),
        **limits.as_texts(preferences.limits),
    }


def save_preferences(db: Database, preferences: Preferences) -> None:
    """Store the workspace's preferences. A default that is not in its list yet is added to it.

    Raises:
        SettingsError: A limit, or a number of what is kept, makes no sense.
    """
    _check_kept(preferences)
    preferences.limits.check()
    for list_id in ("category", "business", "legal_basis"):
        if default := getattr(preferences, f"default_{list_id}"):
            add_list_items(db, list_id, [(default, "", ())])
    db.run(sql("delete from {t}", t=table("preference")))
    for key, value in _preference_values(preferences).items():
        db.run(
            sql(
                "insert into {t} values ({key}, {value})",
                t=table("preference"),
                key=key,
                value=value,
            )
        )
    raise_revision(db)


def load_schema(db: Database) -> Schema:
    """The declarations with this workspace's custom fields."""
    rows = db.rows(
        sql(
            "select entity, field, label, type, length, list from {t} order by entity, field",
            t=table("custom_field"),
        )
    )
    fields: dict[str, tuple[Field, ...]] = {}
    for entity, field_id, label, kind, length, list_id in rows:
        labels = dict.fromkeys(("en", "nl", "no", "de", "sv", "da"), label)
        field = Field(field_id, labels, FieldType(kind), length, list_id, custom=True)
        fields[entity] = (*fields.get(entity, ()), field)
    return SCHEMA.with_custom_fields(fields)


def add_custom_field(db: Database, entity: Entity, field: Field) -> None:
    """Add a field of this workspace's own, as a real typed column on its entity.

    Raises:
        SettingsError: The entity has a field of this id, or the field cannot be stored.
    """
    taken = {column(known) for known in load_schema(db).entity(entity.id).fields}
    if column(field) in taken or not field.id.isidentifier() or field.type is FieldType.ID:
        raise SettingsError(
            "This custom field cannot be added.",
            where=f"{entity.labels['en']}: {field.id}",
            mend="Choose another short name of letters, digits and underscores.",
        )
    with db.atomic():
        db.run(
            sql(
                "alter table {t} add column {column} {type}",
                t=table(entity.id),
                column=name(column(field)),
                type=_TYPES[field.type],
            )
        )
        db.run(
            sql(
                "insert into {t} values ({entity}, {field}, {label}, {type}, {length}, {list})",
                t=table("custom_field"),
                entity=entity.id,
                field=field.id,
                label=field.labels["en"],
                type=field.type.value,
                length=field.length,
                list=field.list,
            )
        )
        raise_revision(db)


def add_list_items(
    db: Database, list_id: str, items: Iterable[tuple[str, str, tuple[str, ...]]]
) -> None:
    """Add items (name, code, other names) to a list. A name that it has, in any case, stays as it is."""
    named = [
        (item, code, alias)
        for item, code, aliases in items
        for alias in dict.fromkeys((item, *filter(None, (code,)), *aliases))
    ]
    db.run(
        sql(
            "create or replace temp table new_items as select unnest(cast({items} as varchar[])) as item,"
            " unnest(cast({codes} as varchar[])) as code,"
            " unnest(cast({aliases} as varchar[])) as alias",
            items=[item for item, _, _ in named],
            codes=[code for _, code, _ in named],
            aliases=[alias for _, _, alias in named],
        )
    )
    db.run(
        sql(
            """
            insert into {list_item} (id, list, name, code, deleted)
            select {next} + row_number() over (order by item), {list_id}, item, code, false
            from (select item, min(code) as code from new_items group by item)
            where {key} not in (select alias from {list_alias} where list = {list_id})
            """,
            list_item=table("list_item"),
            list_alias=table("list_alias"),
            next=sql("(select coalesce(max(id), 0) from {t})", t=table("list_item")),
            list_id=list_id,
            key=name_key(sql("item")),
        )
    )
    db.run(
        sql(
            """
            insert into {list_alias}
            select {list_id}, alias, min(item_id)
            from (
                select {key} as alias, list_item.id as item_id
                from new_items
                join {list_item} as list_item on list_item.name = item and list = {list_id}
            )
            where alias not in (select alias from {list_alias} where list = {list_id})
            group by alias
            """,
            list_item=table("list_item"),
            list_alias=table("list_alias"),
            list_id=list_id,
            key=name_key(sql("new_items.alias")),
        )
    )
    db.run(sql("drop table new_items"))


def record_sql(entity: Entity | Child, fields: Iterable[Field]) -> Query:
    """Records as a person reads them: parents, ids and fields, with the names of list items.

    Deleted records are left out.
    """
    columns = [sql("record.id"), *(name("record", parent) for parent in parent_columns(entity))]
    if isinstance(entity, Child):
        columns += [sql("record.slot"), sql("record.rank")]
    joins = []
    for field in fields:
        if field.type is not FieldType.LIST:
            columns.append(name("record", field.id))
            continue
        item = name(f"{field.id}_item")
        columns.append(sql("{item}.name as {field}", item=item, field=name(field.id)))
        joins.append(
            sql(
                "left join {list_item} as {item} on {item}.id = record.{column}",
                list_item=table("list_item"),
                item=item,
                column=name(column(field)),
            )
        )
    return sql(
        "select {columns} from {t} as record {joins} where record.deleted_at is null",
        columns=join(", ", columns),
        t=table(entity.id),
        joins=join(" ", joins),
    )


def _create_sql(schema: Schema) -> list[Query]:
    fixed = (
        sql("create table crm.meta (format integer, revision integer, created_at timestamp)"),
        sql("create table crm.preference (key varchar, value varchar)"),
        # Ids are never used twice, not even after an undo: a counter outlives what it counted.
        sql("create table crm.counter (table_id varchar, next_id integer)"),
        sql(
            "create table crm.list_item (id integer, list varchar, name varchar, code varchar,"
            " deleted boolean, created_by_batch integer)"
        ),
        # The normal form of every name that finds an item: its own, its code, other languages.
        sql("create table crm.list_alias (list varchar, alias varchar, item_id integer)"),
        sql(
            "create table crm.custom_field (entity varchar, field varchar, label varchar,"
            " type varchar, length integer, list varchar)"
        ),
        sql(
            "create table crm.batch (id integer, import_id varchar, committed_at timestamp,"
            " committed_by varchar, source varchar, source_sha256 varchar, row_count integer,"
            " mapping json, settings json, balance json, decisions json, backup varchar,"
            # What it did, counted in the CRM when it was written; and what it takes back.
            " kind varchar default 'import', undoes integer, written json)"
        ),
        # What a user said is not the same: `tag` is the identity of an incoming record (matching).
        sql(
            "create table crm.not_same (entity varchar, tag uhugeint, record_id integer,"
            " created_by_batch integer, undone boolean default false)"
        ),
        # The field that a header was sent to by hand; an empty target is a column that was left out.
        sql(
            "create table crm.header_choice (subject varchar, header_key varchar, header varchar,"
            " target varchar)"
        ),
        sql(
            "create table crm.change (batch_id integer, entity varchar, record_id integer,"
            " field varchar, before varchar, after varchar)"
        ),
        # The rows of the source that a batch wrote a record from, which outlive the import's file.
        sql(
            "create table crm.source_row (batch_id integer, entity varchar, record_id integer,"
            " row_no integer)"
        ),
        sql(
            "create table crm.selection (id integer, name varchar, entity varchar, batch_id integer,"
            " kind varchar, created_at timestamp)"
        ),
        sql("create table crm.selection_member (selection_id integer, record_id integer)"),
        # Records that were forgotten, with the batches that had touched them: numbers, nothing else.
        sql("create table crm.forgotten (entity varchar, record_id integer, batch_id integer)"),
        sql(
            "create table crm.price_list (id integer, name varchar, description varchar,"
            " currency varchar, valid_from date, valid_to date, active boolean, erp_key varchar,"
            " created_at timestamp, deleted_at timestamp)"
        ),
    )
    records: tuple[Entity | Child, ...] = (*schema.entities, *schema.children)
    return [*fixed, *(_create_table_sql(record) for record in records)]


def _counted(schema: Schema) -> list[str]:
    """The tables whose records are numbered."""
    entities = [entity.id for entity in schema.entities]
    children = [child.id for child in schema.children]
    return [*entities, *children, "batch", "selection", "price_list"]


def _create_table_sql(record: Entity | Child) -> Query:
    columns = [sql("id integer")]
    columns += [sql("{parent} integer", parent=name(parent)) for parent in parent_columns(record)]
    fields = record.fields
    if isinstance(record, Child):
        columns += [sql("slot varchar"), sql("rank integer")]
        if record.form is not None:
            columns.append(sql("description varchar"))
    else:
        fields = record.stored
    columns += [
        sql("{column} {type}", column=name(column(field)), type=_TYPES[field.type])
        for field in fields
    ]
    columns += [
        sql("created_at timestamp"),
        sql("created_by_batch integer"),
        sql("updated_at timestamp"),
        sql("updated_by_batch integer"),
        sql("deleted_at timestamp"),
        sql("deleted_by_batch integer"),
    ]
    return sql("create table {t} ({columns})", t=table(record.id), columns=join(", ", columns))


def _countries() -> list[tuple[str, str, tuple[str, ...]]]:
    """Name in English, ISO code, and the names in the six languages (source: Unicode CLDR)."""
    territories = [Locale(code).territories for code in _LOCALES]
    return [
        (english, code, tuple(language[code] for language in territories if code in language))
        for code, english in sorted(territories[0].items())
        if len(code) == 2
        and code.isalpha()
        and code not in {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"}
    ]
