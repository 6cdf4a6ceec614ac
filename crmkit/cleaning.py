"""The rows as planning reads them: the source's cells, with the cleaning steps of their columns.

`make_source` makes the view `source`: the table `staged`, in which columns with steps, and made
columns, come from the table `stepped`. Without steps it is `staged` itself and costs nothing. What
went wrong in a step is in `step_fault`. The text of the source stays in `staged`.

All columns go through their steps side by side: each layer of the query is one stage of every
column's steps, over the layer before, so that DuckDB computes everything in one pass. In a large
file a column that repeats its texts goes ahead of them, each different text once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from crmkit import transforms
from crmkit.database import Database
from crmkit.errors import MappingError
from crmkit.expressions import VALUE
from crmkit.mapping import MadeColumn
from crmkit.mapping import Mapping as ColumnsMapping
from crmkit.sql import Query, join, led, name, sql
from crmkit.steps import AnyStep, Expression, Fault, Pattern, Place, country_codes

_SAMPLE_ROWS: Final = 5_000
"""Rows that are looked at for examples."""

_MANY_ROWS: Final = 10_000
"""From so many on, a column that repeats its texts sends each of them through its steps once."""

_FAULTS: Final = 10
"""More than any step's kinds of fault."""

_COUNTRIES: Final = ("company.country", "person.country")
"""The fields that say where a row's company is; the first that is mapped counts."""

_ROW_COUNTRY: Final = "row country"
"""What the code of that country is called in the query."""


@dataclass(frozen=True)
class Trial:
    """What the steps of a column make of one of its texts.

    Attributes:
        fault: What went wrong, with its mend; empty when nothing did.
    """

    before: str | None
    after: str | None
    fault: str


@dataclass(frozen=True)
class _Layer:
    """One stage of a column: its text, the text before the step, and the first fault so far."""

    value: Query
    before: Query
    fault: Query
    key: Query | None = None
    step: int = 0


@dataclass(frozen=True)
class _Line:
    """A column on its way through its steps."""

    column: str
    text: Query
    steps: tuple[AnyStep, ...]
    place: Place

    @property
    def value(self) -> Query:
        return name(self.column)

    @property
    def at_first(self) -> Query:
        """Its text before the first step."""
        return name(f"{self.column} text")

    @property
    def faults(self) -> bool:
        """Whether anything can go wrong in its steps."""
        return any(step.faults() for step in self.steps)

    @property
    def word(self) -> str:
        return f"{self.column} word"

    @property
    def once(self) -> str:
        """The table of its different texts, where each takes the steps once."""
        return f"once {self.column}"

    @property
    def needs_row_country(self) -> bool:
        return any(step.needs_row_country for step in self.steps)

    @property
    def by(self) -> list[Query]:
        """What the steps' outcome depends on, where they do not read other cells."""
        return [self.text, *([name(_ROW_COUNTRY)] if self.needs_row_country else [])]

    def step_id(self, number: int) -> str:
        """What the step's words are listed under."""
        return f"{self.column}/{number}"

    def layers(self) -> list[_Layer]:
        """The stages of all steps; after each step its faults are looked for."""
        value, before, fault = self.value, name(f"{self.column} before"), self.fault
        place = replace(self.place, word=name(self.word, "word"))
        found = []
        for number, step in enumerate(self.steps, start=1):
            for position, stage in enumerate(step.stages(place)):
                first = position == 0
                found.append(
                    _Layer(
                        stage(value),
                        value if first else before,
                        fault,
                        step.key(value) if position == step.looks_up_at else None,
                        number,
                    )
                )
            found.append(self._settled(step.faults(), number))
        return found

    @property
    def fault(self) -> Query:
        return name(f"{self.column} fault")

    def _settled(self, faults: tuple[Fault, ...], number: int) -> _Layer:
        value, before = self.value, name(f"{self.column} before")
        holds = [fault.condition(before, value) for fault in faults]
        codes = [
            sql("when {h} then {code}", h=h, code=number * _FAULTS + place)
            for place, h in enumerate(holds)
        ]
        kept = [
            sql("when {h} then {v}", h=h, v=before if fault.keep else value)
            for h, fault in zip(holds, faults, strict=True)
        ]
        if not faults:
            return _Layer(sql("nullif({v}, '')", v=value), before, self.fault)
        return _Layer(
            sql("nullif(case {kept} else {v} end, '')", kept=join(" ", kept), v=value),
            before,
            sql("coalesce({f}, case {codes} end)", f=self.fault, codes=join(" ", codes)),
        )


def make_source(db: Database, mapping: ColumnsMapping, country: str) -> None:
    """Make the view `source` of the staged rows, with the steps of the columns that are mapped.

    Args:
        country: The workspace's own.

    Raises:
        MappingError: A step cannot be used.
    """
    _make_source(db, mapping, country, {entry.target for entry in mapping.columns})


@contextmanager
def source_of(
    db: Database, mapping: ColumnsMapping, country: str, targets: Collection[str]
) -> Iterator[None]:
    """`source` as it is for the columns of a few targets: for what is asked beside a plan.

    Only these go through their steps, as at a million rows they take most of the time. The plan's own
    rows are hidden for so long, and stay as they are.

    Raises:
        MappingError: A step cannot be used.
    """
    try:
        _make_source(db, mapping, country, targets, temporary=True)
        yield
    finally:
        db.run(sql("drop view if exists temp.source"))
        db.run(sql("drop table if exists temp.stepped"))


def _make_source(
    db: Database,
    mapping: ColumnsMapping,
    country: str,
    targets: Collection[str | None],
    *,
    temporary: bool = False,
) -> None:
    db.run(
        sql(
            "create or replace temp table step_fault"
            ' (row_no integer, "column" varchar, value varchar, level varchar, message varchar,'
            " mend varchar)"
        )
    )
    temp = sql("temp") if temporary else sql("")
    asked = {e.column for e in mapping.columns if e.target is not None and e.target in targets}
    filed, made = _wanted(mapping, asked)
    if not filed and not made:
        db.run(sql("create or replace {temp} view source as from staged", temp=temp))
        if not temporary:
            db.run(sql("drop table if exists stepped"))
        return
    repeated = _repeated(db, mapping, filed)
    lines, query = _stepped_sql(db, mapping, filed, made, country, name("staged"), repeated)
    if not temporary:
        db.run(sql("drop view if exists source"))
    made_ids = {column.id for column in made}
    kept = [line.value for line in lines]
    kept += [line.fault for line in lines if line.faults]
    kept += [line.at_first for line in lines if line.faults and line.column in made_ids]
    db.run(
        sql(
            "create or replace {temp} table stepped as select row_no {kept} from ({query})",
            temp=temp,
            kept=led(kept),
            query=query,
        )
    )
    for line in lines:
        if line.column in repeated:
            db.run(sql("drop table {once}", once=name(line.once)))
        _list_faults(db, line, made=line.column in made_ids)
    replaced = [line.value for line in lines if line.column not in made_ids]
    db.run(
        sql(
            "create or replace {temp} view source as select staged.* {replaced} {made}"
            " from staged join stepped on stepped.row_no = staged.row_no",
            temp=temp,
            replaced=sql(
                "replace ({c})",
                c=join(", ", (sql("stepped.{c} as {c}", c=column) for column in replaced)),
            )
            if replaced
            else sql(""),
            made=join("", (sql(", stepped.{c}", c=name(column.id)) for column in made)),
        )
    )


def try_steps(
    db: Database,
    mapping: ColumnsMapping,
    column: str,
    *,
    country: str,
    count: int = 10,
) -> tuple[Trial, ...]:
    """What the steps of a column make of some different texts: first those with a fault.

    Raises:
        MappingError: A step cannot be used.
    """
    filed, made = _wanted(mapping, {column})
    first = sql("(select * from staged order by row_no limit {n})", n=_SAMPLE_ROWS)
    if column not in filed and not any(one.id == column for one in made):
        filed = [*filed, column]
    lines, query = _stepped_sql(db, mapping, filed, made, country, first)
    (line,) = (line for line in lines if line.column == column)
    messages = {
        number * _FAULTS + place: f"{fault.message} {fault.mend}"
        for number, step in enumerate(line.steps, start=1)
        for place, fault in enumerate(step.faults())
    }
    rows = db.rows(
        sql(
            """
            select text, {value}, min({fault}) as fault
            from ({query})
            group by 1, 2
            order by fault is null, text is not distinct from {value}, min(row_no)
            limit {count}
            """,
            value=line.value,
            fault=line.fault,
            query=sql(
                "select *, {t} as text from ({q})",
                # Spaces around a cell never count, with or without steps.
                t=transforms.cleaned(name(f"{column} text")),
                q=query,
            ),
            count=count,
        )
    )
    return tuple(Trial(before, after, messages.get(fault, "")) for before, after, fault in rows)


def check_steps(db: Database, mapping: ColumnsMapping, headers: Mapping[str, str]) -> None:
    """Raise when a column's steps cannot be used.

    Args:
        headers: Column -> header, for people.

    Raises:
        MappingError: All that is wrong at once.
    """
    known = {entry.column for entry in mapping.columns}
    wrong = []
    for made in mapping.made:
        missing = [c for c in made.columns if c not in known or c in {m.id for m in mapping.made}]
        if missing:
            wrong.append(f"“{made.header}”: it is made of columns that the file does not have.")
    for column, steps in mapping.steps.items():
        title = f"“{headers.get(column, column)}”"
        if column not in known:
            wrong.append(f"{title}: there is no such column.")
        for step in steps:
            if isinstance(step, Pattern) and (
                fault := db.fault(sql("select regexp_extract('a', {p})", p=step.pattern))
            ):
                wrong.append(f"{title}: the pattern “{step.pattern}” cannot be used: {fault}.")
            if isinstance(step, Expression):
                try:
                    step.stages(_place(mapping, column, "", made=column.startswith("m")))
                except MappingError as error:
                    wrong.append(f"{title}: {error.message}")
    if wrong:
        raise MappingError(
            "The cleaning steps cannot be used.",
            where="Mapping",
            mend=" ".join(wrong),
        )


def _wanted(mapping: ColumnsMapping, columns: Iterable[str]) -> tuple[list[str], list[MadeColumn]]:
    """The file's columns that have steps or go into made ones, and the made ones, of those asked."""
    asked = set(columns)
    made = [column for column in mapping.made if column.id in asked]
    parts = {part for column in made for part in column.columns}
    if any(step.needs_row_country for column in asked for step in mapping.steps.get(column, ())):
        parts.add(_country_column(mapping))
    filed = [
        entry.column
        for entry in mapping.columns
        if entry.column in parts
        or (
            entry.column in asked
            and entry.column in mapping.steps
            and entry.column not in {column.id for column in mapping.made}
        )
    ]
    return filed, made


def _place(mapping: ColumnsMapping, column: str, country: str, *, made: bool) -> Place:
    """What an expression may name: its own text, and the file's columns; made columns see cleaned ones.

    A number is checked by the country of its row's company; the column of that country has none yet.
    """
    made_ids = {one.id for one in mapping.made}
    filed = [entry.column for entry in mapping.columns if entry.column not in made_ids]
    prefix = "clean" if made else "file"
    columns = {one: f"{prefix} {one}" for one in filed}
    own = sql("{c}", c=country)
    if column != _country_column(mapping):
        own = sql("coalesce({row}, {own})", row=name(_ROW_COUNTRY), own=own)
    return Place(country, columns={**columns, VALUE: column}, row_country=own)


def _stepped_sql(
    db: Database,
    mapping: ColumnsMapping,
    filed: list[str],
    made: list[MadeColumn],
    country: str,
    rows: Query,
    repeated: Collection[str] = (),
) -> tuple[list[_Line], Query]:
    """The query of `stepped`: row number, and for each column its text, fault, text at first, more.

    Args:
        repeated: Columns of the file of which each different text takes the steps once.
    """
    made_ids = {one.id for one in mapping.made}
    columns = [entry.column for entry in mapping.columns if entry.column not in made_ids]
    file = [sql("{c} as {file}", c=name(column), file=name(f"file {column}")) for column in columns]
    db.run(sql("create or replace temp table step_word (step varchar, text varchar, word varchar)"))
    query = sql("select row_no {file} from {rows}", file=led(file), rows=rows)
    lines = [
        _Line(
            column,
            name(f"file {column}"),
            mapping.steps.get(column, ()),
            _place(mapping, column, country, made=False),
        )
        for column in filed
    ]
    once = [line for line in lines if line.column in repeated]
    _make_once(db, query, (line for line in once if not line.needs_row_country))
    made_steps = (step for one in made for step in mapping.steps.get(one.id, ()))
    if any(one.needs_row_country for one in (*lines, *made_steps)):
        ahead = [line for line in lines if line.column == _country_column(mapping)]
        query = _with_row_country(db, mapping, _through(db, query, ahead), cleaned=bool(ahead))
        _make_once(db, query, (line for line in once if line.needs_row_country))
        query = _through(db, query, [line for line in lines if line not in ahead], once)
    else:
        query = _through(db, query, lines, once)
    if made:
        clean = [
            sql(
                "{c} as {clean}",
                c=name(column if column in filed else f"file {column}"),
                clean=name(f"clean {column}"),
            )
            for column in columns
        ]
        query = sql("select * {clean} from ({query})", clean=led(clean), query=query)
        joined = [
            _Line(
                one.id,
                sql(
                    "concat_ws({by}, {parts})",
                    by=one.separator,
                    parts=join(", ", (name(f"clean {part}") for part in one.columns)),
                ),
                mapping.steps.get(one.id, ()),
                _place(mapping, one.id, country, made=True),
            )
            for one in made
        ]
        query = _through(db, query, joined)
        lines += joined
    return lines, query


def _country_column(mapping: ColumnsMapping) -> str:
    """The file's column with the country of a row's company; empty where there is none."""
    made = {one.id for one in mapping.made}
    found = [c for target in _COUNTRIES for c in mapping.columns_for(target) if c not in made]
    return found[0] if found else ""


def _with_row_country(
    db: Database, mapping: ColumnsMapping, query: Query, *, cleaned: bool
) -> Query:
    """A query with the code of the country of each row's company, null where nothing names one.

    Args:
        cleaned: The country's column has gone through its steps.
    """
    codes = country_codes()
    said = {constant.target: constant.value for constant in mapping.constants}
    constant = next((said[target] for target in _COUNTRIES if target in said), "")
    column = _country_column(mapping)
    if not column:
        code = codes.get(" ".join(constant.casefold().split()))
        return sql(
            "select *, cast({code} as varchar) as {c} from ({q})",
            code=code,
            c=name(_ROW_COUNTRY),
            q=query,
        )
    db.run(
        sql(
            "create or replace temp table country_word as"
            " select unnest({texts}) as text, unnest({codes}) as code",
            texts=list(codes),
            codes=list(codes.values()),
        )
    )
    text = name(column if cleaned else f"file {column}")
    return sql(
        "select layer.*, country_word.code as {c} from ({q}) as layer"
        " left join country_word on country_word.text = {key}",
        c=name(_ROW_COUNTRY),
        q=query,
        key=transforms.name_key(text),
    )


def _repeated(db: Database, mapping: ColumnsMapping, filed: list[str]) -> list[str]:
    """The columns of a large file with steps that hold each of their texts twice or more."""
    steps = {column: mapping.steps[column] for column in filed if mapping.steps.get(column)}
    # The country's own column comes before the row's country is known.
    steps.pop(_country_column(mapping), None)
    asked = [c for c, taken in steps.items() if not any(step.needs_row for step in taken)]
    if not asked or (rows := db.value(sql("select count(*) from staged"))) < _MANY_ROWS:
        return []
    counts = join(", ", (sql("approx_count_distinct({c})", c=name(column)) for column in asked))
    different = db.row(sql("select {counts} from staged", counts=counts))
    return [c for c, count in zip(asked, different, strict=True) if 2 * count < rows]


def _through(db: Database, query: Query, lines: list[_Line], once: Collection[_Line] = ()) -> Query:
    """A query with the columns of some lines after their last step.

    Args:
        once: Those of the lines that are looked up.
    """
    stepping = [line for line in lines if line not in once]
    starts = [
        sql(
            "{clean} as {c}, {text} as {at_first}, cast(null as varchar) as {before},"
            " cast(null as integer) as {fault}",
            clean=transforms.cleaned(line.text),
            c=line.value,
            text=line.text,
            at_first=line.at_first,
            before=name(f"{line.column} before"),
            fault=line.fault,
        )
        for line in stepping
    ]
    query = sql("select * {starts} from ({query})", starts=led(starts), query=query)
    stages = [(line, line.layers()) for line in stepping]
    for depth in range(max((len(layers) for _, layers in stages), default=0)):
        here = [(line, layers[depth]) for line, layers in stages if depth < len(layers)]
        for line, layer in here:
            if layer.key is not None:
                _list_words(db, line, layer, query)
        query = _layer_sql(query, here)
    looked_up = [line for line in lines if line in once]
    if not looked_up:
        return query
    return sql(
        "select layer.* {values} from ({query}) as layer {joins}",
        values=led(
            name(line.once, c) for line in looked_up for c in (line.column, f"{line.column} fault")
        ),
        query=query,
        joins=join(" ", (_look_up(line) for line in looked_up)),
    )


def _make_once(db: Database, query: Query, lines: Iterable[_Line]) -> None:
    """Send each different text of some lines through its steps, to be looked up."""
    for line in lines:
        once, by = name(line.once), join(", ", line.by)
        texts = sql("select distinct {by} from ({query})", by=by, query=query)
        # First by themselves, as a step that looks words up reads them twice.
        db.run(sql("create or replace temp table {once} as {texts}", once=once, texts=texts))
        worked = _through(db, sql("from {once}", once=once), [line])
        db.run(
            sql(
                "create or replace temp table {once} as select {by}, {value}, {fault} from ({worked})",
                once=once,
                by=by,
                value=line.value,
                fault=line.fault,
                worked=worked,
            )
        )


def _look_up(line: _Line) -> Query:
    same = (
        sql("{once}.{c} is not distinct from layer.{c}", once=name(line.once), c=c) for c in line.by
    )
    return sql("left join {once} on {same}", once=name(line.once), same=join(" and ", same))


def _layer_sql(query: Query, here: list[tuple[_Line, _Layer]]) -> Query:
    replaced = [
        sql(
            "{value} as {c}, {before} as {b}, {fault} as {f}",
            value=layer.value,
            c=line.value,
            before=layer.before,
            b=name(f"{line.column} before"),
            fault=layer.fault,
            f=line.fault,
        )
        for line, layer in here
    ]
    joins = [
        sql(
            "left join step_word as {word} on {word}.step = {step} and {word}.text = {key}",
            word=name(line.word),
            step=line.step_id(layer.step),
            key=layer.key,
        )
        for line, layer in here
        if layer.key is not None
    ]
    return sql(
        "select layer.* replace ({replaced}) from ({query}) as layer {joins}",
        replaced=join(", ", replaced),
        query=query,
        joins=join(" ", joins),
    )


def _list_words(db: Database, line: _Line, layer: _Layer, query: Query) -> None:
    """Find the words of a step, each different text once, and keep them for the query to look up."""
    step = line.steps[layer.step - 1]

    def texts() -> list[str]:
        distinct = sql(
            "select distinct {key} from ({q}) where {key} is not null", key=layer.key, q=query
        )
        return [text for (text,) in db.rows(distinct)]

    words = step.words(line.place, texts)
    db.run(
        sql(
            """
            insert into step_word
            select {step}, {key}, first(word order by place)
            from (
                select unnest({texts}) as text, unnest({words}) as word,
                    unnest(range({count})) as place
            )
            group by all
            having {key} is not null
            """,
            step=line.step_id(layer.step),
            key=step.listed(sql("text")),
            texts=list(words),
            words=list(words.values()),
            count=len(words),
        )
    )


def _list_faults(db: Database, line: _Line, *, made: bool) -> None:
    """Put what went wrong in a column into `step_fault`, and take it out of `stepped`."""
    for number, step in enumerate(line.steps, start=1):
        for place, fault in enumerate(step.faults()):
            db.run(
                sql(
                    "insert into step_fault"
                    " select row_no, {column}, {text}, {level}, {message}, {mend}"
                    " from stepped join staged using (row_no) where {fault} = {code}",
                    column=line.column,
                    text=line.at_first if made else name("staged", line.column),
                    level=fault.level.value,
                    message=fault.message,
                    mend=fault.mend,
                    fault=line.fault,
                    code=number * _FAULTS + place,
                )
            )
    if line.faults:
        db.run(sql("alter table stepped drop column {c}", c=line.fault))
        if made:
            db.run(sql("alter table stepped drop column {c}", c=line.at_first))
