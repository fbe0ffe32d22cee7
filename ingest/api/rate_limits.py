"""How often a key may be used: a token bucket per key, within one process."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from ingest.api.errors import ApiError, Problem
from ingest.api_keys import ApiKey

_BURST_SECONDS = 2


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class RateLimits:
    """Lets each key send at its rate, and for two seconds' worth at once."""

    def __init__(self, default_rate: float, monotonic: Callable[[], float]) -> None:
        """Let keys that say nothing else send at `default_rate` requests a second."""
        self._default_rate = default_rate
        self._monotonic = monotonic
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: ApiKey) -> None:
        """Count a request.

        Raises:
            ApiError: 429, with the seconds to wait.
        """
        rate = key.requests_per_second or self._default_rate
        now = self._monotonic()
        # A rate below one a second still lets one request through.
        capacity = max(1.0, rate * _BURST_SECONDS)
        bucket = self._buckets.setdefault(key.key_id, _Bucket(capacity, now))
        bucket.tokens = min(capacity, bucket.tokens + (now - bucket.filled_at) * rate)
        bucket.filled_at = now
        if bucket.tokens < 1:
            wait = math.ceil((1 - bucket.tokens) / rate)
            what = f"more than {rate:g} requests a second with this key"
            raise ApiError(429, Problem("rate_limited", what), retry_after=wait)
        bucket.tokens -= 1
