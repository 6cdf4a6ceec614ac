"""Each cleaning step: what it makes of tricky texts in six languages, and what it says of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

import phonenumbers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit import cleaning
from crmkit.company_numbers import is_company_number
from crmkit.database import in_memory
from crmkit.errors import MappingError
from crmkit.mapping import ColumnMapping, Mapping
from crmkit.sql import sql
from crmkit.steps import (
    REGISTRY,
    Case,
    Constant,
    Country,
    Date,
    Email,
    Expression,
    Letters,
    Mojibake,
    NamePart,
    NullWords,
    Number,
    Pad,
    Pattern,
    Phone,
    Place,
    Replace,
    Split,
    Stage,
    Step,
    Trim,
    Vat,
    WebAddress,
    YesNo,
    steps_from,
)

MAPPING = Mapping(columns=(ColumnMapping(column="c1", target="company.name"),))


def outcomes(
    steps: Sequence[Step], texts: Sequence[str | None], country: str = "NO"
) -> list[tuple[str | None, str]]:
    """What steps make of some texts, row by row, and the level of what went wrong."""
    with in_memory() as db:
        db.run(sql("create table staged (row_no integer, c1 varchar)"))
        db.run(
            sql(
                "insert into staged select unnest(range({count})), unnest(cast({texts} as varchar[]))",
                count=len(texts),
                texts=list(texts),
            )
        )
        cleaning.make_source(db, MAPPING.with_steps("c1", steps), country)
        return db.rows(
            sql(
                "select source.c1, coalesce(fault.level, '') from source"
                " left join step_fault as fault on fault.row_no = source.row_no"
                " order by source.row_no"
            )
        )


def cleaned(steps: Sequence[Step], text: str | None, country: str = "NO") -> str | None:
    ((outcome, fault),) = outcomes(steps, [text], country)
    assert fault == "", fault
    return outcome


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Acme   AS ", "Acme AS"),
        ("Acme\u00a0\u00a0AS\u200b", "Acme AS"),
        ("Acme\r\nAS\t", "Acme AS"),
        ("\u3000\ufeff", None),
        (None, None),
    ],
)
def test_trim(text: str | None, expected: str | None) -> None:
    assert expected == cleaned([Trim()], text)


@pytest.mark.parametrize("text", ["N/A", "-", "NULL", "n.v.t.", "Ukjent", "k.A.", "saknas", "EGEN"])
def test_null_words(text: str) -> None:
    assert cleaned([NullWords(more=("egen",))], text) is None


@pytest.mark.parametrize("text", ["Nan Goldin", "Null Bock GmbH", "0", "Nilsen"])
def test_words_that_only_begin_so_are_no_null_words(text: str) -> None:
    assert text == cleaned([NullWords()], text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("JAN VAN DER BERG", "Jan van der Berg"),
        ("VAN DER BERG", "Van der Berg"),
        ("VAN 'T HOF", "Van 't Hof"),
        ("JAN VAN-DIJK", "Jan van-Dijk"),
        ("ANNE-MARIE DE VRIES-JANSEN", "Anne-Marie de Vries-Jansen"),
        ("karl von und zu guttenberg", "Karl von und zu Guttenberg"),
        ("carl af trolle", "Carl af Trolle"),
        ("RONALD MCDONALD", "Ronald McDonald"),
        ("pat o'brien", "Pat O'Brien"),
        ("PAT O’BRIEN", "Pat O’Brien"),
        ("anne-marie d'angelo", "Anne-Marie D'Angelo"),
        ("ijsbrand de boer", "IJsbrand de Boer"),
        ("ØRJAN ÅSEN", "Ørjan Åsen"),
        ("müller & söhne gmbh & co. kg", "Müller & Söhne GmbH & Co. KG"),
        ("ACME A/S", "Acme A/S"),
        ("de vries b.v.", "De Vries B.V."),
        ("hansen bygg as", "Hansen Bygg AS"),
        ("JENSEN APS", "Jensen ApS"),
        ("NRK AS", "NRK AS"),
        ("IBM Norge AS", "IBM Norge AS"),
        ("deVries Interieur", "deVries Interieur"),
        ("straße 12b", "Straße 12B"),
        ("as", "As"),
    ],
)
def test_names_are_written_as_names(text: str, expected: str) -> None:
    assert expected == cleaned([Case()], text)


@pytest.mark.parametrize(
    ("to", "expected"), [(Letters.UPPER, "ØL & ÄTT"), (Letters.LOWER, "øl & ätt")]
)
def test_capital_and_small_letters(to: Letters, expected: str) -> None:
    assert expected == cleaned([Case(to=to)], "Øl & Ätt")


@pytest.mark.parametrize(
    ("text", "prefix", "first", "middle", "last", "suffix"),
    [
        ("Kari Nordmann", None, "Kari", None, "Nordmann", None),
        ("Ole Berg Hansen", None, "Ole", "Berg", "Hansen", None),
        ("Hansen, Kari Anne", None, "Kari", "Anne", "Hansen", None),
        ("Madonna", None, None, None, "Madonna", None),
        ("Jan van der Berg", None, "Jan", None, "van der Berg", None),
        ("Berg, Jan van den", None, "Jan", None, "van den Berg", None),
        ("Mevr. A. de Vries", "Mevr.", "A.", None, "de Vries", None),
        ("De heer Piet Jansen", "De heer", "Piet", None, "Jansen", None),
        ("Drs. ir. J.P. van 't Hof", "Drs. ir.", "J.P.", None, "van 't Hof", None),
        ("Prof. Dr.-Ing. Max Müller", "Prof. Dr.-Ing.", "Max", None, "Müller", None),
        ("Herr Dr. med. Hans von der Leyen", "Herr Dr. med.", "Hans", None, "von der Leyen", None),
        ("Frau Müller", "Frau", None, None, "Müller", None),
        ("Hr. Jens Peter Jensen", "Hr.", "Jens", "Peter", "Jensen", None),
        ("Fru Åsa Öberg", "Fru", "Åsa", None, "Öberg", None),
        ("Hansen, Dr. Kari", "Dr.", "Kari", None, "Hansen", None),
        ("Dr. Berg, Jan van den", "Dr.", "Jan", None, "van den Berg", None),
        ("Dr. Hansen, Kari", "Dr.", "Kari", None, "Hansen", None),
        ("García López, Ana", None, "Ana", None, "García López", None),
        ("John Smith Jr.", None, "John", None, "Smith", "Jr."),
        ("Smith, John, PhD", None, "John", None, "Smith", "PhD"),
        ("Mr. John F. Smith III", "Mr.", "John", "F.", "Smith", "III"),
        ("  Ann \u00a0 Lie ", None, "Ann", None, "Lie", None),
        ("Ingrid Hansen", None, "Ingrid", None, "Hansen", None),
        ("Drake Smith", None, "Drake", None, "Smith", None),
        ("Maria", None, None, None, "Maria", None),
    ],
)
def test_the_parts_of_a_full_name(
    text: str,
    prefix: str | None,
    first: str | None,
    middle: str | None,
    last: str | None,
    suffix: str | None,
) -> None:
    found = [cleaned([NamePart(part=part)], text) for part in NamePart.parts()]

    assert [prefix, first, middle, last, suffix] == found


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("23 35 40 00", "NO", "+4723354000"),
        ("0047 23354000", "NO", "+4723354000"),
        ("+31 (0)20 123 4567", "NO", "+31201234567"),
        ("06-12345678", "NL", "+31612345678"),
        ("030/123456-78", "DE", "+493012345678"),
        ("08-123 456 78", "SE", "+46812345678"),
        ("tlf. 23354000 ext 12", "NO", "+4723354000 ext. 12"),
        ("Mob: 900 11 223", "NO", "+4790011223"),
    ],
)
def test_phone_numbers_become_international(text: str, country: str, expected: str) -> None:
    assert expected == cleaned([Phone(country=country)], text)
    assert expected == cleaned([Phone()], text, country=country)


@pytest.mark.parametrize(
    "text",
    ["ask Kari", "23354000 / 90011223", "1881", "123", "12345678901234567", "Kari 23354000", "+0"],
)
def test_what_is_no_phone_number_stays_with_a_warning(text: str) -> None:
    assert [(text, "warning")] == outcomes([Phone()], [text])
    assert [(text, "warning")] == outcomes([Phone(to="national")], [text])


def test_phone_numbers_are_written_as_each_country_does() -> None:
    """The spelling is that of phonenumbers, for an example number of every country it knows.

    Where it knows none and writes bare digits, the number may stay international.
    """
    wrong = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        examples = [
            example
            for kind in (
                phonenumbers.PhoneNumberType.FIXED_LINE,
                phonenumbers.PhoneNumberType.MOBILE,
            )
            if (example := phonenumbers.example_number_for_type(region, kind)) is not None
            and phonenumbers.region_code_for_number(example) == region
        ]
        texts = [
            phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            for example in examples
        ]
        made = outcomes([Phone(to="national", country=region)], texts)
        for example, text, (found, fault) in zip(examples, texts, made, strict=True):
            expected = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
            bare = expected == phonenumbers.national_significant_number(example)
            if fault or found not in ({expected, text} if bare else {expected}):
                wrong.append((region, text, expected, found))

    assert [] == wrong


@pytest.mark.parametrize(
    ("text", "first", "rest"),
    [
        ("mailto:Ann@x.no", "Ann@x.no", None),
        ("Ann Lie <ann@x.no>", "ann@x.no", None),
        ('"Lie, Ann" <ann@x.no>', "ann@x.no", None),
        ("ann @ x . no", "ann@x.no", None),
        ("ann(at)x.no", "ann@x.no", None),
        ("ann [at] x [dot] no", "ann@x.no", None),
        ("'ann@x.no'", "ann@x.no", None),
        ("ann@x.no.", "ann@x.no", None),
        ("mailto:ann@x.no?subject=Hei", "ann@x.no", None),
        ("o'brien@x.ie", "o'brien@x.ie", None),
        ("ann@bücher.de", "ann@bücher.de", None),
        ("ola.nord\u00a0@acme.example", "ola.nord@acme.example", None),
        ("ola?@acme.example?subject=x", "ola?@acme.example", None),
    ],
)
def test_email_addresses_are_mended(text: str, first: str, rest: str | None) -> None:
    assert first == cleaned([Email()], text)
    assert rest == cleaned([Email(take="rest")], text)


def test_of_several_email_addresses_the_first_and_the_rest() -> None:
    text = "a@x.no; Bo <b@x.no>, c@x.no"

    assert [("a@x.no", "note")] == outcomes([Email()], [text])
    assert "b@x.no; c@x.no" == cleaned([Email(take="rest")], text)
    assert [("none here", "warning")] == outcomes([Email()], ["none here"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WWW.Acme.NO/Path", "https://www.acme.no/Path"),
        ("http//acme.no", "http://acme.no"),
        ("http:\\\\acme.no", "http://acme.no"),
        ("HTTPS://ACME.NO", "https://acme.no"),
        (" <https://acme.no/?q=A> ", "https://acme.no/?q=A"),
        ("www. acme .no", "https://www.acme.no"),
        ("blåbær.no", "https://blåbær.no"),
        ("https/www.acme.no", "https://www.acme.no"),
        ("HTTPS://Acme.NO/About?q=1", "https://acme.no/About?q=1"),
        ("<acme.no/a;>", "https://acme.no/a"),
    ],
)
def test_web_addresses_are_mended(text: str, expected: str) -> None:
    assert expected == cleaned([WebAddress()], text)


@pytest.mark.parametrize("text", ["ann@x.no", "no site yet", "www.a.no / www.b.no", "acme"])
def test_what_is_no_web_address_stays_with_a_warning(text: str) -> None:
    assert [(text, "warning")] == outcomes([WebAddress()], [text])


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("923609016", "NO", True),
        ("NO 923 609 016 MVA", "DE", True),
        ("923 609 016 MVA", "NO", True),
        ("923609017", "NO", False),
        ("DE136695976", "NO", True),
        ("136 695 976", "DE", True),
        ("NL004495445B01", "NO", True),
        ("NL004495445B99", "NO", True),
        ("SE556188840401", "NO", True),
        ("556188-8404", "SE", True),
        ("DK13585628", "NO", True),
        ("13585629", "DK", False),
        ("GB980780684", "NO", True),
        ("EL094259216", "NO", True),
        ("anything", "XX", None),
    ],
)
def test_company_numbers_are_checked_by_their_countrys_rules(
    text: str, country: str, expected: bool | None
) -> None:
    assert expected is is_company_number(text, country)


def numbers_checked(
    rows: Sequence[tuple[str, str | None]],
    steps: dict[str, Sequence[Step]],
    mapping: Mapping | None = None,
) -> list[str]:
    """For each row of number and country: the level of what is wrong with the number."""
    mapping = mapping or Mapping(
        columns=(
            ColumnMapping(column="c1", target="company.vat_number"),
            ColumnMapping(column="c2", target="company.country"),
        )
    )
    for column, chosen in steps.items():
        mapping = mapping.with_steps(column, chosen)
    with in_memory() as db:
        db.run(sql("create table staged (row_no integer, c1 varchar, c2 varchar)"))
        for number, (text, country) in enumerate(rows):
            db.run(sql("insert into staged values ({n}, {t}, {c})", n=number, t=text, c=country))
        cleaning.make_source(db, mapping, "NO")
        found = db.rows(
            sql(
                "select coalesce(fault.level, '') from staged"
                " left join step_fault as fault on fault.row_no = staged.row_no"
                " order by staged.row_no"
            )
        )
    return [level for (level,) in found]


# The first is right in Denmark and wrong in Norway, the second the other way round.
_NUMBERS = [("24256790", "Danmark"), ("923609016", "DK"), ("923609016", "norge")]


def test_company_numbers_are_checked_by_the_country_of_their_row() -> None:
    """Without a country in the row it is the workspace's; a name in the number goes first."""
    rows = [*_NUMBERS, ("923609016", None), ("NO 923 609 016 MVA", "Sverige"), ("24256790", None)]

    assert ["", "warning", "", "", "", "warning"] == numbers_checked(rows, {"c1": [Vat()]})


def test_a_fixed_country_goes_before_the_rows() -> None:
    assert ["", "warning", "warning"] == numbers_checked(_NUMBERS, {"c1": [Vat(country="dk")]})


def test_the_rows_country_is_read_as_its_own_steps_leave_it() -> None:
    rows = [("24256790", "the Danes"), ("923609016", "the Danes")]
    steps: dict[str, Sequence[Step]] = {
        "c1": [Vat()],
        "c2": [Replace(table={"the Danes": "Denmark"})],
    }

    assert ["", "warning"] == numbers_checked(rows, steps)


def test_numbers_of_countries_beyond_the_commonest_are_judged_by_their_row() -> None:
    """552100554 is a French SIREN, and nothing in Austria."""
    rows = [("552100554", "Frankreich"), ("552100554", "Österreich")]

    assert ["", "warning"] == numbers_checked(rows, {"c1": [Vat()]})


def test_a_country_for_all_rows_counts_for_their_numbers() -> None:
    mapping = Mapping(
        columns=(ColumnMapping(column="c1", target="company.vat_number"),)
    ).with_constant("company.country", "Denmark")

    assert ["", "warning", "warning"] == numbers_checked(_NUMBERS, {"c1": [Vat()]}, mapping)


def test_a_trial_of_a_number_sees_the_country_of_its_row() -> None:
    mapping = Mapping(
        columns=(
            ColumnMapping(column="c1", target="company.vat_number"),
            ColumnMapping(column="c2", target="company.country"),
        )
    ).with_steps("c1", [Vat()])
    with in_memory() as db:
        db.run(sql("create table staged as select 1 as row_no, '24256790' as c1, 'DK' as c2"))

        (trial,) = cleaning.try_steps(db, mapping, "c1", country="NO")

    assert "" == trial.fault


_PHONES = Mapping(
    columns=(
        ColumnMapping(column="c1", target="company.phone"),
        ColumnMapping(column="c2", target="company.country"),
    )
)


def phones_written(rows: Sequence[tuple[str, str | None]], step: Phone) -> list[str]:
    """What a step makes of phone numbers, for each row of number and country."""
    with in_memory() as db:
        db.run(sql("create table staged (row_no integer, c1 varchar, c2 varchar)"))
        for number, (text, country) in enumerate(rows):
            db.run(sql("insert into staged values ({n}, {t}, {c})", n=number, t=text, c=country))
        cleaning.make_source(db, _PHONES.with_steps("c1", [step]), "NO")
        found = db.rows(sql("select c1 from source order by row_no"))
    return [text for (text,) in found]


_ROWS = [
    ("22 12 34 56", "Norge"),
    ("020 624 1111", "Nederland"),
    ("020 624 1111", "Tyskland"),
    ("+45 33 12 34 56", "NL"),
    ("22 12 34 56", None),
    ("22 12 34 56", "Atlantis"),
]


def test_phone_numbers_without_a_country_are_of_their_rows() -> None:
    """Without a country in the row it is the workspace's; one in the number goes first."""
    expected = ["+4722123456", "+31206241111", "+49206241111", "+4533123456", "+4722123456"]

    assert [*expected, "+4722123456"] == phones_written(_ROWS, Phone())


def test_a_fixed_country_of_phone_numbers_goes_before_the_rows() -> None:
    assert ["+4520624111"] == phones_written([("20 62 41 11", "NO")], Phone(country="dk"))


def test_only_numbers_of_the_own_country_are_written_nationally() -> None:
    assert ["22 12 34 56", "+31206241111"] == phones_written(_ROWS[:2], Phone(to="national"))


def test_a_wrong_company_number_stays_with_a_warning() -> None:
    texts = ["923609016", "923609017", None, "923609017"]

    assert [
        ("923609016", ""),
        ("923609017", "warning"),
        (None, ""),
        ("923609017", "warning"),
    ] == outcomes([Vat()], texts)


@pytest.mark.parametrize(
    ("format", "text", "expected"),
    [
        ("dd.mm.yyyy", "3.4.2026", "2026-04-03"),
        ("dd.mm.yyyy", "03.04.2026 13:45", "2026-04-03"),
        ("mm/dd/yyyy", "04/03/2026", "2026-04-03"),
        ("yyyymmdd", "20260403", "2026-04-03"),
        ("dd-mmm-yy", "03-Apr-26", "2026-04-03"),
        ("d. mmmm yyyy", "3. desember 2025", "2025-12-03"),
        ("d mmm yyyy", "3 mrt. 2026", "2026-03-03"),
        ("d mmm yyyy", "3 Mär 2026", "2026-03-03"),
        ("d.mmm.yyyy", "3.maj.2026", "2026-05-03"),
        ("mmmm d, yyyy", "Sept. 3, 2026", "2026-09-03"),
        ("yyyy-mm-dd", "2024-02-29T00:00:00", "2024-02-29"),
        ("number", "46115", "2026-04-03"),
        ("number", "46115.75", "2026-04-03"),
    ],
)
def test_dates_are_read_by_their_format(format: str, text: str, expected: str) -> None:  # noqa: A002
    assert expected == cleaned([Date(format=format)], text)


@pytest.mark.parametrize("text", ["31.02.2026", "2026-04-03", "04/03/2026", "soon"])
def test_a_date_of_another_format_is_left_empty_and_an_error(text: str) -> None:
    assert [(None, "error")] == outcomes([Date(format="dd.mm.yyyy")], [text])


@pytest.mark.parametrize("text", ["3 frimaire 2026", "3 03 2026", "soon", "30 februar 2026"])
def test_a_month_that_no_language_has_is_left_empty(text: str) -> None:
    assert [(None, "error")] == outcomes([Date(format="d mmmm yyyy")], [text])


@pytest.mark.parametrize("format", ["", "dd.mm", "hello", "dd.dd.yyyy", "yyyyy-mm-dd"])
def test_a_format_names_day_month_and_year(format: str) -> None:  # noqa: A002
    with pytest.raises(MappingError, match="Format: Write the format with dd, mm and yyyy"):
        steps_from([{"kind": "date", "format": format}])


@pytest.mark.parametrize(
    ("decimal", "text", "expected"),
    [
        (",", "1.234", "1234"),
        (",", "1.234,50", "1234.50"),
        (",", "kr 100,-", "100"),
        (",", "12,5 %", "12.5"),
        (",", "1 234 567,8", "1234567.8"),
        (",", "1,234", "1.2340"),
        (",", "-5,5", "-5.5"),
        (",", "5,5-", "-5.5"),
        (".", "1,234", "1234"),
        (".", "1,234.50", "1234.50"),
        (".", "1'234.50", "1234.50"),
        (".", "1.234", "1.2340"),
    ],
)
def test_numbers_are_read_by_their_decimal_sign(decimal: str, text: str, expected: str) -> None:
    assert expected == cleaned([Number(decimal=decimal)], text)


@pytest.mark.parametrize("text", ["1,234.50", "12.5", "ten"])
def test_a_number_of_another_format_is_left_empty_and_an_error(text: str) -> None:
    assert [(None, "error")] == outcomes([Number(decimal=",")], [text])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ja", "yes"),
        ("SANN", "yes"),
        ("waar", "yes"),
        ("X", "yes"),
        ("aktiv", "yes"),
        ("nei", "no"),
        ("Nein", "no"),
        ("nej", "no"),
        ("nee", "no"),
        ("falskt", "no"),
        ("o", "no"),
    ],
)
def test_yes_and_no_in_six_languages_and_own_words(text: str, expected: str) -> None:
    assert expected == cleaned([YesNo(yes=("Aktiv",), no=("O",))], text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Norge", "NO"),
        ("NOORWEGEN", "NO"),
        ("Norwegen", "NO"),
        ("the  Netherlands", "NL"),
        ("Nederländerna", "NL"),
        ("Tyskland", "DE"),
        ("Duitsland", "DE"),
        ("no", "NO"),
        ("England", "GB"),
        ("USA", "US"),
        ("Østerrike", "AT"),
    ],
)
def test_countries_in_six_languages_become_codes(text: str, expected: str) -> None:
    assert expected == cleaned([Country()], text)


def test_an_unknown_country_stays_with_a_warning() -> None:
    assert [("Narnia", "warning")] == outcomes([Country()], ["Narnia"])


@pytest.mark.parametrize(
    ("number", "expected"), [(1, "Oslo"), (2, "Norge"), (-1, "Europa"), (4, None)]
)
def test_split_takes_a_part(number: int, expected: str | None) -> None:
    assert expected == cleaned([Split(separator=";", number=number)], "Oslo; Norge ;Europa")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("([0-9]{4}) ([A-Z])", "0167"), ("[0-9]+", "0167"), ("(?i)(?:0167) (oslo)", "OSLO")],
)
def test_a_pattern_takes_its_first_group_or_the_whole(pattern: str, expected: str) -> None:
    assert expected == cleaned([Pattern(pattern=pattern)], "N-0167 OSLO")


def test_a_cell_that_does_not_fit_the_pattern_is_emptied_with_a_warning() -> None:
    assert [(None, "warning")] == outcomes([Pattern(pattern="([0-9]+)")], ["none"])


@pytest.mark.parametrize(("text", "expected"), [("167", "0167"), ("01670", "01670"), ("N1", "N1")])
def test_zeros_are_put_before_short_numbers_only(text: str, expected: str) -> None:
    assert expected == cleaned([Pad(length=4)], text)


def test_texts_are_replaced_by_a_table_in_any_case() -> None:
    table = {"A ": "Alpha", "b": "", "ÆØ": "x"}

    assert [("Alpha", ""), (None, ""), ("x", ""), ("c", "")] == outcomes(
        [Replace(table=table)], ["a", "B", "æø", "c"]
    )
    assert [("Alpha", ""), (None, "warning")] == outcomes(
        [Replace(table=table, rest="empty")], ["a", "c"]
    )


def test_the_same_text_for_empty_cells_or_all() -> None:
    assert [("a", ""), ("x", "")] == outcomes([Constant(text="x")], ["a", None])
    assert [("x", ""), ("x", "")] == outcomes([Constant(text="x", where="all")], ["a", None])


def test_steps_are_done_one_after_the_other() -> None:
    steps = [NullWords(), Split(separator=",", number=2), Case(), Expression(text="value || '!'")]

    assert [("Kari!", ""), (None, "")] == outcomes(steps, ["HANSEN, KARI", "n/a"])


def test_an_expression_that_fails_for_a_row_is_an_error_of_that_row_only() -> None:
    outcome = outcomes([Expression(text="cast(value as integer) + 1")], ["1", "one", None])

    assert [("2", ""), (None, "error"), (None, "")] == outcome


def test_unknown_steps_and_options_are_told_in_words() -> None:
    with pytest.raises(MappingError, match="Fill up with zeros, Digits"):
        steps_from([{"kind": "pad", "length": 0}])
    with pytest.raises(MappingError):
        steps_from([{"kind": "fly"}])


EVERY_STEP: list[Step] = [
    *(step() for kind, step in REGISTRY.items() if kind not in ("replace", "constant")),
    *(NamePart(part=part) for part in NamePart.parts()),
    Replace(table={"a": "b", "Norge": "NO"}),
    Constant(text="x"),
    Phone(to="national"),
    Email(take="rest"),
    Date(format="number"),
    Date(format="yyyymmdd"),
    Number(decimal="."),
    Case(to=Letters.UPPER),
    Case(to=Letters.LOWER),
    Expression(text="cast(value as date)"),
    Mojibake(),
]
IDEMPOTENT: list[Step] = [
    Trim(),
    NullWords(),
    Case(),
    Case(to=Letters.LOWER),
    Phone(),
    Phone(to="national"),
    Email(),
    WebAddress(),
    Country(),
    YesNo(),
    Pad(length=4),
]
texts = st.one_of(
    st.text(max_size=30).filter(lambda text: "\x00" not in text),
    st.lists(
        st.sampled_from(
            [
                "van",
                "DER",
                "Berg",
                "o'brien",
                "McX",
                "AS",
                "a/s",
                "+47",
                "0047",
                "2335",
                "4000",
                "ext",
                "@",
                ".no",
                "mailto:",
                "<",
                ">",
                ",",
                ";",
                "Dr.",
                "jr",
                "1.234",
                ",5",
                "-",
                "ja",
                "Norge",
                "http",
                "://",
                "www.",
                "/",
                "31.12.2025",
                "\xa0",
                "IJ",
                "ß",
                "İ",
                "'",
                "923609016",
            ]
        ),
        max_size=6,
    ).map(" ".join),
)

# Many texts take as long as one: few examples, each of many.
few = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("step", EVERY_STEP, ids=repr)
@settings(few, max_examples=5)
@given(st.lists(st.one_of(st.none(), texts), min_size=15, max_size=60))
def test_a_step_never_throws_and_gives_the_same_for_the_same_text(
    step: Step, values: list[str | None]
) -> None:
    """On many rows at once as on one after the other, whatever stands beside them."""
    together = outcomes([step], [*values, *values])

    assert together[: len(values)] == together[len(values) :]
    assert together[-1:] == outcomes([step], values[-1:])
    assert all(text != "" for text, _ in together)


PIECES = (
    *("Jan", "anne-marie", "O'BRIEN", "d'angelo", "mcdonald", "mc'abc", "ijsbrand", "NRK", "Weiß"),
    *("åsen", "ØRJAN", "Łukasz", "иван", "12b", "J.", "j.p.", "van", "DE", "'t", "von", "i", "&"),
    *("gmbh", "AS", "a/s", "Ltd.", "Oy", "dr.", "Prof.", "Dr.-Ing.", "herr", "mevr.", "rer.nat."),
    *(
        "jr.",
        "III",
        "PhD",
        "ma",
        "el",
        "ing",
        "Drake",
        " ",
        "  ",
        "\u00a0",
        ", ",
        ",",
        "-",
        ".",
        "/",
    ),
    *("@", " @ ", "x.no", ".no", "a@x.no", "; ", "<", ">", "mailto:", "(at)", " [dot] ", "?cc=x"),
)
mixed = st.lists(st.sampled_from(PIECES), max_size=7).flatmap(
    lambda pieces: st.sampled_from(["".join(pieces), " ".join(pieces), " ".join(pieces).upper()])
)


@pytest.mark.parametrize(
    ("step", "at", "everything"),
    [
        (Case(), 0, "struct_pack(text := {t}, kind := 'other')"),
        *(
            (NamePart(part=part), 1, "struct_pack(easy := cast(null as varchar), hard := {t})")
            for part in NamePart.parts()
        ),
        (Email(), 0, "struct_pack(text := {t}, mend := {t})"),
    ],
    ids=["case", *NamePart.parts(), "email"],
)
@settings(few, max_examples=25)
@given(st.lists(st.one_of(mixed, texts), min_size=30, max_size=90))
def test_texts_that_go_the_short_way_come_out_as_by_the_long_one(
    step: Step, at: int, everything: LiteralString, values: list[str]
) -> None:
    """What a cheap look finds easy is made what all patterns would make of it."""
    stages = list(step.stages(Place("NO")))
    long = [*stages]
    long[at] = lambda text: sql(everything, t=text)

    assert after(long, values) == after(stages, values)


def after(stages: Sequence[Stage], values: Sequence[str]) -> list[str | None]:
    """What some stages make of each text, one after the other."""
    query = sql("select unnest({v}) as text, unnest(range({n})) as n", v=values, n=len(values))
    for stage in stages:
        query = sql("select {made} as text, n from ({q})", made=stage(sql("text")), q=query)
    with in_memory() as db:
        return [text for (text,) in db.rows(sql("select text from ({q}) order by n", q=query))]


@pytest.mark.parametrize("step", IDEMPOTENT, ids=repr)
@settings(few, max_examples=8)
@given(st.lists(texts, min_size=15, max_size=60))
def test_a_step_done_twice_does_what_it_does_once(step: Step, values: list[str]) -> None:
    once = [text for text, _ in outcomes([step], values)]
    twice = [text for text, _ in outcomes([step, step], values)]

    for first, second in zip(once, twice, strict=True):
        # A name that came out in capitals only is read as one that was written in capitals.
        assert first == second or (step == Case() and first is not None and first.isupper())


def test_every_step_has_its_place_on_the_screen() -> None:
    """A title, and a label for each option that the user chooses."""
    for step in REGISTRY.values():
        assert step.title
        assert step.__doc__
        options = {key: field for key, field in step.model_fields.items() if key != "kind"}
        assert all(field.title for key, field in options.items() if key != "names")
