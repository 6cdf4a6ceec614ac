"""The exceptions a user can meet, and `Issue`, a problem found in a cell, row or file.

    CrmkitError(message, where, mend)
    |- SourceError      a source cannot be read or recognised
    |  |- PasswordError    it is protected, and its password is needed
    |  |- SignInError      nobody is signed in to it, or not any more
    |- MappingError     a mapping does not fit its columns or fields
    |- SettingsError    a choice is missing or contradicts another (all are listed)
    |- DescriptionError an import description cannot be read, written or found
    |- PlanError        a plan cannot be made
    |  |- StalePlanError   the CRM or the import changed since the plan was made
    |- CommitError      nothing was written, and why
    |- StorageError     a workspace file is busy, missing, read-only or from another version
    |  |- InUseError       another program works with it
    |  |- UnreadableError  it is missing or damaged, and a backup can take its place
    |  |- BackupError      no backup could be made, so nothing was written
    |- QueryError       SQL that a user wrote cannot be run
    |- CancelledError   the user stopped the work; nothing was changed

Bad data never raises: it becomes an `Issue` row in the plan. This module imports nothing of ours.
"""

from __future__ import annotations

from enum import StrEnum


class CrmkitError(Exception):
    """Tell a user what happened, where, and how to mend it.

    Args:
        message: What happened, in one short sentence.
        where: The file, sheet, row, column or setting it is about; empty when it is plain.
        mend: What the user can do about it; empty when there is nothing to do.
    """

    def __init__(self, message: str, where: str = "", mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        parts = (self.message, f"({self.where})" if self.where else "", self.mend)
        return " ".join(part for part in parts if part)

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the way through our code does not help to mend the cause."""
        return [f"{type(self).__name__}: {self}"]


class SourceError(CrmkitError):
    """A source cannot be read or recognised."""


class PasswordError(SourceError):
    """A source is protected with a password, which is missing or wrong."""


class SignInError(SourceError):
    """Nobody is signed in to a source, the sign-in has ended, or it was refused."""


class MappingError(CrmkitError):
    """A mapping does not fit its columns or fields."""


class SettingsError(CrmkitError):
    """A choice is missing or contradicts another."""


class DescriptionError(CrmkitError):
    """An import description cannot be read, written or found."""


class PlanError(CrmkitError):
    """A plan cannot be made."""


class StalePlanError(PlanError):
    """The CRM or the import changed since the plan was made."""


class CommitError(CrmkitError):
    """Nothing was written."""


class StorageError(CrmkitError):
    """A workspace file is busy, missing, read-only, full or from another version."""


class InUseError(StorageError):
    """Another program works with a workspace file."""


class UnreadableError(StorageError):
    """A workspace file is missing or damaged."""


class BackupError(StorageError):
    """No backup could be made, so nothing was written."""


class QueryError(CrmkitError):
    """SQL that a user wrote cannot be run."""


class CancelledError(CrmkitError):
    """The user stopped the work; things are as they were before it."""


class Level(StrEnum):
    """How much an issue matters to its row."""

    ERROR = "error"  # the row, or its record, is held back
    WARNING = "warning"  # imported, but somebody should look
    NOTE = "note"  # imported; what was done is worth knowing
