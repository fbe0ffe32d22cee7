"""Files of events become segments of the lake: a record is landed, or quarantined with a reason."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa

from ingest import event as events
from ingest import keys, lake
from ingest.event import Event, event_columns
from ingest.forms.detection import READERS, Form, detect
from ingest.records import Record, read_records
from ingest.refusal import Refusal
from ingest.settlements import landing_instant, watermark
from ingest.strict_json import Json

SEGMENT_RECORDS = 200_000
# A file that is still being copied into the inbox keeps changing.
INBOX_SETTLE_SECONDS = 5

Identification = Literal["id", "content", "position"]


class LandingError(Exception):
    """A file can't be landed; nothing of it was."""


@dataclass(frozen=True)
class LandingRules:
    """How a file is read.

    Attributes:
        received_at: `now`, `occurred` (each event was received when it occurred), or the name of
            a field that holds the instant of receipt.
        is_receipt_optional: a record without that field was received when it occurred.
        form: the wire form of every record, or None to detect each one's.
        identification: where event ids come from in files that have none: the record's content
            (equal records are one event) or its position in the file.
    """

    received_at: str = "now"
    form: Form | None = None
    identification: Identification = "id"
    is_receipt_optional: bool = False


@dataclass(frozen=True)
class LandingReport:
    """What became of one file: read = landed + duplicate + quarantined."""

    file_name: str
    read_count: int
    landed_count: int
    duplicate_count: int
    quarantined_count: int
    was_landed_before: bool
    reasons: Mapping[str, int] = field(default_factory=dict)


def land_file(
    path: Path,
    lake_folder: Path,
    *,
    now: datetime,
    rules: LandingRules = LandingRules(),
    progress: Callable[[int], None] = lambda _: None,
) -> LandingReport:
    """Land one file of events in the lake; landing it again changes nothing.

    Args:
        path: NDJSON (plain, gzip, zstd), CSV or Parquet.
        lake_folder: the lake.
        now: the landing instant, with a zone.
        rules: how receipt, form and identity are told.
        progress: called with the number of records read so far.

    Raises:
        FileFormatError: the file is damaged or of no known format.
        LandingError: events say that they were received by the instant that is settled already.
    """
    # A settlement waits for what is being landed, or is over: then what comes now is later.
    with lake.locked(lake_folder):
        lake.prepare(lake_folder)
        name = _segment_name(path)
        listing = lake_folder / "segments" / f"{name}.parquet"
        if listing.exists():
            return report_of(path, listing)
        settled_until = watermark(lake_folder)
        landed_at = landing_instant(now, settled_until)
        segments = [
            _Segment.of(f"{name}-{ordinal:04}", chunk, rules, landed_at)
            for ordinal, chunk in enumerate(_chunks(read_records(path), progress))
        ]
        for segment in segments:
            segment.refuse_what_would_rewrite_history(path, settled_until)
        _write(segments, lake_folder, listing, path, landed_at)
    return _report(path, lake_folder, segments)


def _write(
    segments: Sequence["_Segment"],
    lake_folder: Path,
    listing: Path,
    path: Path,
    landed_at: datetime,
) -> None:
    staged = [pair for segment in segments for pair in segment.stage(lake_folder)]
    for temporary, final in staged:
        lake.commit(temporary, final)
    # A landing that was cut short on another day left the same records elsewhere.
    leftovers = {*lake_folder.rglob(f"{listing.stem}-*.parquet")} - {final for _, final in staged}
    for leftover in leftovers:
        leftover.unlink()
    # Listed all at once and last: a file is visible as a whole, or not at all.
    rows = [segment.listed(path, landed_at) for segment in segments]
    lake.write(pa.Table.from_pylist(rows, schema=lake.SEGMENTS), listing)


def quarantined_records(lake_folder: Path) -> Iterator[dict[str, str | int]]:
    """Yield every record that could not be read: its file, place, reason, detail and raw text."""
    lake.prepare(lake_folder)
    names = {
        row["segment_id"]: row["file_name"]
        for row in lake.read_all(lake_folder / "segments").to_pylist()
    }
    for row in lake.read_all(lake_folder / "quarantine").to_pylist():
        # A segment that is not listed was cut short while it was landed; it will be landed again.
        if row["segment_id"] in names:
            yield {
                "file": names[row["segment_id"]],
                "position": row["segment_position"],
                "reason": row["reason"],
                "detail": row["detail"],
                "raw_text": row["raw_text"],
            }


def _segment_name(path: Path) -> str:
    """Return a name made of the bytes alone: read by other rules it is still the same file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


def _chunks(
    records: Iterator[Record], progress: Callable[[int], None]
) -> Iterator[Sequence[Record]]:
    chunk: list[Record] = []
    read = 0
    for record in records:
        chunk.append(record)
        read += 1
        if read % 5_000 == 0:
            progress(read)
        if len(chunk) == SEGMENT_RECORDS:
            yield chunk
            chunk = []
    progress(read)
    # A file without a record still leaves a segment: it was read, and found empty.
    if chunk or read == 0:
        yield chunk


@dataclass(frozen=True)
class _Segment:
    """The rows that a run of records becomes, not yet written."""

    segment_id: str
    read_count: int
    events: Sequence[dict[str, object]]
    quarantine: Sequence[dict[str, object]]
    identifiers: Mapping[str, tuple[str, str]]

    @classmethod
    def of(
        cls, segment_id: str, records: Sequence[Record], rules: LandingRules, now: datetime
    ) -> "_Segment":
        rows: list[dict[str, object]] = []
        refused: list[dict[str, object]] = []
        identifiers: dict[str, tuple[str, str]] = {}
        for record in records:
            place = {"segment_id": segment_id, "segment_position": record.position}
            try:
                content = _content(record)
                said = {key: value for key, value in content.items() if key != rules.received_at}
                event = READERS[rules.form or detect(said)](said)
                rows.append(place | _row(event, content, record, rules, now))
                _collect(identifiers, event)
            except Refusal as refusal:
                refused.append(
                    place
                    | {
                        "reason": refusal.reason,
                        "detail": refusal.detail,
                        "raw_text": record.raw_text,
                        "received_at": now,
                        "fields": json.dumps([asdict(each) for each in refusal.fields]),
                    }
                )
        return cls(segment_id, len(records), rows, refused, identifiers)

    def refuse_what_would_rewrite_history(self, path: Path, settled_until: datetime | None) -> None:
        if settled_until is None:
            return
        early = [row for row in self.events if _instant(row["received_at"]) <= settled_until]
        if early:
            raise LandingError(
                f"{path.name}: {len(early)} events say that they were received by"
                f" {settled_until:%Y-%m-%dT%H:%M:%SZ}, until when invoices are settled; nothing was"
                " landed. With --received-at now they land as late usage and are billed as"
                " adjustments"
            )

    def stage(self, lake_folder: Path) -> Iterator[tuple[Path, Path]]:
        """Write everything under names that no engine reads; yield those and the final ones."""
        by_date: dict[date, list[dict[str, object]]] = defaultdict(list)
        for row in self.events:
            by_date[_instant(row["received_at"]).date()].append(row)
        for received, rows in sorted(by_date.items()):
            yield self._staged(lake_folder / f"meter_events/received_date={received}", rows)
        if self.quarantine:
            yield self._staged(lake_folder / "quarantine", self.quarantine)
        if self.identifiers:
            yield self._staged(
                lake_folder / "identifiers",
                [
                    {
                        "segment_id": self.segment_id,
                        "identifier_key": key,
                        "kind": kind,
                        "value": value,
                    }
                    for key, (kind, value) in sorted(self.identifiers.items())
                ],
            )

    def listed(self, path: Path, now: datetime) -> dict[str, object]:
        """Return the row that makes the segment visible."""
        received_at = [_instant(row["received_at"]) for row in self.events]
        return {
            "segment_id": self.segment_id,
            "file_name": path.name,
            "read_count": self.read_count,
            "landed_count": len(self.events),
            "quarantined_count": len(self.quarantine),
            "first_received_at": min(received_at, default=None),
            "last_received_at": max(received_at, default=None),
            "landed_at": now,
        }

    def _staged(self, folder: Path, rows: Sequence[dict[str, object]]) -> tuple[Path, Path]:
        table = folder.parent.name if "=" in folder.name else folder.name
        path = folder / f"{self.segment_id}.parquet"
        arrow = pa.Table.from_pylist(list(rows), schema=lake.TABLES[table])
        return lake.stage(arrow, path), path


def _content(record: Record) -> Mapping[str, Json]:
    if isinstance(record.content, Refusal):
        raise record.content
    return record.content


def _row(
    event: Event,
    content: Mapping[str, Json],
    record: Record,
    rules: LandingRules,
    now: datetime,
) -> dict[str, object]:
    received_at = _received_at(event, content, rules, now)
    return event_columns(event, event.event_id or _made_id(rules, record, event), received_at)


def _received_at(
    event: Event, content: Mapping[str, Json], rules: LandingRules, now: datetime
) -> datetime:
    if rules.received_at == "now":
        return now.astimezone(UTC)
    if rules.received_at == "occurred":
        received = event.occurred_at
    else:
        received = events.time_of(content, rules.received_at)
        if received is None and rules.is_receipt_optional:
            received = event.occurred_at
    if received is None:
        raise Refusal("missing_field", f"no time of receipt: {rules.received_at} is missing")
    if received > now:
        raise Refusal("future", f"received at {received}, which is later than the landing")
    return received


def _made_id(rules: LandingRules, record: Record, event: Event) -> str:
    if rules.identification == "content":
        return f"content-{event.content_hash()}"
    if rules.identification == "position":
        return f"position-{record.position}-{event.content_hash()[:12]}"
    raise Refusal(
        "missing_field",
        "transactionId is missing; --identity content or position lands records without one",
    )


def _collect(identifiers: dict[str, tuple[str, str]], event: Event) -> None:
    who = event.identity
    if who.subscriber_id:
        identifiers[keys.subscriber_key(who.subscriber_id)] = ("subscriber", who.subscriber_id)
    if who.email:
        identifiers[keys.email_key(who.email)] = ("email", who.email)


def _instant(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} is no instant")
    return value


def _report(path: Path, lake_folder: Path, segments: Sequence[_Segment]) -> LandingReport:
    reasons: dict[str, int] = defaultdict(int)
    for segment in segments:
        for row in segment.quarantine:
            reasons[str(row["reason"])] += 1
    read = sum(segment.read_count for segment in segments)
    quarantined = sum(reasons.values())
    repeated = sum(duplicates(lake_folder, [each.segment_id for each in segments]).values())
    landed = read - quarantined - repeated
    return LandingReport(path.name, read, landed, repeated, quarantined, False, dict(reasons))


def duplicates(
    lake_folder: Path, segment_ids: Sequence[str], *, is_among_them: bool = False
) -> Mapping[str, int]:
    """Return how many rows of the segments repeat an identity of the lake or of one another.

    With `is_among_them` only of one another, which takes no longer the more the lake holds.
    """
    folder = lake_folder / "meter_events"
    looked_through = segment_ids if is_among_them else ["[!_]*"]
    files = [str(path) for name in looked_through for path in folder.glob(f"*/{name}.parquet")]
    if not segment_ids or not files:
        return {}
    with duckdb.connect() as connection:
        rows = connection.execute(
            """
            with events as (
                select event_key, part, segment_id, segment_position,
                    list_contains($segments, segment_id) as is_new
                from read_parquet($events, union_by_name = true, hive_partitioning = false)
                where segment_id in (select segment_id from read_parquet($listed))
            ),
            met as (
                select * from events
                where event_key in (select event_key from events where is_new)
            ),
            repeated as (
                select event_key, part from met group by all having count(*) > 1
            ),
            placed as (
                select met.segment_id, met.is_new, row_number() over (
                    partition by met.event_key, met.part
                    order by met.is_new, met.segment_id, met.segment_position
                ) as place
                from met
                semi join repeated
                    on met.event_key = repeated.event_key
                    and met.part is not distinct from repeated.part
            )
            select segment_id, count(*) from placed where is_new and place > 1 group by segment_id
            """,
            {
                "segments": list(segment_ids),
                "events": files,
                "listed": f"{lake_folder}/segments/[!_]*.parquet",
            },
        ).fetchall()
    return dict(rows)


def report_of(path: Path, listing: Path) -> LandingReport:
    """Report a file that the lake has already: all of it is known, nothing new."""
    table = lake.read(listing)
    read = sum(table["read_count"].to_pylist())
    quarantined = sum(table["quarantined_count"].to_pylist())
    return LandingReport(path.name, read, 0, read - quarantined, quarantined, True)


def inbox_files(inbox: Path, now: datetime) -> list[Path]:
    """Return the files of the inbox that are whole: not hidden, and unchanged for seconds."""
    if not inbox.exists():
        return []
    return sorted(
        path
        for path in inbox.iterdir()
        if path.is_file()
        and not path.name.startswith((".", "_"))
        and now.timestamp() - path.stat().st_mtime > INBOX_SETTLE_SECONDS
    )
