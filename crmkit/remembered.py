"""What a workspace remembers of earlier imports: which field a header was sent to by hand.

It is kept in the CRM with a commit, separately for each kind of file, so that the next file with this
header is mapped alike. What was only suggested is not remembered: it would be suggested again, and a
bare "Name" that was a person in one file would be one in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crmkit import headers
from crmkit.database import Database
from crmkit.mapping import CHOSEN, Mapping
from crmkit.sql import sql
from crmkit.staging import StagedTable


@dataclass(frozen=True)
class HeaderChoice:
    """A header that was sent to a field by hand.

    Attributes:
        subject: What the file held: `company` (with persons) or `product`.
        header: As the file had it.
        target: The field; empty where the column was left out.
    """

    subject: str
    header: str
    target: str


def chosen(mapping: Mapping, staged: StagedTable, subject: str) -> tuple[HeaderChoice, ...]:
    """The choices of a mapping that a person made."""
    texts = {column.id: column.header for column in staged.columns}
    return tuple(
        HeaderChoice(subject, texts[entry.column], entry.target or "")
        for entry in mapping.columns
        if entry.reason == CHOSEN and entry.column in texts
    )


def choices(db: Database) -> tuple[HeaderChoice, ...]:
    """What the attached CRM remembers."""
    rows = db.rows(
        sql("select subject, header, target from crm.header_choice order by subject, header")
    )
    return tuple(HeaderChoice(*row) for row in rows)


def targets(db: Database, subject: str) -> dict[str, str | None]:
    """The `headers.key` of each remembered header -> its target, None where it was left out."""
    return {
        headers.key(choice.header): choice.target or None
        for choice in choices(db)
        if choice.subject == subject
    }


def keep(db: Database, made: Sequence[HeaderChoice]) -> None:
    """Remember choices in the attached CRM; a later one about the same header takes its place."""
    for choice in made:
        forget(db, subject=choice.subject, header=choice.header)
        db.run(
            sql(
                "insert into crm.header_choice values ({subject}, {key}, {header}, {target})",
                subject=choice.subject,
                key=headers.key(choice.header),
                header=choice.header,
                target=choice.target,
            )
        )


def forget(db: Database, *, subject: str, header: str = "") -> None:
    """Forget what was chosen for a header, or for all headers of one kind of file."""
    db.run(
        sql(
            "delete from crm.header_choice"
            " where subject = {subject} and ({all} or header_key = {key})",
            subject=subject,
            all=not header,
            key=headers.key(header),
        )
    )
