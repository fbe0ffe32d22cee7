"""HTTP that is broken below the application: what is answered, and that the server goes on."""

import socket
import time
from collections.abc import Iterator

import pytest

from ingest import segments
from tests.fuzz.loopback import Loopback, listening

BODY = b'{"payload":{"units":3}}'
WITHIN_SECONDS = 10
# What each is answered with: a status, or nothing but the end of the connection.
BROKEN = {
    "a chunk of no size": (b"transfer-encoding: chunked\r\n\r\nxyz\r\n", (400,)),
    "a chunk of a negative size": (b"transfer-encoding: chunked\r\n\r\n-5\r\nhello\r\n", (400,)),
    "a chunk of too large a size": (
        b"transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n",
        (400,),
    ),
    "a chunk that is longer than it says": (
        b"transfer-encoding: chunked\r\n\r\n1\r\nhello\r\n0\r\n\r\n",
        (400,),
    ),
    "chunks without a last one": (
        b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(BODY), BODY),
        (408,),
    ),
    "both a length and chunks": (
        b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        (400,),
    ),
    "two lengths": (b"content-length: 5\r\ncontent-length: 6\r\n\r\n" + BODY, (400,)),
    "a length that is none": (b"content-length: \xb2\r\n\r\n" + BODY, (400,)),
    "a length without end": (b"content-length: " + b"9" * 5_000 + b"\r\n\r\n" + BODY, (400,)),
    "less than its length": (b"content-length: 5000\r\n\r\n" + BODY, (408,)),
    "a length beyond the limit": (b"content-length: 99999999\r\n\r\n" + BODY, (413,)),
    "a header with NUL": (b"x-a: \x00\r\ncontent-length: 0\r\n\r\n", (400,)),
    "a header without a colon": (b"what\r\n\r\n", (400,)),
    "headers of 40 KiB": (b"x-a: " + b"a" * 40_000 + b"\r\n\r\n", (431,)),
    "headers of 4 MiB": (b"x-a: " + b"a" * (4 << 20) + b"\r\n\r\n", (431, None)),
    "a head without end": (b"x-a: 1\r\n" * 100_000, (431, None)),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Loopback]:
    with listening(tmp_path_factory.mktemp("listening")) as started:
        yield started


def answered(server: Loopback, rest: bytes) -> tuple[int | None, bytes]:
    """Send a request whose first headers are sound; return the status of the answer, and it."""
    head = b"POST /meter/v2/events HTTP/1.1\r\nhost: a\r\nx-api-key: %b\r\n" % server.key.encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=WITHIN_SECONDS) as connection:
        heard = b""
        try:
            connection.sendall(head + rest)
            while b"\r\n\r\n" not in heard and (part := connection.recv(65_536)):
                heard += part
        except ConnectionError:
            # It was closed while it was still being sent to.
            pass
    return (int(heard[9:12]) if heard else None), heard


def refused(server: Loopback) -> list[str]:
    paths = segments.unlanded(server.paths.landing)
    return [
        record["code"]
        for path in paths
        for frame in segments.frames(path)
        for record in frame.refused
    ]


@pytest.mark.parametrize(("rest", "statuses"), BROKEN.values(), ids=BROKEN)
def test_broken_http_is_refused_and_the_server_goes_on(server, rest, statuses):
    began = time.monotonic()
    status, heard = answered(server, rest)
    assert status in statuses, heard
    assert time.monotonic() - began < WITHIN_SECONDS
    sound = b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
    assert answered(server, sound)[0] == 201


def test_a_sender_that_goes_away_in_the_middle_is_recorded(server):
    before = refused(server)
    head = b"POST /meter/v2/events HTTP/1.1\r\nhost: a\r\nx-api-key: %b\r\n" % server.key.encode()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head + b"content-length: 500\r\n\r\n" + BODY)
    # The next answer comes after what was first in line.
    until = time.monotonic() + WITHIN_SECONDS
    while refused(server) == before and time.monotonic() < until:
        answered(server, b"content-length: 0\r\n\r\n")
    assert "cut_off" in refused(server)[len(before) :]
