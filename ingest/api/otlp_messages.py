"""OTLP over HTTP: requests and answers, in JSON and in protobuf."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from ingest.api.call import ENCODER, PROTOBUF, Answer, Call
from ingest.api.endpoints import Signal
from ingest.api.errors import Problem
from ingest.api.intake import Intake
from ingest.api.settings import Limits
from ingest.api.value_counts import refuse_too_many_in_json, refuse_too_many_in_protobuf
from ingest.forms import otlp
from ingest.refusal import Refusal
from ingest.strict_json import Json

_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8
_READERS = {"traces": otlp.read_traces, "logs": otlp.read_logs, "metrics": otlp.read_metrics}
_REQUESTS: Mapping[Signal, type[Message]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
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
        found: of each span, log record or point the event, or why there is none.
    """

    signal: Signal
    is_protobuf: bool
    message: Mapping[str, Json]
    found: Sequence[otlp.Read]

    @property
    def text(self) -> bytes:
        """The request as JSON."""
        return ENCODER.encode(self.message)

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
        found = _READERS[signal](message, limits.records + 1)
    except Refusal as refusal:
        problem = Problem(refusal.reason, refusal.detail)
        raise UnreadableBodyError(400, problem, body) from None
    if len(found) > limits.records:
        what = f"more than {limits.records:,} records in one request"
        raise UnreadableBodyError(413, Problem("too_many_records", what), body)
    return Export(signal, is_protobuf, message, found)


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise Refusal("not_an_object", "an export is one JSON object")
    return value


def _signal_of_json(message: Mapping[str, Json]) -> Signal:
    if "resourceLogs" in message:
        return "logs"
    if "resourceMetrics" in message:
        return "metrics"
    if "resourceSpans" in message or not message:
        return "traces"
    raise Refusal("unknown_form", "neither resourceSpans, nor resourceLogs, nor resourceMetrics")


def _signal_of_protobuf(body: bytes) -> Signal:
    """Return the signal of a message that does not say it.

    The three messages nest alike, down to what they carry: a metric has a name and data, a span
    has two ids of known lengths, and what a log record has in their place is a number.
    """
    metrics = ExportMetricsServiceRequest()
    if _parses(metrics, body) and all(
        metric.name and metric.WhichOneof("data")
        for resource in metrics.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ):
        return "metrics"
    traces = ExportTraceServiceRequest()
    if _parses(traces, body) and all(
        (len(span.trace_id), len(span.span_id)) == (_TRACE_ID_BYTES, _SPAN_ID_BYTES)
        for resource in traces.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ):
        return "traces"
    return "logs"


def _parses(message: Message, body: bytes) -> bool:
    try:
        message.ParseFromString(body)
    except DecodeError:
        return False
    return True


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
