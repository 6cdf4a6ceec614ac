"""The incoming cells: what the source says, typed, in the fields that its columns are mapped to.

The rows are read from the view `source`, in which the columns' cleaning steps are done.
The cells are cleaned and typed once, into the table `cell` that later steps read from. A cell that
cannot be read is null in it and an issue beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from crmkit import transforms
from crmkit.crm import Preferences
from crmkit.database import Database
from crmkit.entities import PERSON, Entity, FieldType, Form, Schema, Target
from crmkit.errors import Level
from crmkit.mapping import Mapping
from crmkit.settings import Settings, UnknownItem
from crmkit.sql import Query, join, led, name, names, sql

_LONGEST_ITEM: Final = 239  # SuperOffice's length of a list item's name


class IssueCode(StrEnum):
    """What can be wrong with a cell or a row. The values are stable: exports carry them."""

    ERROR_CELL = "error-cell"
    UNREADABLE = "unreadable"
    TOO_LONG = "too-long"
    NOT_AN_EMAIL = "not-an-email"
    LOST_ZEROS = "lost-zeros"
    DIFFERS = "differs"
    NEW_ITEM = "new-list-item"
    UNKNOWN_ITEM = "unknown-list-item"
    AMBIGUOUS = "ambiguous"
    CLAIMED = "claimed-twice"
    NAME_MISSING = "name-missing"
    OPTED_OUT = "opted-out"
    FIELD_MISSING = "field-missing"
    AMBIGUOUS_NUMBER = "ambiguous-number"
    STEP_FAILED = "step-failed"
    OTHER_CURRENCY = "other-currency"
    DECISION_LOST = "decision-lost"


@dataclass(frozen=True)
class Texts:
    """What the texts of a column hold, so that nothing is looked for that is not there.

    Attributes:
        plain: None is `transforms.odd`.
        blanks: Some may have blanks other than spaces.
        longest: Bytes of the longest one; None when it is not known.
    """

    plain: bool = False
    blanks: bool = True
    longest: int | None = None


ANYTHING: Final = Texts()
"""Of texts at which nobody looked."""


@dataclass(frozen=True)
class Cell:
    """One source of values for a target: a column, a part of one, or a constant.

    Attributes:
        column: Its name in the cells: the target's id, numbered where several columns fill it.
        raw: The cell's cleaned text, as SQL over the staged row.
        header: The column's id in the staged table, empty for a constant.
        texts: What its texts hold.
    """

    target: Target
    column: str
    raw: Query
    header: str
    texts: Texts = ANYTHING


@dataclass(frozen=True)
class Cells:
    """All cells of an import, and what it takes to read them."""

    cells: tuple[Cell, ...]
    settings: Settings
    preferences: Preferences

    def of(self, entity: Entity) -> tuple[Cell, ...]:
        """The cells that fill an entity or its children."""
        return tuple(cell for cell in self.cells if cell.target.entity.id == entity.id)

    def single(self, entity: Entity) -> tuple[Cell, ...]:
        """Those of which a record has one value: its fields, and slots that hold one child."""
        return tuple(cell for cell in self.of(entity) if not cell.target.multiple)

    def filling(self, target_id: str) -> tuple[Cell, ...]:
        """The cells that fill a target."""
        return tuple(cell for cell in self.cells if cell.target.id == target_id)

    def first(self, target_id: str) -> Query:
        """The first filled cell of a target, over `cell`; null when it is not mapped."""
        found = [name("cell", cell.column) for cell in self.filling(target_id)]
        if not found:
            return sql("null")
        return found[0] if len(found) == 1 else sql("coalesce({c})", c=join(", ", found))


def look(db: Database, mapping: Mapping) -> dict[str, Texts]:
    """What the texts of the mapped columns hold: most files have nothing to trim and no errors."""
    columns = [entry.column for entry in mapping.columns if entry.target is not None]
    if not columns:
        return {}
    separator = "\x1f"
    found = db.row(
        sql(
            "select bool_or({blanks}), {columns}"
            " from (select *, concat_ws({separator}, {ids}) as texts from source)",
            blanks=transforms.has_blanks(sql("texts")),
            columns=join(
                ", ",
                (
                    sql(
                        "bool_or({odd}), max(strlen({c}))",
                        odd=transforms.odd(name(column)),
                        c=name(column),
                    )
                    for column in columns
                ),
            ),
            separator=separator,
            ids=names(columns),
        )
    )
    blanks, *each = found
    return {
        column: Texts(plain=not odd, blanks=bool(blanks), longest=longest or 0)
        for column, odd, longest in zip(columns, each[::2], each[1::2], strict=True)
    }


def make_cells(
    mapping: Mapping,
    schema: Schema,
    settings: Settings,
    preferences: Preferences,
    texts: dict[str, Texts] | None = None,
) -> Cells:
    """The cells of a mapping, in the order of the columns, constants last.

    Args:
        texts: What the columns hold, as far as it is known.
    """
    cells: list[Cell] = []
    for entry in mapping.columns:
        if entry.target is not None:
            held = (texts or {}).get(entry.column, ANYTHING)
            raw = transforms.cleaned(
                name("staged", entry.column), plain=held.plain, blanks=held.blanks
            )
            cells += _cells_of(schema.target(entry.target), raw, entry.column, cells, schema, held)
    for constant in mapping.constants:
        raw = transforms.cleaned(sql("{value}", value=constant.value))
        cells += _cells_of(schema.target(constant.target), raw, "", cells, schema, ANYTHING)
    cells = _with_consent(cells, schema, settings, preferences)
    kept = tuple(cell for cell in cells if settings.imports(cell.target.entity))
    return Cells(kept, settings, preferences)


def _with_consent(
    cells: list[Cell], schema: Schema, settings: Settings, preferences: Preferences
) -> list[Cell]:
    """The cells with the consent of the settings, which a row's own cells go before.

    Without a legal basis there is no consent, and then no source or comment of one either.
    """
    if not any(cell.target.entity == PERSON for cell in cells):
        return cells
    privacy = settings.privacy
    basis_id, *others = (
        f"person.sales_and_service.{f}" for f in ("legal_basis", "source", "comment")
    )
    said = {cell.target.id: cell for cell in cells}
    given = {
        basis_id: privacy.legal_basis or preferences.default_legal_basis,
        others[0]: privacy.source,
        others[1]: privacy.comment,
    }
    if basis_id not in said and not given[basis_id]:
        return [cell for cell in cells if cell.target.id not in others]
    constant = {target: sql("nullif({v}, '')", v=value) for target, value in given.items()}

    def raw(target: str) -> Query:
        own = said[target].raw if target in said else None
        return sql("coalesce({own}, {v})", own=own, v=constant[target]) if own else constant[target]

    basis = raw(basis_id)
    texts = {basis_id: basis} | {
        target: sql("case when {basis} is not null then {v} end", basis=basis, v=raw(target))
        for target in others
        if target in said or given[target]
    }
    kept = [cell for cell in cells if cell.target.id not in given]
    consent = [
        Cell(schema.target(target), target, text, said[target].header if target in said else "")
        for target, text in texts.items()
    ]
    return [*kept, *consent]


def _cells_of(
    target: Target, raw: Query, header: str, before: list[Cell], schema: Schema, texts: Texts
) -> list[Cell]:
    if target.field.composed:
        return [
            Cell(part_target, part_target.id, part, header)
            for part_id, part in transforms.split_name(raw).items()
            for part_target in (schema.target(f"{target.entity.id}.{part_id}"),)
        ]
    number = sum(cell.target.id == target.id for cell in before)
    column = f"{target.id}/{number + 1}" if number else target.id
    return [Cell(target, column, raw, header, texts)]


def make_cell_table(db: Database, cells: Cells) -> None:
    """Make `cell`: the typed cells of every row that is not left out, read once for all steps.

    `iso` is the code of the row's own country, or null; a reader of phone numbers falls back on
    the matched company's country and then on the workspace's. `suspect` marks the few rows of
    which `make_issues` has something to say.
    """
    listed = [cell for cell in cells.cells if cell.target.field.type is FieldType.LIST]
    # What is wrong with a cell is asked once, for the mark and for the value.
    faults = {
        cell.column: [fault.condition for fault in wrong]
        for cell in cells.cells
        if (wrong := _faults(cell, cells))
    }
    zeros = [
        lost for cell in cells.cells if (found := _lost_zeros(cell, cells)) for lost in found[:1]
    ]
    db.run(
        sql(
            """
            create or replace temp table cell as
            select raw.row_no, raw.iso, {suspect} as suspect {values}
            from (select raw.* {faults} from ({raw}) as raw) as raw {joins}
            """,
            suspect=join(
                " or ",
                (
                    sql("false"),
                    *(name("raw", f"{column}?") for column in faults),
                    *(sql("coalesce({lost}, false)", lost=lost) for lost in zeros),
                ),
            ),
            faults=led(
                sql(
                    "coalesce({conditions}, false) as {column}",
                    conditions=join(" or ", conditions),
                    column=name(f"{column}?"),
                )
                for column, conditions in faults.items()
            ),
            raw=_raw_sql(cells, cells.cells),
            joins=join(" ", (_list_join(cell, name("raw", cell.column)) for cell in listed)),
            values=led(
                sql("{value} as {column}", value=_value(cell, cells), column=name(cell.column))
                for cell in cells.cells
            ),
        )
    )


def cells_sql(wanted: Iterable[Cell]) -> Query:
    """Some of the typed cells of every row that is not left out: `row_no`, `iso`, the cells."""
    return sql(
        "select row_no, iso {columns} from cell",
        columns=led(name(cell.column) for cell in wanted),
    )


def _raw_sql(cells: Cells, wanted: Iterable[Cell], staged: Query | None = None) -> Query:
    """The cleaned texts of all rows, or of those given, with the row's country."""
    country = cells.filling("company.country") or cells.filling("person.country")
    return sql(
        "select staged.row_no, {iso} as iso {texts} from {staged} as staged"
        " anti join left_out on left_out.row_no = staged.row_no {join}",
        staged=staged or name("source"),
        iso=sql("of_country.code") if country else sql("cast(null as varchar)"),
        texts=led(
            sql("{raw} as {column}", raw=cell.raw, column=name(cell.column)) for cell in wanted
        ),
        join=_list_join(country[0], country[0].raw, "of_country") if country else sql(""),
    )


def _list_join(cell: Cell, text: Query, alias: str = "") -> Query:
    return sql(
        "left join list_value as {alias} on {alias}.list = {list} and {alias}.text = {text}",
        alias=name(alias or f"{cell.column} item"),
        list=cell.target.field.list,
        text=text,
    )


def _value(cell: Cell, cells: Cells) -> Query:
    if cell.target.field.type is FieldType.LIST:
        return name(f"{cell.column} item", "name")
    text = name("raw", cell.column)
    value = transforms.reading(text, cell.target.field, _number_sign(cell))
    zeros = _lost_zeros(cell, cells)
    if zeros is not None and cells.settings.restore_zeros:
        lost, mended = zeros
        value = sql(
            "case when {lost} then {mended} else {v} end", lost=lost, mended=mended, v=value
        )
    if not _faults(cell, cells):
        return value
    unusable = name("raw", f"{cell.column}?")
    return sql("case when {unusable} then null else {v} end", unusable=unusable, v=value)


@dataclass(frozen=True)
class _Fault:
    """What can be wrong with a cell: a condition over its cleaned text, and what to say then."""

    code: IssueCode
    level: Level
    condition: Query
    message: Query
    mend: Query


def _faults(cell: Cell, cells: Cells) -> list[_Fault]:
    """What makes a cell unusable."""
    text, field = name("raw", cell.column), cell.target.field
    faults = []
    if not cell.texts.plain or cell.texts.blanks:
        faults.append(
            _Fault(
                IssueCode.ERROR_CELL,
                Level.ERROR,
                sql(
                    # A CASE, unlike an AND, looks at the list for the few that begin so.
                    "(case when starts_with({text}, '#') then list_contains({errors}, upper({text}))"
                    " else false end)",
                    text=text,
                    errors=transforms.ERROR_CELLS,
                ),
                sql(
                    "'The cell holds the error ' || {text} || ' of a formula. It is left empty.'",
                    text=text,
                ),
                sql("'Mend the formula in the file.'"),
            )
        )
    length = _LONGEST_ITEM if field.type is FieldType.LIST else field.length
    longest = cell.texts.longest
    if length is not None and (longest is None or longest > length):
        faults.append(
            _Fault(
                IssueCode.TOO_LONG,
                Level.ERROR,
                # Counting bytes is free, counting characters is not.
                sql(
                    "(case when strlen({text}) > {length} then length({text}) > {length}"
                    " else false end)",
                    text=text,
                    length=length,
                ),
                sql(
                    "'The text has ' || length({text}) || ' characters; ' || {label} || ' takes '"
                    " || {length} || '. It is left empty.'",
                    text=text,
                    label=cell.target.label,
                    length=length,
                ),
                sql("'Shorten it in the file.'"),
            )
        )
    if field.type not in (FieldType.TEXT, FieldType.LIST):
        faults.append(
            _Fault(
                IssueCode.UNREADABLE,
                Level.ERROR,
                sql(
                    "({text} is not null and {v} is null)",
                    text=text,
                    v=transforms.reading(text, field, sql("'.'")),
                ),
                sql(
                    "'This cannot be read as ' || {what} || '. It is left empty.'",
                    what=_TYPES[field.type][0],
                ),
                sql("{mend}", mend=_TYPES[field.type][1]),
            )
        )
    if field.type is FieldType.NUMBER:
        faults.append(
            _Fault(
                IssueCode.AMBIGUOUS_NUMBER,
                Level.ERROR,
                sql(
                    "({kind} = 'either' and {sign} is null)",
                    kind=transforms.number_kind(text),
                    sign=_number_sign(cell),
                ),
                sql(
                    "'This can be read as ' || regexp_replace({text}, '[.,]', '') || ' or as '"
                    " || replace({text}, ',', '.') || ', and no other cell of the column shows which."
                    " It is left empty.'",
                    text=text,
                ),
                sql("'Settings: choose the number format of the file.'"),
            )
        )
    if field.money and cells.settings.price_list is not None:
        currency = sql(
            "(select currency from crm.price_list where id = {id})", id=cells.settings.price_list
        )
        faults.append(
            _Fault(
                IssueCode.OTHER_CURRENCY,
                Level.ERROR,
                transforms.currency_clash(text, currency),
                sql(
                    "'This price is not in ' || {currency} || ', the currency of the price list."
                    " It is left empty.'",
                    currency=currency,
                ),
                sql(
                    "'Give the price in ' || {currency} || ' in the file, or import the row into a"
                    " price list in its own currency.'",
                    currency=currency,
                ),
            )
        )
    child, slot = cell.target.child, cell.target.slot
    if child is not None and slot is not None and slot.id == Form.EMAIL.value:
        faults.append(
            _Fault(
                IssueCode.NOT_AN_EMAIL,
                Level.ERROR,
                sql("not coalesce({ok}, true)", ok=transforms.is_email(text)),
                sql("'This is not an e-mail address. It is left empty.'"),
                sql("'Correct it in the file, one address to a cell.'"),
            )
        )
    return faults


_TYPES: Final = {
    FieldType.BOOLEAN: ("yes or no", "Write yes or no in the file."),
    FieldType.DATE: ("a date", "Write it as day.month.year or year-month-day in the file."),
    FieldType.NUMBER: ("a number", "Write digits with one decimal sign in the file."),
    FieldType.ID: ("an ID", "Use the ID as the CRM shows it, digits only."),
}


def make_number_signs(db: Database, cells: Cells) -> None:
    """Make `number_sign` (column, sign): what stands before the decimals in each column of numbers.

    It is what the settings say, else what the column's cells show that can be read in one way only;
    where they show both or neither, it is null.
    """
    db.run(sql('create or replace temp table number_sign ("column" varchar, sign varchar)'))
    chosen = cells.settings.number_format.sign
    for cell in cells.cells:
        if cell.target.field.type is not FieldType.NUMBER:
            continue
        shown = sql(
            "(select case when min(kind) = max(kind) then min(kind) end from"
            " (select {kind} as kind from (select {raw} as text from source as staged"
            " where not exists (from left_out where left_out.row_no = staged.row_no)))"
            " where kind in ('.', ','))",
            kind=transforms.number_kind(sql("text")),
            raw=cell.raw,
        )
        db.run(
            sql(
                "insert into number_sign select {column}, {sign}",
                column=cell.column,
                sign=sql("{chosen}", chosen=chosen) if chosen else shown,
            )
        )


def _number_sign(cell: Cell) -> Query:
    return sql("""(select sign from number_sign where "column" = {column})""", column=cell.column)


def _lost_zeros(cell: Cell, cells: Cells) -> tuple[Query, Query] | None:
    """Where a number has fewer digits than its country's numbers, and the number with its zeros."""
    text = name("raw", cell.column)
    iso = sql("coalesce(raw.iso, {country})", country=cells.preferences.country)
    digits = sql("regexp_full_match({text}, '[0-9]+')", text=text)
    if cell.target.field.id == "zip_code":
        lengths = (
            sql("when {code} then {length}", code=code, length=length)
            for code, length in transforms.ZIP_LENGTHS.items()
        )
        whole = sql("(case {iso} {lengths} end)", iso=iso, lengths=join(" ", lengths))
        return (
            # The cheap questions first: they settle nearly all.
            sql(
                "(case when strlen({text}) < {longest} then {digits} and length({text}) < {whole}"
                " else false end)",
                longest=max(transforms.ZIP_LENGTHS.values()),
                digits=digits,
                text=text,
                whole=whole,
            ),
            sql("lpad({text}, {whole}, '0')", text=text, whole=whole),
        )
    child = cell.target.child
    if child is None or child.form is not Form.PHONE:
        return None
    # Only where the country dials a zero first and what is left is a whole national number.
    # As a list of country and length: a join would look at a million rows to find a few.
    whole_numbers = [
        f"{country} {length}"
        for country, _, trunk, lengths in transforms.numbering_plans()
        if trunk == "0"
        for length in lengths
    ]
    national = sql(
        "list_contains({whole}, {iso} || ' ' || length({text}))",
        whole=whole_numbers,
        iso=iso,
        text=text,
    )
    return (
        sql(
            # A CASE, unlike an AND, looks at the list for the few plain numbers only.
            "(case when {text} between '1' and ':' then {digits} and {national} else false end)",
            digits=digits,
            text=text,
            national=national,
        ),
        sql("('0' || {text})", text=text),
    )


def make_list_values(db: Database, cells: Cells) -> None:
    """Make `list_value` (list, text, name, code, unknown): the item that each different text means.

    A text that the user gave an item takes that; unknown texts become new items, the default or
    blank, as the settings say for their list. New items are listed in `new_item` (list, name, alias,
    id), which the commit adds; `given_item` (list, alias, name) are the user's choices, which it
    remembers. A deleted item's name is not made anew (reference: superoffice-import.md section 1.8),
    so its text is unknown and stays blank.
    """
    texts = [
        sql(
            "select {list} as list, {raw} as text from {staged} as staged",
            list=cell.target.field.list,
            raw=cell.raw,
            staged=different(cell),
        )
        for cell in cells.cells
        if cell.target.field.type is FieldType.LIST
    ] or [sql("select '' as list, '' as text where false")]
    _make_given_items(db, cells)
    # A table of its own: in one statement, what is asked of each text is asked of each cell.
    db.run(sql("create or replace temp table said as {texts}", texts=join(" union all ", texts)))
    db.run(
        sql(
            """
            create or replace temp table list_text as
            select t.list, t.text, t.alias as said, coalesce({given_alias}, t.alias) as alias,
                coalesce(given.name, t.text) as name
            from (
                select distinct list, text, {alias} as alias
                from said
                where length(text) <= {longest} and not list_contains({errors}, upper(text))
            ) as t
            left join given_item as given on given.list = t.list and given.alias = t.alias
            """,
            alias=transforms.name_key(sql("text")),
            given_alias=transforms.name_key(sql("given.name")),
            longest=_LONGEST_ITEM,
            errors=transforms.ERROR_CELLS,
        )
    )
    db.run(
        sql(
            """
            create or replace table new_item as
            select list, min(name) as name, alias,
                (select coalesce(max(id), 0) from crm.list_item)
                    + row_number() over (order by list, alias) as id
            from list_text as t
            where {adds} and not exists (
                from crm.list_alias as known where known.list = t.list and known.alias = t.alias
            )
            group by list, alias
            """,
            adds=_by_list(
                cells, lambda list_id: cells.settings.list_rule(list_id).unknown is UnknownItem.ADD
            ),
        )
    )
    db.run(
        sql(
            """
            create or replace table list_value as
            select t.list, t.text, coalesce(item.name, new_item.name, {default}) as name,
                item.code, item.id is null as unknown
            from list_text as t
            left join crm.list_alias as known on known.list = t.list and known.alias = t.alias
            left join crm.list_item as item on item.id = known.item_id and not item.deleted
            left join new_item on new_item.list = t.list and new_item.alias = t.alias
            """,
            default=_by_list(cells, lambda list_id: _default_item(list_id, cells)),
        )
    )


def different(cell: Cell) -> Query:
    """The different contents of a cell's column, and their number of rows as `times`.

    A million cells of a list hold a few items.
    """
    if cell.target.child is not None and cell.target.child.whole:
        # Such a cell also depends on the slot's first.
        return sql("(select *, 1 as times from source)")
    if not cell.header:
        return sql("(select count(*) as times from source)")
    return sql(
        "(select {column}, count(*) as times from source group by {column})",
        column=name(cell.header),
    )


def _make_given_items(db: Database, cells: Cells) -> None:
    """What the user said that values mean, on the normal form in which lists are compared."""
    db.run(sql("create or replace table given_item (list varchar, alias varchar, name varchar)"))
    for list_id in _lists(cells):
        for text, item in cells.settings.list_rule(list_id).values.items():
            db.run(
                sql(
                    "insert into given_item values ({list}, {alias}, {item})",
                    list=list_id,
                    alias=transforms.name_key(sql("{text}", text=text)),
                    item=item,
                )
            )


def _lists(cells: Cells) -> list[str]:
    """The lists that the file has values for."""
    found = (c.target.field.list for c in cells.cells if c.target.field.type is FieldType.LIST)
    return list(dict.fromkeys(found))


def _by_list(cells: Cells, value: Callable[[str], bool | str | None]) -> Query:
    """A value for each list, over the column `list`."""
    branches = [
        sql("when {list} then {value}", list=list_id, value=value(list_id))
        for list_id in _lists(cells)
    ]
    if not branches:
        return sql("null")
    return sql("case t.list {branches} end", branches=join(" ", branches))


def _default_item(list_id: str, cells: Cells) -> str | None:
    if cells.settings.list_rule(list_id).unknown is not UnknownItem.DEFAULT:
        return None
    defaults = {
        "category": cells.preferences.default_category,
        "business": cells.preferences.default_business,
        "legal_basis": cells.preferences.default_legal_basis,
    }
    return defaults.get(list_id) or None


def make_issues(db: Database, cells: Cells) -> None:
    """Make `issue`: one row for each cell that cannot be used, or that somebody should look at."""
    db.run(
        sql(
            "create or replace table issue (level varchar, code varchar, entity varchar,"
            " row_no integer, header varchar, target varchar, value varchar, message varchar,"
            " mend varchar)"
        )
    )
    db.run(
        sql(
            "create or replace temp table suspect as select source.* from source"
            " join cell on cell.row_no = source.row_no and cell.suspect"
        )
    )
    _add_step_faults(db, cells)
    # Most files have few faults and few new items, and a statement costs more than a look.
    suspects = db.value(sql("select count(*) from suspect"))
    unknown = {row[0] for row in db.rows(sql("select distinct list from list_value where unknown"))}
    for cell in cells.cells:
        if suspects and (noted := _noted(cell, cells)):
            db.run(_cell_issues_sql(cell, cells, noted))
        if cell.target.field.list in unknown:
            db.run(_unknown_items_sql(cell, cells))


def _add_step_faults(db: Database, cells: Cells) -> None:
    """What went wrong in the cleaning steps, once for each cell of the file."""
    faulty = {row[0] for row in db.rows(sql('select distinct "column" from step_fault'))}
    for cell in cells.cells:
        if cell.header not in faulty:
            continue
        # A full name fills several fields, and is one cell of the file.
        faulty.remove(cell.header)
        db.run(
            sql(
                """
                insert into issue
                select level, {code}, {entity}, row_no, {header}, {target}, value, message, mend
                from step_fault as fault
                where "column" = {header}
                    and not exists (from left_out where left_out.row_no = fault.row_no)
                """,
                code=IssueCode.STEP_FAILED.value,
                entity=cell.target.entity.id,
                header=cell.header,
                target=cell.target.id,
            )
        )


def _noted(cell: Cell, cells: Cells) -> list[_Fault]:
    """What makes a cell unusable, and lost zeros."""
    faults = _faults(cell, cells)
    if (zeros := _lost_zeros(cell, cells)) is not None:
        restored = cells.settings.restore_zeros
        faults.append(
            _Fault(
                IssueCode.LOST_ZEROS,
                Level.NOTE if restored else Level.WARNING,
                zeros[0],
                sql("'Leading zeros were lost in the file and are restored.'")
                if restored
                else sql("'Leading zeros may have been lost. It is written as it stands.'"),
                sql("{mended}", mended=zeros[1])
                if restored
                else sql(
                    "'Should it be ' || {mended} || '? Settings: restore leading zeros.'",
                    mended=zeros[1],
                ),
            )
        )
    return faults


def _cell_issues_sql(cell: Cell, cells: Cells, faults: list[_Fault]) -> Query:
    return sql(
        """
        insert into issue
        select level, code, {entity}, row_no, {header}, {target}, value, message, mend
        from (
            select raw.row_no, {text} as value, case {level} end as level, case {code} end as code,
                case {message} end as message, case {mend} end as mend
            from ({raw}) as raw
        )
        where code is not null
        """,
        entity=cell.target.entity.id,
        header=cell.header,
        target=cell.target.id,
        text=name("raw", cell.column),
        level=_when((f.condition, sql("{v}", v=f.level.value)) for f in faults),
        code=_when((f.condition, sql("{v}", v=f.code.value)) for f in faults),
        message=_when((f.condition, f.message) for f in faults),
        mend=_when((f.condition, f.mend) for f in faults),
        raw=_raw_sql(cells, (cell,), name("suspect")),
    )


def _when(branches: Iterable[tuple[Query, Query]]) -> Query:
    return join(" ", (sql("when {c} then {v}", c=c, v=v) for c, v in branches))


def _unknown_items_sql(cell: Cell, cells: Cells) -> Query:
    """A note where a new item is first used, a warning at each cell whose value is not taken."""
    adds = cells.settings.list_rule(cell.target.field.list).unknown is UnknownItem.ADD
    return sql(
        """
        insert into issue
        select {level}, {code}, {entity}, {row_no}, {header}, {target}, raw.text, {message}, {mend}
        from (
            select staged.row_no, {raw} as text from source as staged
            anti join left_out on left_out.row_no = staged.row_no
        ) as raw
        join list_value as item on item.list = {list} and item.text = raw.text and item.unknown
        {group}
        """,
        level=(Level.NOTE if adds else Level.WARNING).value,
        code=(IssueCode.NEW_ITEM if adds else IssueCode.UNKNOWN_ITEM).value,
        entity=cell.target.entity.id,
        row_no=sql("min(raw.row_no)") if adds else sql("raw.row_no"),
        header=cell.header,
        target=cell.target.id,
        raw=cell.raw,
        list=cell.target.field.list,
        message="This value is new and will be added to the list."
        if adds
        else "This value is not in the list, so the default or a blank is used.",
        mend="Settings: choose what happens to new list values."
        if adds
        else "Add it to the list, or correct it in the file.",
        group=sql("group by raw.text") if adds else sql(""),
    )
