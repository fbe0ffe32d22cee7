"""Segments with events in them, written as the server writes them."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from ingest.event import Event, Identity, Series
from ingest.segment_writing import SegmentWriter
from ingest.segments import Batch, frames

RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)


def line(event_id: str, received_at: datetime = RECEIVED, **elements: str) -> bytes:
    event = Event("event", "event", event_id, received_at, Identity(), elements or {"seats": "1"})
    return event.line(event_id, received_at)


def point(
    value: str, read_at: datetime, received_at: datetime = RECEIVED, *, key: str = "calls"
) -> bytes:
    event = Event(
        source_kind="otlp",
        source_id="otlp",
        event_id=f"{key}-{read_at:%H%M%S}",
        occurred_at=read_at,
        identity=Identity(),
        # An attribute may have the name of the element that is counted.
        elements={"a": "x", "calls": "9", "unit": "1"},
        series=Series(key, "calls", Decimal(value)),
    )
    return event.line(f"{key}-{read_at:%H%M%S}", received_at)


def batch_of(*event_ids: str, received_at: datetime = RECEIVED) -> Batch:
    return Batch([line(event_id, received_at) for event_id in event_ids])


def write(
    folder: Path, batches: Iterable[Batch], received_at: datetime = RECEIVED, **settings: Any
) -> Path:
    """Write a sealed segment with a frame for each batch; return it."""

    async def append_all() -> None:
        writer = SegmentWriter(folder, **{"free_space_floor": 0, **settings})
        for place, batch in enumerate(batches):
            await writer.append(batch, received_at + timedelta(microseconds=place))
        await writer.close()

    before = {*folder.glob("*.ndjson")}
    asyncio.run(append_all())
    (written,) = {*folder.glob("*.ndjson")} - before
    return written


def lines_of(path: Path) -> Sequence[bytes]:
    return [each for frame in frames(path) for each in frame.lines()]
