"""Kills processes at random instants, and counts what became of acknowledged events.

python -m tests.crash.kills [KILLS [SEED]]
"""

import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from ingest.paths import PROJECT_ROOT, DataPaths
from ingest.segments import SegmentError, frames
from tests.crash.landing import land


@dataclass
class Outcome:
    """What was sent, acknowledged and landed, and what the kills did.

    Attributes:
        torn: the segments that were left with a part of a frame.
    """

    kills: int = 0
    torn: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    landed: Counter[str] = field(default_factory=Counter)

    def faults(self) -> dict[str, int]:
        """Return how many events were lost, landed twice, or landed though nobody sent them."""
        return {
            "lost": len(self.acknowledged - self.landed.keys()),
            "twice": sum(count > 1 for count in self.landed.values()),
            "unknown": len(self.landed.keys() - self.sent),
        }

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {len(self.torn)} torn segments; {len(self.sent):,} events sent,"
            f" {len(self.acknowledged):,} acknowledged, {len(self.landed):,} landed;"
            f" {self.faults()}"
        )


def kill_appends(paths: DataPaths, *, kills: int, chance: random.Random) -> Outcome:
    """Kill a process that appends, and in turns one that lands beside it; then land the rest."""
    outcome = Outcome()
    while outcome.kills < kills:
        for _ in range(3):
            _kill_appending(paths, outcome, chance)
            left = (paths.landing / "open").glob("*.ndjson")
            outcome.torn.update(path.name for path in left if _is_torn(path))
        with running("tests.crash.landing", paths.root):
            for _ in range(3):
                _kill_appending(paths, outcome, chance)
    land(paths)
    outcome.landed = landed_events(paths.lake)
    return outcome


def _kill_appending(paths: DataPaths, outcome: Outcome, chance: random.Random) -> None:
    with running("tests.crash.appending", paths.landing, f"server{outcome.kills}") as server:
        timer = threading.Timer(chance.uniform(0, 0.3), server.kill)
        for count, told in enumerate(server.stdout or ()):
            if count == 0:
                timer.start()
            # What is cut in the middle was not told.
            if told.endswith("\n"):
                mark, *ids = told.split()
                (outcome.acknowledged if mark == "!" else outcome.sent).update(ids)
        timer.join()
    outcome.kills += 1


@contextmanager
def running(module: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a module of this project; it is killed at the end."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _is_torn(path: Path) -> bool:
    try:
        for _ in frames(path):
            pass
    except SegmentError:
        return True
    return False


def landed_events(lake: Path) -> Counter[str]:
    """Return how many rows of listed segments each event has."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select event_id, count(*) from read_parquet($events, hive_partitioning = false)"
            " where segment_id in (select segment_id from read_parquet($listed)) group by event_id",
            {
                "events": f"{lake}/meter_events/**/[!_]*.parquet",
                "listed": f"{lake}/segments/[!_]*.parquet",
            },
        ).fetchall()
    return Counter(dict(rows))


def main(arguments: Sequence[str]) -> None:
    kills, seed = (int(each) for each in (*arguments, "200", "1")[:2])
    with tempfile.TemporaryDirectory() as folder:
        paths = DataPaths(Path(folder))
        outcome = kill_appends(paths, kills=kills, chance=random.Random(seed))
    sys.stdout.write(f"appending, seed {seed}: {outcome}\n")
    if any(outcome.faults().values()):
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
