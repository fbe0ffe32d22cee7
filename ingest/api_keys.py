"""API keys: made here, shown once, kept as keyed hashes.

A key is `<prefix>_<256 random bits><checksum>`, so that scanners find one that leaked and a
mistyped one is known without a look-up. What is kept is its HMAC under a secret of the server
(the pepper), in another file: who reads one of the two can use no key.
"""

import hashlib
import hmac
import math
import os
import re
import secrets
import sqlite3
import string
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

Scope = Literal["meter:write", "read", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
DEFAULT_PREFIX = "mh"

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 43
_CHECKSUM_LENGTH = 6
_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,14}[a-z0-9]", re.ASCII)
_SECRET = re.compile(rf"{_PREFIX.pattern}_[0-9A-Za-z]{{49}}", re.ASCII)
_USE_IS_NOTED_EVERY = timedelta(minutes=1)
_SCHEMA = """
    create table if not exists api_keys (
        key_id text primary key,
        name text not null,
        digest blob not null unique,
        scopes text not null,
        requests_per_second real,
        created_at text not null,
        expires_at text,
        revoked_at text,
        last_used_at text,
        prefix text,
        lifetime_seconds real
    ) strict
"""
# What stores were made without.
_ADDED_COLUMNS = {"prefix": "text", "lifetime_seconds": "real"}
_ALL = """
    select
        digest, key_id, name, scopes, requests_per_second, prefix, lifetime_seconds,
        created_at, expires_at, revoked_at, last_used_at
    from api_keys
    order by created_at, rowid
"""
_READ_EVERY = timedelta(seconds=1)
_SHORT = 8


class KeyStoreError(Exception):
    """The keys can't be read or changed as asked."""


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key; the key itself is not.

    Attributes:
        key_id: names the key in lists and logs.
        name: whose it is; a key that replaces another keeps the name.
        scopes: what it may do.
        requests_per_second: its rate limit, None for the server's.
        expires_at: from this instant on it is refused.
        revoked_at: when it was taken back.
        last_used_at: the last use, to the minute.
        prefix: what it begins with.
        lifetime: for how long it was made, None for ever; a key that replaces it has the same.
    """

    key_id: str
    name: str
    scopes: frozenset[str]
    requests_per_second: float | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    prefix: str = DEFAULT_PREFIX
    lifetime: timedelta | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether the key is accepted at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def may(self, scope: Scope) -> bool:
        """Whether the key has a scope; `admin` has them all."""
        return scope in self.scopes or "admin" in self.scopes


class KeyStore:
    """The keys of a deployment, in one folder; a change holds within a second in every process."""

    def __init__(self, folder: Path) -> None:
        """Open the store, or make an empty one.

        Raises:
            KeyStoreError: the disk is full or can't be written, the pepper is gone, or others can
                read it.
        """
        self._folder = folder
        try:
            self._connection = _opened(folder)
            self._pepper = self._read_pepper()
        except (OSError, sqlite3.OperationalError) as error:
            raise KeyStoreError(
                f"{folder} can't be opened ({error}); make room on its disk, let it be written, and"
                " start again"
            ) from error
        self._noted: dict[str, datetime] = {}
        self._known: dict[bytes, tuple[bytes, ApiKey]] = {}
        self._read_at: datetime | None = None
        self._read_version = 0

    def close(self) -> None:
        """Close the files."""
        self._connection.close()

    def create(  # noqa: PLR0913 - all that a key has
        self,
        name: str,
        scopes: Sequence[Scope],
        *,
        now: datetime,
        expires_at: datetime | None = None,
        prefix: str = DEFAULT_PREFIX,
        requests_per_second: float | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key; return what is kept of it, and the key, which is not kept.

        Raises:
            KeyStoreError: the prefix or the rate is not possible, or the key would be expired
                already.
        """
        if not _PREFIX.fullmatch(prefix):
            raise KeyStoreError(
                f"the prefix '{prefix}' is not possible: 2 to 16 of a-z, 0-9 and _, a letter first"
            )
        if expires_at is not None and expires_at <= now:
            raise KeyStoreError("the key would be expired already; give a later instant")
        if requests_per_second is not None and not is_rate(requests_per_second):
            raise KeyStoreError(
                f"the rate {requests_per_second:g} is not possible: a number of requests a second"
                " above 0"
            )
        secret = _new_secret(prefix)
        row = (
            secrets.token_hex(4),
            name,
            self._digest(secret),
            " ".join(sorted(set(scopes))),
            requests_per_second,
            _written(now),
            expires_at and _written(expires_at),
            prefix,
            expires_at and (expires_at - now).total_seconds(),
        )
        self._connection.execute(
            "insert into api_keys (key_id, name, digest, scopes, requests_per_second,"
            " created_at, expires_at, prefix, lifetime_seconds)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        self._read_at = None
        (made,) = (key for key in self.all_keys() if key.key_id == row[0])
        return made, secret

    def all_keys(self) -> list[ApiKey]:
        """Return all keys that were ever made, the oldest first."""
        return [key for _, key in self._read()]

    def has_live(self, now: datetime) -> bool:
        """Whether any key is accepted at `now`."""
        return any(key.is_live(now) for key in self.all_keys())

    def rotate(
        self,
        name: str,
        *,
        now: datetime,
        overlap: timedelta,
        prefix: str | None = None,
        lifetime: timedelta | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key in the place of the newest live one of that name or id.

        The new one has the same name, scopes and rate, and, where nothing else is said, the same
        prefix and lifetime; the old one is accepted for `overlap` longer.

        Raises:
            KeyStoreError: there is no such live key.
        """
        replaced = self._live(name, now)[-1]
        lasts = replaced.lifetime if lifetime is None else lifetime
        ends_at = min(now + overlap, replaced.expires_at or datetime.max.replace(tzinfo=UTC))
        with self._connection:
            self._connection.execute("begin immediate")
            scopes = [scope for scope in SCOPES if scope in replaced.scopes]
            made = self.create(
                replaced.name,
                scopes,
                now=now,
                expires_at=None if lasts is None else now + lasts,
                prefix=prefix or replaced.prefix,
                requests_per_second=replaced.requests_per_second,
            )
            self._connection.execute(
                "update api_keys set expires_at = ? where key_id = ?",
                (_written(ends_at), replaced.key_id),
            )
        self._read_at = None
        return made

    def revoke(self, name: str, *, now: datetime) -> list[ApiKey]:
        """Take back all live keys of a name, or the one of an id; return them.

        Raises:
            KeyStoreError: there is no such live key.
        """
        live = self._live(name, now)
        self._connection.executemany(
            "update api_keys set revoked_at = ? where key_id = ?",
            [(_written(now), key.key_id) for key in live],
        )
        self._read_at = None
        return live

    def find(self, secret: str, now: datetime) -> ApiKey | None:
        """Return the live key that is given, if it is one, by what was stored a second ago."""
        if self._read_at is None or not timedelta() <= now - self._read_at < _READ_EVERY:
            self._refresh(now)
        digest = self._digest(secret)
        key = self._match(digest)
        # It may be newer than what was read.
        if key is None and self._version() != self._read_version:
            self._refresh(now)
            key = self._match(digest)
        return key if key is not None and key.is_live(now) else None

    def note_use(self, key: ApiKey, now: datetime) -> None:
        """Keep when a key was last used, to the minute."""
        noted = self._noted.get(key.key_id)
        if noted is not None and now - noted < _USE_IS_NOTED_EVERY:
            return
        self._noted[key.key_id] = now
        # It is for people who tidy up; no event waits for it, nor is refused for it.
        with suppress(sqlite3.OperationalError):
            self._connection.execute(
                "update api_keys set last_used_at = ? where key_id = ?", (_written(now), key.key_id)
            )

    def _refresh(self, now: datetime) -> None:
        self._read_at, self._read_version = now, self._version()
        self._known = {digest[:_SHORT]: (digest, key) for digest, key in self._read()}

    def _match(self, digest: bytes) -> ApiKey | None:
        # What is looked up by is a part of a hash under a secret: how long it takes tells nothing.
        known, key = self._known.get(digest[:_SHORT], (b"", None))
        return key if hmac.compare_digest(known, digest) else None

    def _version(self) -> int:
        """Return a number that changes when another connection has changed something."""
        return int(self._connection.execute("pragma data_version").fetchone()[0])

    def _read(self) -> list[tuple[bytes, ApiKey]]:
        return [_stored(row) for row in self._connection.execute(_ALL)]

    def _live(self, name: str, now: datetime) -> list[ApiKey]:
        live = [
            key for key in self.all_keys() if name in (key.name, key.key_id) and key.is_live(now)
        ]
        if not live:
            raise KeyStoreError(f"there is no live key '{name}'; `meterhouse keys list` shows them")
        return live

    def _digest(self, secret: str) -> bytes:
        return hmac.digest(self._pepper, secret.encode(), hashlib.sha256)

    def _read_pepper(self) -> bytes:
        path = self._folder / "pepper"
        if not path.exists():
            if self.all_keys():
                raise KeyStoreError(
                    f"{path} is gone, and no key can be checked without it; put it back from a"
                    f" backup, or move {self._folder} away and make new keys"
                )
            _write_pepper(path)
        if path.stat().st_mode & 0o077:
            raise KeyStoreError(f"others can read {path}; chmod 600 it, or make new keys")
        return path.read_bytes()


def _opened(folder: Path) -> sqlite3.Connection:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "keys.sqlite"
    # SQLite gives its own files the mode of this one.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.5)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute(_SCHEMA)
    there = {row[1] for row in connection.execute("pragma table_info(api_keys)")}
    for column, kind in _ADDED_COLUMNS.items():
        if column not in there:
            connection.execute(f"alter table api_keys add column {column} {kind}")
    return connection


def is_rate(requests_per_second: float) -> bool:
    """Whether it is a rate that requests can be held to."""
    return math.isfinite(requests_per_second) and requests_per_second > 0


def is_well_formed(secret: str) -> bool:
    """Whether a text has the form of a key and its checksum is right."""
    if not _SECRET.fullmatch(secret):
        return False
    body, checksum = secret[:-_CHECKSUM_LENGTH], secret[-_CHECKSUM_LENGTH:]
    return hmac.compare_digest(_checksum(body), checksum)


def _new_secret(prefix: str) -> str:
    body = f"{prefix}_{_base62(secrets.randbits(256), _RANDOM_LENGTH)}"
    return body + _checksum(body)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _base62(value: int, length: int) -> str:
    digits = []
    for _ in range(length):
        value, digit = divmod(value, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _write_pepper(path: Path) -> None:
    """Write a new pepper, whole or not at all; where another process was first, its own stays."""
    draft = path.with_name(f".pepper-{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(32))
        os.fsync(descriptor)
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        os.close(descriptor)
        draft.unlink()


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def _stored(row: tuple[Any, ...]) -> tuple[bytes, ApiKey]:
    digest, key_id, name, scopes, requests_per_second, prefix, lifetime_seconds, *written = row
    created_at, expires_at, revoked_at, last_used_at = (
        text and datetime.fromisoformat(text) for text in written
    )
    key = ApiKey(
        key_id,
        name,
        frozenset(scopes.split()),
        requests_per_second,
        created_at,
        expires_at,
        revoked_at,
        last_used_at,
        prefix or DEFAULT_PREFIX,
        None if lifetime_seconds is None else timedelta(seconds=lifetime_seconds),
    )
    return digest, key
