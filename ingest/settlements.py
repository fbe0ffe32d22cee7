"""Which instants are settled, and whether a further one can be."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from ingest import lake, segments
from ingest.paths import DataPaths
from ingest.segments import SegmentError

_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


class SettlementError(Exception):
    """A settlement can't be run as asked."""


def parse_as_of(text: str) -> datetime:
    """Return the instant of `as_of`: ISO 8601 with an offset, whole seconds or finer.

    Raises:
        SettlementError: where the text is no instant.
    """
    try:
        value = datetime.fromisoformat(text)
        if value.tzinfo is not None:
            return value.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise SettlementError(
        f"as_of '{text}' is no instant with an offset; write it like 2026-03-01T01:00:00Z"
    )


def format_as_of(as_of: datetime) -> str:
    """Return `as_of` in the one form that the dbt variable takes."""
    return as_of.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def watermark(lake_folder: Path) -> datetime | None:
    """Return the latest settled instant: what was known by then is on invoices already."""
    folder = lake_folder / "settlements"
    if not folder.exists():
        return None
    instants: list[datetime] = lake.read_all(folder)["as_of"].to_pylist()
    return max(instants, default=None)


def landing_instant(now: datetime, settled_until: datetime | None) -> datetime:
    """Return when what lands now becomes known: after all that is settled, even on a slow clock."""
    if settled_until is None:
        return now
    return max(now, settled_until + timedelta(microseconds=1))


def record_settlement(
    lake_folder: Path, *, as_of: datetime, build_id: str, settled_at: datetime
) -> None:
    """Note that everything known by `as_of` is settled; noting it again changes nothing."""
    path = lake_folder / "settlements" / f"{as_of:%Y%m%dT%H%M%S%fZ}.parquet"
    if path.exists():
        return
    row = {"as_of": as_of, "build_id": build_id, "settled_at": settled_at}
    lake.write(pa.Table.from_pylist([row], schema=lake.SETTLEMENTS), path)


def refuse_unsettleable(paths: DataPaths, as_of: datetime, *, now: datetime) -> None:
    """Refuse an `as_of` at which something may still become known, or that is settled past.

    An acknowledged event that waits to be landed would otherwise be missing from an invoice that
    is frozen; an event of the future can't be in the lake yet.

    Raises:
        SettlementError: with the reason and the remedy.
    """
    if as_of > now:
        raise SettlementError(f"as_of {format_as_of(as_of)} lies in the future; settle it then")
    settled_until = watermark(paths.lake)
    if settled_until and as_of < settled_until:
        raise SettlementError(
            f"as_of {format_as_of(as_of)} is before {format_as_of(settled_until)}, until when"
            " invoices are settled; a past state is rebuilt in a warehouse of its own"
            " (METERHOUSE_DATA), not over the present one"
        )
    waiting = oldest_unlanded(paths.landing, now=now)
    if waiting and waiting <= as_of:
        raise SettlementError(
            f"a segment received from {format_as_of(waiting)} on is not landed yet; land it first"
            " (the landing sensor, or `meterhouse land`), then settle. A server that runs seals"
            " what it is writing within seconds"
        )


def oldest_unlanded(landing: Path, *, now: datetime) -> datetime | None:
    """Return the opening instant of the oldest acknowledged segment that is not in the lake.

    A segment of the future was named by a clock that was ahead. When it was opened nobody knows,
    so it is as old as can be.

    Raises:
        SettlementError: a file of the folder is no segment by its name.
    """
    waiting = segments.unlanded(landing)
    try:
        opened = [segments.opened_at(path) for path in waiting]
    except SegmentError as error:
        raise SettlementError(
            f"{error}; land it with `meterhouse land FILE`, then take it out of the folder"
        ) from None
    return min((_EARLIEST if each > now else each for each in opened), default=None)


def lake_fingerprint(lake_folder: Path) -> str:
    """Return a hash over the names of everything in the lake that an invoice depends on.

    Files of the lake never change under their name, so equal names mean equal content.
    """
    names = sorted(
        str(path.relative_to(lake_folder))
        for path in lake_folder.rglob("*.parquet")
        if not path.name.startswith("_") and path.parent.name not in lake.READ_BY_NO_INVOICE
    )
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
