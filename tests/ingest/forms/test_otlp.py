from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from ingest.event import AiUsage, Event, Identity, Series
from ingest.forms.otlp import parse_protobuf, read_logs, read_metrics, read_traces
from ingest.refusal import Refusal
from tests.wire.recorded import recorded_requests

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NANOSECONDS = str(int(NOW.timestamp()) * 10**9)
TRACE, SPAN = "5B8EFFF798038103D269B633813FC60C", "eee19b7ec3c1b174"


def attributes(**said: Any) -> list[dict[str, Any]]:
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue", bool: "boolValue"}
    return [
        {"key": name.replace("__", "."), "value": {kinds[type(value)]: value}}
        for name, value in said.items()
    ]


def traces(*spans: dict[str, Any], **resource: Any) -> dict[str, Any]:
    scoped = [{"spans": list(spans)}]
    told = {"resource": {"attributes": attributes(**resource)}, "scopeSpans": scoped}
    return {"resourceSpans": [told]}


def span(name: str = "chat m", **said: Any) -> dict[str, Any]:
    ids = {"traceId": TRACE, "spanId": SPAN, "startTimeUnixNano": NANOSECONDS}
    return ids | {"name": name, "attributes": attributes(**said)}


def logs(*records: dict[str, Any], **resource: Any) -> dict[str, Any]:
    scoped = [{"logRecords": list(records)}]
    return {
        "resourceLogs": [{"resource": {"attributes": attributes(**resource)}, "scopeLogs": scoped}]
    }


def metrics(
    kind: str, point: Mapping[str, Any], name: str = "pages", **data: Any
) -> dict[str, Any]:
    told = {"name": name, "unit": "{page}", kind: {"dataPoints": [point], **data}}
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [told]}]}]}


def only(read: list[Event | Refusal]) -> Event:
    (event,) = read
    assert isinstance(event, Event), event
    return event


def test_a_span_that_tells_usage_is_an_ai_event() -> None:
    call = span(
        gen_ai__provider__name="OpenAI",
        gen_ai__response__model="gpt-x-2026",
        gen_ai__request__model="gpt-x",
        gen_ai__usage__input_tokens=120,
        gen_ai__usage__output_tokens="30",
        gen_ai__usage__cache_read__input_tokens=20,
    )
    event = only(read_traces(traces(call | {"endTimeUnixNano": f"{int(NANOSECONDS) + 5_900_000}"})))
    assert event.event_id == f"{TRACE.lower()}-{SPAN}"
    assert event.occurred_at == NOW
    assert event.ai == AiUsage("openai", "gpt-x-2026", 120, 30, 20, 0)
    assert not event.is_billing_skipped
    told = ("inputTokenCount", "cacheReadTokenCount", "totalTokenCount", "requestDuration")
    assert [event.elements[name] for name in told] == ["120", "20", "150", "5"]
    assert not any(name.startswith("gen_ai.usage") for name in event.elements)


@pytest.mark.parametrize("operation", ["execute_tool", "invoke_agent"])
@pytest.mark.parametrize("is_named", [True, False])
def test_a_span_around_calls_is_kept_but_not_billed(operation: str, *, is_named: bool) -> None:
    said = {} if is_named else {"gen_ai__operation__name": operation}
    around = span(
        f"{operation} x" if is_named else "x",
        gen_ai__provider__name="openai",
        gen_ai__request__model="m",
        gen_ai__usage__input_tokens=120,
        **said,
    )
    event = only(read_traces(traces(around)))
    assert (event.ai, event.is_billing_skipped) == (None, True)
    assert event.elements["gen_ai.usage.input_tokens"] == "120"
    assert "inputTokenCount" not in event.elements


def test_usage_of_an_unknown_model_has_elements_and_no_price() -> None:
    event = only(read_traces(traces(span(gen_ai__usage__input_tokens=7))))
    assert (event.ai, event.is_billing_skipped) == (None, False)
    assert event.elements["inputTokenCount"] == "7"


def test_any_other_span_is_an_event_with_its_attributes() -> None:
    said = span("GET /", http__status=500, ratio=0.5, whole=2.0, is_cached=True)
    event = only(read_traces(traces(said | {"status": {"code": 2}}, service__name="shop")))
    assert (event.source_kind, event.source_id, event.ai) == ("otlp", "otlp", None)
    assert event.elements == {
        "span.name": "GET /",
        "span.status": "ERROR",
        "traceId": TRACE.lower(),
        "http.status": "500",
        "ratio": "0.5",
        "whole": "2",
        "is_cached": "true",
        "service.name": "shop",
    }


def test_identity_is_that_of_the_record_before_that_of_the_resource() -> None:
    said = span(subscriber__id="u-1", revenium__subscriber__credential__value="ck-secret")
    resource = {"subscriber__id": "u-0", "organization__name": "Acme", "product__name": "Starter"}
    event = only(read_traces(traces(said, **resource)))
    assert event.identity == Identity(
        credential="ck-secret",
        subscriber_id="u-1",
        organization_name="Acme",
        product_name="Starter",
    )
    assert not {"u-0", "u-1", "ck-secret", "Acme"} & set(event.elements.values())


def test_of_a_resource_no_machine_and_no_key_is_kept() -> None:
    said = {"host__name": "db-7", "process__command_line": "run --key k", "api_key": "rev_1"}
    event = only(read_traces(traces(span(), service__name="shop", **said)))
    assert event.elements.keys() == {"span.name", "traceId", "service.name"}


def test_what_was_said_in_a_conversation_is_not_kept() -> None:
    said = {"gen_ai__input__messages": "private", "gen_ai__output__messages": "private"}
    log = {"body": {"stringValue": "private"}, "eventName": "gen_ai.user.message"}
    for event in (
        only(read_traces(traces(span(**said)))),
        only(read_logs(logs(log | {"timeUnixNano": NANOSECONDS}))),
        only(read_logs(logs({"attributes": attributes(prompt="private")}))),
    ):
        assert b"private" not in event.line("x", NOW)


def agent_log(**said: Any) -> dict[str, Any]:
    counts = {"model": "claude-x", "input_tokens": "80", "output_tokens": "25"}
    cached = {"cache_read_tokens": "16", "cache_creation_tokens": "40"}
    return {
        "timeUnixNano": NANOSECONDS,
        "body": {"stringValue": "claude_code.api_request"},
        "attributes": attributes(**counts, **cached, cost_usd="0.0012", **said),
    }


def test_a_coding_agent_s_request_is_an_ai_event_all_of_whose_values_are_texts() -> None:
    event = only(read_logs(logs(agent_log(transaction_id="t-1", duration_ms="913"))))
    assert event.event_id == "t-1"
    assert event.ai == AiUsage("anthropic", "claude-x", 80, 25, 16, 40)
    assert event.sent_cost == Decimal("0.0012")
    assert event.elements["totalTokenCount"] == "161"
    assert event.elements["requestDuration"] == "913"


def test_a_log_record_without_an_id_is_known_by_its_content() -> None:
    once, again, other = (
        only(read_logs(logs(log, service__name="shop")))
        for log in (agent_log(), agent_log(), agent_log(session="2"))
    )
    assert once.event_id == again.event_id != other.event_id


def test_a_log_record_has_its_body_as_elements_and_the_time_it_was_observed() -> None:
    body = {"kvlistValue": {"values": attributes(kind="invoice.viewed", count=3)}}
    tags = {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": "a"}]}}}
    event = only(
        read_logs(logs({"observedTimeUnixNano": NANOSECONDS, "body": body, "attributes": [tags]}))
    )
    assert event.occurred_at == NOW
    assert event.elements == {"kind": "invoice.viewed", "count": "3", "tags": '["a"]'}


def test_events_within_a_call_are_not_billed() -> None:
    said = attributes(event__name="gen_ai.choice", gen_ai__usage__input_tokens=7)
    event = only(read_logs(logs({"attributes": said})))
    assert (event.ai, event.is_billing_skipped, event.occurred_at) == (None, True, None)


def log(name: str, **said: Any) -> Event:
    record = {"timeUnixNano": NANOSECONDS, "attributes": attributes(event__name=name, **said)}
    return only(read_logs(logs(record)))


def test_each_coding_agent_tells_what_was_used_in_a_record_of_its_own() -> None:
    gemini = log(
        "gemini_cli.api_response",
        model="gemini-x",
        input_token_count=1000,
        output_token_count=200,
        cached_content_token_count=10,
        thoughts_token_count=40,
    )
    codex = log(
        "codex.sse_event",
        model="gpt-x",
        event__kind="response.completed",
        input_token_count=50,
        output_token_count=5,
        cached_token_count=20,
    )
    assert gemini.ai == AiUsage("google", "gemini-x", 1000, 240, 10, 0), "thoughts are output"
    assert codex.ai == AiUsage("openai", "gpt-x", 50, 5, 20, 0)
    assert gemini.elements["totalTokenCount"] == "1240", "the input includes what was cached"
    assert codex.elements["totalTokenCount"] == "55"


@pytest.mark.parametrize(
    "name",
    ["gemini_cli.api_request", "codex.api_request", "codex.sse_event", "claude_code.api_error"],
)
def test_other_records_of_a_coding_agent_are_no_ai_calls(name: str) -> None:
    assert log(name, model="m", duration_ms=5).ai is None


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("gemini_cli.api_request", "request_text"),
        ("gemini_cli.api_response", "response_text"),
        ("gemini_cli.tool_call", "function_args"),
        ("claude_code.api_request_body", "body"),
        ("claude_code.tool_result", "tool_parameters"),
        ("codex.user_prompt", "prompt"),
        ("codex.tool_result", "output"),
    ],
)
def test_no_conversation_with_a_coding_agent_is_kept(name: str, attribute: str) -> None:
    event = log(name, model="m", **{attribute: "private"})
    assert b"private" not in event.line("x", NOW)
    assert event.elements["model"] == "m"


def test_what_others_call_output_is_kept() -> None:
    assert log("kiln.fired", output="12").elements["output"] == "12"


@pytest.mark.parametrize(
    ("field", "id_"),
    [
        ("traceId", "0" * 32),
        ("spanId", "0" * 16),
        ("traceId", "W47/95gDgQPSabYzgT/GDA=="),
        ("spanId", SPAN + "00"),
    ],
)
def test_an_id_that_names_no_span_is_refused(field: str, id_: str) -> None:
    (read,) = read_traces(traces(span() | {field: id_}))
    assert isinstance(read, Refusal)
    assert [(problem.field, problem.reason) for problem in read.fields] == [
        (field, "bad_identifier")
    ]


POINT = {"timeUnixNano": NANOSECONDS, "startTimeUnixNano": "1767225500000000000"}


@pytest.mark.parametrize(
    ("kind", "value", "data", "element", "grows"),
    [
        ("sum", {"asInt": "14"}, {"aggregationTemporality": 2, "isMonotonic": True}, "pages", True),
        (
            "sum",
            {"asDouble": 14},
            {"aggregationTemporality": 1, "isMonotonic": True},
            "pages",
            False,
        ),
        ("sum", {"asDouble": 14.0}, {"aggregationTemporality": 2}, "pages", False),
        ("gauge", {"asInt": 14}, {}, "pages", False),
        ("histogram", {"sum": 14.0}, {"aggregationTemporality": 2}, "pages", True),
        ("histogram", {"count": "14"}, {"aggregationTemporality": 1}, "pages.count", False),
        ("exponentialHistogram", {"sum": 14}, {"aggregationTemporality": 2}, "pages", True),
        ("summary", {"count": 14}, {}, "pages.count", True),
    ],
)
def test_a_reading_of_what_only_grows_is_a_series_and_any_other_is_as_it_is(
    kind: str, value: dict[str, Any], data: dict[str, Any], element: str, *, grows: bool
) -> None:
    event = only(read_metrics(metrics(kind, POINT | value, **data)))
    assert event.occurred_at == NOW
    if grows:
        assert event.series is not None
        assert event.series == Series(event.series.key, element, Decimal(14))
        assert element not in event.elements
    else:
        assert event.series is None
        assert event.elements[element] == "14"


def cumulative(name: str = "pages", **said: Any) -> Event:
    point = POINT | {"asInt": 14, "attributes": attributes(tenant="a")} | said
    data = {"aggregationTemporality": 2, "isMonotonic": True}
    return only(read_metrics(metrics("sum", point, name, **data)))


def series_key(event: Event) -> str:
    assert event.series is not None
    return event.series.key


def test_a_counter_that_begins_anew_is_another_series() -> None:
    first = cumulative()
    later = cumulative(timeUnixNano=f"{int(NANOSECONDS) + 60 * 10**9}", asInt=20)
    others = [
        cumulative(startTimeUnixNano="1767225600000000001"),
        cumulative(attributes=attributes(tenant="b")),
        cumulative("sheets"),
    ]
    assert series_key(first) == series_key(later)
    assert len({series_key(first), *(series_key(other) for other in others)}) == 3 + 1
    assert first.event_id != later.event_id
    assert first.event_id == cumulative().event_id


@pytest.mark.parametrize("start", [None, "0", 0, ""])
def test_a_counter_that_does_not_say_since_when_it_counts_is_refused(start: Any) -> None:
    point = POINT | {"asInt": 14, "startTimeUnixNano": start}
    data: dict[str, Any] = {"aggregationTemporality": 2, "isMonotonic": True}
    (read,) = read_metrics(metrics("sum", point, **data))
    assert isinstance(read, Refusal)
    assert [(problem.field, problem.reason) for problem in read.fields] == [
        ("startTimeUnixNano", "missing_field")
    ]
    assert isinstance(read_metrics(metrics("gauge", point))[0], Event)


def test_a_series_is_told_in_a_line() -> None:
    line = cumulative().line("x", NOW)
    assert b'"series_element":"pages"' in line
    assert b'"series_value":"14.000000"' in line


@pytest.mark.parametrize(
    "name", ["gen_ai.client.token.usage", "claude_code.token.usage", "claude_code.cost.usage"]
)
def test_metrics_of_calls_are_not_billed(name: str) -> None:
    assert cumulative(name).is_billing_skipped
    assert not cumulative("gen_ai_pages").is_billing_skipped


def test_a_point_at_which_nothing_was_measured_is_no_event() -> None:
    assert read_metrics(metrics("gauge", POINT | {"flags": 1})) == []


@pytest.mark.parametrize("value", ["NaN", "Infinity", True, [], 1e300])
def test_a_reading_that_is_no_quantity_is_refused(value: Any) -> None:
    (read,) = read_metrics(metrics("gauge", POINT | {"asDouble": value}))
    assert isinstance(read, Refusal)
    assert [problem.field for problem in read.fields] == ["asDouble"]


def test_one_span_that_cannot_be_read_is_refused_alone() -> None:
    bad = {"traceId": TRACE, "name": "x", "startTimeUnixNano": "yesterday"}
    twice = span() | {"attributes": attributes(a=1) + attributes(a=2)}
    first, second, third, fourth = read_traces(
        traces(bad, span(), twice, span() | {"name": "x\0y"})
    )
    assert isinstance(first, Refusal)
    assert [(problem.field, problem.reason) for problem in first.fields] == [
        ("spanId", "missing_field"),
        ("startTimeUnixNano", "bad_time"),
    ]
    assert isinstance(second, Event)
    assert isinstance(third, Refusal)
    assert third.reason == "duplicate_key"
    assert isinstance(fourth, Refusal)
    assert fourth.reason == "unreadable_text"


@pytest.mark.parametrize(
    "request_",
    [
        {"resourceSpans": {}},
        {"resourceSpans": [1]},
        {"resourceSpans": [{"scopeSpans": "x"}]},
        {"resourceSpans": [{"resource": [], "scopeSpans": [{"spans": [{}]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"scope": 1, "spans": [{}]}]}]},
    ],
)
def test_a_request_that_is_not_built_as_otlp_is_refused(request_: Any) -> None:
    with pytest.raises(Refusal, match="must be"):
        read_traces(request_)


@pytest.mark.parametrize("read", [read_traces, read_logs, read_metrics])
def test_a_request_of_nothing_tells_nothing(
    read: Callable[[Mapping[str, Any]], list[Event | Refusal]],
) -> None:
    assert read({}) == []


def test_protobuf_and_json_of_the_same_say_the_same() -> None:
    point = POINT | {"asDouble": 14.5, "attributes": attributes(tenant="a", ratio=2.0, size=3)}
    told = metrics("sum", point, aggregationTemporality=2, isMonotonic=True)
    message = ParseDict(told, ExportMetricsServiceRequest()).SerializeToString()
    assert read_metrics(parse_protobuf("metrics", message)) == read_metrics(told)


@pytest.mark.parametrize("body", [b"\xff", b"{}", b"\x0a\x05abc"])
def test_bytes_that_are_no_message_are_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        parse_protobuf("traces", body)
    assert refused.value.reason == "not_protobuf"


def test_messages_of_real_exporters_cut_short_anywhere_are_read_or_refused() -> None:
    request = next(each for each in recorded_requests() if each.path.endswith("/traces"))
    outcomes = {outcome_of(request.content[:size]) for size in range(0, len(request.content), 7)}
    assert outcomes == {"read", "not_protobuf"}


def outcome_of(body: bytes) -> str:
    try:
        read_traces(parse_protobuf("traces", body))
    except Refusal as refusal:
        return refusal.reason
    return "read"
