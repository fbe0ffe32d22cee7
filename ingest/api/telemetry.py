"""What a server counts, for Prometheus."""

import os
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ingest.api.health import Health
from ingest.api.metering import Taken
from ingest.segment_writing import SegmentWriter

# prometheus_client looks at it when it is imported: several processes count in files below it.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Telemetry:
    """The counters of one process."""

    def __init__(self) -> None:
        """Start at zero."""
        # When each was first counted is nobody's question, and doubles the page.
        disable_created_metrics()  # type: ignore[no-untyped-call] # it has no types
        self._registry = CollectorRegistry()
        self._requests = self._counter("requests", "Requests", "endpoint", "status")
        self._events = self._counter("events", "Records of requests", "endpoint", "outcome")
        self._replays = self._counter("idempotent_replays", "Answers given again")
        self._unauthenticated = self._counter("unauthenticated", "Requests without a valid key")
        self._synced_bytes = self._counter("segment_synced_bytes", "Bytes synced to segments")
        self._syncs = self._counter("segment_syncs", "Syncs of segments")
        self._seconds = Histogram(
            "meterhouse_request_seconds",
            "From the first byte to the answer",
            ["endpoint"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        # To find a counter by its labels takes longer than to count.
        self._told: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._seen_bytes = 0
        self._seen_syncs = 0

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request; `endpoint` is one of a fixed set, never a path as sent."""
        told = self._told.get((endpoint, status))
        if told is None:
            told = self._requests.labels(endpoint, status), self._seconds.labels(endpoint)
            self._told[endpoint, status] = told
        counter, histogram = told
        counter.inc()
        histogram.observe(seconds)
        if status in (401, 403):
            self._unauthenticated.inc()

    def taken(self, endpoint: str, taken: Taken, writer: SegmentWriter) -> None:
        """Count what became of a request with events, and what was synced since the last one."""
        if taken.is_replay:
            self._replays.inc()
        if taken.accepted_count:
            self._events.labels(endpoint, "accepted").inc(taken.accepted_count)
        if taken.refused_count:
            self._events.labels(endpoint, "refused").inc(taken.refused_count)
        self._synced_bytes.inc(writer.synced_bytes - self._seen_bytes)
        self._syncs.inc(writer.sync_count - self._seen_syncs)
        self._seen_bytes, self._seen_syncs = writer.synced_bytes, writer.sync_count

    def exposition(self, health: Health) -> bytes:
        """Return everything in Prometheus' text format, of all processes of the server."""
        counted = self._registry
        if os.environ.get(SHARED_FOLDER):
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call] # it has no types
        now = CollectorRegistry()
        now.register(_Present(health))
        return generate_latest(counted) + generate_latest(now)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"meterhouse_{name}", told, labels, registry=self._registry)


def share_counters(folder: Path) -> None:
    """Let the processes that are started from now on count together, from zero."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink()
    os.environ[SHARED_FOLDER] = str(folder)


class _Present(Collector):
    """What is measured when it is asked for."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> list[GaugeMetricFamily]:
        return [
            GaugeMetricFamily(f"meterhouse_{name}", told, value=value)
            for name, told, value in (
                ("free_bytes", "Free bytes for segments", self._health.free_bytes),
                ("unlanded_segments", "Segments to be landed", self._health.unlanded_segments),
                (
                    "oldest_unlanded_seconds",
                    "Age of the oldest of them",
                    self._health.oldest_unlanded_seconds,
                ),
                (
                    "last_landing_seconds",
                    "Time since something was landed",
                    self._health.last_landing_seconds,
                ),
            )
            if value is not None
        ]
