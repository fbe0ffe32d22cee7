"""The same Idempotency-Key, the same answer.

Claims and answers lie in SQLite, so that all processes of a server share them and a restart keeps
them. Its log is not synced with every answer (`synchronous = normal`): a killed process loses
nothing, and after a power cut the last keys may be unknown. Then the request is taken again, with
the same event ids, and the warehouse counts each once.
"""

import fcntl
import hashlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from ingest.api.call import Answer
from ingest.api.errors import ApiError, Problem

KEPT_FOR = timedelta(hours=25)
RETRY_AFTER_SECONDS = 1
MAX_KEY_LENGTH = 255
_SCHEMA = """
    create table if not exists answers (
        idempotency_key text primary key,
        fingerprint blob not null,
        owner text not null,
        claimed_at real not null,
        status integer,
        content_type blob,
        body blob
    ) strict, without rowid
"""


def fingerprint(*parts: bytes) -> bytes:
    """Return what a request is compared by; the border between two parts counts."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


class Idempotency:
    """Claims of keys, and the answers they got."""

    def __init__(self, folder: Path) -> None:
        """Open the store in a folder, or make an empty one."""
        self._processes = folder / "processes"
        self._processes.mkdir(parents=True, exist_ok=True)
        # A claim of a process that is gone is nobody's; a lock ends with its process.
        self._owner, self._lock = _enter(self._processes)
        self._in_flight: set[str] = set()
        self._connection = sqlite3.connect(
            folder / "idempotency.sqlite", isolation_level=None, timeout=0.5
        )
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.execute(_SCHEMA)

    def close(self) -> None:
        """Close the files; what is claimed and not answered becomes nobody's."""
        self._connection.close()
        os.close(self._lock)

    def claim(self, key: str, fingerprint: bytes, now: datetime) -> Answer | None:
        """Return the answer that the same request got; with None the key is the caller's.

        Who has a key must `keep` an answer or `release` it.

        Raises:
            ApiError: 400 where the key is too long, 409 where it belongs to another request, or
                the first is not answered yet, 503 where keys can't be kept.
        """
        if len(key) > MAX_KEY_LENGTH:
            long = f"the Idempotency-Key is longer than {MAX_KEY_LENGTH} characters"
            raise ApiError(400, Problem("text_too_long", long, "Idempotency-Key"))
        with _unavailable_on_failure():
            if not self._insert(key, fingerprint, now):
                answer = self._look_up(key, fingerprint)
                if answer is not None:
                    return answer
        self._in_flight.add(key)
        return None

    def keep(self, key: str, answer: Answer) -> None:
        """Keep the answer to the request that claimed a key.

        Where that fails the key is nobody's: what was accepted is acknowledged all the same, and
        sent again it is the same event.
        """
        self._in_flight.discard(key)
        with suppress(sqlite3.OperationalError):
            self._connection.execute(
                "update answers set status = ?, content_type = ?, body = ?"
                " where idempotency_key = ? and owner = ?",
                (answer.status, answer.content_type, answer.body, key, self._owner),
            )

    def release(self, key: str) -> None:
        """Give a key back without an answer: the same request may be tried again."""
        self._in_flight.discard(key)
        with suppress(sqlite3.OperationalError):
            self._connection.execute(
                "delete from answers where idempotency_key = ? and owner = ? and status is null",
                (key, self._owner),
            )

    def prune(self, now: datetime) -> None:
        """Forget what is older than a day."""
        with suppress(sqlite3.OperationalError):
            self._connection.execute(
                "delete from answers where claimed_at < ?", ((now - KEPT_FOR).timestamp(),)
            )

    def _insert(self, key: str, fingerprint: bytes, now: datetime) -> bool:
        inserted = self._connection.execute(
            "insert into answers (idempotency_key, fingerprint, owner, claimed_at)"
            " values (?, ?, ?, ?) on conflict do nothing",
            (key, fingerprint, self._owner, now.timestamp()),
        )
        return inserted.rowcount == 1

    def _look_up(self, key: str, fingerprint: bytes) -> Answer | None:
        row = self._connection.execute(
            "select fingerprint, owner, status, content_type, body from answers"
            " where idempotency_key = ?",
            (key,),
        ).fetchone()
        if row is None:
            raise _in_progress(key)
        known, owner, status, content_type, body = row
        if known != fingerprint:
            told = "this Idempotency-Key came with another request before"
            raise ApiError(409, Problem("idempotency_key_mismatch", told, "Idempotency-Key", key))
        if status is not None:
            return Answer(status, body, content_type, ((b"idempotency-replayed", b"true"),))
        if self._is_alive(owner, key) or not self._take_over(key, owner):
            raise _in_progress(key)
        return None

    def _is_alive(self, owner: str, key: str) -> bool:
        if owner == self._owner:
            return key in self._in_flight
        return _is_locked(self._processes / owner)

    def _take_over(self, key: str, owner: str) -> bool:
        taken = self._connection.execute(
            "update answers set owner = ?"
            " where idempotency_key = ? and owner = ? and status is null",
            (self._owner, key, owner),
        )
        return taken.rowcount == 1


def _in_progress(key: str) -> ApiError:
    told = "the first request with this Idempotency-Key is not answered yet"
    problem = Problem("idempotency_key_in_progress", told, "Idempotency-Key", key)
    return ApiError(409, problem, retry_after=RETRY_AFTER_SECONDS)


@contextmanager
def _unavailable_on_failure() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError:
        problem = Problem("unavailable", "idempotency keys can't be kept at the moment")
        raise ApiError(503, problem, retry_after=RETRY_AFTER_SECONDS) from None


def _enter(processes: Path) -> tuple[str, int]:
    """Take a name for this process, and the lock that says it lives; clear up after dead ones."""
    for path in processes.iterdir():
        _clear_up(path)
    while True:
        name = secrets.token_hex(8)
        path = processes / name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Between its making and its locking another process may have cleared it up.
        if path.exists():
            return name, descriptor
        os.close(descriptor)


def _clear_up(path: Path) -> None:
    """Take a dead process's file away; with its lock, as one may have just made it and wait."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
