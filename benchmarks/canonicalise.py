"""How long an event takes from its bytes to the line of a segment.

`python -m benchmarks.canonicalise`: one core, no network, no disk. The events are those that real
clients sent, in `tests/wire`.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from ingest import strict_json
from ingest.event import Event
from ingest.forms import ai_completion, api_meter, generic_event, otlp, tool_event
from ingest.strict_json import Json
from tests.wire.recorded import recorded_requests

ROUNDS, EVENTS = 15, 2_000
RECEIVED_AT = datetime(2027, 1, 1, tzinfo=UTC)
FORMS: Mapping[str, Callable[[Mapping[str, Json]], Event]] = {
    "/meter/v2/ai/completions": ai_completion.read,
    "/meter/v2/events": generic_event.read,
    "/meter/v2/tool/events": tool_event.read,
    "/meter/v1/api/meter": api_meter.read,
}


def main() -> None:
    """Print the microseconds an event of each kind takes."""
    say(f"{'event':44} {'bytes':>6} {'decode':>8} {'read':>8} {'line':>8} {'all':>8}  us")
    seen = set()
    for request in recorded_requests():
        read = FORMS.get(request.path)
        size = len(request.content)
        if read and (request.path, size // 100) not in seen:
            seen.add((request.path, size // 100))
            show(f"{request.path} (line {request.line})", request.content, read)
    for request in recorded_requests():
        if request.path.endswith("/traces"):
            show_traces(f"{request.path} (line {request.line})", request.content)
            break


def show(name: str, sent: bytes, read: Callable[[Mapping[str, Json]], Event]) -> None:
    """Print what the steps take, each the least of some rounds."""
    body = json.dumps(json.loads(sent), separators=(",", ":")).encode()
    record = strict_json.parse(body)
    event = read(record)
    steps: list[Callable[[], object]] = [
        lambda: strict_json.parse(body),
        lambda: read(record),
        lambda: event.line("tx-1", RECEIVED_AT),
        lambda: read(strict_json.parse(body)).line("tx-1", RECEIVED_AT),
    ]
    taken = " ".join(f"{microseconds(step):8.1f}" for step in steps)
    say(f"{name:44} {len(body):6} {taken}")


def show_traces(name: str, sent: bytes) -> None:
    """Print what an OTLP span takes, of a request in protobuf."""

    def lines() -> list[bytes]:
        events = otlp.read_traces(otlp.parse_protobuf("traces", sent))
        return [event.line("tx-1", RECEIVED_AT) for event in events if isinstance(event, Event)]

    count = len(lines())
    say(f"{name:44} {len(sent) // count:6} {'':26} {microseconds(lines, 100) / count:8.1f}")


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def microseconds(step: Callable[[], object], times: int = EVENTS) -> float:
    """Return the processor time of a step: the least of some rounds, as others use the machine."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(times):
            step()
        rounds.append((time.process_time() - started) / times * 1e6)
    return min(rounds)


if __name__ == "__main__":
    main()
