"""Bodies: compressed, in chunks, and within their limits."""

import asyncio
import gzip
import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.api.bodies import UnreadableBodyError, decompress
from tests.ingest.api.served import codes

EVENTS = "/meter/v2/events"
ONE = {"transactionId": "e-1", "payload": {"units": 3}}
BODY = json.dumps(ONE).encode()


def raw_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush()


COMPRESSED = {
    "gzip": ("gzip", gzip.compress(BODY)),
    "x-gzip": ("X-GZIP", gzip.compress(BODY)),
    "gzip of two members": ("gzip", gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])),
    "deflate": ("deflate", zlib.compress(BODY)),
    "raw deflate": ("deflate", raw_deflate(BODY)),
    "identity": ("identity", BODY),
}


@pytest.mark.parametrize(("encoding", "sent"), COMPRESSED.values(), ids=COMPRESSED)
def test_compressed_bodies_are_read(server, encoding, sent):
    answer = server.post(EVENTS, content=sent, headers={"content-encoding": encoding})
    assert answer.status_code == 201, answer.text
    assert server.events()[0]["event_id"] == "e-1"


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd"])
def test_an_unknown_encoding_is_refused_and_kept(server, encoding):
    answer = server.post(EVENTS, content=BODY, headers={"content-encoding": encoding})
    assert (answer.status_code, codes(answer)) == (415, ["bad_content_encoding"])
    assert len(server.refused()) == 1


DAMAGED = {
    "no gzip": ("gzip", BODY),
    "cut off": ("gzip", gzip.compress(BODY)[:-3]),
    "a wrong checksum": ("gzip", gzip.compress(BODY)[:-8] + b"\0" * 8),
    "something behind it": ("gzip", gzip.compress(BODY) + b"more"),
    "something behind deflate": ("deflate", zlib.compress(BODY) + b"more"),
    "no deflate": ("deflate", b"\xff\xff\xff"),
    "empty gzip": ("gzip", b""),
}


@pytest.mark.parametrize(("encoding", "sent"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_body_is_refused_and_kept(server, encoding, sent):
    answer = server.post(EVENTS, content=sent, headers={"content-encoding": encoding})
    assert (answer.status_code, codes(answer)) == (400, ["bad_content_encoding"])
    assert len(server.refused()) == 1
    assert not server.events()


def test_a_bomb_is_refused_before_it_goes_off():
    bomb = gzip.compress(b"0" * 200_000_000, compresslevel=9)
    limit = 1 << 20
    tracemalloc.start()
    with pytest.raises(UnreadableBodyError) as refused:
        decompress(bomb, "gzip", limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.status == 413
    assert peak < 8 * limit


def test_a_bomb_of_many_members_is_refused_too():
    bomb = gzip.compress(b"0" * 100_000) * 1_000
    with pytest.raises(UnreadableBodyError) as refused:
        decompress(bomb, "gzip", 1 << 20)
    assert refused.value.status == 413


@given(content=st.binary(max_size=2_000), spare=st.integers(-1, 3))
def test_exactly_the_limit_can_be_decompressed(content, spare):
    limit = len(content) + spare
    for encoding, sent in (
        ("gzip", gzip.compress(content)),
        ("deflate", zlib.compress(content)),
        ("deflate", raw_deflate(content)),
    ):
        if spare >= 0:
            assert decompress(sent, encoding, limit) == content
        else:
            with pytest.raises(UnreadableBodyError):
                decompress(sent, encoding, limit)


def test_a_body_in_chunks_is_read(server):
    async def chunks():
        for at in range(0, len(BODY), 7):
            yield BODY[at : at + 7]

    answer = server.run(server.send(EVENTS, content=chunks()))
    assert answer.status_code == 201, answer.text


def test_a_body_that_is_announced_too_large_is_refused_unread(serve):
    server = serve(limits={"body_bytes": 1_000})
    heard = []

    async def receive():
        pytest.fail("the body was asked for")

    async def send(message):
        heard.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": EVENTS,
        "query_string": b"",
        "headers": [(b"x-api-key", server.key.encode()), (b"content-length", b"1001")],
    }
    server.run(server.app(scope, receive, send))
    assert heard[0]["status"] == 413
    assert (b"connection", b"close") in heard[0]["headers"]
    assert server.refused()[0]["code"] == "too_large"


def test_a_body_in_chunks_is_refused_as_soon_as_it_is_too_large(serve):
    server = serve(limits={"body_bytes": 1_000, "kept_bytes": 100})
    asked = 0

    async def chunks():
        nonlocal asked
        while True:
            asked += 1
            yield b"x" * 100

    async def receive_forever():
        return {"type": "http.request", "body": await anext(endless), "more_body": True}

    endless = chunks()
    heard = []

    async def send(message):
        heard.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": EVENTS,
        "query_string": b"",
        "headers": [(b"x-api-key", server.key.encode())],
    }
    server.run(server.app(scope, receive_forever, send))
    assert heard[0]["status"] == 413
    assert asked == 11
    assert server.refused()[0]["raw_text"] == "x" * 100


@pytest.mark.parametrize("begun", [b"{", b""], ids=["a byte of it", "nothing of it"])
def test_a_body_that_does_not_come_is_given_up(serve, begun):
    server = serve(limits={"body_seconds": 0.01})

    async def chunks():
        if begun:
            yield begun
        await asyncio.Event().wait()

    async def receive():
        return {"type": "http.request", "body": await anext(slow), "more_body": True}

    slow = chunks()
    heard = []

    async def send(message):
        heard.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": EVENTS,
        "query_string": b"",
        "headers": [(b"x-api-key", server.key.encode())],
    }
    server.run(server.app(scope, receive, send))
    assert heard[0]["status"] == 408
    assert server.refused()[0]["raw_text"] == begun.decode()


def test_too_many_records_are_refused_whole(serve):
    server = serve(limits={"records": 3})
    assert server.post(EVENTS, [ONE] * 3).status_code == 201
    answer = server.post(EVENTS, [ONE] * 4)
    assert (answer.status_code, codes(answer)) == (413, ["too_many_records"])
    lines = b'{"payload": {}}\n' * 4
    answer = server.post(EVENTS, content=lines, headers={"content-type": "application/x-ndjson"})
    assert (answer.status_code, codes(answer)) == (413, ["too_many_records"])
    assert len(server.events()) == 3


@pytest.mark.parametrize("is_batch", [False, True])
def test_a_record_that_is_kept_in_too_many_bytes_is_refused(server, is_batch):
    # A structure is kept as a text, in which 1e1 is "1E+1", and each of the quotes is escaped.
    elements = ",".join(f'"e{number}":[{",".join(["1e1"] * 6_000)}]' for number in range(40))
    long = b'{"transactionId":"e-2","payload":{%b}}' % elements.encode()
    answer = server.post(EVENTS, content=b"[%b,%b]" % (BODY, long) if is_batch else long)
    assert answer.status_code == (207 if is_batch else 400)
    assert [record["code"] for record in server.refused()] == ["too_large"]
    assert len(server.events()) == is_batch


def test_a_request_whose_events_are_too_many_bytes_is_refused_whole(serve):
    server = serve(limits={"kept_total_bytes": 4_000})
    assert server.post(EVENTS, [ONE] * 5).status_code == 201
    answer = server.post(EVENTS, [ONE] * 20)
    assert (answer.status_code, codes(answer)) == (413, ["too_large"])
    assert len(server.events()) == 5
    assert [record["raw_text"][:1] for record in server.refused()] == ["["]
    assert server.post(EVENTS, [{"payload": "x" * 500}] * 20).status_code == 413


def test_others_get_their_turn_while_a_batch_of_long_records_is_taken(server):
    order = []

    async def send(name, body):
        await server.send(EVENTS, body)
        order.append(name)

    async def both():
        many = [{"transactionId": f"e-{n}", "payload": {"note": "x" * 40_000}} for n in range(150)]
        await asyncio.gather(send("batch", many), send("single", ONE))

    server.run(both())
    assert order == ["single", "batch"]


def test_urls_and_headers_have_limits(server):
    answer = server.post(f"{EVENTS}?{'x' * 9_000}", ONE)
    assert (answer.status_code, codes(answer)) == (414, ["too_large"])
    answer = server.post(EVENTS, ONE, headers={"x-much": "x" * 40_000})
    assert (answer.status_code, codes(answer)) == (431, ["too_large"])
    assert server.get(f"/healthz?{'x' * 9_000}").status_code == 414
