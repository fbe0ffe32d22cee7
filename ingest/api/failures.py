"""The ingestion failures: what was refused, landed or not, the latest first."""

import heapq
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
from pyarrow import dataset

from ingest import lake, segments
from ingest.paths import DataPaths
from ingest.redaction import without_secrets
from ingest.segments import SegmentError

_LANDED = "from quarantine where segment_id in (select segment_id from segments)"


@dataclass(frozen=True)
class Failure:
    """A record that was refused.

    Attributes:
        raw_text: as sent, or its beginning.
        fields: what was wrong, as JSON; empty for what files brought.
    """

    failed_at: datetime
    endpoint: str | None
    code: str | None
    reason: str
    detail: str
    raw_text: str
    fields: str | None

    def shown(self) -> dict[str, Any]:
        """Return the failure as readers get it: without credentials and what was said to AI."""
        return {
            "failureTimestamp": self.failed_at,
            "endpoint": self.endpoint,
            "reason": self.reason,
            "errors": self._errors(),
            "originalPayload": _payload(self.raw_text),
        }

    def _errors(self) -> list[dict[str, Any]]:
        errors = msgspec.json.decode(self.fields) if self.fields else []
        if errors:
            return list(errors)
        return [{"code": self.code or self.reason, "field": None, "message": self.detail}]


def count_and_page(paths: DataPaths, *, page: int, size: int) -> tuple[int, list[Failure]]:
    """Return how many failures there are, and those of a page, counted from 0."""
    offset = page * size
    waiting_count, waiting = _unlanded(paths.landing, offset + size)
    shown = waiting[offset:]
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name in ("quarantine", "segments"):
            connection.register(name, _dataset(paths.lake / name, lake.TABLES[name]))
        landed = connection.execute(f"select count(*) {_LANDED}").fetchone() or (0,)
        shown += _landed(connection, size - len(shown), max(0, offset - waiting_count))
    return waiting_count + int(landed[0]), shown


def hal_page(path: str, total: int, failures: list[Failure], *, page: int, size: int) -> object:
    """Return a page of failures in the form of Revenium's API."""
    return {
        "_embedded": {"ingestionFailureResourceList": [each.shown() for each in failures]},
        "page": {
            "size": size,
            "totalElements": total,
            "totalPages": -(-total // size),
            "number": page,
        },
        "_links": {"self": {"href": f"{path}?page={page}&size={size}"}},
    }


def _unlanded(landing: Path, most: int) -> tuple[int, list[Failure]]:
    """Return how many wait to be landed, and the latest of them; no more than these are held."""
    count = 0
    latest: list[Failure] = []
    for path in segments.unlanded(landing):
        found = [*_refused(path)]
        count += len(found)
        latest = heapq.nlargest(most, [*latest, *found], key=lambda each: each.failed_at)
    return count, latest


def _refused(path: Path) -> Iterator[Failure]:
    # It may be landed meanwhile, or its end be being written.
    with suppress(SegmentError, FileNotFoundError):
        yield from map(_waiting, segments.refused(path))


def _waiting(record: Mapping[str, Any]) -> Failure:
    return Failure(
        datetime.fromisoformat(record["refused_at"]).astimezone(UTC),
        record["endpoint"],
        record["code"],
        record["reason"],
        record["detail"],
        record["raw_text"],
        record["fields"],
    )


def _dataset(folder: Path, schema: pa.Schema) -> dataset.Dataset:
    """Return a table of the lake; a column that was added later is null in older files."""
    files = [str(file) for file in sorted(folder.glob("[!_]*.parquet"))]
    return dataset.dataset(files, schema=schema) if files else dataset.dataset(schema.empty_table())


def _landed(connection: duckdb.DuckDBPyConnection, limit: int, offset: int) -> list[Failure]:
    rows = connection.execute(
        f"select received_at, endpoint, code, reason, detail, raw_text, fields {_LANDED}"
        " order by received_at desc, segment_id, segment_position limit $limit offset $offset",
        {"limit": limit, "offset": offset},
    ).fetchall()
    return [Failure(*row) for row in rows]


def _payload(raw_text: str) -> object:
    """Return what was sent, if it can be read; of what can't, no part can be told to be safe."""
    try:
        # What was landed before it was cut out of what is kept is cut out here.
        return without_secrets(msgspec.json.decode(raw_text))
    except (msgspec.MsgspecError, RecursionError):
        return None
