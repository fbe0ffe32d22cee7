"""How fast a segment lands, as a share of the speed of DuckDB's own copy of the same file.

`python -m benchmarks.landing [EVENTS [ROUNDS]]`: the three ways in turn, so that what else the
machine does weighs on all of them. DuckDB's copy neither checks the frames, nor syncs, nor looks
for duplicates; with guessed types it gives a column to each element, where the lake has maps that
take any.
"""

import asyncio
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import duckdb

from ingest.event import AiUsage, Event, Identity
from ingest.lake import prepare
from ingest.segment_landing import LINE_TYPES, land_segments
from ingest.segment_writing import SegmentWriter
from ingest.segments import Batch, sealed

RECEIVED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BATCH = 1_000
MODELS = ("gpt-5", "claude-sonnet-4-5", "gemini-2.5-pro")
MAPS = {"elements": "map(varchar, varchar)", "element_numbers": "map(varchar, decimal(19, 6))"}
GUESSED = "read_json($segment)"
TYPED = "read_json($segment, format = 'newline_delimited', columns = $types)"


def main(arguments: Sequence[str]) -> None:
    """Print events a second, and the median of each round's ratio."""
    events, rounds = (int(each) for each in (*arguments, "1000000", "5")[:2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        segment = write_segment(folder / "landing", events)
        size = segment.stat().st_size
        say(f"{events:,} events, {size / events:.0f} bytes each, {rounds} rounds")
        ways: dict[str, Callable[[], None]] = {
            "landing": lambda: land(folder, segment),
            "copy, types guessed": lambda: copy(segment, GUESSED, {}),
            "copy, types given": lambda: copy(segment, TYPED, {"types": LINE_TYPES | MAPS}),
        }
        taken = [{name: seconds(way) for name, way in ways.items()} for _ in range(rounds)]
    for name in ways:
        for place, clock in enumerate(("elapsed", "processor")):
            least = min(each[name][place] for each in taken)
            ratio = statistics.median(each[name][place] / each["landing"][place] for each in taken)
            say(f"{name:20} {clock:9} {least:6.2f} s {events / least:12,.0f} /s  ratio {ratio:.2f}")


def write_segment(landing: Path, events: int) -> Path:
    """Return a sealed segment of AI calls."""
    chance = Random(1)  # noqa: S311 - made-up events, the same each time

    async def append_all() -> None:
        writer = SegmentWriter(landing, max_bytes=1 << 40, max_age=timedelta(hours=1))
        for start in range(0, events, BATCH):
            received_at = RECEIVED_AT + timedelta(milliseconds=start)
            ids = [f"tx-{number:032x}" for number in range(start, min(events, start + BATCH))]
            lines = [ai_call(chance, each, received_at).line(each, received_at) for each in ids]
            await writer.append(Batch(lines), received_at)
        await writer.close()

    asyncio.run(append_all())
    (segment,) = sealed(landing)
    return segment


def ai_call(chance: Random, event_id: str, received_at: datetime) -> Event:
    """Return an AI call as an SDK tells it."""
    tokens = chance.randrange(4_000), chance.randrange(900)
    elements = {
        "agent": f"agent-{chance.randrange(50)}",
        "inputTokenCount": str(tokens[0]),
        "isStreamed": chance.choice(("true", "false")),
        "operationType": "CHAT",
        "outputTokenCount": str(tokens[1]),
        "requestDuration": str(chance.randrange(9_000)),
        "stopReason": "END",
        "taskType": chance.choice(("chat", "summary", "search")),
        "timeToFirstToken": str(chance.randrange(900)),
        "totalTokenCount": str(sum(tokens)),
    }
    who = Identity(
        credential=f"key-{chance.randrange(1_000)}",
        subscriber_id=f"user-{chance.randrange(3_000)}",
        organization_name=f"org-{chance.randrange(100)}",
    )
    return Event(
        source_kind="ai",
        source_id="ai",
        event_id=event_id,
        occurred_at=received_at - timedelta(milliseconds=chance.randrange(9_000)),
        identity=who,
        elements=elements,
        ai=AiUsage("openai", chance.choice(MODELS), *tokens, 0, 0),
        sent_cost=Decimal(chance.randrange(10**9)).scaleb(-12),
    )


def land(folder: Path, segment: Path) -> None:
    """Land the segment in an empty lake, and put it back."""
    lake = folder / "lake"
    prepare(lake)
    land_segments(segment.parent, lake, now=RECEIVED_AT + timedelta(days=1))
    (segment.parent / "landed" / segment.name).rename(segment)
    shutil.rmtree(lake)


def copy(segment: Path, source: str, values: dict[str, object]) -> None:
    """Copy the segment to Parquet as DuckDB does it."""
    copied = segment.with_suffix(".parquet")
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(
            f"copy (from {source}) to $copied (format parquet)",
            {"segment": str(segment), "copied": str(copied), **values},
        )
    copied.unlink()


def seconds(way: Callable[[], None]) -> tuple[float, float]:
    """Return what a way takes: elapsed, and of the processors."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    way()
    elapsed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return elapsed, used


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
