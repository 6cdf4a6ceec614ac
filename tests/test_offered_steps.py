"""Steps that cells call for: found and counted, taken only by the user."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit.database import in_memory
from crmkit.session import ImportSession
from crmkit.sql import sql
from crmkit.steps import Mojibake, NullWords
from tests.crm_kit import new_workspace

ROWS = (
    "Company,City,Phone,Remark",
    "Fjell AS,TromsÃ¸,n/a,BjÃ¸rn",
    "Skog AS,BodÃ¸,N/A,-",
    "Elv AS,BodÃ¸,22 33 44 55,-",
    "Å, Hav AS,Ålesund,-,ok",
)


@pytest.fixture
def session(tmp_path: Path) -> ImportSession:
    path = tmp_path / "list.csv"
    path.write_text("\n".join(ROWS).replace("Å, Hav", '"Å, Hav').replace("AS,Å", 'AS",Å'), "utf-8")
    session = new_workspace(tmp_path / "workspace").new_import()
    session.load(path)
    session.mapping = session.mapping.with_target("c4", None)
    return session


def test_steps_are_offered_for_mapped_columns_with_their_counts(session: ImportSession) -> None:
    offered = {(o.column, o.step.kind): (o.cells, o.samples) for o in session.offered_steps()}

    assert offered == {
        ("c2", "mojibake"): (3, ("BodÃ¸", "TromsÃ¸")),
        ("c3", "null_words"): (3, ("-", "N/A", "n/a")),
    }
    assert not session.mapping.steps, "nothing is cleaned unasked"


def test_what_is_taken_is_cleaned_and_offered_no_more(session: ImportSession) -> None:
    for offered in session.offered_steps():
        session.take_step(offered)

    assert session.offered_steps() == ()
    assert {"Tromsø", "Bodø", "Ålesund"} == {trial.after for trial in session.try_steps("City")}
    assert {None, "22 33 44 55"} == {trial.after for trial in session.try_steps("Phone")}


def test_a_step_that_is_taken_goes_before_the_column_s_others(session: ImportSession) -> None:
    session.set_steps("City", [NullWords()])

    session.take_step(session.offered_steps()[0])

    assert ["mojibake", "null_words"] == [step.kind for step in session.mapping.steps["c2"]]


def test_names_and_countries_that_are_words_for_nothing_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "persons.csv"
    path.write_text(
        "First name,Last name,Country,Title\nInga,Null,NA,Ingen\nn/a,Berg,-,ingen\n", "utf-8"
    )
    session = new_workspace(tmp_path / "workspace").new_import()
    session.load(path)
    for number, target in enumerate(("first_name", "last_name", "country", "title"), start=1):
        session.mapping = session.mapping.with_target(f"c{number}", f"person.{target}")

    offered = {o.column: (o.cells, o.samples) for o in session.offered_steps()}

    assert offered == {"c1": (1, ("n/a",)), "c3": (1, ("-",)), "c4": (2, ("Ingen", "ingen"))}


LETTERS = "æøåÆØÅäöüÄÖÜßéèëïçñÉąćęłńóśźżĄĆĘŁŃŚŹŻčšžČŽěřůőű€ ’…«»½°"
"""Of Europe's languages. Š and “ are not here: read wrongly they may be the end of a word in Å."""


def read_wrongly(text: str) -> str:
    """A text in UTF-8 as a program shows it that takes it for Windows-1252."""
    return "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in text.encode())


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("text", [*LETTERS, "Bjørn Ærlig, Åse Łódź", f"{LETTERS} and back"])
def test_letters_read_wrongly_are_mended(text: str, times: int) -> None:
    wrong = text
    for _ in range(times):
        wrong = read_wrongly(wrong)

    assert text == mended(wrong)


def test_letters_read_as_latin_1_are_mended() -> None:
    assert mended("Ærø – “Øst”".encode().decode("latin-1")) == "Ærø – “Øst”"


@pytest.mark.parametrize(
    "text",
    [
        *("Ålesund", "SÃO JOÃO", "MAÇÃ", "Tromsø – Bodø", "DET ÄR PÅ”", "GÅ – nå", "Â", "Château"),
        *("Ærø", "Ýmir", "Ärla & Söner", "Žďár", "L’Étoile", "ELLER SÅ"),
    ],
)
def test_right_letters_stay(text: str) -> None:
    assert text == mended(text)


def test_right_letters_stay_beside_wrong_ones() -> None:
    assert mended("Åse BjÃ¸rn på Ã…s") == "Åse Bjørn på Ås"


def mended(text: str) -> str:
    query = sql("{text}", text=text)
    for stage in Mojibake().stages(None):  # type: ignore[arg-type] # which it does not look at
        query = stage(query)
    with in_memory() as db:
        return str(db.value(sql("select {q}", q=query)))
