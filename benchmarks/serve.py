"""How fast `meterhouse serve` acknowledges events: wrk on loopback, against a server of its own.

    python -m benchmarks.serve [--seconds 10] [--workers 1]

Every acknowledgement is an event on the disk (fdatasync), so the disk is measured too. The load
generator takes its share of the same processors.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

_METERHOUSE = str(Path(sys.executable).with_name("meterhouse"))
_ADDRESS = re.compile(r"http://[\d.]+:\d+")
_UNLIMITED = ("--rate-limit", "1000000")
_BATCH = 500
_EVENT = (
    '{"transactionId":"%s","requestTime":"2026-01-05T10:00:00.123Z","model":"gpt-4o-mini",'
    '"provider":"OPENAI","inputTokenCount":120,"outputTokenCount":30,"totalTokenCount":150,'
    '"requestDuration":890,"organizationName":"Acme","productName":"Summaries",'
    '"subscriber":{"id":"u-1","email":"u@example.com"}}'
)
# Single events are all new ones. Of batches there are so many, sent in turn: to write each anew
# would take the generator longer than the server to read it.
_BATCHES = 50
_SCRIPT = """
local event = [[%(event)s]]
local count = 0
local function written()
  local parts = {}
  for at = 1, %(batch)d do
    count = count + 1
    parts[at] = string.format(event, "%(run)s-" .. count)
  end
  local body = table.concat(parts, ",")
  if %(batch)d > 1 then body = "[" .. body .. "]" end
  return wrk.format("POST", "/meter/v2/ai/completions",
    {["content-type"] = "application/json", ["x-api-key"] = "%(key)s"}, body)
end
local batches = {}
local turn = 0
function init()
  if %(batch)d > 1 then for at = 1, %(batches)d do batches[at] = written() end end
end
function request()
  if %(batch)d == 1 then return written() end
  turn = turn %% %(batches)d + 1
  return batches[turn]
end
done = function(summary, latency, requests)
  io.write(string.format(
    'JSON{"requests":%%d,"seconds":%%.3f,"failed":%%d,"p50_ms":%%.2f,"p99_ms":%%.2f}\\n',
    summary.requests, summary.duration / 1e6,
    summary.errors.status + summary.errors.timeout + summary.errors.read,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Load:
    """A kind of load: so many connections, each request with so many events."""

    name: str
    connections: int
    batch: int


LOADS = (
    Load("one event a request, 64 connections", 64, 1),
    Load("one event a request, 256 connections", 256, 1),
    Load(f"{_BATCH} events a request, 4 connections", 4, _BATCH),
)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("the benchmark needs wrk (Debian: apt-get install wrk)")
    folder = Path(tempfile.mkdtemp(prefix="meterhouse-bench-"))
    try:
        measure(folder, chosen.seconds, chosen.workers)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, seconds: int, workers: int) -> None:
    """Start a server in a folder, put every load on it, and print what was measured."""
    environment = {**os.environ, "METERHOUSE_DATA": str(folder)}
    made = subprocess.run(  # noqa: S603 - our own command
        [_METERHOUSE, "keys", "create", "bench", "--scope", "admin"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    key = made.stdout.strip()
    log = folder / "log"
    with log.open("w", encoding="utf-8") as told:
        server = subprocess.Popen(  # noqa: S603 - our own command
            [*(_METERHOUSE, "serve", "--port", "0"), *("--workers", str(workers)), *_UNLIMITED],
            env=environment,
            stderr=told,
        )
        try:
            url = address(log, server, workers)
            say(f"{workers} process(es), {seconds} s each, event of {len(_EVENT)} bytes")
            for number, load in enumerate(LOADS):
                script = folder / "load.lua"
                terms = {"event": _EVENT, "batch": load.batch, "batches": _BATCHES}
                terms |= {"run": f"r{number}", "key": key}
                script.write_text(_SCRIPT % terms, encoding="utf-8")
                before = counters(url)
                report(load, generate(url, script, load, seconds), before, counters(url))
        finally:
            server.terminate()
            server.wait()


def address(log: Path, server: subprocess.Popen[bytes], workers: int) -> str:
    """Wait for the server to be up; return its address."""
    while server.poll() is None:
        told = log.read_text(encoding="utf-8")
        if told.count("startup complete") >= workers and (found := _ADDRESS.search(told)):
            return found[0]
    sys.exit(log.read_text(encoding="utf-8"))


def generate(url: str, script: Path, load: Load, seconds: int) -> Mapping[str, float]:
    """Put a load on the server; return what wrk says."""
    command: Sequence[str] = (
        *("wrk", "--threads", "1", "--connections", str(load.connections)),
        *("--duration", f"{seconds}s", "--timeout", "10s", "--script", str(script), url),
    )
    ran = subprocess.run(  # noqa: S603 - our own command
        command, capture_output=True, text=True, check=True
    )
    found = re.search(r"JSON(\{.*\})", ran.stdout)
    if found is None:
        sys.exit(ran.stdout + ran.stderr)
    measured: Mapping[str, float] = json.loads(found[1])
    return measured


def counters(url: str) -> Mapping[str, float]:
    """Return what the server counted: bytes synced, syncs."""
    with closing(HTTPConnection(url.removeprefix("http://"))) as connection:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def report(
    load: Load,
    measured: Mapping[str, float],
    before: Mapping[str, float],
    after: Mapping[str, float],
) -> None:
    """Print a load's figures."""
    synced, syncs = (
        after[name] - before.get(name, 0)
        for name in ("meterhouse_segment_synced_bytes_total", "meterhouse_segment_syncs_total")
    )
    requests = measured["requests"] / measured["seconds"]
    say(
        f"{load.name}: {requests:,.0f} requests/s, {requests * load.batch:,.0f} events/s,"
        f" p50 {measured['p50_ms']:.1f} ms, p99 {measured['p99_ms']:.1f} ms,"
        f" {measured['failed']:.0f} failed; {synced / 1e6:,.1f} MB synced in {syncs:,.0f} syncs,"
        f" {synced / max(1, measured['requests'] * load.batch):,.0f} bytes an event"
    )


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
