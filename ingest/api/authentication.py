"""Who may: a key in a header, or, where the operator said so, anyone on this machine."""

import sqlite3
from datetime import datetime
from ipaddress import ip_address

from ingest.api.call import Call
from ingest.api.errors import ApiError, Problem
from ingest.api_keys import SCOPES, ApiKey, KeyStore, Scope, is_well_formed

_BEARER = "bearer "
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via")
# It is what proxies speak that were told nothing else.
_OF_PROXIES = "1.0"
_RETRY_AFTER_SECONDS = 2


class Authentication:
    """Tells the key of a call."""

    def __init__(self, store: KeyStore, *, is_open_on_loopback: bool) -> None:
        """Accept the keys of a store, and without one, if it is open, senders on this machine."""
        self._store = store
        self._is_open_on_loopback = is_open_on_loopback

    def authenticate(self, call: Call, now: datetime, *scopes: Scope) -> ApiKey:
        """Return the key that a call may be answered by; it has one of the scopes.

        Raises:
            ApiError: 401 without a key that is accepted, 403 where it lacks the scopes, 503 where
                keys can't be read.
        """
        secret = presented_key(call)
        if not secret:
            if self._is_open_on_loopback and is_local(call):
                return _anyone(now)
            raise ApiError(401, Problem("missing_key", "no API key was sent"))
        try:
            key = self._store.find(secret, now)
        except sqlite3.OperationalError:
            problem = Problem("unavailable", "keys can't be checked at the moment")
            raise ApiError(503, problem, retry_after=_RETRY_AFTER_SECONDS) from None
        if key is None:
            raise ApiError(401, Problem("bad_key", _what_is_wrong(secret)))
        if not any(map(key.may, scopes)):
            told = f"the API key lacks the scope {' or '.join(scopes)}"
            raise ApiError(403, Problem("wrong_scope", told))
        self._store.note_use(key, now)
        return key


def _what_is_wrong(secret: str) -> str:
    if is_well_formed(secret):
        return "the API key is unknown, expired or revoked"
    return "what was sent is no API key of this server: it was cut off, mistyped, or is another's"


def presented_key(call: Call) -> str:
    """Return the key of `x-api-key`, else of `Authorization: Bearer`; empty without either."""
    sent = call.header(b"x-api-key")
    if sent:
        return sent
    sent = call.header(b"authorization")
    return sent[len(_BEARER) :].strip() if sent[: len(_BEARER)].lower() == _BEARER else ""


def is_local(call: Call) -> bool:
    """Whether a call is made on this machine, by no browser and through no proxy that shows.

    A page of any site may make the browser call this machine; it says so by Origin, or by a Host
    that was made to resolve to it. A proxy that speaks HTTP/1.1 and adds no header does not show.
    """
    return (
        _is_loopback(call.peer)
        and call.http_version != _OF_PROXIES
        and not call.headers.keys() & {b"origin", *_FORWARDED}
        and _is_own_name(call.header(b"host"))
    )


def _is_own_name(host: str) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name in {"", "localhost"} or _is_loopback(name)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _anyone(now: datetime) -> ApiKey:
    return ApiKey("", "loopback", frozenset(SCOPES), None, now, None, None, None)
