"""OTLP over HTTP: requests and answers, in JSON and in protobuf."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from ingest import strict_json
from ingest.api.bodies import UnreadableBodyError
from ingest.api.call import PROTOBUF, Answer, Call
from ingest.api.endpoints import Signal
from ingest.api.errors import Problem
from ingest.api.intake import Intake
from ingest.api.settings import Limits
from ingest.api.value_counts import refuse_too_many_in_json, refuse_too_many_in_protobuf
from ingest.event import Event
from ingest.forms import otlp
from ingest.redaction import text_without_secrets
from ingest.refusal import Refusal
from ingest.strict_json import Json

_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8
_REQUESTS: Mapping[Signal, type[Message]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
_SIGNALS: Mapping[str, Signal] = {
    "resourceSpans": "traces",
    "resourceLogs": "logs",
    "resourceMetrics": "metrics",
}
_REJECTED = {
    "traces": "rejectedSpans",
    "logs": "rejectedLogRecords",
    "metrics": "rejectedDataPoints",
}


@dataclass(frozen=True)
class Export:
    """A request of OTLP, read.

    Attributes:
        message: in the shape of OTLP's JSON.
        reads: of each span, log record or point what returns the event, or raises why there is
            none.
    """

    signal: Signal
    is_protobuf: bool
    message: Mapping[str, Json]
    reads: Sequence[Callable[[], Event]]

    def text_of(self, index: int) -> bytes:
        """Return a request of one record alone, as JSON without secrets."""
        return text_without_secrets(self._alone[index])

    @cached_property
    def _alone(self) -> Sequence[Mapping[str, Json]]:
        return [*islice(otlp.alone(self.message, self.signal), len(self.reads))]

    def answer(self, intake: Intake, call: Call) -> Answer:
        """Return the answer: in full, or how many were refused and why the first of them was."""
        rejected = len(intake.refused_at)
        told = intake.refused_at[0].problems[0].message if rejected else ""
        if self.is_protobuf:
            body = _protobuf_answer(self.signal, rejected, told).SerializeToString()
            return Answer(200, body, PROTOBUF.encode())
        partial = {_REJECTED[self.signal]: rejected, "errorMessage": told} if rejected else {}
        said = {
            "partialSuccess": partial,
            "id": call.request_id,
            "resourceType": intake.endpoint.resource_type,
            "processedEvents": intake.count - rejected,
            "created": intake.received_at,
        }
        return Answer.of(200, said)


def read_export(body: bytes, call: Call, signal: Signal | None, limits: Limits) -> Export:
    """Return what a body exports; without a signal the body tells which it is.

    Raises:
        UnreadableBodyError: it is no such message, or has too many records.
    """
    is_protobuf = call.content_type == PROTOBUF
    try:
        if is_protobuf:
            for each in [signal] if signal else _REQUESTS:
                refuse_too_many_in_protobuf(body, _REQUESTS[each].DESCRIPTOR, limits.values)
            signal = signal or _signal_of_protobuf(body)
            message = otlp.parse_protobuf(signal, body)
        else:
            refuse_too_many_in_json(body, limits.values)
            message = _object(strict_json.parse_value(body, limits.decoded_bytes))
            signal = signal or _signal_of_json(message)
        reads = otlp.deferred(message, signal, limits.records + 1)
    except Refusal as refusal:
        problem = Problem(refusal.reason, refusal.detail)
        raise UnreadableBodyError(400, problem, body) from None
    if len(reads) > limits.records:
        what = f"more than {limits.records:,} records in one request"
        raise UnreadableBodyError(413, Problem("too_many_records", what), body)
    return Export(signal, is_protobuf, message, reads)


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise Refusal("not_an_object", "an export is one JSON object")
    return value


def _signal_of_json(message: Mapping[str, Json]) -> Signal:
    told = [signal for name, signal in _SIGNALS.items() if name in message]
    if len(told) == 1 or not message:
        return told[0] if told else "traces"
    raise Refusal("unknown_form", f"an export has one of {', '.join(_SIGNALS)}")


def _are_metrics(message: Message) -> Iterator[bool]:
    assert isinstance(message, ExportMetricsServiceRequest)  # noqa: S101 - for the type checker
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield bool(metric.name) and metric.WhichOneof("data") is not None


def _are_spans(message: Message) -> Iterator[bool]:
    assert isinstance(message, ExportTraceServiceRequest)  # noqa: S101 - for the type checker
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                ids = (len(span.trace_id), len(span.span_id))
                yield ids == (_TRACE_ID_BYTES, _SPAN_ID_BYTES)


def _are_logs(message: Message) -> Iterator[bool]:
    assert isinstance(message, ExportLogsServiceRequest)  # noqa: S101 - for the type checker
    for resource in message.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                is_dated = bool(record.time_unix_nano or record.observed_time_unix_nano)
                yield is_dated or record.body.WhichOneof("value") is not None


_KNOWN_BY: Mapping[Signal, Callable[[Message], Iterator[bool]]] = {
    "metrics": _are_metrics,
    "traces": _are_spans,
    "logs": _are_logs,
}


def _signal_of_protobuf(body: bytes) -> Signal:
    """Return the signal of a message that does not say it.

    The three messages nest alike, down to what they carry: a metric has a name and data, a span
    has two ids of known lengths, a log record has a time or a body. One that is so tells it of
    all, as another may lack what it would be known by.

    Raises:
        Refusal: it is none of the three.
    """
    are_known: dict[Signal, list[bool]] = {}
    for signal, known_by in _KNOWN_BY.items():
        message = _REQUESTS[signal]()
        try:
            message.ParseFromString(body)
        except DecodeError:
            continue
        are_known[signal] = [*known_by(message)]
        if any(are_known[signal]):
            return signal
    if not are_known:
        raise Refusal("not_protobuf", "no message of OpenTelemetry")
    if any(are_known.values()):
        raise Refusal("unknown_form", "neither metrics with data, nor spans with ids, nor logs")
    # It has no record at all.
    return "traces"


def _protobuf_answer(signal: Signal, rejected: int, told: str) -> Message:
    if not rejected:
        return ExportTraceServiceResponse()
    match signal:
        case "traces":
            spans = ExportTracePartialSuccess(rejected_spans=rejected, error_message=told)
            return ExportTraceServiceResponse(partial_success=spans)
        case "logs":
            logs = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=told)
            return ExportLogsServiceResponse(partial_success=logs)
        case "metrics":
            points = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=told)
            return ExportMetricsServiceResponse(partial_success=points)
