"""Kills a process that appends at random instants, and counts what became of its events."""

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.paths import PROJECT_ROOT, DataPaths
from ingest.segments import SegmentError, frames
from tests.crash.landing import land
from tests.crash.outcome import Outcome, landed_events


def kill_appends(paths: DataPaths, *, kills: int, chance: random.Random) -> Outcome:
    """Kill a process that appends, and in turns one that lands beside it; then land the rest."""
    outcome = Outcome()
    while outcome.kills < kills:
        for _ in range(3):
            _kill_appending(paths, outcome, chance)
            left = (paths.landing / "open").glob("*.ndjson")
            outcome.torn.update(path.name for path in left if _is_torn(path))
        with landing(paths):
            for _ in range(3):
                _kill_appending(paths, outcome, chance)
    land(paths)
    outcome.landed, outcome.conflicting = landed_events(paths.lake)
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


@contextmanager
def landing(paths: DataPaths) -> Iterator[None]:
    """Land what there is, again and again; the landing is killed at the end, and not before."""
    with running("tests.crash.landing", paths.root) as process:
        yield
        assert process.poll() is None, "the landing ended by itself"


def _is_torn(path: Path) -> bool:
    try:
        for _ in frames(path):
            pass
    except SegmentError:
        return True
    return False
