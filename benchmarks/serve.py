"""How fast `meterhouse serve` acknowledges events: wrk on loopback, against servers of its own.

`python -m benchmarks.serve [SECONDS [ROUNDS]]`: every load in turn, in several rounds; medians
are printed. Every acknowledgement is an event on the disk (fdatasync), so the disk is measured
too. The load generator takes its share of the same processors.
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

_METERHOUSE = str(Path(sys.executable).with_name("meterhouse"))
_ADDRESS = re.compile(r"http://[\d.]+:\d+")
_UNLIMITED = ("--rate-limit", "1000000")
# `n` counts the events of a run, `p` the people they are of.
_EVENTS = {
    "/meter/v2/ai/completions": (
        '{"transactionId":"%s-<n>","requestTime":"2026-01-05T10:00:00.123Z","model":"gpt-4o-mini",'
        '"provider":"OPENAI","inputTokenCount":120,"outputTokenCount":30,"totalTokenCount":150,'
        '"requestDuration":890,"organizationName":"Acme","productName":"Summaries",'
        '"subscriber":{"id":"u-<p>","email":"u-<p>@example.com"}}'
    ),
    "/meter/v2/events": (
        '{"transactionId":"%s-<n>","requestTime":"2026-01-05T10:00:00.123Z","sourceId":"shop",'
        '"subscriptionId":"s-<p>","payload":{"parcels":2}}'
    ),
}
_PEOPLE = 1_000
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
    local said = { n = count, p = count %% %(people)d }
    parts[at] = event:gsub("<(%%a)>", said)
  end
  local body = table.concat(parts, ",")
  if %(batch)d > 1 then body = "[" .. body .. "]" end
  return wrk.format("POST", "%(path)s",
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
    """A kind of load: so many connections to so many processes, so many events a request."""

    path: str
    workers: int
    connections: int
    batch: int


LOADS = tuple(
    Load(path, *terms)
    for path in _EVENTS
    for terms in ((1, 64, 1), (2, 64, 1), (1, 4, 1_000), (2, 16, 1_000))
)
_HEAD = (
    "endpoint                   bytes  workers  connections  events/request  requests/s   events/s"
    "  p50 ms  p99 ms  failed  MB synced  syncs  synced/event  CPU us/event: server  wrk"
)
_ROW = (
    "{path:25}  {sent:5}  {workers:7}  {connections:11}  {batch:14,}  {requests:10,.0f}"
    " {events:10,.0f}  {p50_ms:6.1f}  {p99_ms:6.1f}  {failed:6.0f}  {synced:9,.1f}"
    "  {syncs:5,.0f}  {bytes:12,.0f}  {server_us:20.1f}  {wrk_us:3.1f}"
)


@dataclass(frozen=True)
class Server:
    """A server that runs, and whatever its processes do."""

    url: str
    key: str
    session: int

    def counters(self) -> Mapping[str, float]:
        """Return what the server counted: bytes synced, syncs."""
        with closing(HTTPConnection(self.url.removeprefix("http://"))) as connection:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def processor_seconds(self) -> float:
        """Return what its processes have used of the processors (Linux)."""
        used = 0
        for process in Path("/proc").glob("[0-9]*/stat"):
            _, _, told = process.read_text(encoding="utf-8", errors="replace").rpartition(")")
            fields = told.split()
            if int(fields[3]) == self.session:
                used += int(fields[11]) + int(fields[12])
        return used / os.sysconf("SC_CLK_TCK")


def main(arguments: Sequence[str]) -> None:
    """Measure, and print a table."""
    if shutil.which("wrk") is None:
        sys.exit("the load comes from wrk: apt-get install wrk (Debian, Ubuntu), brew install wrk")
    seconds, rounds = (int(each) for each in (*arguments, "5", "3")[:2])
    with tempfile.TemporaryDirectory(prefix="meterhouse-bench-") as name, ExitStack() as running:
        folder = Path(name)
        servers = {
            workers: running.enter_context(serving(folder / str(workers), workers))
            for workers in sorted({load.workers for load in LOADS})
        }
        found: dict[Load, list[Mapping[str, float]]] = {load: [] for load in LOADS}
        for number in range(rounds):
            for load in LOADS:
                found[load].append(measure(servers[load.workers], load, f"r{number}", seconds))
    say(f"medians of {rounds} rounds of {seconds} s")
    say(_HEAD)
    for load, measured in found.items():
        medians = {name: median(each[name] for each in measured) for name in measured[0]}
        say(_ROW.format(**vars(load), **medians, sent=len(_EVENTS[load.path])))


@contextmanager
def serving(folder: Path, workers: int) -> Iterator[Server]:
    """Run a server with its data in a folder."""
    folder.mkdir()
    environment = {**os.environ, "METERHOUSE_DATA": str(folder)}
    made = subprocess.run(  # noqa: S603 - our own command
        [_METERHOUSE, "keys", "create", "bench", "--scope", "admin"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    log = folder / "log"
    with log.open("w", encoding="utf-8") as told:
        server = subprocess.Popen(  # noqa: S603 - our own command
            [*(_METERHOUSE, "serve", "--port", "0"), *("--workers", str(workers)), *_UNLIMITED],
            env=environment,
            stderr=told,
            start_new_session=True,
        )
    try:
        yield Server(address(log, server, workers), made.stdout.strip(), server.pid)
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


def measure(server: Server, load: Load, run: str, seconds: int) -> Mapping[str, float]:
    """Put a load on a server; return the figures of its row."""
    before, used = server.counters(), server.processor_seconds()
    generating = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = generate(server, load, run, seconds)
    generated = resource.getrusage(resource.RUSAGE_CHILDREN)
    used, after = server.processor_seconds() - used, server.counters()
    synced, syncs = (
        after[name] - before.get(name, 0)
        for name in ("meterhouse_segment_synced_bytes_total", "meterhouse_segment_syncs_total")
    )
    events = max(1, told["requests"] * load.batch)
    return {
        **told,
        "requests": told["requests"] / told["seconds"],
        "events": events / told["seconds"],
        "synced": synced / 1e6,
        "syncs": syncs,
        "bytes": synced / events,
        "server_us": used / events * 1e6,
        "wrk_us": (sum(generated[:2]) - sum(generating[:2])) / events * 1e6,
    }


def generate(server: Server, load: Load, run: str, seconds: int) -> Mapping[str, float]:
    """Put a load on the server; return what wrk says."""
    run = f"{run}-{load.workers}-{load.batch}"
    terms = {"path": load.path, "event": _EVENTS[load.path] % run, "key": server.key}
    with tempfile.NamedTemporaryFile("w", suffix=".lua", encoding="utf-8") as script:
        counts = {"batch": load.batch, "batches": _BATCHES, "people": _PEOPLE}
        script.write(_SCRIPT % {**terms, **counts})
        script.flush()
        command: Sequence[str] = (
            *("wrk", "--threads", "1", "--connections", str(load.connections)),
            *("--duration", f"{seconds}s", "--timeout", "10s", "--script", script.name, server.url),
        )
        ran = subprocess.run(  # noqa: S603 - our own command
            command, capture_output=True, text=True, check=True
        )
    found = re.search(r"JSON(\{.*\})", ran.stdout)
    if found is None:
        sys.exit(ran.stdout + ran.stderr)
    measured: Mapping[str, float] = json.loads(found[1])
    return measured


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
