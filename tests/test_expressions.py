"""What a consultant's SQL may do, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.database import in_memory
from crmkit.errors import CrmkitError, MappingError
from crmkit.expressions import compiled
from crmkit.sql import sql

NAMES = {"value": "c1", "City": "file c2", 'Zip "code"': "file c3"}


def run(text: str, value: str | None = "ann", city: str | None = "Oslo") -> str | None:
    """What an expression gives for one row; null where it fails."""
    with in_memory() as db:
        return db.value(
            sql(
                'select {e} from (select cast({v} as varchar) as c1, cast({city} as varchar) as "file c2",'
                " '0167' as \"file c3\")",
                e=compiled(text, NAMES),
                v=value,
                city=city,
            )
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("upper(value)", "ANN"),
        ("value || ', ' || city", "ann, Oslo"),
        ('"Zip ""code""" || \' \' || "CITY"', "0167 Oslo"),
        ("case when value like 'a%' then 'yes' else 'no' end", "yes"),
        ("value[1:2]", "an"),
        ("string_split(city, 's')[2]", "lo"),
        ("coalesce(nullif(value, 'ann'), city)", "Oslo"),
        ("value in ('ann', 'bo') and city is not null", "true"),
        ("length(value) + 1", "4"),
        ("round(try_cast('1.26' as decimal(10, 2)), 1)", "1.3"),
        ("strftime(strptime('31.01.2026', '%d.%m.%Y'), '%Y')", "2026"),
        ("regexp_replace(value, '[aeiou]', '', 'g')", "nn"),
        ("if(city = 'Oslo', 'here', 'there') -- a remark", "here"),
        ("value between 'a' and 'b'", "true"),
        ("null", ""),
    ],
)
def test_an_expression_computes_over_its_row(text: str, expected: str) -> None:
    assert expected == run(text)


@pytest.mark.parametrize(
    "text",
    [
        "copy crm.company to 'x.csv'",
        "1; drop table staged",
        "1) from crm.company; delete from crm.company where (1 = 1",
        "1) from read_csv('/etc/passwd'",
        "value) from (select 1 as value",
        "(select max(name) from crm.company)",
        "exists (select 1)",
        "value in (select name from crm.company)",
        "case when true then (select 1) end",
        "array(select 1)",
        "read_csv('/etc/passwd')",
        "read_text('/etc/passwd')",
        "main.read_blob('/etc/passwd')",
        "glob('/*')",
        "attach 'x.duckdb'",
        "pragma database_list",
        "set memory_limit = '1TB'",
        "install httpfs",
        "load httpfs",
        "export database 'x'",
        "getenv('HOME')",
        "current_setting('memory_limit')",
        "query('select 1')",
        "query_table('crm.company')",
        "duckdb_settings()",
        "pg_catalog.version()",
        "version()",
        "current_date",
        "now()",
        "random()",
        "uuid()",
        "nextval('s')",
        "lambda x: x",
        "value -> value",
        "list_transform([1], lambda x: x)",
        "list_transform([1], x -> x)",
        "[x for x in [1]]",
        "unnest([1, 2])",
        "count(*)",
        "max(value)",
        "string_agg(value, ',')",
        "row_number() over ()",
        "max(value) over ()",
        "*",
        "columns('.*')",
        "value, value",
        "$1",
        "?",
        "$value",
        "#1",
        "file c2",
        "row_no",
        "staged.c1",
        "value.field",
        "{'a': value}",
        "[value]",
        "value::json",
        "value::blob",
        "value collate nocase",
        "upper(distinct value)",
        "upper(value) filter (where true)",
        "system.main.upper(value)",
        "memory.main.upper(value)",
        "crm.upper(value)",
        "value::memory.main.integer",
        "value::integer[]",
        "value::enum('a')",
        "upper(string := value)",
        "lpad(string := value, 5, 'x')",
        "repeat(value, 1000000000)",
        "lpad(value, 1000000000, 'x')",
        "rpad(value, length(value) * 1000000, 'x')",
        "format('{:>1000000000}', value)",
        "range(1000000000)",
        "sleep_ms(1000)",
        "write_log('x')",
        "error('x')",
        "no_such_function(value)",
        "upper(value",
        "",
        "   ",
        "--",
        "x" * 5_000,
        "not " * 450 + "true",
        "(" * 900 + "1" + ")" * 900 + "+" + "-" * 3,
        "'unfinished",
        "\x00",
    ],
)
def test_what_reaches_further_than_the_row_is_refused(text: str) -> None:
    """Files, network, settings, other tables and rows, statements, and what makes huge texts."""
    with pytest.raises(MappingError) as caught:
        compiled(text, NAMES)

    assert "Error:" not in str(caught.value)
    assert caught.value.mend


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cast(value as integer)", "ann"),
        ("strptime(value, '%Y')", "ann"),
        ("cast('9' || value as tinyint)", "99"),
    ],
)
def test_an_expression_that_fails_for_a_row_gives_null_there(text: str, value: str) -> None:
    """Null is a failure; nothing is an empty text."""
    assert run(text, value) is None
    assert "" == run("cast(null as varchar)", value)


def test_unknown_columns_are_told_with_the_known_ones() -> None:
    with pytest.raises(MappingError, match=r"no column “town”.*city"):
        compiled("upper(town)", NAMES)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_text_is_an_expression_or_a_message(text: str) -> None:
    try:
        compiled(text, NAMES)
    except CrmkitError as error:
        message = str(error)
    else:
        message = run(text) or "it ran"

    assert message


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from(
            [
                "value",
                "city",
                "upper",
                "(",
                ")",
                "select",
                "from",
                "crm.company",
                ",",
                "1",
                "'a'",
                "||",
                "case",
                "when",
                "then",
                "end",
                "read_csv",
                ";",
                "::",
                "int",
                "in",
                "exists",
                "*",
                "--",
            ]
        ),
        max_size=12,
    ).map(" ".join)
)
def test_what_is_let_through_names_no_table_and_no_query(text: str) -> None:
    """Whatever words come together, what runs has neither a query nor a table in it."""
    try:
        query = compiled(text, NAMES)
    except MappingError:
        return

    words = query.text.replace("'a'", "").casefold()
    assert not any(word in words for word in ("select", "from", "crm", "read_csv", ";"))
