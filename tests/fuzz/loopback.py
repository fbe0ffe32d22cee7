"""A server that listens on this machine, in a thread of its own, for as long as it is needed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import uvicorn

from ingest.api.app import create
from ingest.api.server import BoundedHeads
from ingest.api.settings import Limits, Settings
from ingest.api_keys import KeyStore
from ingest.paths import DataPaths
from tests.ingest.api.served import SCOPES

_STARTS_WITHIN_SECONDS = 30


class Loopback(NamedTuple):
    """Where it listens, a key for it, and where it keeps its data."""

    port: int
    key: str
    paths: DataPaths

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def listening(root: Path) -> Iterator[Loopback]:
    """Serve below a folder, on a port of the kernel's choice; stop at the end."""
    paths = DataPaths(root)
    keys = KeyStore(paths.keys)
    _, key = keys.create("loopback", SCOPES, now=_now())
    keys.close()
    limits = Limits(body_seconds=2.0)
    settings = Settings(paths, limits, free_space_floor=0, segment_age=timedelta(days=1))
    is_up = threading.Event()
    # It is made in the thread that it runs in, as its files ask for.
    config = uvicorn.Config(
        lambda: create(settings, clock=_now),
        factory=True,
        http=BoundedHeads,
        ws="none",
        log_config=None,
    )
    server = _Server(config, is_up)
    with socket.create_server(("127.0.0.1", 0)) as accepting:
        thread = threading.Thread(target=server.run, args=([accepting],))
        thread.start()
        try:
            assert is_up.wait(_STARTS_WITHIN_SECONDS)
            yield Loopback(accepting.getsockname()[1], key, paths)
        finally:
            server.should_exit = True
            thread.join()


class _Server(uvicorn.Server):
    """Tells when it is up."""

    def __init__(self, config: uvicorn.Config, is_up: threading.Event) -> None:
        super().__init__(config)
        self._is_up = is_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._is_up.set()


def _now() -> datetime:
    return datetime.now(UTC)
