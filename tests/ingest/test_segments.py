import asyncio
import errno
import fcntl
import os
import resource
import stat
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ingest import segment_writing, segments
from ingest.segment_writing import SegmentUnavailableError, SegmentWriter, repair
from ingest.segments import (
    Batch,
    RefusedRecord,
    SegmentError,
    frames,
    opened_at,
    sealed,
    unlanded,
)
from tests.ingest.appended import RECEIVED, batch_of, line, lines_of, write
from tests.ingest.disks import small_disk

REFUSED = RefusedRecord("/meter/v2/events", "bad", "bad_time", "when?", '{"a": "\ud800"}')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "landing"


def writer(folder: Path, **said: Any) -> SegmentWriter:
    return SegmentWriter(folder, **{"free_space_floor": 0, **said})


def ids_in(paths: Sequence[Path]) -> set[bytes]:
    return {each for path in paths for each in lines_of(path)}


def test_what_was_appended_is_read_as_it_was(folder: Path) -> None:
    batch = Batch([line("a"), line("b")], {"key": ("email", "é@x.org")}, [REFUSED], [line("p")])
    path = write(folder, [batch, batch_of("c")])

    first, second = frames(path)
    assert first.lines() == [*batch.lines, *batch.points]
    assert (first.event_count, first.point_count, first.line_count) == (2, 1, 6)
    assert first.identifiers == batch.identifiers
    (refused,) = first.refused
    assert refused["raw_text"] == '{"a": "\\ud800"}'
    assert datetime.fromisoformat(refused["refused_at"]) == RECEIVED
    assert second.lines() == [line("c")]
    assert second.end == path.stat().st_size


def test_a_segment_is_named_for_the_first_receipt_and_is_nobody_elses_to_read(folder: Path) -> None:
    path = write(folder, [batch_of("a")])
    assert path.name.startswith("20260301T120000000000Z-")
    assert opened_at(path) == RECEIVED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_people_whom_a_segment_knows_are_not_written_again(folder: Path) -> None:
    known = Batch([line("a")], {"key": ("email", "a@x.org")})
    path = write(folder, [known, known])
    assert [dict(frame.identifiers) for frame in frames(path)] == [known.identifiers, {}]


def test_an_idle_server_has_no_segment(folder: Path) -> None:
    async def start_and_stop() -> None:
        idle = writer(folder)
        await idle.roll()
        await idle.close()

    asyncio.run(start_and_stop())
    assert not folder.exists()


def test_appends_that_wait_for_the_disk_are_synced_together(folder: Path) -> None:
    async def append_many() -> tuple[int, int]:
        busy = writer(folder)
        appends = [busy.append(batch_of(f"e{number}"), RECEIVED) for number in range(100)]
        await asyncio.gather(*appends)
        await busy.close()
        return busy.sync_count, busy.synced_bytes

    sync_count, synced_bytes = asyncio.run(append_many())
    (path,) = sealed(folder)
    assert sync_count < 5
    assert synced_bytes == path.stat().st_size
    assert ids_in([path]) == {line(f"e{number}") for number in range(100)}


def test_an_append_returns_only_after_its_sync(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []

    def sync(descriptor: int) -> None:
        os.fdatasync(descriptor)
        happened.append("synced")

    async def append() -> None:
        one = writer(folder)
        await one.append(batch_of("a"), RECEIVED)
        happened.append("acknowledged")
        await one.close()

    monkeypatch.setattr(segment_writing, "_sync_data", sync)
    asyncio.run(append())
    assert happened == ["synced", "acknowledged"]


def test_a_segment_is_sealed_when_it_is_large(folder: Path) -> None:
    async def append_three() -> None:
        small = writer(folder, max_bytes=1)
        for event_id in "abc":
            await small.append(batch_of(event_id), RECEIVED)
        assert len(sealed(folder)) == 3
        await small.close()

    asyncio.run(append_three())


class Telling(SegmentWriter):
    """A writer that tells when it has rolled."""

    rolled: asyncio.Event

    async def roll(self) -> None:
        await super().roll()
        self.rolled.set()


def test_a_segment_is_sealed_when_it_is_old(folder: Path) -> None:
    async def append_and_wait() -> None:
        brief = Telling(folder, max_age=timedelta(milliseconds=1), free_space_floor=0)
        for count in (1, 2):
            brief.rolled = asyncio.Event()
            await brief.append(batch_of("a"), RECEIVED)
            await asyncio.wait_for(brief.rolled.wait(), 10)
            assert len(sealed(folder)) == count
        await brief.close()

    asyncio.run(append_and_wait())


def test_a_closed_writer_accepts_nothing(folder: Path) -> None:
    async def append_after_close() -> None:
        closed = writer(folder)
        await closed.close()
        with pytest.raises(SegmentUnavailableError, match="stopping"):
            await closed.append(batch_of("a"), RECEIVED)

    asyncio.run(append_after_close())


def test_what_is_open_counts_as_unlanded_once_it_has_content(folder: Path) -> None:
    async def append_and_look() -> None:
        one = writer(folder)
        await one.append(batch_of("a"), RECEIVED)
        (path,) = unlanded(folder)
        assert path.parent.name == "open"
        (folder / "open" / "20260301T000000000000Z-empty.ndjson").touch()
        assert unlanded(folder) == [path]
        await one.roll()
        assert unlanded(folder) == sealed(folder) != []
        await one.close()

    asyncio.run(append_and_look())


@pytest.mark.parametrize("name", ["exported.ndjson", "20261301T000000000000Z-a.ndjson"])
def test_a_file_that_is_no_segment_is_told_by_its_name(name: str) -> None:
    with pytest.raises(SegmentError, match="no segment by its name"):
        opened_at(Path(name))


# -- What a crash leaves


def torn(folder: Path, content: bytes | bytearray) -> Path:
    path = folder / "open" / "20260301T120000000000Z-torn.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    batches = [batch_of("a"), Batch([line("b")], {"k": ("email", "b@x.org")}, [REFUSED])]
    return write(tmp_path_factory.mktemp("whole"), batches).read_bytes()


def test_a_segment_cut_anywhere_keeps_every_whole_frame_and_nothing_else(
    whole: bytes, folder: Path
) -> None:
    first_end = whole.index(b'{"frame"', 1)
    edges = {first_end - 1, first_end, first_end + 1, len(whole) - 1, len(whole)}
    for length in sorted({*range(0, len(whole), 9), *edges}):
        path = torn(folder, whole[:length])
        kept = [b"", whole[:first_end], whole][(length >= first_end) + (length == len(whole))]
        assert [each.read_bytes() for each in repair(folder)] == ([kept] if kept else [])
        assert not path.exists()


def test_a_damaged_byte_is_always_noticed_and_loses_no_frame_beside_it(
    whole: bytes, folder: Path
) -> None:
    first_end = whole.index(b'{"frame"', 1)
    for place in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path = torn(folder, damaged)
        with pytest.raises(SegmentError, match="no whole frame at byte"):
            list(frames(path))
        # What comes after the first was acknowledged too: then nothing is cut.
        kept = whole[:first_end] if place >= first_end else damaged
        assert [each.read_bytes() for each in repair(folder)] == [kept]


def test_zeros_after_the_last_frame_are_cut(whole: bytes, folder: Path) -> None:
    torn(folder, whole + bytes(4096))
    (path,) = repair(folder)
    assert path.read_bytes() == whole


def test_a_length_that_was_damaged_asks_for_no_memory(folder: Path) -> None:
    path = torn(folder, b'{"frame":"ffffffff-ffffffff-00000000","aside":0}\n')
    with pytest.raises(SegmentError):
        list(frames(path))
    assert repair(folder) == []


def test_the_segment_of_a_living_server_is_left_alone(folder: Path) -> None:
    async def repair_beside() -> None:
        living = writer(folder)
        await living.append(batch_of("a"), RECEIVED)
        assert repair(folder) == []
        await living.append(batch_of("b"), RECEIVED)
        await living.close()

    asyncio.run(repair_beside())
    assert ids_in(sealed(folder)) == {line("a"), line("b")}


def test_a_segment_that_is_taken_away_while_it_is_opened_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repair that comes between a segment's creation and its lock finds an empty file."""
    lock = fcntl.flock
    taken: list[Path] = []

    def repair_first(descriptor: int, operation: int) -> None:
        if not taken:
            taken.extend((folder / "open").iterdir())
            repair(folder)
        lock(descriptor, operation)

    async def append() -> None:
        one = writer(folder)
        with monkeypatch.context() as patched:
            patched.setattr(fcntl, "flock", repair_first)
            await one.append(batch_of("a"), RECEIVED)
        await one.close()

    asyncio.run(append())
    assert taken
    assert ids_in(sealed(folder)) == {line("a")}


def test_a_new_segment_that_a_repair_has_in_hand_is_left_to_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock
    held: dict[Path, int] = {}

    def claimed_first(descriptor: int, operation: int) -> None:
        if not held:
            (path,) = (folder / "open").iterdir()
            held[path] = os.open(path, os.O_RDWR)
            lock(held[path], operation)
        lock(descriptor, operation)

    async def append() -> None:
        one = writer(folder)
        with monkeypatch.context() as patched:
            patched.setattr(fcntl, "flock", claimed_first)
            await one.append(batch_of("a"), RECEIVED)
        await one.close()

    asyncio.run(append())
    ((path, descriptor),) = held.items()
    assert path.exists(), "who holds its lock would fail on it"
    os.close(descriptor)
    assert repair(folder) == []
    assert not path.exists()
    assert ids_in(sealed(folder)) == {line("a")}


# -- Disks that can't be written


def failing(call: Callable[..., object], at: int, error: int) -> Callable[..., object]:
    """Return `call`, but the `at`-th time it fails."""
    count = 0

    def fail(*arguments: object) -> object:
        nonlocal count
        count += 1
        if count == at:
            raise OSError(error, os.strerror(error))
        return call(*arguments)

    return fail


def half(write: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
    return lambda descriptor, data: write(descriptor, data[: max(1, len(data) // 2)])


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize(("name", "at"), [("write", 1), ("write", 9), ("sync", 1), ("sync", 3)])
def test_a_failing_disk_refuses_what_waits_keeps_what_was_acknowledged_and_recovers(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, at: int, error: int
) -> None:
    if name == "write":
        monkeypatch.setattr(os, "write", failing(half(os.write), at, error))
    else:
        monkeypatch.setattr(segment_writing, "_sync_data", failing(os.fdatasync, at, error))
    acknowledged: set[bytes] = set()
    refused: set[bytes] = set()

    async def append_all() -> None:
        one = writer(folder)
        for event_id in "abcdef":
            try:
                await one.append(batch_of(event_id), RECEIVED)
                acknowledged.add(line(event_id))
            except SegmentUnavailableError:
                refused.add(line(event_id))
        await one.close()

    asyncio.run(append_all())
    repair(folder)
    assert len(refused) == 1
    assert ids_in(sealed(folder)) == acknowledged
    assert list((folder / "open").iterdir()) == []


def test_nothing_follows_a_failed_sync_in_the_same_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_writing, "_sync_data", failing(os.fdatasync, 2, errno.EIO))

    async def append_around_it() -> None:
        one = writer(folder)
        await one.append(batch_of("a"), RECEIVED)
        with pytest.raises(SegmentUnavailableError, match="can't be written"):
            await one.append(batch_of("b"), RECEIVED)
        await one.append(batch_of("c"), RECEIVED)
        await one.close()

    asyncio.run(append_around_it())
    repair(folder)
    assert [lines_of(path) for path in sealed(folder)] in (
        [[line("a")], [line("c")]],
        [[line("c")], [line("a")]],
    )


def test_a_floor_of_free_space_refuses_and_leaves_no_file(folder: Path) -> None:
    async def append() -> None:
        full = writer(folder, free_space_floor=1 << 62)
        with pytest.raises(SegmentUnavailableError, match="bytes are free") as refused:
            await full.append(batch_of("a"), RECEIVED)
        assert refused.value.retry_after > 0
        await full.close()

    asyncio.run(append())
    assert list((folder / "open").iterdir()) == []


def test_a_segment_that_can_t_be_renamed_is_sealed_by_the_next_repair(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def append() -> None:
        one = writer(folder)
        await one.append(batch_of("a"), RECEIVED)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", failing(Path.rename, 1, errno.EIO))
            await one.close()

    asyncio.run(append())
    assert sealed(folder) == []
    assert ids_in(repair(folder)) == {line("a")}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "256k"):
        yield tmp_path / "disk"


def test_a_full_disk_refuses_until_there_is_room_again(disk: Path) -> None:
    folder = disk / "landing"
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(128 << 10))
    acknowledged: set[bytes] = set()

    async def append_until_refused(one: SegmentWriter, start: int) -> int:
        number = start
        while True:
            try:
                await one.append(batch_of(f"e{number}"), RECEIVED)
            except SegmentUnavailableError:
                return number
            acknowledged.add(line(f"e{number}"))
            number += 1

    async def fill_twice() -> None:
        one = writer(folder)
        first = await append_until_refused(one, 0)
        assert await append_until_refused(one, first) == first
        ballast.unlink()
        assert await append_until_refused(one, first) > first
        await one.close()

    asyncio.run(fill_twice())
    repair(folder)
    assert ids_in(sealed(folder)) == acknowledged


def test_a_frame_that_ends_at_a_limit_is_cut_off_and_leaves_the_ones_before(folder: Path) -> None:
    """A limit on the size of files stops a write in the middle, as a quota does."""

    async def append_at_the_limit() -> None:
        one = writer(folder)
        await one.append(batch_of("a"), RECEIVED)
        (path,) = (folder / "open").iterdir()
        whole = path.read_bytes()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 100, limits[1]))
        try:
            with pytest.raises(SegmentUnavailableError, match="can't be written"):
                await one.append(batch_of("b"), RECEIVED)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.read_bytes() == whole
        await one.append(batch_of("c"), RECEIVED)
        await one.close()

    asyncio.run(append_at_the_limit())
    repair(folder)
    assert ids_in(sealed(folder)) == {line("a"), line("c")}


def test_an_instant_in_another_zone_is_the_same_name(folder: Path) -> None:
    there = RECEIVED.astimezone(timezone(timedelta(hours=9)))
    assert opened_at(write(folder, [batch_of("a")], there)) == RECEIVED


# -- What was refused


def test_what_was_refused_is_found_without_reading_the_events(folder: Path) -> None:
    lines = [line(str(number), note="x" * 40_000) for number in range(200)]
    path = write(folder, [Batch(lines, refused=[REFUSED]), Batch(lines), Batch(refused=[REFUSED])])
    told = [record for frame in frames(path) for record in frame.refused]
    assert len(told) == 2
    tracemalloc.start()
    found = [*segments.refused(path)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == told
    assert peak < 1 << 20


@pytest.mark.parametrize("damage", [b'{"frame":"00', b"no frame"])
def test_what_was_refused_before_a_damage_is_found(folder: Path, damage: bytes) -> None:
    path = write(folder, [Batch(refused=[REFUSED])])
    path.write_bytes(path.read_bytes() + damage)
    found = segments.refused(path)
    assert next(found)["code"] == REFUSED.code
    with pytest.raises(SegmentError, match="no whole frame"):
        next(found)


def test_a_record_of_a_refusal_that_is_damaged_is_told(folder: Path) -> None:
    path = write(folder, [Batch(refused=[REFUSED])])
    path.write_bytes(path.read_bytes().replace(b'"refused_at"', b'"refused_at', 1))
    with pytest.raises(SegmentError, match="no whole frame at byte 0"):
        [*segments.refused(path)]
