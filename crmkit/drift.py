"""A description against a file: what of it fits, and what has changed since it was saved.

What fits is applied and the rest is told, before anything runs. Columns are found by their headers;
one that is gone may be there under another, which a near spelling or the same cells give away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rapidfuzz import fuzz

from crmkit import cleaning, headers
from crmkit.database import Database, confined
from crmkit.descriptions import DescribedColumn, DescribedMade, Description, in_headers
from crmkit.entities import LISTS, Schema
from crmkit.errors import MappingError
from crmkit.lists import ListValue
from crmkit.mapping import ColumnMapping, Constant, MadeColumn
from crmkit.mapping import Mapping as ColumnsMapping
from crmkit.price_lists import PriceList
from crmkit.settings import ListRule, Settings, UnknownItem
from crmkit.sql import join, name, sql
from crmkit.staging import StagedTable
from crmkit.steps import AnyStep, Expression

_MARKS: Final = 16
"""Cells of a column that are marked: those whose hashes are smallest, whatever their order."""

_ROWS: Final = 50_000
"""Rows of a file whose cells are looked at for it; a million hashes for each column take long."""

_FEWEST: Final = 5
"""Marks that a column must have to be known by them; yes and no look alike everywhere."""

_SAME: Final = 0.5
"""Which share of the marks two columns must have in common to hold the same."""

_NEAR: Final = 84
"""How alike two headers must be, of 100, for one to be the other spelled anew."""

_SHOWN: Final = 5


class Kind(StrEnum):
    """What has changed."""

    GONE = "gone"  # a column is not there any more
    RENAMED = "renamed"  # it seems to be there under another header
    NEW = "new"  # a column that the description does not know; it is left out
    NEW_VALUES = "new_values"  # values that a list does not have, and that nobody has seen
    UNFIT = "unfit"  # a part of the description that this workspace or file has no place for
    NOTE = "note"  # nothing to look at: it changes nothing that is imported


@dataclass(frozen=True)
class Change:
    """One thing that has changed.

    Attributes:
        names: The columns, values or fields that it is about.
    """

    kind: Kind
    text: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Drift:
    """What was applied of a description, and what has changed since it was saved.

    Attributes:
        columns: How many columns go to a field now.
        decisions: How many decisions hold for records of the file.
    """

    description: str
    changes: tuple[Change, ...]
    columns: int
    decisions: int

    @property
    def needs_look(self) -> bool:
        """Whether somebody should look before anything is imported."""
        return any(change.kind is not Kind.NOTE for change in self.changes)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The changes in plain words."""
        return tuple(change.text for change in self.changes)


def marks(db: Database, columns: Sequence[str]) -> dict[str, str]:
    """Column of `staged` -> marks of some of its cells: they tell columns apart, and no cell.

    A mark is four digits of a hash, which one text in 65,536 has.
    """
    if not columns:
        return {}
    rows = db.rows(
        join(
            " union all ",
            (
                sql(
                    "(select {id} as c, string_agg(right(hash, 4), ' ' order by hash) from"
                    " (select distinct md5(lower(trim({c}))) as hash from staged"
                    " where {c} is not null and row_no <= {rows} order by hash limit {most}))",
                    id=column,
                    c=name(column),
                    rows=_ROWS,
                    most=_MARKS,
                )
                for column in columns
            ),
        )
    )
    return {column: found for column, found in rows if found}


# --- columns --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fitted:
    """The mapping that a description gives for a file."""

    mapping: ColumnsMapping
    changes: tuple[Change, ...]


def fit_mapping(
    db: Database, description: Description, staged: StagedTable, schema: Schema
) -> Fitted:
    """Find the description's columns in a file; nothing is written."""
    described = description.columns
    here = {column.header.casefold(): column.id for column in staged.columns}
    gone = [column for column in described if column.header.casefold() not in here]
    known = {column.header.casefold() for column in described}
    new = {c.id: c.header for c in staged.columns if c.header.casefold() not in known}
    used = _used(description)
    renamed = _renamed(db, [c for c in gone if c.header.casefold() in used], new)
    ids = here | renamed
    changes = list(_column_changes(gone, new, renamed, used))
    fitting = _Fitting(description, schema, staged, ids)
    mapping = fitting.mapping()
    return Fitted(mapping, (*changes, *fitting.changes))


def _used(description: Description) -> set[str]:
    """The columns that go into something, by their headers in small letters."""
    used = {c.header.casefold() for c in description.columns if c.field}
    used |= {part.casefold() for made in description.made for part in made.of}
    every: tuple[DescribedColumn | DescribedMade, ...] = (*description.columns, *description.made)
    for column in every:
        for step in column.steps:
            if column.field and isinstance(step, Expression):
                quoted = re.findall(r'"((?:[^"]|"")*)"', step.text)
                said = [*re.findall(r"\w+", step.text), *(q.replace('""', '"') for q in quoted)]
                used |= {word.casefold() for word in said}
    return used


def _column_changes(
    gone: Sequence[DescribedColumn],
    new: Mapping[str, str],
    renamed: Mapping[str, str],
    used: set[str],
) -> Iterator[Change]:
    for column in gone:
        header = column.header
        if (found := renamed.get(header.casefold())) is not None:
            yield Change(
                Kind.RENAMED,
                f"The column “{header}” is gone, and “{new[found]}” is taken for it.",
                (header, new[found]),
            )
        elif header.casefold() in used:
            yield Change(Kind.GONE, f"The column “{header}” is gone.", (header,))
        else:
            yield Change(
                Kind.NOTE, f"The column “{header}” is gone; it was left out before.", (header,)
            )
    for column_id, header in new.items():
        if column_id not in renamed.values():
            yield Change(Kind.NEW, f"The column “{header}” is new; it is left out.", (header,))


def _renamed(
    db: Database, gone: Sequence[DescribedColumn], new: Mapping[str, str]
) -> dict[str, str]:
    """Columns that are gone -> the new ones that they seem to be, each once, the surest first."""
    if not gone or not new:
        return {}
    held = marks(db, list(new))
    sure = sorted(
        (
            (share, column.header, found)
            for column in gone
            for found, header in new.items()
            if (share := _alike(column, header, held.get(found, ""))) > 0
        ),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    taken: dict[str, str] = {}
    for _, header, found in sure:
        if header.casefold() not in taken and found not in taken.values():
            taken[header.casefold()] = found
    return taken


def _alike(column: DescribedColumn, header: str, content: str) -> float:
    """How sure it is that a column is another one renamed: 1 to 2 by its cells, below by its header."""
    mine, theirs = set(column.content.split()), set(content.split())
    fewest = min(len(mine), len(theirs))
    share = len(mine & theirs) / fewest if fewest >= _FEWEST else 0.0
    if share >= _SAME:
        return 1 + share
    # "Phone 1" is not "Phone 2", however alike they are.
    if re.findall(r"\d+", column.header) != re.findall(r"\d+", header):
        return 0.0
    near = fuzz.ratio(headers.key(column.header), headers.key(header))
    return near / 101 if near >= _NEAR else 0.0


class _Fitting:
    """Makes the mapping of a description for the columns of a file, and keeps what does not fit."""

    def __init__(
        self,
        description: Description,
        schema: Schema,
        staged: StagedTable,
        ids: Mapping[str, str],
    ) -> None:
        self.changes: list[Change] = []
        self._description = description
        self._targets = {target.id for target in schema.targets()}
        self._staged = staged
        self._ids = ids
        self._reason = (
            f"as described in “{description.name}”" if description.name else "as described"
        )

    def mapping(self) -> ColumnsMapping:
        fields: dict[str, str | None] = {}
        steps: dict[str, tuple[AnyStep, ...]] = {}
        for column in self._description.columns:
            if (found := self._ids.get(column.header.casefold())) is not None:
                fields[found] = self._field(column)
                steps[found] = column.steps
        made: list[MadeColumn] = []
        for described in self._description.made:
            if (column_made := self._made(described, len(made) + 1)) is not None:
                made.append(column_made)
                fields[column_made.id] = self._field(described)
                steps[column_made.id] = described.steps
        constants = tuple(
            Constant(target=target, value=value)
            for target, value in self._description.constants.items()
            if self._known(target, f"The value “{value}” for all rows is left out")
        )
        listed = [*(column.id for column in self._staged.columns), *(column.id for column in made)]
        mapping = ColumnsMapping(
            columns=tuple(
                ColumnMapping(
                    column=column,
                    target=fields.get(column),
                    reason=self._reason if column in fields else "new since the description",
                )
                for column in listed
            ),
            constants=constants,
            made=tuple(made),
        )
        return self._with_steps(mapping, steps)

    def _field(self, column: DescribedColumn | DescribedMade) -> str | None:
        if not column.field or not self._known(
            column.field, f"The column “{column.header}” is left out"
        ):
            return None
        return column.field

    def _known(self, target: str, consequence: str) -> bool:
        if target in self._targets:
            return True
        self._unfit(f"{consequence}: there is no field {target} here.", target)
        return False

    def _made(self, described: DescribedMade, number: int) -> MadeColumn | None:
        parts = [self._ids.get(part.casefold()) for part in described.of]
        missing = [of for of, found in zip(described.of, parts, strict=True) if found is None]
        if missing:
            self._unfit(
                f"The column “{described.header}” cannot be made: “{'”, “'.join(missing)}” is not"
                " in the file.",
                described.header,
            )
            return None
        if described.header.casefold() in {c.header.casefold() for c in self._staged.columns}:
            self._unfit(
                f"The column “{described.header}” is not made: the file has one of this name now.",
                described.header,
            )
            return None
        return MadeColumn(
            id=f"m{number}",
            header=described.header,
            columns=tuple(part for part in parts if part is not None),
            separator=described.separator,
        )

    def _with_steps(
        self, mapping: ColumnsMapping, steps: Mapping[str, tuple[AnyStep, ...]]
    ) -> ColumnsMapping:
        """Columns whose steps cannot be taken are left out: uncleaned they would be read wrongly."""
        titles = mapping.headers(self._staged)
        # Expressions go on naming a column by the header that it had.
        names = {title: column for column, title in titles.items()}
        names |= {
            described.header: self._ids[described.header.casefold()]
            for described in self._description.columns
            if described.header.casefold() in self._ids
        }
        with confined() as db:
            for column, given in steps.items():
                named = tuple(_named(step, names) for step in given)
                alone = mapping.model_copy(update={"steps": {column: named}})
                try:
                    _check_names(named, titles)
                    cleaning.check_steps(db, alone, titles)
                except MappingError as error:
                    self._unfit(
                        f"The column “{titles[column]}” is left out: {error.message} {error.mend}",
                        titles[column],
                    )
                    mapping = mapping.model_copy(
                        update={
                            "columns": tuple(
                                entry.model_copy(update={"target": None})
                                if entry.column == column
                                else entry
                                for entry in mapping.columns
                            )
                        }
                    )
                    continue
                mapping = mapping.with_steps(column, named)
        return mapping

    def _unfit(self, text: str, about: str) -> None:
        self.changes.append(Change(Kind.UNFIT, text, (about,)))


def _named(step: AnyStep, names: Mapping[str, str]) -> AnyStep:
    if not isinstance(step, Expression):
        return step
    return step.model_copy(update={"names": dict(names)})


def _check_names(steps: Iterable[AnyStep], titles: Mapping[str, str]) -> None:
    for step in steps:
        if isinstance(step, Expression) and in_headers(step.text, titles) != step.text:
            raise MappingError(
                "Its expression names a column by its place, which another file may have elsewhere.",
                where=step.text[:80],
                mend="Name it by its header.",
            )


# --- settings -------------------------------------------------------------------------------


def fit_settings(
    description: Description,
    schema: Schema,
    price_lists: Sequence[PriceList],
    items: Mapping[str, Sequence[str]],
) -> tuple[Settings, list[Change]]:
    """The settings of a description, without what this workspace has no place for.

    Args:
        schema: Of the whole workspace.
        items: List -> its items, of the lists that the settings name.
    """
    given = description.settings
    changes: list[Change] = []

    def unfit(text: str, about: str) -> None:
        changes.append(Change(Kind.UNFIT, text, (about,)))

    entities = {entity.id for entity in schema.entities}
    targets = {target.id for target in schema.targets()}
    rules = {key: rule for key, rule in given.rules.items() if key in entities}
    fields = {key: rule for key, rule in given.fields.items() if key in targets}
    for key in (*(given.rules.keys() - rules), *(given.fields.keys() - fields)):
        unfit(f"The settings for {key} are left out: there is no such thing here.", key)
    rules_of_lists: dict[str, ListRule] = {}
    for list_id, rule in given.lists.items():
        if list_id not in LISTS and list_id not in items:
            unfit(f"The settings for the list {list_id} are left out: there is none here.", list_id)
            continue
        known = {item.casefold() for item in items.get(list_id, ())}
        values = {text: item for text, item in rule.values.items() if item.casefold() in known}
        rules_of_lists[list_id] = rule.model_copy(update={"values": values})
        for text in rule.values.keys() - values.keys():
            unfit(
                f"“{text}” cannot mean “{rule.values[text]}”: the list"
                f" {_list_label(list_id)} does not have that item here.",
                text,
            )
    settings = given.model_copy(update={"rules": rules, "fields": fields, "lists": rules_of_lists})
    if description.price_list is not None:
        wanted = description.price_list
        for found in price_lists:
            same = found.name.casefold() == wanted.name.casefold()
            if same and wanted.currency.upper() in ("", found.currency):
                return settings.model_copy(update={"price_list": found.id}), changes
        label = f"{wanted.name} ({wanted.currency})" if wanted.currency else wanted.name
        unfit(
            f"There is no price list {label} here: choose or create the one that is meant.", label
        )
    return settings, changes


def new_values(
    description: Description, values: Iterable[ListValue], settings: Settings
) -> Iterator[Change]:
    """Values of the file that are no item of their list and were not there before, by list."""
    found: dict[str, list[ListValue]] = {}
    for value in values:
        seen = {text.casefold() for text in description.seen.get(value.list, ())}
        if not value.item and value.text.casefold() not in seen:
            found.setdefault(value.list, []).append(value)
    for list_id, unknown in found.items():
        texts = tuple(value.text for value in unknown)
        shown = ", ".join(f"“{text}”" for text in texts[:_SHOWN])
        more = f" and {len(texts) - _SHOWN:,} more" if len(texts) > _SHOWN else ""
        becomes = {
            UnknownItem.ADD: "would be added to it",
            UnknownItem.DEFAULT: "would become its default",
            UnknownItem.BLANK: "would be left empty",
        }[settings.list_rule(list_id).unknown]
        yield Change(
            Kind.NEW_VALUES, f"New in the list {unknown[0].label}: {shown}{more} {becomes}.", texts
        )


def _list_label(list_id: str) -> str:
    return LISTS[list_id]["en"] if list_id in LISTS else list_id
