"""A server's appends under load, told on standard output; it runs until it is killed.

    python -m tests.crash.appending LANDING NAME

A line `? id id …` says what is about to be appended, `! id id …` what was acknowledged.
"""

import asyncio
import os
import random
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest.event import Event, Identity
from ingest.segment_writing import SegmentWriter
from ingest.segments import Batch

SENDERS = 8
_write = os.write


def tell(mark: str, ids: Sequence[str]) -> None:
    _write(sys.stdout.fileno(), f"{mark} {' '.join(ids)}\n".encode())


def write_in_pieces(descriptor: int, data: bytes) -> int:
    """Write less than was asked for, as a disk may: so a kill leaves part of a frame."""
    return _write(descriptor, data[: random.randint(1, 99)])


def batch_of(ids: Sequence[str], received_at: datetime) -> Batch:
    events = [Event("event", "load", each, received_at, Identity(), {"n": "1"}) for each in ids]
    lines = [event.line(each, received_at) for event, each in zip(events, ids, strict=True)]
    return Batch(lines, {f"key-{ids[0]}": ("email", f"{ids[0]}@example.org")})


async def send(writer: SegmentWriter, name: str) -> None:
    count = 0
    while True:
        size = random.choice((1, 1, 1, 20, 200))
        ids = [f"{name}.{count + place}" for place in range(size)]
        count += size
        tell("?", ids)
        received_at = datetime.now(UTC)
        await writer.append(batch_of(ids, received_at), received_at)
        tell("!", ids)


async def load(folder: Path, name: str) -> None:
    writer = SegmentWriter(
        folder, max_bytes=100_000, max_age=timedelta(milliseconds=50), free_space_floor=0
    )
    await asyncio.gather(*(send(writer, f"{name}.{sender}") for sender in range(SENDERS)))


if __name__ == "__main__":
    os.write = write_in_pieces
    asyncio.run(load(Path(sys.argv[1]), sys.argv[2]))
