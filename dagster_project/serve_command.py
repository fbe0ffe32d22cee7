"""The `meterhouse serve` and `meterhouse keys` commands: the metering API and who may use it."""

import gc
import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Annotated

import cyclopts
import msgspec
from cyclopts import Parameter
from rich.table import Table

from dagster_project.cli import CONFLICT, USAGE, console, fail
from dagster_project.clock import now
from ingest.api.app import create
from ingest.api.call import Application
from ingest.api.server import ServeError, end_with_parent, refuse_without_keys
from ingest.api.server import run as run_server
from ingest.api.settings import Limits, Settings
from ingest.api_keys import DEFAULT_PREFIX, ApiKey, KeyStore, KeyStoreError, Scope, is_rate
from ingest.paths import data_paths

_OPTIONS = "METERHOUSE_SERVE_OPTIONS"
_DURATION = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

keys = cyclopts.App(
    name="keys", help="API keys: who may send events, and read what became of them."
)


class _Options(msgspec.Struct, frozen=True):
    """What the command says to the processes that serve."""

    is_strict: bool
    is_open_on_loopback: bool
    logs_requests: bool
    requests_per_second: float

    def settings(self) -> Settings:
        return Settings(
            data_paths(),
            Limits(requests_per_second=self.requests_per_second),
            is_strict=self.is_strict,
            is_open_on_loopback=self.is_open_on_loopback,
            logs_requests=self.logs_requests,
        )


def serve(  # noqa: PLR0913 - the options of a command
    *,
    host: str = "127.0.0.1",
    port: int = 8500,
    workers: int = 1,
    strict: bool = False,
    open_on_loopback: bool = False,
    rate_limit: float = 10_000.0,
    log_requests: bool = False,
) -> None:
    """Serve the metering API (docs/metering-api.md): events in, acknowledged once on the disk.

    Parameters
    ----------
    host
        The address to listen on; others than this machine's own need a live API key.
    port
        The port; 0 takes a free one.
    workers
        How many processes serve.
    strict
        Refuse events that name a product, organization, subscriber, subscription or credential
        that the catalogue does not have.
    open_on_loopback
        Let senders on this machine in without a key.
    rate_limit
        Requests a second of one key in one process, where the key says nothing else.
    log_requests
        Log every request, not only those that are refused or fail.
    """
    if not is_rate(rate_limit):
        fail(ValueError(f"--rate-limit {rate_limit:g} is no number above 0"), USAGE)
    options = _Options(strict, open_on_loopback, log_requests, rate_limit)
    try:
        refuse_without_keys(options.settings(), host, now)
    except (ServeError, KeyStoreError) as error:
        fail(error, CONFLICT)
    # The processes that serve start anew, and read it there.
    os.environ[_OPTIONS] = msgspec.json.encode(options).decode()
    run_server(
        "dagster_project.serve_command:application",
        options.settings(),
        host=host,
        port=port,
        workers=workers,
    )


def application() -> Application:
    """Return the application of a process that serves."""
    end_with_parent()
    options = msgspec.json.decode(os.environ[_OPTIONS], type=_Options)
    made = create(options.settings(), clock=now)
    # All that is there by now stays for good: the collector need not go through it ever again.
    gc.collect()
    gc.freeze()
    return made


@keys.command(name="create")
def create_key(
    name: str,
    /,
    *,
    scope: Annotated[tuple[Scope, ...], Parameter(consume_multiple=True)] = ("meter:write",),
    expires_in: str | None = None,
    prefix: str = DEFAULT_PREFIX,
    rate: float | None = None,
) -> None:
    """Make an API key and print it, alone, on standard output; it is never shown again.

    Parameters
    ----------
    name
        Whose it is.
    scope
        `meter:write` sends events, `read` sees failures and counters, `admin` may both.
    expires_in
        How long it is accepted, such as 90d; by default until it is revoked.
    prefix
        What it begins with. Revenium's clients demand `hak` or `rev`.
    rate
        Requests a second that one process takes of it, above 0.
    """
    expires_at = now() + _duration(expires_in) if expires_in else None
    with _store() as store:
        made, secret = store.create(
            name,
            scope,
            now=now(),
            expires_at=expires_at,
            prefix=prefix,
            requests_per_second=rate,
        )
    _show(made, secret)


@keys.command(name="rotate")
def rotate_key(
    name: str,
    /,
    *,
    overlap: str = "24h",
    expires_in: str | None = None,
    prefix: str | None = None,
) -> None:
    """Make a key in the place of another, which is accepted for a while longer.

    Parameters
    ----------
    name
        The name or the id of the key that is replaced.
    overlap
        How long the old key is still accepted, such as 24h.
    expires_in
        How long the new one is accepted, such as 90d; by default as long as the old one was.
    prefix
        What the new one begins with; by default what the old one does.
    """
    lifetime = _duration(expires_in) if expires_in else None
    with _store() as store:
        made, secret = store.rotate(
            name, now=now(), overlap=_duration(overlap), prefix=prefix, lifetime=lifetime
        )
    _show(made, secret)
    console.print(f"The key that it replaces is accepted for {overlap} more.")


@keys.command(name="revoke")
def revoke_key(name: str, /) -> None:
    """Take back a key; running servers refuse it at once.

    Parameters
    ----------
    name
        The id of a key, or the name for all keys of that name.
    """
    with _store() as store:
        revoked = store.revoke(name, now=now())
    console.print(f"{len(revoked)} revoked: {', '.join(key.key_id for key in revoked)}")


@keys.command(name="list")
def list_keys() -> None:
    """Print the keys that were made: whose, what they may do, and when they were last used."""
    with _store() as store:
        known = store.all_keys()
    table = Table("id", "name", "scopes", "state", "created", "expires", "last used", box=None)
    moment = now()
    for key in known:
        instants = (key.created_at, key.expires_at, key.last_used_at)
        table.add_row(
            key.key_id,
            key.name,
            " ".join(sorted(key.scopes)),
            _state(key, moment),
            *(f"{instant:%Y-%m-%dT%H:%MZ}" if instant else "-" for instant in instants),
        )
    sys.stdout.write(_plain(table))


def _show(key: ApiKey, secret: str) -> None:
    sys.stdout.write(f"{secret}\n")
    until = f", until {key.expires_at:%Y-%m-%dT%H:%MZ}" if key.expires_at else ""
    console.print(
        f"Key {key.key_id} of {key.name}: {' '.join(sorted(key.scopes))}{until}. Keep it now: it is"
        " not stored, and can't be shown again.",
        soft_wrap=True,
    )


def _state(key: ApiKey, moment: datetime) -> str:
    if key.revoked_at:
        return "revoked"
    return "live" if key.is_live(moment) else "expired"


def _plain(table: Table) -> str:
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if not match:
        fail(ValueError(f"'{text}' is no duration; write it like 90d, 24h, 15m or 30s"), USAGE)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@contextmanager
def _store() -> Iterator[KeyStore]:
    try:
        with closing(KeyStore(data_paths().keys)) as store:
            yield store
    except KeyStoreError as error:
        fail(error, CONFLICT)
