"""Disks that are full, read-only or broken: nothing is acknowledged then, and all is well after."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from ingest import segment_writing
from ingest.segments import frames, sealed
from tests.ingest.api.process import ServerProcess, meterhouse
from tests.ingest.api.served import Served, codes
from tests.ingest.disks import read_only, small_disk

EVENTS = "/meter/v2/events"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB for all that a server keeps, half of it taken."""
    with small_disk(tmp_path / "data", "2m"):
        (tmp_path / "data" / "ballast").write_bytes(bytes(1 << 20))
        yield tmp_path / "data"


def event(name: str) -> dict[str, object]:
    return {"transactionId": name, "payload": {"note": "x" * 2000}}


def send(server: Served, name: str, *, is_keyed: bool) -> httpx.Response:
    headers = {"idempotency-key": name} if is_keyed else {}
    return server.post(EVENTS, event(name), headers=headers)


def assert_unavailable(answer: httpx.Response) -> None:
    assert (answer.status_code, codes(answer)) == (503, ["unavailable"])
    assert int(answer.headers["retry-after"]) > 0


def ids_on_the_disk(server: Served) -> list[str]:
    return [each["event_id"] for each in server.events()]


@pytest.mark.parametrize("is_keyed", [True, False])
def test_a_full_disk_refuses_and_takes_the_same_request_once_there_is_room(
    disk: Path, serve: Callable[..., Served], *, is_keyed: bool
) -> None:
    server = serve()
    acknowledged = []
    while (answer := send(server, f"e-{len(acknowledged)}", is_keyed=is_keyed)).is_success:
        acknowledged.append(f"e-{len(acknowledged)}")
    for name in ("other", f"e-{len(acknowledged)}"):
        assert_unavailable(answer)
        answer = send(server, name, is_keyed=is_keyed)
    assert_unavailable(answer)

    (disk / "ballast").unlink()

    refused = f"e-{len(acknowledged)}"
    assert send(server, refused, is_keyed=is_keyed).status_code == 201
    assert len(acknowledged) > 50
    assert sorted(ids_on_the_disk(server)) == sorted([*acknowledged, refused])
    if is_keyed:
        assert all(
            send(server, name, is_keyed=True).headers["idempotency-replayed"]
            for name in (acknowledged[0], acknowledged[-1], refused)
        )


def test_a_batch_that_does_not_fit_is_cut_off_and_leaves_the_ones_before(
    disk: Path, serve: Callable[..., Served]
) -> None:
    server = serve()
    assert send(server, "small", is_keyed=False).status_code == 201
    (path,) = (disk / "landing" / "open").iterdir()
    before = path.read_bytes()
    assert_unavailable(server.post(EVENTS, [event(f"large-{place}") for place in range(1000)]))
    assert path.read_bytes() == before
    assert send(server, "after", is_keyed=False).status_code == 201
    assert sorted(ids_on_the_disk(server)) == ["after", "small"]


def test_a_disk_that_turned_read_only_refuses_until_it_can_be_written(
    serve: Callable[..., Served],
) -> None:
    server = serve()
    landing = server.settings.paths.landing
    assert send(server, "before", is_keyed=True).status_code == 201
    server.restart()
    with read_only(landing):
        assert_unavailable(send(server, "refused", is_keyed=True))
        assert_unavailable(send(server, "other", is_keyed=False))
        assert server.get("/readyz").status_code == 503
        assert send(server, "before", is_keyed=True).headers["idempotency-replayed"]
    assert server.get("/readyz").status_code == 200
    assert send(server, "refused", is_keyed=True).status_code == 201
    assert sorted(ids_on_the_disk(server)) == ["before", "refused"]


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_a_sync_that_fails_is_no_answer_and_the_request_is_taken_when_it_comes_again(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def fail(_: int) -> None:
        raise OSError(error, os.strerror(error))

    server = serve()
    assert send(server, "before", is_keyed=True).status_code == 201
    with monkeypatch.context() as broken:
        broken.setattr(segment_writing, "_sync_data", fail)
        assert_unavailable(send(server, "refused", is_keyed=True))
    assert ids_on_the_disk(server) == ["before"]
    assert send(server, "refused", is_keyed=True).status_code == 201
    assert sorted(ids_on_the_disk(server)) == ["before", "refused"]


# -- Servers in processes of their own


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def make_key(data: Path) -> str:
    made = meterhouse(data, "keys", "create", "test")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def post(server: ServerProcess, key: str, name: str) -> httpx.Response:
    headers = {"x-api-key": key, "idempotency-key": name}
    return httpx.post(server.url + EVENTS, json=event(name), headers=headers, timeout=30)


def test_below_its_floor_of_free_bytes_a_server_waits_for_room(data: Path) -> None:
    ballast = data / "ballast"
    with small_disk(data, "300m"):
        key = make_key(data)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 48 << 20)
        server = ServerProcess(data)
        assert_unavailable(post(server, key, "e-1"))
        assert httpx.get(server.url + "/readyz", timeout=30).status_code == 503
        ballast.unlink()
        assert post(server, key, "e-1").status_code == 201
        server.stop()
        (path,) = sealed(data / "landing")
        assert [frame.event_count for frame in frames(path)] == [1]


def test_a_server_that_can_t_write_at_its_start_says_so_and_ends(data: Path) -> None:
    make_key(data)
    with read_only(data):
        refused = meterhouse(data, "serve", "--port", "0")
    assert refused.returncode != 0
    assert "Read-only file system" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_next_start_mends_what_a_crash_left_of_a_last_line(data: Path) -> None:
    key = make_key(data)
    server = ServerProcess(data)
    assert post(server, key, "e-1").status_code == 201
    server.kill()
    (path,) = (data / "landing" / "open").iterdir()
    whole = path.read_bytes()
    # The next request had begun to be written.
    path.write_bytes(whole + whole.replace(b"e-1", b"e-2")[: len(whole) // 2])

    server = ServerProcess(data)

    assert not list((data / "landing" / "open").iterdir())
    (path,) = sealed(data / "landing")
    assert path.read_bytes() == whole
    assert post(server, key, "e-1").headers["idempotency-replayed"]
    assert post(server, key, "e-2").status_code == 201
    server.stop()
    assert (
        sum(frame.event_count for path in sealed(data / "landing") for frame in frames(path)) == 2
    )
