"""Kills servers under load at random instants, and counts what became of acknowledged events.

Senders do as real ones: what was not answered they send again, to the server that is there then,
or they are gone themselves; and some send what was answered once more.
"""

import itertools
import json
import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from ingest.api.idempotency import SenderKey, fingerprint
from ingest.paths import DataPaths
from tests.crash.append_kills import landing
from tests.crash.landing import land
from tests.crash.outcome import Outcome, landed_events
from tests.ingest.api.process import ServerProcess, meterhouse

SENDERS = 4
EVENTS = "/meter/v2/events"
# Its events have no ids of their own: they are made of the Idempotency-Key and the body.
METER = "/meter/v1/api/meter"
SENDER = "senders"
_LINES = {"content-type": "application/x-ndjson"}
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Request:
    """A request, and the ids of its events."""

    path: str
    body: bytes
    headers: dict[str, str]
    ids: Sequence[str]

    @property
    def is_keyed(self) -> bool:
        return "idempotency-key" in self.headers


def draw_request(name: str, chance: random.Random) -> Request:
    """Return a request of any kind that is safe to be sent again."""
    key = {"idempotency-key": name}
    call = {"method": "GET", "responseCode": 200}
    named = [f"{name}.{place}" for place in range(chance.choice((2, 20, 100)))]
    one, many = json.dumps(call).encode(), json.dumps([call] * len(named)).encode()
    draws = (
        Request(EVENTS, _line(name), {}, [name]),
        Request(EVENTS, _line(name), key, [name]),
        Request(METER, one, key, _made_ids(name, one, 1)),
        Request(EVENTS, b"\n".join(map(_line, named)), _LINES, named),
        Request(EVENTS, b"\n".join(map(_line, named)), _LINES | key, named),
        Request(METER, many, key, _made_ids(name, many, len(named))),
    )
    return chance.choice(draws)


def _made_ids(key: str, body: bytes, count: int) -> Sequence[str]:
    seed = SenderKey(SENDER, key).seed(fingerprint(METER.encode(), body))
    return [fingerprint(seed, b"%d" % place).hex() for place in range(count)]


def _line(event_id: str) -> bytes:
    return json.dumps({"transactionId": event_id, "payload": {"units": 1}}).encode()


class Door:
    """Where senders find the server that there is; while there is none they wait."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self._moved = threading.Condition()
        self._url = ""

    def move(self, url: str) -> None:
        with self._moved:
            self._url = url
            self._moved.notify_all()

    def close(self) -> None:
        with self._moved:
            self.closed.set()
            self._moved.notify_all()

    def url(self) -> str:
        """Return the address of a server; an empty text once there will be none."""
        with self._moved:
            self._moved.wait_for(lambda: self._url or self.closed.is_set())
            return "" if self.closed.is_set() else self._url


@dataclass
class Sender:
    """Sends requests one after the other until the door closes."""

    name: str
    key: str
    door: Door
    outcome: Outcome
    chance: random.Random
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    def run(self) -> None:
        with self._client:
            for number in itertools.count():
                request = draw_request(f"{self.name}.{number}", self.chance)
                gives_up = self.chance.random() < 0.3
                if self._sent(request, gives_up=gives_up) and self.chance.random() < 0.1:
                    self._sent(request, gives_up=True)
                if self.door.closed.is_set():
                    return

    def _sent(self, request: Request, *, gives_up: bool) -> bool:
        """Send until it is acknowledged, or until the server is gone where the sender gives up."""
        while url := self.door.url():
            # After an answer was given to its key a request adds nothing; else each try may.
            if not (request.is_keyed and request.ids[0] in self.outcome.acknowledged):
                self.outcome.sent.update(request.ids)
            try:
                answer = self._client.post(
                    url + request.path,
                    content=request.body,
                    headers={"x-api-key": self.key, **request.headers},
                )
            except httpx.TransportError:
                if gives_up:
                    return False
                continue
            if answer.is_success:
                self.outcome.acknowledged.update(request.ids)
                return True
            assert answer.status_code == HTTPStatus.CONFLICT, answer.text
            assert answer.headers["retry-after"], answer.text
            self.door.closed.wait(_PAUSE_SECONDS)
        return False


def kill_servers(paths: DataPaths, *, kills: int, chance: random.Random) -> Outcome:
    """Kill servers, and in turns a process that lands beside them; then land the rest."""
    outcome = Outcome()
    door = Door()
    with _sending(paths, door, outcome, chance):
        server = ServerProcess(paths.root)
        try:
            while outcome.kills < kills:
                is_landing = outcome.kills // 2 % 2 == 1
                with landing(paths) if is_landing else nullcontext():
                    for _ in range(2):
                        server = _follow(server, door, chance)
                        outcome.kills += 1
        finally:
            door.close()
            server.kill()
    land(paths)
    outcome.landed, outcome.conflicting = landed_events(paths.lake)
    return outcome


def _follow(server: ServerProcess, door: Door, chance: random.Random) -> ServerProcess:
    """Kill a server; return the next one, which was started before that, or after."""
    door.move(server.url)
    following = ServerProcess(server.data) if chance.random() < 0.5 else None
    door.closed.wait(chance.uniform(0, 0.5))
    server.kill()
    if following is None:
        door.move("")
        following = ServerProcess(server.data)
    door.move(following.url)
    return following


@contextmanager
def _sending(
    paths: DataPaths, door: Door, outcome: Outcome, chance: random.Random
) -> Iterator[None]:
    """Send until the door is closed; a sender's fault is raised."""
    made = meterhouse(paths.root, "keys", "create", SENDER)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    with ThreadPoolExecutor(SENDERS) as threads:
        senders = [
            Sender(f"s{number}", key, door, outcome, random.Random(chance.random()))
            for number in range(SENDERS)
        ]
        running_senders = [threads.submit(sender.run) for sender in senders]
        yield
        for each in running_senders:
            each.result()
