"""Files of events, whatever their format and compression, as records with their raw text."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from ingest import strict_json
from ingest.refusal import Refusal
from ingest.strict_json import Json

_GZIP, _ZSTD, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
_PARQUET_BATCH = 10_000


class FileFormatError(Exception):
    """A file can't be read as a whole; nothing of it was landed."""


@dataclass(frozen=True)
class Record:
    """One record of a file: its ordinal from 1, its text as found, and what it says or why not."""

    position: int
    raw_text: str
    content: Mapping[str, Json] | Refusal


def read_records(path: Path) -> Iterator[Record]:
    """Yield every record of an NDJSON, CSV or Parquet file; text may be gzip or zstd.

    Raises:
        FileFormatError: where the format is unknown, or the file is cut short or damaged.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == _PARQUET:
        yield from _parquet_records(path)
        return
    names = [suffix.lower() for suffix in path.suffixes]
    try:
        with _text(path, magic) as text:
            yield from _csv_records(text) if ".csv" in names else _json_records(text)
    except OSError as error:
        raise FileFormatError(
            f"{path.name}: the compressed data is cut short or damaged ({error});"
            " fetch the file again, nothing of it was landed"
        ) from None


@contextmanager
def _text(path: Path, magic: bytes) -> Iterator[IO[str]]:
    compression = "gzip" if magic.startswith(_GZIP) else "zstd" if magic == _ZSTD else None
    # Arrow's decompressor reports a stream that ends too early; the usual readers fall silent.
    with pa.input_stream(str(path), compression=compression) as stream:
        yield io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _json_records(text: IO[str]) -> Iterator[Record]:
    for position, line in enumerate(text, start=1):
        raw = line.rstrip("\r\n")
        if not raw.strip():
            continue
        yield Record(position, printable(raw), _parsed(raw))


def _parsed(raw: str) -> Mapping[str, Json] | Refusal:
    try:
        raw.encode()
    except UnicodeEncodeError:
        return Refusal("not_utf8", "the line is no UTF-8 text")
    try:
        return strict_json.parse(raw)
    except Refusal as refusal:
        return refusal


def printable(raw: str) -> str:
    """Return text that can be stored as UTF-8; bytes that were none are written in hex."""
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _csv_records(text: IO[str]) -> Iterator[Record]:
    """Read CSV with a header; `subscriber.id` in it is the field `id` of `subscriber`."""
    rows = csv.reader(text, strict=True)
    header = next(rows, None)
    if header is None or len(set(header)) != len(header):
        raise FileFormatError("a CSV file needs a header whose names differ from each other")
    position = 1
    while True:
        position += 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Record(position, "", Refusal("bad_csv", f"line {rows.line_num}: {error}"))
            continue
        if row:
            yield Record(position, printable(_csv_line(row)), _csv_content(header, row))


def _csv_line(row: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(row)
    return buffer.getvalue()


def _csv_content(header: list[str], row: list[str]) -> Mapping[str, Json] | Refusal:
    if len(row) != len(header):
        return Refusal("bad_csv", f"{len(row)} fields where the header has {len(header)}")
    filled = {name: value for name, value in zip(header, row, strict=True) if value != ""}
    return nested(filled)


def _parquet_records(path: Path) -> Iterator[Record]:
    try:
        batches = pq.ParquetFile(path).iter_batches(_PARQUET_BATCH)
        position = 0
        for batch in batches:
            for row in batch.to_pylist():
                position += 1
                content = {key: _plain(value) for key, value in row.items() if value is not None}
                raw = json.dumps(content, default=str, ensure_ascii=False)
                yield Record(position, raw, nested(content))
    except (pa.ArrowInvalid, OSError) as error:
        raise FileFormatError(
            f"{path.name}: damaged Parquet ({error}); nothing was landed"
        ) from None


def _plain(value: object) -> Json:
    """Return a Parquet value as JSON would say it; a float becomes its shortest decimal text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return strict_json.shortest_decimal(value)
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_plain(child) for child in value]
    return value  # type: ignore[return-value] # what Parquet has left is JSON as it is


def nested(flat: Mapping[str, Json]) -> Mapping[str, Json] | Refusal:
    """Return a record whose dotted names became objects."""
    made: dict[str, Json] = {}
    for name, value in flat.items():
        *parents, leaf = name.split(".")
        place = made
        for parent in parents:
            below = place.setdefault(parent, {})
            if not isinstance(below, dict):
                return Refusal("bad_csv", f"the column '{name}' contradicts '{parent}'")
            place = below
        place[leaf] = value
    return made
