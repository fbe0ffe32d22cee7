"""OTLP requests: every span, log record and reading of a metric is an event.

A generative AI call is told by up to three signals, and one of them is billed: the span, or the
log record in which a coding agent tells what a request used. What tells of it again (the spans
around it, events within it, metrics of it) lands as well, but its billing is skipped and it says
nothing of usage, which would count twice.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice
from typing import Literal

import msgspec
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest import strict_json
from ingest.event import AiUsage, Event, Identity, Series, elements_of, number, text_of
from ingest.forms.ai_call import tokens
from ingest.forms.fields import Fields
from ingest.forms.otlp_values import attributes, instant, object_at, objects_at, value
from ingest.refusal import Refusal
from ingest.strict_json import Json

Record = Mapping[str, Json]
Signal = Literal["traces", "logs", "metrics"]
Read = Event | Refusal

_LEVELS: Mapping[Signal, tuple[str, str, str]] = {
    "traces": ("resourceSpans", "scopeSpans", "spans"),
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
}
_MESSAGES: Mapping[Signal, Callable[[], Message]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
_IDS = frozenset({"traceId", "spanId"})
_HEX = re.compile(r"[0-9a-f]+")
_STATUSES = {"1": "OK", "2": "ERROR", "STATUS_CODE_OK": "OK", "STATUS_CODE_ERROR": "ERROR"}
_NO_TIME = (None, "", "0")
_CUMULATIVE = (2, "AGGREGATION_TEMPORALITY_CUMULATIVE")
# What a point of each kind says in which field, and what is added to the metric's name for it.
_QUANTITIES: Mapping[str, Mapping[str, str]] = {
    "sum": {"asInt": "", "asDouble": ""},
    "gauge": {"asInt": "", "asDouble": ""},
    "histogram": {"sum": "", "count": ".count"},
    "exponentialHistogram": {"sum": "", "count": ".count"},
    "summary": {"sum": "", "count": ".count"},
}

_IDENTITY: tuple[Sequence[str], ...] = (
    ("revenium.subscription.id", "subscription.id"),
    ("revenium.subscriber.credential.value", "subscriber.credential.value"),
    ("revenium.subscriber.credential.name", "subscriber.credential.name"),
    ("revenium.subscriber.id", "subscriber.id", "enduser.id", "user.id"),
    ("revenium.subscriber.email", "subscriber.email", "user.email"),
    ("revenium.organization.name", "organization.name"),
    ("revenium.product.name", "product.name"),
)
# Besides who it is from: what was said in a conversation is nobody's to keep for a bill.
_UNKEPT = frozenset(name for names in _IDENTITY for name in names) | {
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "function_args",
    "prompt",
    "request_text",
    "response_text",
    "tool_input",
    "tool_parameters",
    "transaction_id",
    "user.account_uuid",
    "user.full_name",
    "user.name",
}
# A resource describes a machine at length, and some senders put their key into it.
_KEPT_OF_RESOURCE = ("service.name", "service.version", "deployment.", "revenium.")

# The names by which products price a call, and those by which it is told.
_SPAN_NAMES: Mapping[str, Sequence[str]] = {
    "inputTokenCount": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "outputTokenCount": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "cacheReadTokenCount": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cache_read_tokens",
    ),
    "cacheCreationTokenCount": (
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_creation_tokens",
    ),
    "totalTokenCount": ("gen_ai.usage.total_tokens",),
    "totalCost": ("gen_ai.usage.cost",),
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "model": ("gen_ai.response.model", "gen_ai.request.model"),
}
_LOG_NAMES: Mapping[str, Sequence[str]] = {
    "inputTokenCount": ("input_tokens", "input_token_count"),
    "outputTokenCount": ("output_tokens", "output_token_count"),
    "cacheReadTokenCount": (
        "cache_read_tokens",
        "cached_content_token_count",
        "cached_token_count",
    ),
    "cacheCreationTokenCount": ("cache_creation_tokens", "cache_write_token_count"),
    "totalTokenCount": ("total_token_count",),
    "totalCost": ("cost_usd",),
    "requestDuration": ("duration_ms",),
    "provider": ("gen_ai.provider.name", "gen_ai.system", "provider"),
    "model": ("model",),
}
_USAGE = {*_SPAN_NAMES["inputTokenCount"], *_SPAN_NAMES["outputTokenCount"]}
_TOLD_BY_NAME = frozenset(
    name for names in (_SPAN_NAMES, _LOG_NAMES) for known in names.values() for name in known
) - {"model", "provider"}
_AROUND_CALLS = ("execute_tool", "invoke_agent")
_REPEATING_METRICS = (
    "gen_ai.client.",
    "claude_code.token.",
    "claude_code.cost.",
    "codex.turn.token_usage",
    "gemini_cli.token.",
)
_LOG_USAGE = {*_LOG_NAMES["inputTokenCount"], *_LOG_NAMES["outputTokenCount"], "cost_usd"}
# Which record of a coding agent tells what a request used, and who serves it if nobody says so.
_AGENT_REQUEST = "api_request"
_AGENTS: Mapping[str, str] = {
    "claude_code.api_request": "anthropic",
    "codex.sse_event": "openai",
    "gemini_cli.api_response": "google",
}
_OF_AN_AGENT = tuple(name.partition(".")[0] + "." for name in _AGENTS)
_GEMINI_OUTPUT = ("output_token_count", "thoughts_token_count", "", "")
# What a coding agent and its tools said to each other, under names that others use for usage.
_UNKEPT_OF_AN_AGENT = ("arguments", "output", "response")


def parse_protobuf(signal: Signal, body: bytes) -> dict[str, Json]:
    """Return a protobuf request in the shape of OTLP's JSON, ids in hex.

    Raises:
        Refusal: the bytes are no such request.
    """
    message = _MESSAGES[signal]()
    try:
        message.ParseFromString(body)
        request: dict[str, Json] = MessageToDict(message, use_integers_for_enums=True)
    except (DecodeError, RecursionError, ValueError) as error:
        raise Refusal("not_protobuf", f"no {type(message).__name__}: {error}"[:200]) from None
    for _, _, record in _levels(request, signal):
        for name in _IDS & record.keys():
            record[name] = base64.b64decode(str(record[name])).hex()
    return request


def read_traces(request: Record, most: int | None = None) -> list[Read]:
    """Return the event of each span, or why there is none; of the first `most` of them.

    A span that tells usage (`gen_ai.usage.…`) is an AI event.

    Raises:
        Refusal: the request is not built as OTLP is.
    """
    return [*map(_attempt, deferred(request, "traces", most))]


def read_logs(request: Record, most: int | None = None) -> list[Read]:
    """Return the event of each log record, or why there is none; of the first `most` of them.

    A coding agent's `….api_request` is an AI event. A record without a transaction_id is known by
    its content, so that sent again it is the same.

    Raises:
        Refusal: the request is not built as OTLP is.
    """
    return [*map(_attempt, deferred(request, "logs", most))]


def read_metrics(request: Record, most: int | None = None) -> list[Read]:
    """Return the event of each reading of a metric, or why there is none; of the first `most`.

    What only grows comes as a `series`, whose increase is what was used; it has to say since when
    it counts. All else is taken as it is. A histogram has two readings, of its sum and of its
    count.

    Raises:
        Refusal: the request is not built as OTLP is.
    """
    return [*map(_attempt, deferred(request, "metrics", most))]


def deferred(request: Record, signal: Signal, most: int | None = None) -> list[Callable[[], Event]]:
    """Return for each span, log record or reading, of the first `most`, what reads it.

    What a resource says is said by each of its records, so a short request may be long to read:
    who reads one after another can stop. Reading a record raises `Refusal` where it has no event.

    Raises:
        Refusal: the request is not built as OTLP is.
    """
    told = _told(request, signal)
    if signal == "metrics":
        readings = chain.from_iterable(map(_readings, told))
        return [partial(_reading_event, reading) for reading in islice(readings, most)]
    read = _span_event if signal == "traces" else _log_event
    return [partial(read, each) for each in islice(told, most)]


def alone(request: Record, signal: Signal) -> Iterator[Record]:
    """Yield for each event, in the order in which they are read, a request of nothing else.

    The record comes before the resource, which may be much longer.
    """
    outer, inner, leaf = _LEVELS[signal]
    for group, scoped, record in _levels(request, signal):
        told = _Told(record, {}, "")
        records = map(_Reading.alone, _readings(told)) if signal == "metrics" else [record]
        for one in records:
            within: dict[str, Json] = {leaf: [dict(one)], **_but(scoped, leaf)}
            of_group: dict[str, Json] = {inner: [within], **_but(group, inner)}
            yield {outer: [of_group]}


def _but(record: Record, name: str) -> Record:
    return {key: held for key, held in record.items() if key != name}


@dataclass(frozen=True)
class _Told:
    """A span, a log record or a metric, with what is said of all that come with it."""

    record: dict[str, Json]
    resource: dict[str, Json]
    scope: str


@dataclass(frozen=True)
class _Reading:
    """A quantity that a metric's point tells in one of its fields; `grows` from a start on."""

    metric: _Told
    kind: str
    point: dict[str, Json]
    field: str
    element: str
    grows: bool

    def alone(self) -> Record:
        """Return the metric with this point alone."""
        data = object_at(self.metric.record, self.kind)
        return {**self.metric.record, self.kind: {**data, "dataPoints": [self.point]}}


class _Said:
    """What a span, a log record or a point says, and its resource with it."""

    def __init__(self, told: _Told, record: dict[str, Json]) -> None:
        # What came by protobuf has not been through the strict reader.
        strict_json.check(record, strict_json.MAX_DEPTH)
        strict_json.check(told.resource, strict_json.MAX_DEPTH)
        self.record = Fields(record)
        self.own = attributes(record)
        self.resource = attributes(told.resource)
        self.origin = (self.resource, told.scope, self.own)
        self._all = self.record.beside(self.resource | self.own)

    def first(self, names: Sequence[str]) -> str | None:
        """Return the first of the named attributes that is there, as an identifier."""
        return next((found for name in names if (found := self._all.identifier(name))), None)

    def call(self, names: Mapping[str, Sequence[str]]) -> dict[str, Json]:
        """Return what is told of an AI call, by the names of the AI forms."""
        return {
            element: self.own[told[0]]
            for element, known in names.items()
            if (told := [name for name in known if self.own.get(name) is not None])
        }

    def event(
        self,
        event_id: str,
        occurred_at: datetime | None,
        added: Record,
        *,
        call: Record,
        is_billing_skipped: bool = False,
    ) -> Event:
        """Return the event.

        Raises:
            Refusal: with every field at fault.
        """
        leave_out = _UNKEPT | _TOLD_BY_NAME if call else _UNKEPT
        resource = {
            name: held for name, held in self.resource.items() if name.startswith(_KEPT_OF_RESOURCE)
        }
        said = resource | self.own | dict(call) | dict(added)
        told = self.record.beside(call)
        # Usage of which nobody says what was used has no price; it still has its elements.
        provider, model = told.identifier("provider"), told.identifier("model")
        usage = AiUsage(provider.lower(), model, *tokens(call)) if provider and model else None
        event = Event(
            "otlp",
            "otlp",
            event_id,
            occurred_at,
            Identity(*(self.first(names) for names in _IDENTITY)),
            self.record.attempt("", lambda: elements_of(said, leave_out)) or {},
            usage,
            told.cost("totalCost"),
            is_billing_skipped,
        )
        self.record.refuse_faults()
        return event


def _levels(
    request: Record, signal: Signal
) -> Iterator[tuple[dict[str, Json], dict[str, Json], dict[str, Json]]]:
    outer, inner, leaf = _LEVELS[signal]
    for group in objects_at(request, outer):
        for scoped in objects_at(group, inner):
            for record in objects_at(scoped, leaf):
                yield group, scoped, record


def _told(request: Record, signal: Signal) -> Iterator[_Told]:
    for group, scoped, record in _levels(request, signal):
        scope = text_of(object_at(scoped, "scope").get("name")) or ""
        yield _Told(record, object_at(group, "resource"), scope)


def _attempt(read: Callable[[], Event]) -> Read:
    try:
        return read()
    except Refusal as refusal:
        return refusal


def _span_event(told: _Told) -> Event:
    said = _Said(told, told.record)
    trace_id = _hex_id(said.record, "traceId", 32)
    span_id = _hex_id(said.record, "spanId", 16)
    began = instant(said.record, "startTimeUnixNano")
    ended = instant(said.record, "endTimeUnixNano")
    name = text_of(told.record.get("name")) or ""
    operation = text_of(said.own.get("gen_ai.operation.name")) or name.partition(" ")[0]
    is_around_calls = operation in _AROUND_CALLS
    call = {} if is_around_calls or _USAGE.isdisjoint(said.own) else said.call(_SPAN_NAMES)
    if call:
        # By the conventions the input includes what was read from a cache.
        call.setdefault("totalTokenCount", _total(tokens(call)[:2]))
    added: dict[str, Json] = {
        "span.name": name,
        "span.status": _STATUSES.get(str(object_at(told.record, "status").get("code"))),
        "traceId": trace_id,
    }
    if began and ended:
        added["requestDuration"] = max(0, (ended - began) // timedelta(milliseconds=1))
    return said.event(
        f"{trace_id}-{span_id}", began, added, call=call, is_billing_skipped=is_around_calls
    )


def _hex_id(said: Fields, name: str, digits: int) -> str:
    text = said.required(name).lower()
    # Zeroes say that there is none; all such spans would be one event.
    if text and not (_HEX.fullmatch(text) and len(text) == digits and text.strip("0")):
        said.fault(name, "bad_identifier", f"{name} must be {digits} hexadecimal digits, not all 0")
    return text


def _log_event(told: _Told) -> Event:
    said = _Said(told, told.record)
    body = value(told.record.get("body"))
    name = text_of(told.record.get("eventName") or said.own.get("event.name")) or ""
    is_within_call = name.startswith("gen_ai.")
    ids = {field: told.record.get(field) or None for field in sorted(_IDS)}
    at = instant(said.record, "timeUnixNano") or instant(said.record, "observedTimeUnixNano")
    added: dict[str, Json] = {
        "event.name": name or None,
        "severity": told.record.get("severityText") or None,
        "traceId": ids["traceId"],
    }
    # Of a record there is one body; an attribute of that name is a conversation's.
    added["body"] = None
    if not is_within_call:
        added |= body if isinstance(body, dict) else {"body": body}
    if name.startswith(_OF_AN_AGENT) or (isinstance(body, str) and body.startswith(_OF_AN_AGENT)):
        added |= dict.fromkeys(_UNKEPT_OF_AN_AGENT)
    return said.event(
        said.first(["transaction_id"]) or _digest(said.origin, name, body, at, ids),
        at,
        added,
        call=_agent_call(said, name, body),
        is_billing_skipped=is_within_call,
    )


def _agent_call(said: _Said, name: str, body: Json) -> dict[str, Json]:
    """Return what a coding agent tells of a request to its model, if that is what it tells of."""
    told = body if isinstance(body, str) and _is_of_a_request(body) else name
    if not _is_of_a_request(told) or "model" not in said.own or _LOG_USAGE.isdisjoint(said.own):
        return {}
    call = said.call(_LOG_NAMES)
    if told in _AGENTS:
        call.setdefault("provider", _AGENTS[told])
    output = _total(tokens(said.own, _GEMINI_OUTPUT)[:2])
    if told == "gemini_cli.api_response" and output is not None:
        # It counts what the model thought beside its output; both are paid for as output.
        call["outputTokenCount"] = output
    counts = tokens(call)
    # Only some agents tell cached input apart.
    includes_cached = told in ("codex.sse_event", "gemini_cli.api_response")
    call.setdefault("totalTokenCount", _total(counts[:2] if includes_cached else counts))
    return call


def _is_of_a_request(name: str) -> bool:
    agent, _, what = name.rpartition(".")
    return name in _AGENTS or (what == _AGENT_REQUEST and f"{agent}." not in _OF_AN_AGENT)


def _readings(told: _Told) -> Iterator[_Reading]:
    name = text_of(told.record.get("name")) or ""
    for kind, quantities in _QUANTITIES.items():
        data = object_at(told.record, kind)
        is_cumulative = data.get("aggregationTemporality") in _CUMULATIVE
        grows = kind == "summary" or (
            is_cumulative and (kind != "sum" or data.get("isMonotonic") is True)
        )
        for point in objects_at(data, "dataPoints"):
            for field, suffix in quantities.items():
                if point.get(field) is not None:
                    yield _Reading(told, kind, point, field, name + suffix, grows)


def _reading_event(reading: _Reading) -> Event:
    metric, element = reading.metric, reading.element
    said = _Said(metric, reading.point)
    at = instant(said.record, "timeUnixNano")
    began = instant(said.record, "startTimeUnixNano") if reading.grows else None
    if reading.grows and text_of(reading.point.get("startTimeUnixNano")) in _NO_TIME:
        # Without it nobody can tell a counter that began anew from one that came late.
        told = "startTimeUnixNano is missing: since when a cumulative metric counts"
        said.record.fault("startTimeUnixNano", "missing_field", told)
    reached = value({reading.field: reading.point[reading.field]})
    quantity = number(text_of(reached) or "")
    if quantity is None:
        said.record.fault(reading.field, "bad_value", f"{reading.field} is no quantity")
    unit = metric.record.get("unit") or None
    # Where a counter begins anew it is another series.
    key = _digest(said.origin, element, unit, began)
    series = Series(key, element, quantity) if reading.grows and quantity is not None else None
    added: dict[str, Json] = {"metric.name": metric.record.get("name"), "metric.unit": unit}
    if series is None:
        added[element] = reached
    event = said.event(
        f"{key}-{reading.point.get('timeUnixNano') or _digest(reached)}",
        at,
        added,
        call={},
        is_billing_skipped=element.startswith(_REPEATING_METRICS),
    )
    return msgspec.structs.replace(event, series=series)


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _digest(*said: object) -> str:
    text = msgspec.json.encode(said, order="deterministic")
    return hashlib.blake2b(text, digest_size=16).hexdigest()
