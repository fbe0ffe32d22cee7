"""Heads of requests: within their limits of bytes and of time, however they come."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from ingest.api import server
from ingest.api.server import BoundedHeads

# A part of a network's packet, and of what is read at once.
PACKET = 1_500


class Wire(asyncio.Transport):
    """The client's end: what it is told, and when the server hangs up."""

    def __init__(self) -> None:
        super().__init__()
        self.told = b""
        self.hung_up = asyncio.Event()

    def write(self, data: Any) -> None:
        self.told += bytes(data)

    def close(self) -> None:
        self.hung_up.set()

    def is_closing(self) -> bool:
        return self.hung_up.is_set()

    def pause_reading(self) -> None:
        """It is sent all the same."""

    resume_reading = pause_reading


async def answer_with_length(_: Any, receive: Any, send: Any) -> None:
    body, has_more = b"", True
    while has_more:
        message = await receive()
        body += message.get("body", b"")
        has_more = message.get("more_body", False)
    answer = b"%d" % len(body)
    headers = [(b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def connected() -> tuple[BoundedHeads, Wire, ServerState]:
    wire, state = Wire(), ServerState()
    config = uvicorn.Config(answer_with_length, log_config=None)
    protocol = BoundedHeads(config, state, {})
    protocol.connection_made(wire)
    return protocol, wire, state


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, timeout=30))


def request(body: bytes, **headers: str) -> bytes:
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    head = f"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n{''.join(lines)}\r\n"
    return head.encode() + body


async def sent(*chunks: bytes) -> bytes:
    protocol, wire, state = connected()
    for chunk in chunks:
        if not wire.is_closing():
            protocol.data_received(chunk)
    await asyncio.gather(*state.tasks)
    protocol.connection_lost(None)
    return wire.told


@pytest.mark.parametrize("begin", [1, PACKET, 2_100])
def test_a_body_that_comes_with_the_end_of_a_head_is_not_counted_with_it(begin: int) -> None:
    async def check() -> None:
        whole = request(b"x" * 147_000, cookie="c" * 2_000)
        assert (await sent(whole[:begin], whole[begin:])).endswith(b"\r\n\r\n147000")

    run(check())


def test_a_head_that_is_too_long_is_refused_in_json() -> None:
    async def check() -> None:
        whole = request(b"", cookie="c" * 70_000)
        told = await sent(*(whole[at : at + PACKET] for at in range(0, len(whole), PACKET)))
        head, _, body = told.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        assert b"content-length: %d\r\n" % len(body) in head
        assert [error["code"] for error in json.loads(body)["errors"]] == ["too_large"]

    run(check())


def test_requests_that_follow_each_other_are_counted_each_for_itself() -> None:
    async def check() -> None:
        whole = request(b"x" * 50_000, cookie="c" * 20_000) * 4
        protocol, wire, state = connected()
        for at in range(0, len(whole), PACKET):
            protocol.data_received(whole[at : at + PACKET])
            await asyncio.sleep(0)
        while state.tasks:
            await asyncio.gather(*state.tasks)
        assert wire.told.count(b"\r\n\r\n50000") == 4
        protocol.connection_lost(None)

    run(check())


@pytest.mark.parametrize(
    "begun",
    [b"", b"POST / HTTP/1.1\r\nhost: x\r\n", request(b"abc") + b"POST "],
    ids=["nothing", "half a head", "half of a second head"],
)
def test_a_head_that_does_not_come_is_given_up(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.01)

    async def check() -> None:
        protocol, wire, _ = connected()
        if begun:
            protocol.data_received(begun)
        await wire.hung_up.wait()
        protocol.connection_lost(None)

    run(check())


def test_a_head_that_came_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.01)

    async def check() -> None:
        protocol, wire, state = connected()
        whole = request(b"abc")
        protocol.data_received(whole[:-1])
        later = asyncio.Event()
        asyncio.get_running_loop().call_later(0.03, later.set)
        await later.wait()
        assert not wire.hung_up.is_set()
        protocol.data_received(whole[-1:])
        await asyncio.gather(*state.tasks)
        assert wire.told.endswith(b"\r\n\r\n3")
        protocol.connection_lost(None)

    run(check())
