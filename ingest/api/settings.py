"""How a server is set up."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingest.paths import DataPaths

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Limits:
    """What a request may have; each limit is refused with an error of its own.

    Attributes:
        body_bytes: of the body as sent.
        decoded_bytes: of the body after decompression.
        kept_total_bytes: of all that a request makes: lines of events, texts of what is refused.
        records: events, spans, log records or points of one request.
        values: of all its records together, objects and lists counted as well.
        head_bytes: of all headers together.
        url_bytes: of path and query.
        body_seconds: within which the whole body has to be there.
        kept_bytes: of the text of a refused record that are kept.
        requests_per_second: of one key in one process, where the key says nothing else.
    """

    body_bytes: int = 8 << 20
    decoded_bytes: int = 32 << 20
    kept_total_bytes: int = 64 << 20
    records: int = 10_000
    values: int = 750_000
    head_bytes: int = 32 << 10
    url_bytes: int = 8 << 10
    body_seconds: float = 30.0
    kept_bytes: int = 64 << 10
    requests_per_second: float = 10_000.0


@dataclass(frozen=True)
class Settings:
    """How a server is set up.

    Attributes:
        is_strict: names that the catalogue does not know are refused.
        is_open_on_loopback: senders on this machine need no key.
        logs_requests: every request is logged, not only those that were refused or failed.
        segment_age: a segment is sealed, and can be landed, this long after its first event.
        free_space_floor: with fewer free bytes nothing is accepted.
    """

    paths: DataPaths
    limits: Limits = field(default_factory=Limits)
    is_strict: bool = False
    is_open_on_loopback: bool = False
    logs_requests: bool = False
    segment_age: timedelta = timedelta(seconds=5)
    free_space_floor: int = 256 << 20
