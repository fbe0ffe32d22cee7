"""Real processes: started, stopped, several at once; heads without end."""

import json
import socket
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from ingest import segments
from ingest.paths import DataPaths
from ingest.segment_landing import land_segments
from tests.ingest.api.process import ServerProcess, meterhouse
from tests.ingest.api.served import NOW
from tests.ingest.landed import Lake

EVENTS = "/meter/v2/events"
ON_A_BUSY_MACHINE = 1


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def key(data) -> str:
    made = meterhouse(data, "keys", "create", "test", "--scope", "meter:write", "read")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def send(url: str, key: str, *ids: str) -> httpx.Response:
    body = [{"transactionId": each, "payload": {"units": 1}} for each in ids]
    return httpx.post(url + EVENTS, json=body, headers={"x-api-key": key}, timeout=30)


def landed_ids(data: Path) -> list[str]:
    """Land everything; return the id of every row that a settlement sees."""
    paths = DataPaths(data)
    later = NOW.replace(year=2199)
    land_segments(paths.landing, paths.lake, now=later)
    assert not segments.unlanded(paths.landing)
    return [event["event_id"] for event in Lake(data).events()]


def test_a_stop_answers_what_was_accepted_and_seals_it(data, key):
    server = ServerProcess(data)
    assert send(server.url, key, "e-1").status_code == 201
    assert server.stop() in (0, -15)
    paths = DataPaths(data)
    assert not list((paths.landing / "open").iterdir())
    assert len(segments.sealed(paths.landing)) == 1
    assert all(json.loads(line)["level"] for line in server.log)
    assert key not in "".join(server.log)


def test_a_revocation_reaches_a_running_server(data, key):
    server = ServerProcess(data)
    assert send(server.url, key, "e-1").status_code == 201
    assert meterhouse(data, "keys", "revoke", "test").returncode == 0
    revoked_at = time.monotonic()
    while send(server.url, key, "e-2").status_code == 201:
        assert time.monotonic() - revoked_at < 1 + ON_A_BUSY_MACHINE
    server.stop()


def test_several_processes_share_keys_answers_and_counters(data, key):
    server = ServerProcess(data, workers=2)
    headers = {"x-api-key": key, "idempotency-key": "k-1"}
    answers = set()
    for number in range(20):
        # Each on a connection of its own, so that both processes are met.
        answer = httpx.post(server.url + EVENTS, json={"payload": {}}, headers=headers, timeout=30)
        answers.add(answer.content)
        assert send(server.url, key, f"e-{number}").status_code == 201
    assert len(answers) == 1
    page = httpx.get(server.url + "/metrics", headers={"x-api-key": key}, timeout=30).text
    counted = f'meterhouse_events_total{{endpoint="{EVENTS}",outcome="accepted"}} 21.0'
    assert counted in page
    server.stop()
    landed = landed_ids(data)
    assert {f"e-{number}" for number in range(20)} < {*landed}
    assert len(landed) == 21


def test_processes_end_with_the_one_that_started_them(data, key):
    server = ServerProcess(data, workers=2)
    assert send(server.url, key, "e-1").status_code == 201
    # This waits until nobody writes to its log.
    server.kill()
    with pytest.raises(httpx.ConnectError):
        send(server.url, key, "e-2")
    assert landed_ids(data) == ["e-1"]


def test_a_head_without_end_is_cut_off(data, key):
    server = ServerProcess(data)
    host, port = server.url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)))) as connection:
        connection.settimeout(30)
        connection.sendall(f"POST {EVENTS} HTTP/1.1\r\nx-much: ".encode())
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            connection.sendall(b"x" * 100_000_000)
    assert send(server.url, key, "e-1").status_code == 201
    server.stop()
