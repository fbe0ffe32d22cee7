"""Sends a server what nobody should send, and checks what it answers, keeps and lands.

    python -m tests.fuzz.trial [COUNT [SEED]]

The same count and seed send the same requests. It ends with 1, and tells the faults, if a promise
was broken. Linux tells how much memory was used.
"""

import asyncio
import logging
import random
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import msgspec

from ingest import segments
from ingest.api.app import create
from ingest.api.logs import LOGGER
from ingest.api.settings import Settings
from ingest.api_keys import KeyStore
from ingest.landing import LandingReport
from ingest.paths import DataPaths
from ingest.segment_landing import land_segments
from tests.fuzz.answers import Answer, Promises, memory, sent_to
from tests.fuzz.payloads import Request, requests
from tests.ingest.api.served import NOW, SCOPES, Time

ROUND = 1_000
# What the answer to one request may take of the processor.
SECONDS = 1.5
# What it may take of memory; twice as much ends the process.
MEMORY = 256 << 20
PAUSE = timedelta(milliseconds=1)
FAILURES = Request("/v1/ingestion-failures", b"", method="GET", query=b"size=200")
SHOWN_FAULTS = 40


@dataclass
class Kept:
    """What is on the disk of one request."""

    events: int = 0
    codes: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """What came of all requests.

    Attributes:
        codes: of what was refused, as kept.
        landed: events and refused records in the lake.
        slowest: seconds of the processor that a request took at most, and which it was.
        largest: bytes that a request took at most, and which it was.
        memory: bytes that the process took at most beyond those of an idle server.
    """

    count: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    landed: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    largest: tuple[int, str] = (0, "")
    memory: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        seconds, slowest = self.slowest
        memory, largest = self.largest
        lines = [
            f"{self.count:,} requests; faults: {len(self.faults)}",
            f"answers by status: {_counts(self.statuses)}",
            f"refused and kept, by code: {_counts(self.codes)}",
            f"in the lake: {_counts(self.landed)}",
            f"the slowest took {seconds:.2f} s of the processor ({slowest})",
            f"the largest took {memory >> 20} MiB ({largest})",
            f"memory of the process beyond an idle server's: at most {self.memory >> 20} MiB",
        ]
        return "\n".join([*lines, *self.faults[:SHOWN_FAULTS]])


def _counts(counted: Counter[int] | Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counted.most_common())


Land = Callable[[DataPaths, datetime], Sequence[LandingReport]]


@dataclass
class Trial:
    """A deployment whose server is sent requests, round by round.

    Attributes:
        land: lands what is sealed; in another process, so that the memory is the server's alone.
    """

    paths: DataPaths
    land: Land
    outcome: Outcome = field(default_factory=Outcome)
    # The recorded requests were sent long after the clock of the other tests.
    time: Time = field(default_factory=lambda: Time(NOW + timedelta(days=300)))

    def __post_init__(self) -> None:
        keys = KeyStore(self.paths.keys)
        _, self.key = keys.create("fuzz", SCOPES, now=self.time.now)
        keys.close()
        # Nothing is sealed by a timer: the rounds tell when.
        settings = Settings(self.paths, free_space_floor=0, segment_age=timedelta(days=1))
        self._create = lambda: create(settings, clock=self.time, monotonic=self.time.seconds)

    async def send(self, sent: Iterable[Request]) -> None:
        """Send requests to a server, one after another; stop it, and land what it has kept."""
        answered: list[tuple[datetime, str, Answer]] = []
        async with sent_to(self._create()) as ask:
            promises = await Promises.of(ask)
            for request in sent:
                # By its instant, what is kept of a request is found.
                self.time.now += PAUSE
                answer, name = await ask(request, self.key), _named(request)
                self._count(name, answer)
                self._note(name, answer, promises.broken_by(request, answer))
                answered.append((self.time.now, name, answer))
            kept = _kept(self.paths.landing)
            waiting = await ask(FAILURES, self.key)
        count = Kept(
            sum(each.events for each in kept.values()),
            [code for each in kept.values() for code in each.codes],
        )
        for at, name, answer in answered:
            self._note(name, answer, _lost(promises, answer, kept.pop(at, Kept())))
        self.outcome.codes.update(count.codes)
        self.outcome.faults += [f"kept, though nobody sent it: {each}" for each in kept.values()]
        self._land(count)
        async with sent_to(self._create()) as ask:
            self._compare(waiting, await ask(FAILURES, self.key))

    def _count(self, name: str, answer: Answer) -> None:
        outcome = self.outcome
        outcome.count += 1
        outcome.statuses[answer.status] += 1
        outcome.slowest = max(outcome.slowest, (answer.seconds, name))
        outcome.largest = max(outcome.largest, (answer.memory, name))
        if answer.seconds > SECONDS:
            self._note(name, answer, [f"took {answer.seconds:.2f} s"])
        if answer.memory > MEMORY:
            self._note(name, answer, [f"took {answer.memory >> 20} MiB"])

    def _note(self, name: str, answer: Answer, faults: Iterable[str]) -> None:
        self.outcome.faults += [f"{answer.status} {fault} | {name}" for fault in faults]

    def _land(self, kept: Kept) -> None:
        reports = self.land(self.paths, self.time.now)
        events = sum(each.landed_count + each.duplicate_count for each in reports)
        refused = sum(each.quarantined_count for each in reports)
        self.outcome.landed.update(events=events, refused=refused)
        if (events, refused) != (kept.events, len(kept.codes)):
            self.outcome.faults.append(
                f"landed {events} events and {refused} refused records, of {kept.events} and"
                f" {len(kept.codes)} on the disk"
            )

    def _compare(self, waiting: Answer, landed: Answer) -> None:
        listed = self.outcome.landed["refused"]
        for when, answer in (("before", waiting), ("after", landed)):
            said = answer.said if answer.status == 200 else {}
            total = said.get("page", {}).get("totalElements")
            if total != listed:
                self.outcome.faults.append(
                    f"{answer.status}: {total} failures are listed {when} landing, not {listed}"
                )


def _kept(landing: Path) -> dict[datetime, Kept]:
    """Return what is on the disk, by the instant of receipt."""
    found: dict[datetime, Kept] = {}
    for path in segments.unlanded(landing):
        for frame in segments.frames(path):
            for line in frame.lines():
                at = datetime.fromisoformat(msgspec.json.decode(line)["received_at"])
                found.setdefault(at, Kept()).events += 1
            for record in frame.refused:
                at = datetime.fromisoformat(record["refused_at"])
                found.setdefault(at, Kept()).codes.append(record["code"])
    return found


def _lost(promises: Promises, answer: Answer, kept: Kept) -> Iterator[str]:
    """Yield how an answer and what is kept differ."""
    told = promises.told_by(answer)
    if told.events is not None and told.events != kept.events:
        yield f"{told.events} events acknowledged, {kept.events} kept"
    if told.refused != len(kept.codes):
        yield f"{told.refused} records refused, {len(kept.codes)} kept"
    if told.codes and sorted(told.codes) != sorted(kept.codes):
        yield f"refused for {told.codes}, kept for {kept.codes}"


def _named(request: Request) -> str:
    name = "+".join(request.made_by) or "as it is"
    return f"{name}: {request.method} {request.path[:40]}, {len(request.body):,} bytes"


def run(root: Path, *, count: int, seed: int) -> Outcome:
    """Send `count` requests to a server in a folder; return what came of them."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as elsewhere:
        trial = Trial(
            DataPaths(root), lambda paths, now: elsewhere.submit(_land, paths, now).result()
        )
        asyncio.run(trial.send([]))
        idle = _limit_memory()
        waiting = requests(seed, count)
        for _ in range(0, count, ROUND):
            asyncio.run(trial.send(islice(waiting, ROUND)))
            trial.outcome.memory = max(trial.outcome.memory, memory("VmRSS") - idle)
    return trial.outcome


def _land(paths: DataPaths, now: datetime) -> Sequence[LandingReport]:
    return land_segments(paths.landing, paths.lake, now=now, is_kept=False)


def _limit_memory() -> int:
    """Let this process have no more than it may; return what it has, in bytes."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize") + 2 * MEMORY, most))
    return memory("VmRSS")


def main(arguments: Sequence[str]) -> None:
    count = int(arguments[0]) if arguments else 100_000
    seed = int(arguments[1]) if len(arguments) > 1 else random.SystemRandom().getrandbits(32)
    logging.getLogger(LOGGER).setLevel(logging.ERROR)
    sys.stdout.write(f"seed {seed}\n")
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(Path(folder), count=count, seed=seed)
    sys.stdout.write(f"{outcome}\n")
    sys.exit(bool(outcome.faults))


if __name__ == "__main__":
    main(sys.argv[1:])
