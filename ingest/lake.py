"""The lake: one folder of immutable Parquet files per table, read by every engine as it is."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

INSTANT = pa.timestamp("us", tz="UTC")
QUANTITY = pa.decimal128(19, 6)
COST = pa.decimal128(25, 12)

METER_EVENTS = pa.schema(
    [
        ("segment_id", pa.string()),
        ("segment_position", pa.int64()),
        ("source_kind", pa.string()),
        ("source_id", pa.string()),
        ("event_id", pa.string()),
        ("event_key", pa.string()),
        ("part", pa.string()),
        ("content_hash", pa.string()),
        ("occurred_at", INSTANT),
        ("received_at", INSTANT),
        ("known_at", INSTANT),
        ("is_billing_skipped", pa.bool_()),
        ("subscription_id", pa.string()),
        ("credential_key", pa.string()),
        ("credential_name", pa.string()),
        ("subscriber_key", pa.string()),
        ("email_key", pa.string()),
        ("organization_name", pa.string()),
        ("product_name", pa.string()),
        ("provider", pa.string()),
        ("model", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("cache_read_tokens", pa.int64()),
        ("cache_creation_tokens", pa.int64()),
        ("sent_cost", COST),
        ("elements", pa.map_(pa.string(), pa.string())),
        ("element_numbers", pa.map_(pa.string(), QUANTITY)),
    ]
)
QUARANTINE = pa.schema(
    [
        ("segment_id", pa.string()),
        ("segment_position", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("raw_text", pa.string()),
        ("received_at", INSTANT),
        ("endpoint", pa.string()),
        ("code", pa.string()),
        ("fields", pa.string()),
    ]
)
SEGMENTS = pa.schema(
    [
        ("segment_id", pa.string()),
        ("file_name", pa.string()),
        ("read_count", pa.int64()),
        ("landed_count", pa.int64()),
        ("quarantined_count", pa.int64()),
        ("first_received_at", INSTANT),
        ("last_received_at", INSTANT),
        ("landed_at", INSTANT),
    ]
)
# What people are called behind their keys. Quarantined records hold their text as well.
IDENTIFIERS = pa.schema(
    [
        ("segment_id", pa.string()),
        ("identifier_key", pa.string()),
        ("kind", pa.string()),
        ("value", pa.string()),
    ]
)
# How far each counter was seen to reach, so that what a later reading adds can be told.
SERIES_READINGS = pa.schema(
    [
        ("segment_id", pa.string()),
        ("series_key", pa.string()),
        ("value", QUANTITY),
    ]
)
TOKEN_PRICE = pa.decimal128(18, 12)
AI_PRICES = pa.schema(
    [
        ("price_list", pa.string()),
        ("provider", pa.string()),
        ("model", pa.string()),
        ("rule_order", pa.int32()),
        ("above_input_tokens", pa.int64()),
        ("day_from_second", pa.int32()),
        ("day_until_second", pa.int32()),
        ("usd_per_input_token", TOKEN_PRICE),
        ("usd_per_cache_read_token", TOKEN_PRICE),
        ("usd_per_cache_creation_token", TOKEN_PRICE),
        ("usd_per_output_token", TOKEN_PRICE),
        ("valid_from", INSTANT),
        ("recorded_at", INSTANT),
    ]
)
# What was said from outside after the events: payments, refunds, voids and corrections.
FACTS = pa.schema(
    [
        ("fact_id", pa.string()),
        ("fact", pa.string()),
        ("invoice_id", pa.string()),
        ("status", pa.string()),
        ("mode", pa.string()),
        ("source_id", pa.string()),
        ("event_id", pa.string()),
        ("event_key", pa.string()),
        ("paid_at", INSTANT),
        ("amount", pa.decimal128(28, 4)),
        ("refunded_at", INSTANT),
        ("known_at", INSTANT),
        ("file_name", pa.string()),
    ]
)
SETTLEMENTS = pa.schema(
    [("as_of", INSTANT), ("build_id", pa.string()), ("settled_at", INSTANT)],
)
# Invoices as they were when they went out. Nothing is computed from this table; it is what a
# later build is held against.
ISSUED_INVOICES = pa.schema(
    [
        ("invoice_id", pa.string()),
        ("kind", pa.string()),
        ("subscription_id", pa.string()),
        ("product_id", pa.string()),
        ("currency", pa.string()),
        ("period_started_at", INSTANT),
        ("period_ended_at", INSTANT),
        ("cut_off_at", INSTANT),
        ("total_amount", pa.decimal128(28, 4)),
        ("content_hash", pa.string()),
        ("invoice_text", pa.string()),
        ("as_of", INSTANT),
        ("build_id", pa.string()),
        ("catalog_version", pa.string()),
        ("code_version", pa.string()),
        ("issued_in", pa.string()),
    ]
)

TABLES = {
    "meter_events": METER_EVENTS,
    "quarantine": QUARANTINE,
    "segments": SEGMENTS,
    "identifiers": IDENTIFIERS,
    "series_readings": SERIES_READINGS,
    "ai_prices": AI_PRICES,
    "facts": FACTS,
    # An event anew; its segment is the id of the fact that says so.
    "event_amendments": METER_EVENTS,
    "settlements": SETTLEMENTS,
    "issued_invoices": ISSUED_INVOICES,
}
# Tables whose files only their owner reads: what can't be understood may hold anything.
_PRIVATE = frozenset({"quarantine"})
# What a settlement writes itself, and what landing alone reads. No invoice depends on it.
READ_BY_NO_INVOICE = frozenset({"settlements", "issued_invoices", "series_readings"})


@contextmanager
def locked(lake: Path) -> Iterator[None]:
    """Hold the lake against other writers, and a settlement against what is still being landed.

    The lock belongs to the process: it ends with it, however it ends.
    """
    lake.mkdir(parents=True, exist_ok=True)
    with (lake / ".lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def staged_path(path: Path) -> Path:
    """Return the name beside `path` that no engine reads, and make the folder for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f"_{path.name}.tmp")


def stage(table: pa.Table, path: Path) -> Path:
    """Write `table` beside `path` under a name that no engine reads; return that name."""
    staged = staged_path(path)
    if path.parent.name in _PRIVATE:
        staged.unlink(missing_ok=True)
        staged.touch(0o600)
    # Whole-file names keep a re-landing of the same segment the same file: exactly once.
    pq.write_table(table, staged, compression="zstd")
    return staged


def commit(staged: Path, path: Path) -> None:
    """Put a staged file into its place, durably; its folder may be a new one."""
    _sync(staged)
    path.parent.mkdir(parents=True, exist_ok=True)
    staged.replace(path)
    _sync(path.parent)
    _sync(path.parent.parent)


def write(table: pa.Table, path: Path) -> None:
    """Write `table` to `path` so that a reader sees all of it or nothing."""
    commit(stage(table, path), path)


def prepare(lake: Path) -> None:
    """Make every event-side table readable by every engine, also while it has no rows.

    Who prepares a lake that others may prepare at the same time holds its lock.
    """
    for name, schema in TABLES.items():
        folder = lake / name
        if name == "meter_events":
            folder /= "received_date=1970-01-01"
        path = folder / "schema.parquet"
        if not path.exists():
            write(schema.empty_table(), path)


def read(path: Path) -> pa.Table:
    """Return one Parquet file as a table; folder names are not taken for columns."""
    return pq.read_table(path, partitioning=None)


def read_all(folder: Path) -> pa.Table:
    """Return all rows of a table's folder; the folder must have been prepared.

    A column that was added later is null in what was written before.
    """
    files = sorted(folder.glob("[!_]*.parquet"))
    return pa.concat_tables([read(path) for path in files], promote_options="default")
