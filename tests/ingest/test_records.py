import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.forms.detection import READERS, detect
from ingest.records import FileFormatError, Record, read_records
from ingest.refusal import Refusal
from tests.ingest.landed import FIXTURES, SAMPLES

LINE = b'{"a":1}\n'
INVALID_TEXT = pa.Array.from_buffers(
    pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]
)


def zstd(content: bytes) -> bytes:
    compressed: bytes = pa.compress(content, "zstd", asbytes=True)
    return compressed


def records_of(folder: Path, name: str, content: bytes) -> list[Record]:
    path = folder / name
    path.write_bytes(content)
    return list(read_records(path))


def rows_of(folder: Path, table: pa.Table) -> list[Record]:
    path = folder / "events.parquet"
    pq.write_table(table, path)
    return list(read_records(path))


def content_of(record: Record) -> Mapping[str, Any]:
    assert not isinstance(record.content, Refusal), record.content
    return record.content


def reason_of(record: Record) -> str:
    assert isinstance(record.content, Refusal), record
    return record.content.reason


def flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Write a record as a CSV file has it: dotted names, and elements as columns."""
    for key, said in record.items():
        value = {item["name"]: item["value"] for item in said} if key == "elements" else said
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, json.dumps(value) if isinstance(value, bool) else str(value)


def hashes_of(path: Path) -> list[str]:
    contents = [content_of(record) for record in read_records(path)]
    return [READERS[detect(content)](content).content_hash() for content in contents]


@pytest.mark.parametrize("sample", SAMPLES)
def test_an_event_has_the_same_content_hash_in_every_format(sample: str, tmp_path: Path) -> None:
    lines = FIXTURES / f"{sample}.ndjson"
    sent = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    rows = [dict(flat(record)) for record in sent]
    with (tmp_path / "events.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, {name: None for row in rows for name in row})
        writer.writeheader()
        writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(sent), tmp_path / "events.parquet")
    backwards = "\n".join(json.dumps(dict(reversed(record.items()))) for record in sent)
    (tmp_path / "events.ndjson").write_text(backwards, encoding="utf-8")

    expected = hashes_of(lines)
    assert len(set(expected)) == len(sent)
    for name in ("events.csv", "events.parquet", "events.ndjson"):
        assert hashes_of(tmp_path / name) == expected, name


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstd])
def test_text_is_read_plain_and_compressed_whatever_its_name(compress: Any, tmp_path: Path) -> None:
    for name in ("a.ndjson", "a.ndjson.gz", "a.json", "a"):
        (record,) = records_of(tmp_path, name, compress(LINE))
        assert record == Record(1, '{"a":1}', {"a": 1})


@pytest.mark.parametrize("compress", [gzip.compress, zstd])
def test_compressed_parts_behind_each_other_are_one_file(compress: Any, tmp_path: Path) -> None:
    read = records_of(tmp_path, "a.ndjson", compress(LINE) + compress(b'{"a":2}'))
    assert [content_of(record)["a"] for record in read] == [1, 2]


@pytest.mark.parametrize("compress", [gzip.compress, zstd])
@pytest.mark.parametrize("kept", [0.01, 0.5, 0.999])
def test_a_compressed_file_that_is_cut_short_is_refused_whole(
    compress: Any, kept: float, tmp_path: Path
) -> None:
    whole = compress(b"".join(b'{"a":"%d"}\n' % number for number in range(5_000)))
    with pytest.raises(FileFormatError, match=r"a\.ndjson: .* cut short .* fetch the file again"):
        records_of(tmp_path, "a.ndjson", whole[: int(len(whole) * kept)])


def test_a_compressed_file_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(LINE)
    with pytest.raises(FileFormatError, match="damaged"):
        records_of(tmp_path, "a.ndjson", packed[:-8] + b"\0\0\0\0" + packed[-4:])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_a_file_of_lines_without_any_has_no_records(content: bytes, tmp_path: Path) -> None:
    assert records_of(tmp_path, "a.ndjson", content) == []


def test_a_mark_at_the_start_windows_line_ends_and_blank_lines_are_no_content(
    tmp_path: Path,
) -> None:
    read = records_of(tmp_path, "a.ndjson", b'\xef\xbb\xbf{"a":1}\r\n\r\n  \r\n{"a":2}')
    assert read == [Record(1, '{"a":1}', {"a": 1}), Record(4, '{"a":2}', {"a": 2})]


def test_a_line_that_is_no_utf8_is_refused_and_its_bytes_are_shown(tmp_path: Path) -> None:
    broken, whole = records_of(tmp_path, "a.ndjson", b'{"a":"K\xf6ln"}\n' + LINE)
    assert (reason_of(broken), broken.raw_text) == ("not_utf8", '{"a":"K\\xf6ln"}')
    assert content_of(whole) == {"a": 1}


def test_dotted_columns_are_fields_of_objects_and_blank_is_absent(tmp_path: Path) -> None:
    text = b'a.b,a.c.d,e\r\n1,2,\r\n"x,""y""","two\nlines",3\r\n\r\n4,,\r\n'
    read = records_of(tmp_path, "a.csv", b"\xef\xbb\xbf" + text)
    assert [content_of(record) for record in read] == [
        {"a": {"b": "1", "c": {"d": "2"}}},
        {"a": {"b": 'x,"y"', "c": {"d": "two\nlines"}}, "e": "3"},
        {"a": {"b": "4"}},
    ]
    assert [record.position for record in read] == [2, 3, 6]
    assert read[1].raw_text == '"x,""y""","two\nlines",3'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1", "bad_csv"),
        (b"1,2,3", "bad_csv"),
        (b'1,"x"y', "bad_csv"),
        (b"1," + b"x" * 140_000, "bad_csv"),
        (b"1,K\xf6ln", "not_utf8"),
        (b"1,x\0y", "unreadable_text"),
    ],
)
def test_a_csv_line_that_can_t_be_read_is_kept_as_it_was(
    line: bytes, reason: str, tmp_path: Path
) -> None:
    broken, whole = records_of(tmp_path, "a.csv", b"a,b\n" + line + b"\n3,4\n")
    assert (reason_of(broken), broken.position) == (reason, 2)
    assert broken.raw_text == line.decode("utf-8", "backslashreplace")
    assert content_of(whole) == {"a": "3", "b": "4"}


def test_no_line_behind_a_quote_that_is_never_closed_is_lost(tmp_path: Path) -> None:
    read = records_of(tmp_path, "a.csv", b'a,b\n1,"x\n3,4\n5,6\n')
    assert [(record.position, record.raw_text) for record in read] == [
        (2, '1,"x'),
        (3, "3,4"),
        (4, "5,6"),
    ]
    assert {reason_of(record) for record in read} == {"bad_csv"}


@pytest.mark.parametrize(
    "header", [b"", b"\n", b"a,a\n1,2\n", b'"a\n1\n', b"K\xf6ln,b\n1,2\n", b"a\0,b\n1,2\n"]
)
def test_a_csv_file_without_a_clear_header_is_refused_whole(header: bytes, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"a\.csv: .*header"):
        records_of(tmp_path, "a.csv", header)


@pytest.mark.parametrize("header", [b"a,a.b", b"a.b,a"])
def test_columns_that_contradict_each_other_are_refused(header: bytes, tmp_path: Path) -> None:
    (record,) = records_of(tmp_path, "a.csv", header + b"\n1,2\n")
    assert reason_of(record) == "bad_columns"


def test_a_header_of_ten_thousand_levels_is_refused_and_not_followed(tmp_path: Path) -> None:
    (record,) = records_of(tmp_path, "a.csv", b"a." * 10_000 + b"a\n1\n")
    assert reason_of(record) == "too_deep"


def test_every_type_of_parquet_is_read_as_json_would_say_it(tmp_path: Path) -> None:
    instant = datetime(2026, 1, 1, 10, tzinfo=UTC)
    table = pa.table(
        {
            "whole": pa.array([7], pa.int32()),
            "float": [0.1],
            "decimal": pa.array([Decimal("1.50")], pa.decimal128(9, 2)),
            "truth": [True],
            "nothing": pa.array([None], pa.string()),
            "bytes": pa.array([b"abc"], pa.binary()),
            "zoned": pa.array([instant], pa.timestamp("us", "Asia/Kolkata")),
            "local": pa.array([instant.replace(tzinfo=None)], pa.timestamp("ms")),
            "nano": pa.array([1_767_225_600_123_456_789], pa.timestamp("ns", "UTC")),
            "day": pa.array([date(2026, 1, 1)]),
            "struct": [{"id": "x", "none": None}],
            "list": [[1, 2]],
            "map": pa.array([[("k", 1.5)]], pa.map_(pa.string(), pa.float64())),
            "struct.email": ["a@example.com"],
        }
    )
    (record,) = rows_of(tmp_path, table)
    assert content_of(record) == {
        "whole": 7,
        "float": Decimal("0.1"),
        "decimal": Decimal("1.50"),
        "truth": True,
        "bytes": "abc",
        "zoned": "2026-01-01T15:30:00+05:30",
        "local": "2026-01-01T10:00:00",
        "nano": "2026-01-01T00:00:00.123456789+00:00",
        "day": "2026-01-01",
        "struct": {"id": "x", "email": "a@example.com"},
        "list": [1, 2],
        "map": {"k": Decimal("1.5")},
    }


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (pa.array([float("nan")]), "not_json"),
        (pa.array([float("inf")]), "not_json"),
        (pa.array([b"\xff"]), "not_utf8"),
        (pa.array(["x\0y"]), "unreadable_text"),
        (pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64())), "duplicate_key"),
    ],
    ids=["nan", "infinity", "bytes", "nul", "duplicate key of a map"],
)
def test_a_parquet_value_that_no_json_could_say_is_refused(
    values: pa.Array, reason: str, tmp_path: Path
) -> None:
    good = pa.nulls(1, values.type)
    broken, whole = rows_of(
        tmp_path, pa.table({"a": pa.concat_arrays([values, good]), "b": [1, 2]})
    )
    assert (reason_of(broken), broken.position) == (reason, 1)
    assert content_of(whole) == {"b": 2}


def test_parquet_columns_of_one_name_or_text_that_is_none_are_refused_whole(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    for table in (twice, pa.table({"a": INVALID_TEXT})):
        with pytest.raises(FileFormatError, match="nothing was landed"):
            rows_of(tmp_path, table)


def test_a_parquet_file_that_is_cut_short_or_damaged_is_refused_whole(tmp_path: Path) -> None:
    rows_of(tmp_path, pa.table({"a": [str(number) for number in range(1_000)]}))
    whole = (tmp_path / "events.parquet").read_bytes()
    middle = len(whole) // 2
    damaged = [whole[:4], whole[:middle], whole[:-1], whole[:8] + b"\xff" * 64 + whole[72:]]
    for content in damaged:
        with pytest.raises(FileFormatError, match="nothing was landed"):
            records_of(tmp_path, "cut.parquet", content)


def test_a_parquet_file_without_rows_has_no_records(tmp_path: Path) -> None:
    assert rows_of(tmp_path, pa.table({"a": pa.array([], pa.string())})) == []
