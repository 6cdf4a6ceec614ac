"""The user's own query: one SELECT, and nothing that could write."""

from __future__ import annotations

import logging
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from crmkit.erp.systems import DIALECTS, in_words_of
from crmkit.errors import SourceError

_WRITING: Final = (
    *(exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter),
    *(exp.Command, exp.Into, exp.Lock, exp.Set, exp.Use, exp.Transaction, exp.Commit),
    *(exp.Rollback, exp.Pragma, exp.Attach, exp.Detach, exp.Copy, exp.TruncateTable),
)

_MEND: Final = "Write one SELECT, which may begin with WITH."


def checked(text: str, dialect: str) -> str:
    """A query that only reads, without a closing semicolon.

    It is understood by a parser, not by how it begins: what the parser does not understand is
    refused.

    Raises:
        SourceError: It is not one SELECT, or writes.
    """
    # It warns of statements that it does not know, with their text; they are refused below.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        statements = [
            parsed for parsed in sqlglot.parse(text, read=DIALECTS.get(dialect, "")) if parsed
        ]
    except SqlglotError as error:
        told = next(iter(getattr(error, "errors", None) or [{}]))
        line = f"line {told['line']}" if told.get("line") else ""
        raise SourceError("This query is not understood.", where=line, mend=_MEND) from error
    except RecursionError as error:
        raise SourceError("This query is nested too deeply.", mend=_MEND) from error
    if len(statements) != 1:
        what = "There is no query." if not statements else "There is more than one statement."
        raise SourceError(what, mend=_MEND)
    (tree,) = statements
    if (writing := tree.find(*_WRITING)) is not None:
        raise SourceError(
            "This query writes, or does something else than read, which is refused.",
            where=type(writing).__name__.upper(),
            mend=_MEND,
        )
    if not isinstance(tree, exp.Query):
        raise SourceError("This is no query.", where=text.strip()[:60], mend=_MEND)
    return text.strip().rstrip(";").rstrip()


def counting(text: str, dialect: str) -> str:
    """A query for how many rows a checked query has."""
    tree = sqlglot.parse_one(text, read=DIALECTS.get(dialect, ""))
    assert isinstance(tree, exp.Query)
    if not tree.args.get("limit") and not tree.args.get("offset") and not tree.args.get("fetch"):
        tree.set("order", None)
    ctes = tree.args.get("with_")
    tree.set("with_", None)
    counted = exp.select("count(*)").from_(tree.subquery("counted"))
    counted.set("with_", ctes)
    return in_words_of(dialect, counted)
