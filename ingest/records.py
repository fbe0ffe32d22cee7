"""Files of events, whatever their format and compression, as records with their raw text."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import IO, NoReturn

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
    """One record of a file, its text as found, and what it says or why not.

    The position is the line that it starts in, in Parquet the row; both count from 1.
    """

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
            yield from _csv_records(path.name, text) if ".csv" in names else _json_records(text)
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
        if raw.strip():
            yield _record(position, raw, partial(strict_json.parse, raw))


def _record(position: int, raw: str, read: Callable[[], Mapping[str, Json]]) -> Record:
    try:
        raw.encode()
        return Record(position, raw, read())
    except UnicodeEncodeError:
        # Bytes that are no UTF-8 are written in hex, so that the text can be stored.
        kept = raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        return Record(position, kept, Refusal("not_utf8", "the line is no UTF-8 text"))
    except Refusal as refusal:
        return Record(position, raw, refusal)


def _csv_records(name: str, text: IO[str]) -> Iterator[Record]:
    """Read CSV with a header; `subscriber.id` in it is the field `id` of `subscriber`."""
    lines: list[str] = []
    rows = csv.reader(_noted(text, lines), strict=True)
    header = _csv_header(name, rows)
    while True:
        first = rows.line_num + 1
        lines.clear()
        try:
            row = next(rows, None)
        except csv.Error as error:
            # A quote that is never closed reaches far: each line it took is kept as it was.
            refuse = partial(_refuse, Refusal("bad_csv", str(error)))
            for position, line in enumerate(lines, first):
                yield _record(position, line.rstrip("\r\n"), refuse)
            continue
        if row is None:
            return
        if row:
            raw = "".join(lines).rstrip("\r\n")
            yield _record(first, raw, partial(_csv_content, header, row))


def _noted(text: IO[str], lines: list[str]) -> Iterator[str]:
    for line in text:
        lines.append(line)
        yield line


def _csv_header(name: str, rows: Iterator[list[str]]) -> list[str]:
    try:
        header = next(rows, [])
        strict_json.check(strict_json.distinct((column, None) for column in header))
    except (csv.Error, Refusal) as error:
        raise FileFormatError(f"{name}: its header can't be read ({error})") from None
    if not header:
        raise FileFormatError(f"{name}: a CSV file needs a header with the names of its fields")
    return header


def _refuse(refusal: Refusal) -> NoReturn:
    raise refusal


def _csv_content(header: list[str], row: list[str]) -> Mapping[str, Json]:
    if len(row) != len(header):
        raise Refusal("bad_csv", f"{len(row)} fields where the header has {len(header)}")
    return nested((name, value) for name, value in zip(header, row, strict=True) if value != "")


def _parquet_records(path: Path) -> Iterator[Record]:
    try:
        file = pq.ParquetFile(path)
        strict_json.distinct((name, None) for name in file.schema_arrow.names)
        position = 0
        for batch in file.iter_batches(_PARQUET_BATCH):
            for row in batch.to_pylist():
                position += 1
                raw = json.dumps(row, default=str, ensure_ascii=False)
                yield _record(position, raw, partial(_parquet_content, row))
    except (pa.ArrowException, OSError, UnicodeDecodeError, Refusal) as error:
        raise FileFormatError(
            f"{path.name}: damaged Parquet ({error}); nothing was landed"
        ) from None


def _parquet_content(row: Mapping[str, object]) -> Mapping[str, Json]:
    return nested((name, _plain(value)) for name, value in row.items() if value is not None)


def _plain(value: object) -> Json:
    """Return a Parquet value as JSON would say it; a float becomes its shortest decimal text."""
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        # The pairs of a map come as tuples.
        if value and isinstance(value[0], tuple):
            return strict_json.distinct((str(key), _plain(child)) for key, child in value)
        return [_plain(child) for child in value]
    return _plain_scalar(value)


def _plain_scalar(value: object) -> Json:
    if value is None or isinstance(value, bool | int | Decimal | str):
        return value
    if isinstance(value, float):
        return strict_json.shortest_decimal(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise Refusal("not_utf8", "a value of bytes is no UTF-8 text") from None
    return str(value)


def nested(flat: Iterable[tuple[str, Json]]) -> Mapping[str, Json]:
    """Return a record whose dotted names became objects.

    Raises:
        Refusal: where two names contradict each other, or a text can't be stored.
    """
    made: dict[str, Json] = {}
    for name, value in flat:
        *parents, leaf = name.split(".")
        place = made
        for parent in parents:
            below = place.setdefault(parent, {})
            if not isinstance(below, dict):
                raise Refusal("bad_columns", f"the column '{name}' contradicts '{parent}'")
            place = below
        if leaf in place:
            raise Refusal("bad_columns", f"the column '{name}' contradicts another")
        place[leaf] = value
    strict_json.check(made)
    return made
