"""A consultant's own SQL for one column: one expression over one row, and nothing else.

DuckDB's own parser makes a tree of the text; every node of it must be on a list of what is allowed.
What runs is written anew from the tree that was checked, never the text itself. Files, the network,
settings, other tables and other rows have no node or function on the lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from crmkit.database import confined
from crmkit.errors import MappingError
from crmkit.sql import Query, join, name, sql

VALUE: Final = "value"
"""What an expression calls the text of its own column, as the steps before it left it."""

_LONGEST: Final = 2_000
_DEEPEST: Final = 60
_WIDEST: Final = 1_000
"""Characters that a text may be padded to."""

_TEXT: Final = """
    upper lower ucase lcase trim ltrim rtrim length len strlen left right substring substr replace
    translate reverse split_part string_split concat concat_ws contains starts_with ends_with prefix
    suffix position strpos instr lpad rpad ascii chr unicode ord strip_accents nfc_normalize
    regexp_matches regexp_full_match regexp_extract regexp_replace levenshtein damerau_levenshtein
    jaro_similarity jaro_winkler_similarity || ~~ !~~ ~~* !~~* like_escape not_like_escape
    ilike_escape not_ilike_escape
"""
_NUMBERS: Final = """
    + - * / // % ** ^ @ abs round floor ceil ceiling trunc sign mod power pow sqrt greatest least
    nullif ifnull if
"""
_DATES: Final = """
    strptime try_strptime strftime date_part date_trunc year month day quarter week dayofweek isodow
    date_diff datediff date_add make_date last_day to_days to_weeks to_months to_years
"""
FUNCTIONS: Final = frozenset(f"{_TEXT} {_NUMBERS} {_DATES}".split())
"""Each gives the same for the same row, and reads nothing but its arguments."""

_NAMED: Final = """
    varchar char bpchar text string tinyint int1 smallint int2 short integer int int4 signed bigint
    int8 long hugeint int128 float real float4 double float8 decimal numeric dec boolean bool logical
    date time timestamp datetime interval
"""
_TYPES: Final = frozenset(_NAMED.split())
"""With all that DuckDB calls them; a tree has the name that was written."""

_OPERATORS: Final = frozenset(
    [
        "OPERATOR_NOT",
        "OPERATOR_IS_NULL",
        "OPERATOR_IS_NOT_NULL",
        "OPERATOR_COALESCE",
        "COMPARE_IN",
        "COMPARE_NOT_IN",
        "ARRAY_EXTRACT",
        "ARRAY_SLICE",
        "OPERATOR_TRY",
    ]
)
_NODES: Final = frozenset(
    [
        "CONSTANT",
        "COLUMN_REF",
        "FUNCTION",
        "OPERATOR",
        "COMPARISON",
        "CONJUNCTION",
        "CASE",
        "CAST",
        "BETWEEN",
    ]
)
_REFUSED: Final = {
    "SUBQUERY": "A query inside the expression",
    "LAMBDA": "A function of its own (lambda)",
    "WINDOW": "A window over other rows",
    "STAR": "“*”",
    "PARAMETER": "A parameter (? or $)",
    "POSITIONAL_REFERENCE": "A column by its position",
    "COLLATE": "“collate”",
}
_NOTHING: Final[tuple[Any, ...]] = (None, [], {"map": []}, "STANDARD_HANDLING")


def compiled(text: str, names: Mapping[str, str]) -> Query:
    """The checked expression as SQL that gives a text, or null where it fails for a row.

    An expression that gives nothing gives an empty text, so that it can be told from a failure.

    Args:
        text: What the consultant wrote.
        names: What it may call a column, in any case -> the column's name in the query.

    Raises:
        MappingError: It is not one expression over these columns.
    """
    known = {key.casefold(): column for key, column in names.items()}
    return _compiled(text, tuple(sorted(known.items())))


@lru_cache(maxsize=256)
def _compiled(text: str, names: tuple[tuple[str, str], ...]) -> Query:
    tree, expression = _parsed(text)
    _Check(dict(names)).node(expression, 0)
    with confined() as db:
        # From the tree, so that what runs is what was checked.
        written = str(
            db.value(sql("select json_deserialize_sql({tree})", tree=json.dumps(tree)))
        ).removeprefix("SELECT ")
        query = sql("try(coalesce(cast({e} as varchar), ''))", e=Query((f"({written})",)))
        columns = sorted({column for _, column in names})
        fault = db.fault(
            sql(
                "select {query} from (select {columns})",
                query=query,
                columns=join(
                    ", ",
                    [sql("1 as one")]
                    + [sql("cast('' as varchar) as {c}", c=name(column)) for column in columns],
                ),
            )
        )
    if fault:
        raise _error(text, fault)
    return query


def _parsed(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tree of `select (text)`, and the one expression in it."""
    if not text.strip():
        raise _error(text, "It is empty.")
    if len(text) > _LONGEST:
        raise _error(text, f"It is longer than {_LONGEST} characters.")
    with confined() as db:
        statement = f"select (\n{text}\n)"
        found = db.value(sql("select json_serialize_sql({s})", s=statement))
    try:
        tree = json.loads(found)
    except RecursionError:
        raise _error(text, "It is nested too deeply.") from None
    if tree["error"]:
        raise _error(text, str(tree.get("error_message", "It cannot be read.")))
    if len(tree["statements"]) != 1:
        raise _error(text, "It must be one expression.")
    node = tree["statements"][0]["node"]
    rest = {
        key: value
        for key, value in node.items()
        if key not in ("type", "select_list", "from_table", "group_sets")
    }
    if (
        node["type"] != "SELECT_NODE"
        or len(node["select_list"]) != 1
        or node["from_table"]["type"] != "EMPTY"
        or node["group_sets"]
        or any(value not in _NOTHING for value in rest.values())
    ):
        raise _error(text, "It must be one expression, without select, from or where.")
    return tree, node["select_list"][0]


class _Check:
    """Walks a tree: refuses what is not listed, and gives the columns their names in the query."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def node(self, node: dict[str, Any], depth: int) -> None:
        """Check a node and all below it."""
        kind = node.get("class", "")
        if depth > _DEEPEST:
            raise _error("", "It is nested too deeply.")
        if kind not in _NODES:
            raise _error("", f"{_REFUSED.get(kind, f'“{kind.lower()}”')} cannot be used here.")
        if kind == "COLUMN_REF":
            self._column(node)
        elif kind == "FUNCTION":
            self._function(node)
        elif kind == "CAST":
            self._type(node["type_expr"])
        elif kind == "OPERATOR" and node["type"] not in _OPERATORS:
            raise _error("", f"“{node['type'].lower()}” cannot be used here.")
        for child in _children(node):
            self.node(child, depth + 1)

    def _column(self, node: dict[str, Any]) -> None:
        parts = node["column_names"]
        column = self._names.get(parts[0].casefold()) if len(parts) == 1 else None
        if column is None:
            known = ", ".join(f'"{known}"' for known in self._names)
            raise _error("", f"There is no column “{'.'.join(parts)}”. Known are: {known}.")
        node["column_names"] = [column]

    def _type(self, node: dict[str, Any]) -> None:
        called = _called(node)
        # What a type can have in parentheses: the digits of a decimal.
        sizes = [child.get("class") for child in node["children"]]
        if called not in _TYPES or any(size != "CONSTANT" for size in sizes):
            raise _error("", f"The type {node['type_name']} cannot be used here.")

    def _function(self, node: dict[str, Any]) -> None:
        called = _called(node)
        if called not in FUNCTIONS:
            raise _error("", f"The function “{node['function_name']}” cannot be used here.")
        if (
            node.get("filter")
            or node.get("distinct")
            or (node.get("order_bys") or {}).get("orders")
            or node.get("export_state")
        ):
            raise _error("", f"“{called}” can only be used on one row.")
        arguments = node["arguments"]
        if any(argument["name"] for argument in arguments):
            raise _error("", f"“{called}” takes its arguments by their place.")
        if called in ("lpad", "rpad"):
            width = arguments[1]["expression"].get("literal", {}) if len(arguments) > 1 else {}
            if width.get("kind") != "INTEGER" or int(width["text"]) > _WIDEST:
                raise _error("", f"“{called}” needs a number up to {_WIDEST} as its length.")


def _called(node: dict[str, Any]) -> str:
    """The name of a function or type, in small letters; empty when it is not one of DuckDB's own."""
    key = "function_name" if node["class"] == "FUNCTION" else "type_name"
    called = str(node[key])
    own = (("", "", [called]), ("", "main", ["main", called]))
    said = (node["catalog"], node["schema"], node["qualified_name"]["path"])
    return called.lower() if said in own else ""


def _children(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The expressions directly below a node, wherever the tree keeps them."""
    found: list[dict[str, Any]] = []
    waiting: list[Any] = [
        value for key, value in node.items() if key not in ("type_expr", "literal", "order_bys")
    ]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict) and "class" in item:
            found.append(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return found


def _error(text: str, why: str) -> MappingError:
    return MappingError(
        f"This expression cannot be used. {why}",
        where=f"SQL expression {text[:80]}".strip() if text else "SQL expression",
        mend="Write one expression over the columns of the row, such as"
        " upper(value) or value || ' ' || \"City\".",
    )
