from pathlib import Path

import pytest

from ingest.catalog.files import Document, read_csv, read_yaml
from ingest.catalog.problems import Problem

MEND = "Mend the indentation, quotes or brackets"
ESCAPE = "an escape that is no character from here on. Write the character itself"
COLUMNS = {"source_id": True, "name": False}


def yaml_of(folder: Path, content: bytes) -> list[Document | Problem]:
    path = folder / "product.yaml"
    path.write_bytes(content)
    return list(read_yaml(path, name=path.name))


def csv_of(folder: Path, content: bytes) -> list[Document | Problem]:
    path = folder / "sources.csv"
    path.write_bytes(content)
    return list(read_csv(path, name=path.name, columns=COLUMNS))


def test_every_yaml_scalar_stays_the_text_that_was_written(tmp_path: Path) -> None:
    content = b"a: NO\nb: 1.10\nc: 010\nd: 1_000\ne: null\nf: 2026-01-01\ng: '1.50'\nh: 1e3\ni:\n"
    (document,) = yaml_of(tmp_path, content)
    assert isinstance(document, Document)
    assert document.content == {
        "a": "NO",
        "b": "1.10",
        "c": "010",
        "d": "1_000",
        "e": "null",
        "f": "2026-01-01",
        "g": "1.50",
        "h": "1e3",
        "i": "",
    }


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"", "product.yaml:1:1: the file is empty. Start it with catalog: 1"),
        (
            b"# a comment\n" * 100_000,
            "product.yaml:1:1: the file is larger than 1 MiB. A product needs far less",
        ),
        (
            b"[" * 5_000,
            f"product.yaml:1:14: is not YAML: it nests deeper than 12 levels. {MEND}",
        ),
        (b"a: 1\nb: Gr\xfcn", "product.yaml:2:6: is not UTF-8. Save the file in UTF-8"),
        (b"a: 1\nb: \x07", "product.yaml:2:4: an unprintable character. Remove it"),
        (
            b"? {a: 1}\n: 2\n",
            "product.yaml:1:3: a key has to be plain text. Write one word before the colon",
        ),
        (
            b'a: 1\nb: "\\ud800"\n',
            "product.yaml:2:4: an escape that is no character. Write the character itself",
        ),
        (
            b'a: 1\nb: "\\U99999999"\n',
            f"product.yaml:2:1: {ESCAPE}",
        ),
    ],
    ids=[
        "empty",
        "too large",
        "too deep",
        "Latin-1",
        "unprintable",
        "a mapping as key",
        "half a character",
        "no character",
    ],
)
def test_yaml_that_is_not_for_a_catalogue_is_refused(
    tmp_path: Path, content: bytes, answer: str
) -> None:
    assert [str(problem) for problem in yaml_of(tmp_path, content)] == [answer]


def test_a_bomb_of_aliases_is_refused_where_it_is_written(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    problems = yaml_of(tmp_path, "\n".join(lines).encode())
    assert len(problems) == 10 + 9 * 9
    assert str(problems[1]) == "product.yaml:2:5: the anchor &a1 is not allowed. Remove it"


def test_a_spreadsheets_csv_is_read_as_it_is(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfsource_id,name\r\n\r\n ai , "AI, the ""new"" one"\r\n,\r\napi,\r\n'
    rows = csv_of(tmp_path, content.replace(b', "', b',"'))
    assert [row.content for row in rows if isinstance(row, Document)] == [
        {"source_id": "ai", "name": 'AI, the "new" one'},
        {"source_id": "api"},
    ]


def test_places_in_a_csv_survive_line_breaks_in_quotes(tmp_path: Path) -> None:
    _, last = csv_of(tmp_path, b'source_id,name\na,"one\ntwo"\n\nb,three\n')
    assert isinstance(last, Document)
    assert str(last.problem(("name",), "wrong")) == "sources.csv:5:2: name: wrong"


def test_rows_after_a_broken_one_are_still_read(tmp_path: Path) -> None:
    found = csv_of(tmp_path, b"source_id,name\na,b,c\nd,e\n")
    assert [type(each) for each in found] == [Problem, Document]


def test_a_csv_without_header_says_what_to_write(tmp_path: Path) -> None:
    (problem,) = csv_of(tmp_path, b"\n\n")
    assert str(problem) == "sources.csv:1:1: no header. Start with source_id,name"
