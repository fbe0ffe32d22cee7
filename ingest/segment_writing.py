"""Writing segments: appended to durably, sealed, and mended after a crash."""

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ingest.segments import Batch, frame_of, has_frame_beyond, new_name, whole_until

RETRY_AFTER_SECONDS = 5
# Where a file system has no sync of the data alone, the whole is synced.
_sync_data = getattr(os, "fdatasync", os.fsync)


class SegmentUnavailableError(Exception):
    """Nothing can be acknowledged now; what was asked to be appended is not kept.

    Attributes:
        retry_after: seconds after which the sender should try again.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.retry_after = RETRY_AFTER_SECONDS


@dataclass(frozen=True)
class _Append:
    batch: Batch
    received_at: datetime
    done: asyncio.Future[None]


class SegmentWriter:
    """Appends batches durably; one per process, used from one event loop.

    Appends that come while the disk syncs wait for the next sync together. A segment is opened by
    its first batch and sealed when it is large or old enough, so an idle server holds no
    settlement up.

    Attributes:
        synced_bytes: bytes that were synced since the start.
        sync_count: how often the disk was asked to sync them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = 64 << 20,
        max_age: timedelta = timedelta(seconds=5),
        free_space_floor: int = 256 << 20,
    ) -> None:
        """Write below `folder` (`DataPaths.landing`); nothing is touched before the first batch.

        Args:
            folder: sealed segments lie in it, the open one in `open` below it.
            max_bytes: a segment of this size is sealed.
            max_age: a segment is sealed this long after it was opened.
            free_space_floor: below this many free bytes nothing is accepted.
        """
        self.synced_bytes = 0
        self.sync_count = 0
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._free_space_floor = free_space_floor
        self._waiting: list[_Append] = []
        self._flushing: asyncio.Task[None] | None = None
        self._ageing: asyncio.Task[None] | None = None
        self._is_closed = False
        # All that touches the open segment runs in this one thread, in order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="segment")
        self._segment: _OpenSegment | None = None

    async def append(self, batch: Batch, received_at: datetime) -> None:
        """Return once the batch is on the disk.

        Raises:
            SegmentUnavailableError: the disk is full, read-only or broken, or the writer is
                closed; later appends succeed by themselves once the disk can be written again.
        """
        if self._is_closed:
            raise SegmentUnavailableError("the server is stopping; send the events again")
        append = _Append(batch, received_at, asyncio.get_running_loop().create_future())
        self._waiting.append(append)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await append.done

    async def roll(self) -> None:
        """Seal the open segment, if there is one."""
        await self._in_thread(self._seal)

    async def close(self) -> None:
        """Write what waits, seal, and accept nothing more."""
        self._is_closed = True
        if self._flushing:
            await self._flushing
        if self._ageing:
            self._ageing.cancel()
        await self.roll()
        self._thread.shutdown()

    async def _flush(self) -> None:
        while self._waiting:
            group = [append for append in self._waiting if not append.done.done()]
            self._waiting = []
            was_open = self._segment
            try:
                await self._in_thread(self._write, group)
            except Exception as error:  # noqa: BLE001 - whoever waits hears of it, whatever it is
                _tell(group, error)
            else:
                _tell(group, None)
            opened = self._segment
            if opened is not None and opened is not was_open:
                self._age(opened)

    async def _in_thread(self, work: Callable[..., None], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _age(self, segment: "_OpenSegment") -> None:
        if self._ageing:
            self._ageing.cancel()
        self._ageing = asyncio.create_task(self._seal_later(segment))

    async def _seal_later(self, segment: "_OpenSegment") -> None:
        await asyncio.sleep(self._max_age.total_seconds())
        if self._segment is segment:
            await self.roll()

    def _write(self, group: Sequence[_Append]) -> None:
        if not group:
            return
        try:
            self._refuse_without_room()
            if self._segment is None:
                opened_at = min(append.received_at for append in group)
                self._segment = _OpenSegment.create(self._folder, opened_at)
            appended = [(append.batch, append.received_at) for append in group]
            frame = frame_of(appended, self._segment.known)
            self._segment.append(*frame)
        except OSError as error:
            self._abandon()
            raise SegmentUnavailableError(
                f"{self._folder} can't be written ({error.strerror}); events are accepted again"
                " once it can"
            ) from error
        self._segment.known.update(*(append.batch.identifiers for append in group))
        self.synced_bytes += sum(map(len, frame))
        self.sync_count += 1
        if self._segment.size >= self._max_bytes:
            self._seal()

    def _refuse_without_room(self) -> None:
        (self._folder / "open").mkdir(parents=True, exist_ok=True)
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < self._free_space_floor:
            raise SegmentUnavailableError(
                f"less than {self._free_space_floor:,} bytes are free for {self._folder}; events"
                " are accepted again once there are more"
            )

    def _abandon(self) -> None:
        """Leave the segment to `repair`; what it had acknowledged before is safe.

        After a sync that failed no later one tells of those bytes, so nothing more is appended.
        """
        segment, self._segment = self._segment, None
        if segment:
            segment.cut_and_leave()

    def _seal(self) -> None:
        segment, self._segment = self._segment, None
        if segment:
            # Where it can't be renamed it is sealed by `repair`, as if this process had ended.
            with suppress(OSError):
                segment.seal()


@dataclass
class _OpenSegment:
    """The file that is appended to. Its lock says that the process lives; it ends with it."""

    path: Path
    descriptor: int
    size: int = 0
    known: set[str] = field(default_factory=set)

    @classmethod
    def create(cls, folder: Path, opened_at: datetime) -> "_OpenSegment":
        while True:
            path = folder / "open" / new_name(opened_at)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            segment = cls(path, os.open(path, flags, 0o600))
            try:
                if segment.is_held():
                    for each in (path.parent, folder, folder.parent):
                        _sync_folder(each)
                    return segment
            except OSError:
                segment.cut_and_leave()
                raise
            # A `repair` came between: what is empty and has no lock it takes away, and nobody else.
            os.close(segment.descriptor)

    def is_held(self) -> bool:
        """Whether the file is this process's own now; no other one touches it then."""
        return _lock(self.descriptor) and _is_at(self.path, self.descriptor)

    def append(self, *parts: bytes) -> None:
        for part in parts:
            rest = memoryview(part)
            while rest:
                rest = rest[os.write(self.descriptor, rest) :]
        _sync_data(self.descriptor)
        self.size += sum(map(len, parts))

    def cut_and_leave(self) -> None:
        """Take what was not acknowledged off the end, as far as the disk lets; close the file."""
        with suppress(OSError):
            os.ftruncate(self.descriptor, self.size)
        if self.size == 0:
            with suppress(OSError):
                self.path.unlink()
        os.close(self.descriptor)

    def seal(self) -> None:
        try:
            _move_out(self.path)
        finally:
            os.close(self.descriptor)


def repair(folder: Path) -> list[Path]:
    """Seal the open segments whose process is gone; return those that were sealed.

    What a crash left of a last frame is cut off: nobody was told that it was kept. A segment that
    has whole frames beyond a damaged one is sealed as it is, for its landing to refuse.
    """
    sealed_now = []
    for path in sorted((folder / "open").glob("*.ndjson")):
        with _claimed(path) as descriptor:
            if descriptor is not None and _mend(path, descriptor):
                sealed_now.append(_move_out(path))
    return sealed_now


def _mend(path: Path, descriptor: int) -> bool:
    """Cut a segment after its last whole frame; one without any is taken away."""
    end = whole_until(path)
    if not has_frame_beyond(path, end):
        os.ftruncate(descriptor, end)
    os.fsync(descriptor)
    if os.fstat(descriptor).st_size == 0:
        path.unlink()
        return False
    return True


@contextmanager
def _claimed(path: Path) -> Iterator[int | None]:
    """Hold a segment whose process is gone; yield None where it lives, or another was first."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield None
        return
    try:
        yield descriptor if _lock(descriptor) and _is_at(path, descriptor) else None
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        there, held = path.stat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)


def _move_out(path: Path) -> Path:
    """Move a segment from `open` to the folder above, durably."""
    moved = path.rename(path.parents[1] / path.name)
    _sync_folder(moved.parent)
    _sync_folder(path.parent)
    return moved


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tell(group: Sequence[_Append], error: Exception | None) -> None:
    for append in group:
        # Who went away meanwhile asked for nothing.
        if append.done.done():
            continue
        if error is None:
            append.done.set_result(None)
        else:
            append.done.set_exception(error)
