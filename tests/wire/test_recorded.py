import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from ingest import strict_json
from ingest.event import Event
from ingest.forms import otlp
from ingest.forms.detection import READERS, Form, detect
from ingest.refusal import Refusal
from ingest.strict_json import Json
from tests.wire.recorded import FOLDER, Recorded, recorded_requests

FORMS: Mapping[str, Form] = {
    "/meter/v1/api/meter": "api",
    "/meter/v1/api/event": "api_event",
    "/meter/v2/ai/completions": "ai",
    "/meter/v2/ai/images": "image",
    "/meter/v2/ai/video": "video",
    "/meter/v2/ai/audio": "audio",
    "/meter/v2/events": "event",
    "/meter/v2/apis/requests": "api_request",
    "/meter/v2/apis/responses": "api_response",
    "/meter/v2/tool/events": "tool",
    "/tool/events": "tool",
}
SIGNALS: Mapping[str, tuple[otlp.Signal, Callable[[Mapping[str, Json]], list[Event | Refusal]]]] = {
    "/meter/v2/otlp/v1/traces": ("traces", otlp.read_traces),
    "/meter/v2/otlp/v1/logs": ("logs", otlp.read_logs),
    "/meter/v2/otlp/v1/metrics": ("metrics", otlp.read_metrics),
}
REQUESTS = recorded_requests()


def path_of(request: Recorded) -> str:
    return request.path.partition("?")[0]


def read(request: Recorded) -> list[Event | Refusal]:
    path = path_of(request)
    if path in FORMS:
        return [READERS[FORMS[path]](strict_json.parse(request.content))]
    signal, read_signal = SIGNALS[path]
    if request.is_protobuf:
        return read_signal(otlp.parse_protobuf(signal, request.content))
    return read_signal(strict_json.parse(request.content))


def plain(value: Any) -> Any:
    """Leave out what is absent, so that a golden file shows what is there."""
    if isinstance(value, dict):
        kept = {key: plain(held) for key, held in value.items() if held is not None}
        return {key: held for key, held in kept.items() if held != {} and held is not False}
    return value


def golden() -> dict[int, Any]:
    files = sorted((FOLDER / "golden").glob("*.json"))
    records = [record for file in files for record in json.loads(file.read_text(encoding="utf-8"))]
    return {record["line"]: record for record in records}


GOLDEN = golden()


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: f"line {request.line}")
def test_what_a_real_client_sends_is_the_event_that_it_means(request_: Recorded) -> None:
    expected = GOLDEN[request_.line]
    assert (request_.client, request_.case) == (expected["client"], expected["case"])
    events = [plain(msgspec.to_builtins(event)) for event in read(request_)]
    assert events == expected["events"]


def test_every_recorded_request_has_a_golden_event() -> None:
    assert {request.line for request in REQUESTS} == GOLDEN.keys()
    kinds = Counter("otlp" if "/otlp/" in request.path else "metering" for request in REQUESTS)
    assert kinds == {"metering": 59, "otlp": 46}


@pytest.mark.parametrize(
    "request_",
    [request for request in REQUESTS if path_of(request) in FORMS],
    ids=lambda request: f"line {request.line}",
)
def test_the_form_of_what_a_real_client_sends_is_known_without_its_path(
    request_: Recorded,
) -> None:
    assert detect(strict_json.parse(request_.content)) == FORMS[path_of(request_)]
