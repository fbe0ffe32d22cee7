"""A server in this process: its application over ASGI, and what it has put on the disk."""

import asyncio
import json
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from ingest import segments
from ingest.api.app import create
from ingest.api.settings import Settings
from ingest.api_keys import KeyStore, Scope
from ingest.segments import SegmentError

NOW = datetime(2026, 3, 1, 1, tzinfo=UTC)
SCOPES: tuple[Scope, ...] = ("meter:write", "read")


@dataclass
class Time:
    """The server's clocks, which stand still until they are moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def pass_by(self, **units: float) -> None:
        self.now += timedelta(**units)


@dataclass
class Served:
    """A server that is called as over the network, and stopped at the end of a test."""

    settings: Settings
    time: Time = field(default_factory=Time)
    peer: str = "192.0.2.1"

    def __post_init__(self) -> None:
        with_keys = KeyStore(self.settings.paths.keys)
        _, self.key = with_keys.create("test", SCOPES, now=self.time.now)
        with_keys.close()
        self.runner = asyncio.Runner()
        self.start()

    def start(self) -> None:
        self.app = create(self.settings, clock=self.time, monotonic=self.time.seconds)
        self._told: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._heard: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self.run(self._start())

    def stop(self) -> None:
        """Stop as a signal would: what was accepted is sealed."""
        self.run(self._stop())

    def restart(self, **settings: object) -> None:
        self.stop()
        self.settings = replace(self.settings, **settings)  # type: ignore[arg-type] # names of its own
        self.start()

    def close(self) -> None:
        self.stop()
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def post(
        self,
        path: str,
        json: object = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] = {},
        key: str | None = None,
    ) -> httpx.Response:
        return self.run(self.send(path, json, content=content, headers=headers, key=key))

    def get(self, path: str, key: str | None = None) -> httpx.Response:
        headers = {"x-api-key": self.key if key is None else key}
        return self.run(self.request("GET", path, headers=headers))

    async def send(
        self,
        path: str,
        json: object = None,
        *,
        content: Any = None,
        headers: Mapping[str, str] = {},
        key: str | None = None,
    ) -> httpx.Response:
        sent = {"x-api-key": self.key if key is None else key, **headers}
        body = {"json": json} if content is None else {"content": content}
        return await self.request("POST", path, headers=sent, **body)

    def events(self) -> list[dict[str, Any]]:
        """Return the events on the disk, in the order of their segments."""
        return [json.loads(line) for frame in self.frames() for line in frame.lines()]

    def refused(self) -> list[Mapping[str, Any]]:
        """Return the refused records on the disk."""
        return [record for frame in self.frames() for record in frame.refused]

    def failures(self) -> Sequence[Mapping[str, Any]]:
        answer = self.get("/v1/ingestion-failures?size=200")
        assert answer.status_code == 200, answer.text
        return answer.json()["_embedded"]["ingestionFailureResourceList"]

    def frames(self) -> list[segments.Frame]:
        """Return what was acknowledged and is on the disk."""
        found = []
        for path in segments.unlanded(self.settings.paths.landing):
            with suppress(SegmentError):
                found += segments.frames(path)
        return found

    async def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, client=(self.peer, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://meter.test") as client:
            return await client.request(method, path, **arguments)

    async def _start(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._life = asyncio.create_task(self.app(scope, self._told.get, self._heard.put))
        await self._told.put({"type": "lifespan.startup"})
        assert (await self._heard.get())["type"] == "lifespan.startup.complete"

    async def _stop(self) -> None:
        await self._told.put({"type": "lifespan.shutdown"})
        assert (await self._heard.get())["type"] == "lifespan.shutdown.complete"
        await self._life


def codes(answer: httpx.Response) -> list[str]:
    """Return the codes of an error."""
    return [error["code"] for error in answer.json()["errors"]]
