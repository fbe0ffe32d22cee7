"""Running the application: where it listens, and with how many processes."""

import asyncio
import multiprocessing
import os
import signal
import threading
from ipaddress import ip_address
from socket import getaddrinfo

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingest.api.call import ENCODER
from ingest.api.errors import Problem, shown
from ingest.api.logs import log_config
from ingest.api.settings import Clock, Settings
from ingest.api.telemetry import share_counters
from ingest.api_keys import KeyStore

_MAX_HEAD = 64 << 10
_HEAD_SECONDS = 30.0
# Of one process. It keeps below the 1,024 files that most systems let a process open.
_MOST_CONNECTIONS = 800
_TOLD = ENCODER.encode(
    {
        "status": 431,
        "error": "Request Header Fields Too Large",
        "errors": shown([Problem("too_large", f"headers above {_MAX_HEAD:,} bytes")]),
    }
)
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
) % (len(_TOLD), _TOLD)
_GRACEFUL_SECONDS = 20


class ServeError(Exception):
    """A server can't be started as asked."""


def refuse_without_keys(settings: Settings, host: str, clock: Clock) -> None:
    """Refuse to serve anyone who would need no key.

    Raises:
        ServeError: no key was made yet, and it was not said that senders on this machine need none.
        KeyStoreError: the keys can't be read.
    """
    store = KeyStore(settings.paths.keys)
    has_keys = store.has_live(clock())
    store.close()
    is_local = is_loopback(host)
    if not has_keys and not is_local:
        raise ServeError(
            f"NOT LISTENING on {host}: there is no live API key, so nobody could be told from"
            " anybody. Make one with `meterhouse keys create NAME`, or listen on 127.0.0.1"
        )
    if settings.is_open_on_loopback and not is_local:
        raise ServeError(
            f"NOT LISTENING on {host}: --open-on-loopback lets senders on this machine in without"
            " a key, and is only for a server that listens on 127.0.0.1"
        )
    if not has_keys and not settings.is_open_on_loopback:
        raise ServeError(
            "there is no live API key, so no event would be accepted. Make one with `meterhouse"
            " keys create NAME`, or let senders on this machine in by --open-on-loopback"
        )


def is_loopback(host: str) -> bool:
    """Whether every address of a host is this machine's own."""
    try:
        addresses = {str(found[4][0]) for found in getaddrinfo(host, None)}
    except OSError:
        raise ServeError(
            f"the host '{host}' is not known; give an address of this machine"
        ) from None
    return all(ip_address(address.partition("%")[0]).is_loopback for address in addresses)


def run(application: str, settings: Settings, *, host: str, port: int, workers: int) -> None:
    """Serve until a signal says stop; what was accepted by then is answered and sealed.

    Args:
        application: `module:function` that makes the application, called in every process.
        settings: how the server is set up.
        host: the address to listen on.
        port: the port; 0 takes a free one, which the log tells.
        workers: how many processes serve.
    """
    if workers > 1:
        share_counters(settings.paths.api / "counters")
    uvicorn.run(
        application,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http=BoundedHeads,
        ws="none",
        log_config=log_config(),
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
    )


def end_with_parent() -> None:
    """End this process when the one that started it to serve is gone.

    Else it would hold the port, and nobody could start a server anew.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait_and_end() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_and_end, name="parent", daemon=True).start()


class BoundedHeads(HttpToolsProtocol):
    """Reads HTTP/1.1, and no head without end, in bytes or in time.

    The parser alone would keep all of it, and wait for ever.
    """

    _head_bytes = 0
    _is_in_head = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)  # type: ignore[arg-type] # it is narrowed there
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the parser, unless the head that they belong to is too long already."""
        if self._is_in_head:
            data = self._head_received(data)
        if data and not self.transport.is_closing():
            super().data_received(data)
        # Nearly every head comes at once, and needs no timer of its own.
        if self._is_in_head and self._head_timer is None:
            self._wait_for_head()

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop counting."""
        self._is_in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def _head_received(self, data: bytes) -> bytes:
        """Hand over as much as a head may still have; return what follows its end."""
        room = _MAX_HEAD - self._head_bytes
        self._head_bytes += len(data)
        super().data_received(data[:room])
        rest = data[room:]
        if rest and self._is_in_head:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        return rest

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
