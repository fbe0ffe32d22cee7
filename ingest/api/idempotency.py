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
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from ingest.api.call import Answer
from ingest.api.errors import ApiError, Problem

KEPT_FOR = timedelta(hours=25)
RETRY_AFTER_SECONDS = 1
MAX_KEY_LENGTH = 255
_SCHEMA = """
    create table if not exists requests (
        sender text,
        idempotency_key text,
        fingerprint blob not null,
        owner text not null,
        claimed_at real not null,
        status integer,
        content_type blob,
        body blob,
        primary key (sender, idempotency_key)
    ) strict, without rowid;

    create index if not exists requests_by_age on requests (claimed_at)
"""
_AT_ONCE = 1_000


def fingerprint(*parts: bytes) -> bytes:
    """Return what a request is compared by; the border between two parts counts."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


class SenderKey(NamedTuple):
    """An Idempotency-Key, and the name of the API key that it came with: others have their own."""

    sender: str
    key: str

    def seed(self, fingerprint_: bytes) -> bytes:
        """Return what ids are made of for events of the request with that fingerprint."""
        return fingerprint(self.sender.encode(), self.key.encode(), fingerprint_)


class Idempotency:
    """Claims of keys, and the answers they got."""

    def __init__(self, folder: Path) -> None:
        """Open the store in a folder, or make an empty one."""
        self._processes = folder / "processes"
        self._processes.mkdir(parents=True, exist_ok=True)
        # A claim of a process that is gone is nobody's; a lock ends with its process.
        self._owner, self._lock = _enter(self._processes)
        self._in_flight: set[SenderKey] = set()
        # What could not be written yet: an answer, or None for a key that is given back.
        self._unwritten: dict[SenderKey, Answer | None] = {}
        self._path = folder / "idempotency.sqlite"
        # SQLite gives its own files the mode of this one; answers say what was sent.
        self._path.touch(mode=0o600)
        self._connection = self._opened()
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the files; what is claimed and not answered becomes nobody's."""
        self._connection.close()
        os.close(self._lock)

    def claim(self, key: SenderKey, fingerprint: bytes, now: datetime) -> Answer | None:
        """Return the answer that the same request got; with None the key is the caller's.

        Who has a key must `keep` an answer or `release` it.

        Raises:
            ApiError: 400 where the key is too long, 409 where it belongs to another request, or
                the first is not answered yet, 503 where keys can't be kept.
        """
        self.retry()
        if len(key.key) > MAX_KEY_LENGTH:
            long = f"the Idempotency-Key is longer than {MAX_KEY_LENGTH} characters"
            raise ApiError(400, Problem("text_too_long", long, "Idempotency-Key"))
        with _unavailable_on_failure():
            if not self._insert(key, fingerprint, now):
                answer = self._look_up(key, fingerprint)
                if answer is not None:
                    return answer
        self._in_flight.add(key)
        return None

    def keep(self, key: SenderKey, answer: Answer) -> None:
        """Keep the answer to the request that claimed a key.

        Where that fails, what was accepted is acknowledged all the same, and it is tried again.
        """
        self._in_flight.discard(key)
        self._unwritten[key] = answer
        self.retry()

    def release(self, key: SenderKey) -> None:
        """Give a key back without an answer: the same request may be tried again."""
        self._in_flight.discard(key)
        self._unwritten[key] = None
        self.retry()

    def retry(self) -> None:
        """Write what could not be written; until then other processes take it for unanswered."""
        with suppress(sqlite3.OperationalError):
            for key, answer in [*self._unwritten.items()]:
                self._write(key, answer)
                del self._unwritten[key]

    def prune(self, now: datetime) -> bool:
        """Forget some of what is older than a day; return whether there may be more of it.

        It may run in a thread of its own.
        """
        with suppress(sqlite3.OperationalError), closing(self._opened()) as connection:
            deleted = connection.execute(
                "delete from requests where (sender, idempotency_key) in ("
                "select sender, idempotency_key from requests where claimed_at < ? limit ?)",
                ((now - KEPT_FOR).timestamp(), _AT_ONCE),
            )
            return deleted.rowcount == _AT_ONCE
        return False

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=0.5)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        return connection

    def _write(self, key: SenderKey, answer: Answer | None) -> None:
        if answer is None:
            self._connection.execute(
                "delete from requests"
                " where sender = ? and idempotency_key = ? and owner = ? and status is null",
                (*key, self._owner),
            )
        else:
            self._connection.execute(
                "update requests set status = ?, content_type = ?, body = ?"
                " where sender = ? and idempotency_key = ? and owner = ?",
                (answer.status, answer.content_type, answer.body, *key, self._owner),
            )

    def _insert(self, key: SenderKey, fingerprint: bytes, now: datetime) -> bool:
        inserted = self._connection.execute(
            "insert into requests (sender, idempotency_key, fingerprint, owner, claimed_at)"
            " values (?, ?, ?, ?, ?) on conflict do nothing",
            (*key, fingerprint, self._owner, now.timestamp()),
        )
        return inserted.rowcount == 1

    def _look_up(self, key: SenderKey, fingerprint: bytes) -> Answer | None:
        row = self._connection.execute(
            "select fingerprint, owner, status, content_type, body from requests"
            " where sender = ? and idempotency_key = ?",
            key,
        ).fetchone()
        if row is None:
            raise _in_progress(key)
        known, owner, status, content_type, body = row
        if known != fingerprint:
            told = "this Idempotency-Key came with another request before"
            raise ApiError(
                409, Problem("idempotency_key_mismatch", told, "Idempotency-Key", key.key)
            )
        if status is not None:
            return Answer(status, body, content_type, ((b"idempotency-replayed", b"true"),))
        if self._is_alive(owner, key) or not self._take_over(key, owner):
            raise _in_progress(key)
        return None

    def _is_alive(self, owner: str, key: SenderKey) -> bool:
        if owner == self._owner:
            return key in self._in_flight
        return _is_locked(self._processes / owner)

    def _take_over(self, key: SenderKey, owner: str) -> bool:
        taken = self._connection.execute(
            "update requests set owner = ?"
            " where sender = ? and idempotency_key = ? and owner = ? and status is null",
            (self._owner, *key, owner),
        )
        return taken.rowcount == 1


def _in_progress(key: SenderKey) -> ApiError:
    told = "the first request with this Idempotency-Key is not answered yet"
    problem = Problem("idempotency_key_in_progress", told, "Idempotency-Key", key.key)
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
