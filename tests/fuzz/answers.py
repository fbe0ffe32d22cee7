"""Asking a server over ASGI, and what its answers must be whatever was asked."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.types import ASGIApp, Message

from ingest.api.endpoints import BY_PATH
from tests.fuzz.payloads import Request

PEER = ("192.0.2.1", 50_000)
# To who may not send, or before the body is read: nothing is kept of those.
UNREAD = frozenset({401, 403, 404, 405, 414, 429, 431})


@dataclass(frozen=True)
class Answer:
    """What a request was answered with.

    Attributes:
        seconds: of the processor, in the thread that answers.
        memory: bytes that the process took at most, beyond what it had before.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    memory: int

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    @property
    def is_protobuf(self) -> bool:
        return self.headers.get("content-type") == "application/x-protobuf"


Ask = Callable[[Request, str], Awaitable[Answer]]


@asynccontextmanager
async def sent_to(app: ASGIApp) -> AsyncIterator[Ask]:
    """Start an application, and stop it as a signal would; yield how to ask it with a key."""
    told: asyncio.Queue[Message] = asyncio.Queue()
    heard: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    life = asyncio.ensure_future(app(scope, told.get, heard.put))
    await told.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    yield lambda request, key: _ask(app, request, key)
    await told.put({"type": "lifespan.shutdown"})
    assert (await heard.get())["type"] == "lifespan.shutdown.complete"
    await life


async def _ask(app: ASGIApp, request: Request, key: str) -> Answer:
    coming = _messages(request)
    heard: list[Message] = []

    async def receive() -> Message:
        return next(coming, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        heard.append(message)

    had, began = _memory_from_here(), time.thread_time()
    await app(_scope(request, key), receive, send)
    seconds, took = time.thread_time() - began, memory("VmHWM") - had
    start, *parts = heard
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    body = b"".join(part["body"] for part in parts)
    return Answer(start["status"], headers, body, seconds, took)


def _memory_from_here() -> int:
    """Let the peak of memory be counted anew; return what the process has, in bytes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return memory("VmRSS")


def memory(name: str) -> int:
    """Return what Linux tells of this process's memory by a name, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (kibibytes,) = (line.split()[1] for line in status.splitlines() if line.startswith(name))
    return int(kibibytes) << 10


def _scope(request: Request, key: str) -> dict[str, Any]:
    headers = {"x-api-key": key.encode(), **request.headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query,
        "root_path": "",
        "headers": [(name.encode("latin-1"), value) for name, value in headers.items()],
        "client": PEER,
        "server": ("meter.test", 80),
    }


def _messages(request: Request) -> Iterator[Message]:
    chunks = request.chunks or [request.body]
    for place, chunk in enumerate(chunks, start=1):
        has_more = request.is_cut_off or place < len(chunks)
        yield {"type": "http.request", "body": chunk, "more_body": has_more}


@dataclass(frozen=True)
class Told:
    """What an answer says of records: None where it does not."""

    events: int | None = 0
    refused: int = 0
    codes: Sequence[str] = ()


@dataclass
class Promises:
    """What the OpenAPI document of a server says of its answers."""

    document: Mapping[str, Any]
    _validators: dict[tuple[str, int], Any] = field(default_factory=dict)

    @classmethod
    async def of(cls, ask: Ask) -> "Promises":
        return cls((await ask(Request("/openapi.json", b"", method="GET"), "")).said)

    def broken_by(self, request: Request, answer: Answer) -> Iterator[str]:
        """Yield how an answer breaks what is promised."""
        if answer.status >= 500 and not (answer.status == 503 and "retry-after" in answer.headers):
            yield "is no honest answer"
        if not answer.headers.get("x-request-id"):
            yield "has no x-request-id"
        if request.path not in BY_PATH and answer.status < 400:
            return
        if answer.is_protobuf:
            yield from _broken_protobuf(answer)
        elif answer.headers.get("content-type") != "application/json":
            yield f"is of the type {answer.headers.get('content-type')}"
        elif isinstance(answer.said, dict):
            yield from self._broken_schema(request, answer)
        else:
            yield "is no JSON object"

    def told_by(self, answer: Answer) -> Told:
        """Return what an answer says of the records that were sent."""
        if answer.status in UNREAD or "idempotency-replayed" in answer.headers:
            return Told()
        if answer.is_protobuf:
            rejected = _export(answer).partial_success.rejected_spans
            return Told(None, rejected) if answer.status == 200 else Told(0, 1)
        return _told_by(answer.status, answer.said)

    def _broken_schema(self, request: Request, answer: Answer) -> Iterator[str]:
        # What any path is answered with when it is read before the path is known.
        path = request.path if request.path in BY_PATH else next(iter(BY_PATH))
        status = 400 if answer.status in UNREAD else answer.status
        for error in self._validator(path, status).iter_errors(answer.said):
            yield f"is not as documented: {error.json_path} {error.message[:200]}"

    def _validator(self, path: str, status: int) -> Any:
        if (path, status) not in self._validators:
            documented = self.document["paths"][path]["post"]["responses"]
            # Nothing conforms to what is not documented.
            schema: Mapping[str, Any] = {"not": {}}
            if str(status) in documented:
                schema = documented[str(status)]["content"]["application/json"]["schema"]
                schema = {"components": self.document["components"], **schema}
            self._validators[path, status] = jsonschema.Draft202012Validator(schema)
        return self._validators[path, status]


def _broken_protobuf(answer: Answer) -> Iterator[str]:
    try:
        _export(answer)
    except DecodeError:
        yield "is no protobuf"
    # `google.rpc.Status`: a code, which is a varint, then a message.
    if answer.status != 200 and not (answer.body[:1] == b"\x08" and answer.body[2:3] == b"\x12"):
        yield "is no google.rpc.Status"


def _export(answer: Answer) -> ExportTraceServiceResponse:
    # The answers to all signals are built alike.
    return ExportTraceServiceResponse.FromString(answer.body if answer.status == 200 else b"")


def _told_by(status: int, said: Mapping[str, Any]) -> Told:
    if "processedEvents" in said:
        rejected = [int(n) for name, n in said["partialSuccess"].items() if "rejected" in name]
        return Told(said["processedEvents"], sum(rejected))
    if "accepted" in said:
        codes = [item["errors"][0]["code"] for item in said.get("items", ())]
        return Told(said["accepted"], said["refused"], codes)
    if status < 400:
        return Told(1 if "signature" in said else 0)
    return Told(0, 1, [said["errors"][0]["code"]])
