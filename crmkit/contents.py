"""What the cells of each column look like: shares of e-mail addresses, phone numbers, names and so on.

One statement looks at some different values of every column, so that a million rows cost no more than
a thousand. A shape is a pattern in DuckDB's regular expressions, or a list of known words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from babel import Locale

from crmkit.database import Database
from crmkit.sql import Query, join, literal, name, names, sql
from crmkit.staging import StagedTable
from crmkit.steps import means_empty

_ROWS: Final = 2_000
_CELLS: Final = 200
_AT_ONCE: Final = 50

_LOCALES: Final = ("en", "nl", "nb", "de", "sv", "da")

_EMAIL: Final = r"(mailto:)?[^@\s<>;,]+@[^@\s<>;,]+\.[^@\s<>;,]+"
_LEGAL: Final = (
    r"AS|ASA|A/S|ApS|APS|IVS|I/S|K/S|P/S|AB|HB|KB|B\.?V\.?|N\.?V\.?|V\.?O\.?F\.?|C\.?V\.?|GmbH|gGmbH|AG|"
    r"KG|OHG|GbR|UG|SE|e\. ?K\.|e\. ?V\.|mbH|Ltd|LTD|Limited|LLP|LLC|PLC|plc|Inc|INC|Corp|Corporation|"
    r"SARL|SAS|S\.?A\.?|S\.?p\.?A\.?|S\.?r\.?l\.?|Oy|Oyj|DA|ANS|ENK|SA|BA|NUF|Sp\. z o\.o\.|s\.r\.o\."
)

# Shape -> pattern for the whole cell; `i` patterns do not mind upper and lower case.
_PATTERNS: Final = {
    "email": rf"([^<>@]*<)?{_EMAIL}>?(\s*(;|,|:::)\s*{_EMAIL})*",
    "shared_email": (
        r"(info|post|mail|e?post|firma|kontakt|contact|contato|office|kontor|zentrale|sales|salg|verkoop|"
        r"vertrieb|admin|administratie|administrasjon|service|support|kundeservice|klantenservice|hello|"
        r"hallo|hei|hej|invoice|faktura|factuur|rechnung|butik|shop|hotel|reception)[^@]*@.*"
    ),
    "phone": r"[+(]?[\d\s().+/-]{6,}(\s*(ext|x)\.?\s*\d+)?(\s*(;|,|:::)\s*[+(]?[\d\s().+/-]{6,})*",
    "dialled": r"(\+|00|\(?0)[\d\s().+/-]{7,}",
    "link": r"(https?://)?[\w-]+(\.[\w-]+)+(:\d+)?(/\S*)?",
    "person_link": r"(https?://)?([a-z]+\.)?(linkedin\.com/in|xing\.com/profile|facebook\.com|x\.com)/.*",
    "file": r"\S+\.(jpe?g|png|gif|webp|svg|pdf)",
    "registration": r"[A-Z]{0,3}[\s-]*\d[\d\s.-]{5,}[A-Z0-9\s]*",
    "vat": r"(AT ?U|BE ?|DE ?|DK ?|ES ?|FI ?|FR ?|GB ?|IT ?|NL ?|PL ?|SE ?|PT ?|IE ?)[A-Z0-9]{0,2}\d{7,12}(B\d{2})?|\d{9} ?MVA",
    "number": r"\D{0,5}\d[\d\s.,'’]*\D{0,5}",
    "digits": r"[\d\s.,+-]+",
    "date": (
        r"\d{4}-\d{1,2}-\d{1,2}([ T].*)?|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}( .*)?|--?\d{2}-?\d{2}|"
        r"(19|20)\d{6}|\d{1,2}/\d{1,2}|\d{1,2}\.? ?\pL{3,9}\.? ?\d{4}|0[-./]0[-./]00"
    ),
    "zip": (
        r"([A-Z]{1,3}-)?(\d{3,5}|\d{3} \d{2}|\d{2}-\d{3}|\d{4}-\d{3}|\d{5}-\d{4}|\d{4} ?[A-Z]{2})|"
        r"([A-Z]{2}-)?[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d"
    ),
    "zip_city": r"([A-Z]{1,2}-)?\d{3,5}( \d{2}| ?[A-Z]{2})?,? +\pL{3}.*",
    "text": r".*\pL.*",
    "words": r"[^\d@]*\pL[^\d@]*",
    "yes_no": r"(yes|no|y|n|true|false|0|1|ja|nee|nej|nei|nein|j|on|off|x|aktiv|actief|active|wahr|falsch|waar|onwaar|sann|usann)",
    "salutation": (
        r"(mr|mrs|ms|miss|mx|mr/mrs|sir|madam|herr|hr|herrn|frau|fr|fru|frk|fröken|frøken|dhr|de heer|"
        r"heer|mw|mevr|mevrouw|mej|fam|familie|firma|eheleute)\.?"
    ),
    "academic": r"((dr|prof|ing|ir|drs|mag|dipl|phd|ph\.d|msc|bsc|mba|med|jur|rer|nat)\b[. -]*)+",
    "id": r"[0-9a-f]{8}-[0-9a-f-]{20,}|00[0-9a-z]{13,16}|[0-9a-f]{16,}|__\w+__\..*",
}
_CASED_PATTERNS: Final = {
    # Two to five words of letters, of which the first and the last begin with a capital.
    "person": (
        r"((Dr|Prof|Mr|Mrs|Ms|Herr|Frau|Hr|Fru|dhr|mw|Mevr|Dhr|Mw)\.? )?\p{Lu}[\pL.'’-]* "
        r"((van|von|der|den|de|het|'t|ter|ten|te|da|di|la|le|af|av|zu|zum|\p{Lu}[\pL.'’-]*) ){0,3}"
        r"\p{Lu}[\pL'’-]+"
    ),
    "company": rf"(.*\s({_LEGAL})\.?(\s*&\s*Co\.?.*|\s+[\pL]+)?|(Stichting|Gemeente|Bureau|AB|AS)\s.*|.*\s&\s.*)",
}


@dataclass(frozen=True)
class Contents:
    """What some different values of a column look like.

    Attributes:
        cells: How many values were looked at.
        length: Their mean length.
        shares: Shape -> share of the values that have it, 0 to 1.
        common: The value that most of the cells looked at have, and which share of them has it.
    """

    cells: int
    length: float
    shares: dict[str, float]
    common: tuple[str, ...] = ()

    def share(self, shape: str) -> float:
        """The share of values of a shape."""
        return self.shares.get(shape, 0.0)


EMPTY: Final = Contents(0, 0.0, {})


def look(db: Database, staged: StagedTable) -> dict[str, Contents]:
    """What every column of the table `staged` holds, by its id."""
    found: dict[str, Contents] = {}
    ids = [column.id for column in staged.columns]
    for start in range(0, len(ids), _AT_ONCE):
        found |= _look(db, ids[start : start + _AT_ONCE], late=False)
    # Columns whose first cell stands far below.
    late = [c.id for c in staged.columns if c.filled and not found.get(c.id, EMPTY).cells]
    for start in range(0, len(late), _AT_ONCE):
        found |= _look(db, late[start : start + _AT_ONCE], late=True)
    return {column: found.get(column, EMPTY) for column in ids}


def _look(db: Database, ids: Sequence[str], *, late: bool) -> dict[str, Contents]:
    shapes = dict(_shapes_sql())
    rows = db.rows(
        sql(
            """
            with cell as materialized ({cells}),
            different as (
                select c, trim(v) as v, count(*) as n
                from cell
                where trim(v) <> ''
                group by all
            ),
            sample as (
                from different
                -- What says that a cell is empty says nothing of what the column holds.
                where not {empty}
                qualify row_number() over (partition by c order by n desc, v) <= {most}
            )
            select
                c,
                count(*),
                avg(length(v)),
                list(v order by n desc, v)[:5],
                {shares}
            from sample
            group by c
            order by c
            """,
            cells=_late_cells_sql(ids) if late else _cells_sql(ids),
            empty=means_empty(sql("v")),
            most=_CELLS,
            shares=join(
                ", ",
                (sql("avg(cast({test} as integer))", test=test) for test in shapes.values()),
            ),
        )
    )
    return {
        column: Contents(cells, length, dict(zip(shapes, shares, strict=True)), tuple(common))
        for column, cells, length, common, *shares in rows
    }


def _cells_sql(ids: Sequence[str]) -> Query:
    return sql(
        """
        select c, v from (
            unpivot (select {ids} from staged order by row_no limit {rows})
            on {ids} into name c value v
        )
        """,
        ids=names(ids),
        rows=_ROWS,
    )


def _late_cells_sql(ids: Sequence[str]) -> Query:
    return join(
        " union all ",
        (
            sql(
                "(select {id} as c, {c} as v from staged where {c} is not null"
                " order by row_no limit {most})",
                id=literal(column),
                c=name(column),
                most=_CELLS,
            )
            for column in ids
        ),
    )


def _shapes_sql() -> Iterator[tuple[str, Query]]:
    for shape, pattern in _PATTERNS.items():
        yield shape, sql("regexp_full_match(v, {p}, 'i')", p=pattern)
    for shape, pattern in _CASED_PATTERNS.items():
        yield shape, sql("regexp_full_match(v, {p})", p=pattern)
    yield "country", sql("list_contains({known}, lower(v))", known=list(_countries()))


@cache
def _countries() -> tuple[str, ...]:
    """Names of countries in the six languages, and their codes of two letters, in lower case."""
    found: set[str] = set()
    for code in _LOCALES:
        for key, text in Locale(code).territories.items():
            if len(key) == 2 and key.isalpha():
                found |= {key.casefold(), text.casefold()}
    return tuple(sorted(found | {"uk", "usa", "u.s.a.", "great britain", "england", "holland"}))
