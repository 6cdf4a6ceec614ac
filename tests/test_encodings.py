"""Encodings are found by what their letters say, and the country decides where they say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit.sources.encodings import find_encoding

CASES = [
    ("Café Zürich;Genève\nJörg Müller;Köln\n", "cp1252"),
    ("Kjøbmann Sørensen;Tromsø\nBjørn Ås;Ålesund\n", "cp1252"),
    ("Kjøbmann Sørensen;Tromsø\nBjørn Ås;Ålesund\n", "cp850"),
    ("Jörg Müller;Köln\nCafé;Genève\n", "mac-roman"),
    ("João Conceição;Peña Muñoz\nMüller\n", "cp1252"),
    ("MÜLLER GMBH KÖLN;ÅKESSON\n", "cp1252"),
    ("L’Oréal – “Beauté”;12 €\n", "cp1252"),
    ("Price;12 €\n", "cp1252"),
    ("1;©\n", "cp1252"),
    ("Łukasz Żółć;Łódź\nMałgorzata;Gdańsk\n", "cp1250"),
    ("Antonín Dvořák;Plzeň\nJiří;Třebíč\n", "cp1250"),
    ("Kovács Jánosné Őr\nSzűcs Győr\n", "cp1250"),
    ("Łódź Małgorzata\n", "cp852"),
    ("Иван Петров;Москва\n", "cp1251"),
    ("Иван Петров;Москва\n", "koi8-r"),
    ("Иван Петров;Москва\n", "cp866"),
    ("Γιάννης;Αθήνα\n", "cp1253"),
    ("Şükrü Öztürk;İstanbul\nÇağrı;Iğdır\n", "cp1254"),
    ("Jānis Bērziņš;Rīga\nŽeļko;Šiauliai\n", "cp1257"),
]


@pytest.mark.parametrize(("text", "encoding"), CASES)
def test_an_old_code_page_is_found_by_its_letters(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(f"Name;City\n{text}".encode(encoding))

    found, note = find_encoding(path)

    assert encoding == found
    assert note.startswith("the encoding is not stated in the file and was taken to be ")


def test_the_country_decides_between_pages_that_make_equal_sense(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("Name\nNovák Přikryl\n".encode("cp1250"))

    assert "cp1250" == find_encoding(path, "CZ")[0]
    path.write_bytes("Name\nAndré\n".encode("cp1252"))
    assert "cp1252" == find_encoding(path, "NL")[0]
    assert "cp1250" == find_encoding(path, "CZ")[0]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    "text", ["Name;City\nAcme;Oslo\n", "Имя;Город\nИван Петров;Москва 1\n" * 9]
)
def test_wide_encodings_are_found_without_a_mark(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(text.encode(encoding))

    assert (encoding, "") == find_encoding(path)


def test_a_file_of_one_long_line_is_looked_at_in_a_moment(tmp_path: Path) -> None:
    """XML files are often written so."""
    path = tmp_path / "line.xml"
    path.write_bytes(b"x" * 3_000_000 + "Søren Bjørnstad".encode("cp1252") + b"x" * 3_000_000)

    assert "cp1252" == find_encoding(path)[0]
