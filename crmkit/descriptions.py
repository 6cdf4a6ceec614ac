"""Import descriptions: what an import does, as one YAML file to keep, share and repeat.

A description names columns by their headers, price lists and list items by their names, and records
by what they are recognised by: nothing in it is a row's or column's number. It holds no rows; of a
column's cells it has a few short marks, by which the column is known again under another header.

The file is read by `plain_yaml`, as texts, keys and lists, and checked by the models here.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from crmkit import expressions, plain_yaml
from crmkit.decisions import Kind
from crmkit.erp.model import Request
from crmkit.errors import DescriptionError, MappingError
from crmkit.mapping import Mapping as ColumnsMapping
from crmkit.plain_yaml import Place, PlainError
from crmkit.price_lists import PriceList
from crmkit.processes import part_of
from crmkit.settings import Settings
from crmkit.staging import StagedTable
from crmkit.steps import REGISTRY, AnyStep, Expression, Step

VERSION: Final = 1
ENDING: Final = ".yaml"

_LARGEST: Final = 2_000_000
_NAME: Final = re.compile(r"[^\W_](?:[\w .()&+-]{0,78}[\w)])?")
# What Windows keeps for its devices.
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

_HEAD: Final = "# How crmkit repeats an import. Columns are named by their headers; what is not named is left out.\n"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceSettings(_Model):
    """How the file is read, where the user said so; the rest is found anew in each file."""

    sheet: str | None = None
    header_row: int | None = Field(default=None, ge=0)
    header_rows: int = Field(default=1, ge=1)
    encoding: str = ""
    delimiter: str = ""
    quote: str = ""
    keep_notes: bool = False


class AccountSource(_Model):
    """What is fetched from an account on the internet; the sign-in is in the keychain.

    Attributes:
        chosen: Folders of Outlook, or groups of Gmail, by their names.
    """

    service: Literal["outlook", "gmail"]
    chosen: tuple[str, ...] = Field(min_length=1)


class _Described(_Model):
    """A column by its header.

    Attributes:
        field: The target it fills; empty where it is left out.
    """

    header: str
    field: str = ""
    steps: tuple[AnyStep, ...] = ()


class DescribedColumn(_Described):
    """A column of the file.

    Attributes:
        content: Marks of some of its different cells, by which it is known under another header.
    """

    content: str = ""


class DescribedMade(_Described):
    """A column made of others, by their headers."""

    of: tuple[str, ...] = Field(min_length=1)
    separator: str = " "


class DescribedPriceList(_Model):
    """A price list by its name; the currency guards against a namesake."""

    name: str
    currency: str = ""


class KeyedDecision(_Model):
    """A decision about a record, wherever in the file it stands.

    Attributes:
        key: Target -> the text that the record has there, of what it is recognised by.
        field: The target of a CELL.
        value: The action of an ACTION, the text of a CELL.
        record: The id and the name of the record of the CRM of a MATCH: both must still be right.
    """

    entity: str
    key: dict[str, str] = Field(min_length=1)
    kind: Kind
    field: str = ""
    value: str = ""
    record_id: int | None = None
    record: str = ""


class Description(_Model):
    """Everything that an import does to a file.

    Attributes:
        subject: What the file holds: `company` (with persons) or `product`.
        erp: What is asked of an ERP, where the rows come from one.
        account: What is fetched from an account, where the rows come from one.
        columns: All of the file's, in its order; those without a field are left out knowingly.
        constants: Target -> the same value for all rows.
        settings: With the value maps of the lists, without the price list.
        seen: List -> values of the file that are no item of it, and that the user has seen.
    """

    version: Literal[1]
    name: str = ""
    subject: str = "company"
    erp: Request | None = None
    account: AccountSource | None = None
    source: SourceSettings = SourceSettings()
    columns: tuple[DescribedColumn, ...] = ()
    made: tuple[DescribedMade, ...] = ()
    constants: dict[str, str] = {}
    settings: Settings = Settings()
    price_list: DescribedPriceList | None = None
    seen: dict[str, tuple[str, ...]] = {}
    decisions: tuple[KeyedDecision, ...] = ()

    @model_validator(mode="after")
    def _names(self) -> Description:
        if self.settings.price_list is not None:
            raise ValueError("Name the price list under price_list, not by a number.")
        seen: set[str] = set()
        described: tuple[_Described, ...] = (*self.columns, *self.made)
        for column in described:
            if (key := column.header.casefold()) in seen:
                raise ValueError(f"The column “{column.header}” is described twice.")
            seen.add(key)
        return self


@dataclass(frozen=True)
class Saved:
    """A description that was saved.

    Attributes:
        omitted: What of the import is not in it, and why.
    """

    path: Path
    description: Description
    omitted: tuple[str, ...]


@dataclass(frozen=True)
class DescriptionFile:
    """A description among the workspace's, which is read when it is used."""

    name: str
    path: Path
    changed_at: datetime


# --- its file -----------------------------------------------------------------------------


def path_for(folder: Path, name: str) -> Path:
    """Where a description of this name goes.

    Raises:
        DescriptionError: It is no name for a file.
    """
    name = name.strip()
    if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
        raise DescriptionError(
            "A description cannot have this name.",
            where=name[:80] or "no name",
            mend="Use up to 80 letters, digits, spaces and - _ . ( ) & +, beginning with a letter"
            " or digit.",
        )
    return folder / f"{name}{ENDING}"


def files(folder: Path) -> tuple[DescriptionFile, ...]:
    """The descriptions in a folder, by name."""
    found = [
        DescriptionFile(path.stem, path, datetime.fromtimestamp(path.stat().st_mtime))
        for path in folder.glob("*")
        if path.suffix.lower() in (ENDING, ".yml") and path.is_file()
    ]
    return tuple(sorted(found, key=lambda file: (file.name.casefold(), file.path)))


def find(folder: Path, described: str | Path) -> Path:
    """The file that is meant: a path, or the name of one in the folder.

    Raises:
        DescriptionError: There is none.
    """
    if str(described).strip() and os.path.isfile(described):  # noqa: PTH113 - a name too long for a file is none
        return Path(described)
    known = files(folder)
    for file in known:
        if str(described).casefold() in (file.name.casefold(), file.path.name.casefold()):
            return file.path
    named = ", ".join(file.name for file in known) or "none"
    raise DescriptionError(
        "There is no such import description.",
        where=str(described),
        mend=f"Give the path of its file, or the name of one in this workspace. Known are: {named}.",
    )


def write(description: Description, path: Path) -> None:
    """Write a description to a file, whole or not at all.

    Raises:
        DescriptionError: The file cannot be written.
    """
    part = part_of(path)
    try:
        part.write_text(as_yaml(description), encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise DescriptionError(
            "The description cannot be saved.",
            where=str(path),
            mend="Ask for write access, or choose another name.",
        ) from error


def read(path: Path) -> Description:
    """Read a description.

    Raises:
        DescriptionError: It is none; everything that is wrong is told with its line.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise DescriptionError(
                f"This file is larger than {_LARGEST:,} bytes, which no description is.",
                where=path.name,
                mend="Choose the file that crmkit saved as a description.",
            )
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DescriptionError(
            "This file is not text in UTF-8.",
            where=path.name,
            mend="Choose the file that crmkit saved as a description, or save it as UTF-8.",
        ) from error
    except OSError as error:
        raise DescriptionError(
            "This file cannot be read.", where=str(path), mend="Check its name and its rights."
        ) from error
    return from_yaml(text, where=path.name)


def as_yaml(description: Description) -> str:
    """A description as the text of its file, without what is as usual."""
    kept = description.model_dump(mode="json", exclude_defaults=True)
    kept["version"] = description.version
    for part in ("columns", "made"):
        for dumped, column in zip(kept.get(part, ()), getattr(description, part), strict=False):
            if column.steps:
                dumped["steps"] = [_dumped(step) for step in column.steps]
    ordered = {key: kept[key] for key in Description.model_fields if key in kept}
    return _HEAD + plain_yaml.dump(ordered)


def _dumped(step: Step) -> dict[str, Any]:
    return {"kind": step.kind, **step.model_dump(mode="json", exclude_defaults=True)}


def from_yaml(text: str, *, where: str = "description") -> Description:
    """The description that a text is.

    Raises:
        DescriptionError: It is none; everything that is wrong is told with its line.
    """
    try:
        content, lines = plain_yaml.load(text)
    except PlainError as error:
        at = f"Line {error.line}: " if error.line else ""
        raise _broken(where, [f"{at}{error.why}"]) from error
    if not isinstance(content, dict):
        raise _broken(where, ["Line 1: a description begins with “version: 1”."])
    version = content.get("version")
    if version != str(VERSION):
        if isinstance(version, str) and version.isdecimal() and int(version) > VERSION:
            raise DescriptionError(
                f"This description has version {version[:20]}, and this crmkit reads {VERSION}.",
                where=where,
                mend="Install a newer crmkit, or save the description with this one.",
            )
        line = lines.get(("version",), 1)
        raise _broken(where, [f"Line {line}: a description says “version: {VERSION}”."])
    try:
        return Description.model_validate(content | {"version": VERSION})
    except ValidationError as error:
        faults = [_told(dict(fault), lines) for fault in error.errors(include_url=False)]
        raise _broken(where, dict.fromkeys(faults)) from error


def _broken(where: str, faults: Iterable[str]) -> DescriptionError:
    told = list(faults)
    more = f" And {len(told) - 10} more." if len(told) > 10 else ""
    return DescriptionError(
        "This import description cannot be used.", where=where, mend=" ".join(told[:10]) + more
    )


def _told(fault: dict[str, Any], lines: Mapping[Place, int]) -> str:
    """A fault of pydantic with its line and, for a key that there is not, those that there are."""
    path: Place = ()
    for part in fault["loc"]:
        # Steps have their kind in between.
        if (*path, part) in lines:
            path = (*path, part)
    line = f"Line {lines.get(path, 1)}: "
    at = str(fault["loc"][-1]) if fault["loc"] else ""
    if fault["type"] == "extra_forbidden":
        known = ", ".join(_keys(fault["loc"][:-1]))
        return f"{line}there is no key “{at}” here. Known are: {known}."
    text = str(fault["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{line}{at}: {text}." if at else f"{line}{text}."


def _keys(loc: tuple[str | int, ...]) -> Iterable[str]:
    """The keys of the part of a description at a place."""
    model: type[BaseModel] = Description
    for part in loc:
        if part in REGISTRY:
            model = REGISTRY[str(part)]
        elif part in model.model_fields:
            model = next(iter(_models(model.model_fields[str(part)].annotation)), model)
    return model.model_fields


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


# --- what an import has ---------------------------------------------------------------------


def described_columns(
    mapping: ColumnsMapping, staged: StagedTable, content: Mapping[str, str]
) -> tuple[tuple[DescribedColumn, ...], tuple[DescribedMade, ...]]:
    """The file's columns and the made ones, by their headers.

    Args:
        content: Column -> its marks.

    Raises:
        MappingError: Two columns have one header, or an expression cannot do without a column's id.
    """
    headers = mapping.headers(staged)
    taken: set[str] = set()
    for header in headers.values():
        if header.casefold() in taken:
            raise MappingError(
                "A description names columns by their headers, and two have the same.",
                where=header,
                mend="Take the made column away and make it under another name.",
            )
        taken.add(header.casefold())
    targets = {entry.column: entry.target or "" for entry in mapping.columns}

    def steps(column: str) -> tuple[AnyStep, ...]:
        return tuple(_by_header(step, headers) for step in mapping.steps.get(column, ()))

    columns = tuple(
        DescribedColumn(
            header=column.header,
            field=targets.get(column.id, ""),
            steps=steps(column.id),
            content=content.get(column.id, ""),
        )
        for column in staged.columns
    )
    made = tuple(
        DescribedMade(
            header=column.header,
            of=tuple(headers[part] for part in column.columns),
            separator=column.separator,
            field=targets.get(column.id, ""),
            steps=steps(column.id),
        )
        for column in mapping.made
    )
    return columns, made


def described_list(price_list: PriceList) -> DescribedPriceList:
    """A price list by its name and currency."""
    return DescribedPriceList(name=price_list.name, currency=price_list.currency)


_NAMED: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?P<quoted>(?:[^"]|"")*)"|\b(?P<bare>[cm]\d+)\b""", re.IGNORECASE
)


def in_headers(text: str, headers: Mapping[str, str]) -> str:
    """An expression that names columns by their headers where it named them by id."""

    def named(found: re.Match[str]) -> str:
        said = found["quoted"] if found["bare"] is None else found["bare"]
        if said is None or said.lower() not in headers:
            return found[0]
        return '"' + headers[said.lower()].replace('"', '""') + '"'

    return _NAMED.sub(named, text)


def _by_header(step: AnyStep, headers: Mapping[str, str]) -> AnyStep:
    if not isinstance(step, Expression):
        return step
    ids = {column: column for column in (*headers, expressions.VALUE)}
    names = {header.casefold(): column for column, header in headers.items()} | ids
    text = in_headers(step.text, headers)
    if text != step.text and expressions.compiled(text, names) != expressions.compiled(
        step.text, names
    ):
        raise MappingError(
            "A description names columns by their headers, and this expression cannot.",
            where=step.text[:80],
            mend="Name the columns by their headers in the expression.",
        )
    return step.model_copy(update={"text": text, "names": {}})
