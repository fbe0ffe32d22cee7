"""OpenTelemetry: traces, logs and metrics, in JSON and protobuf, in whole and in part."""

import gzip
import json

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from ingest.segment_landing import land_segments
from tests.ingest.api.served import NOW, codes

TRACES, LOGS, METRICS, ANY = (
    "/meter/v2/otlp/v1/traces",
    "/meter/v2/otlp/v1/logs",
    "/meter/v2/otlp/v1/metrics",
    "/meter/v2/otlp",
)
PROTOBUF = {"content-type": "application/x-protobuf"}
SECONDS = int(NOW.timestamp())
NANOS = (SECONDS - 2) * 10**9
TOO_LATE = (SECONDS + 3600) * 10**9


def spans(*starts: int) -> dict:
    made = [
        {
            "traceId": f"{number:032x}",
            "spanId": f"{number:016x}",
            "name": "work",
            "startTimeUnixNano": str(start),
        }
        for number, start in enumerate(starts, start=1)
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": made}]}]}


def span_message(*starts: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number, start in enumerate(starts, start=1):
        scope.spans.add(
            trace_id=number.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            name="work",
            start_time_unix_nano=start,
        )
    return request


def log_message(*times: int) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for time in times:
        scope.log_records.add(time_unix_nano=time).body.string_value = "done"
    return request


def point_message(name: str = "parcels", *times: int) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name)
    metric.sum.aggregation_temporality = 2
    metric.sum.is_monotonic = True
    for time in times or (NANOS,):
        metric.sum.data_points.add(
            start_time_unix_nano=NANOS - 10**9, time_unix_nano=time, as_int=17
        )
    return request


def test_json_is_answered_in_json_for_sdk_and_command_line_alike(server):
    answer = server.post(TRACES, spans(NANOS, NANOS))
    assert answer.status_code == 200
    assert answer.json() == {
        "partialSuccess": {},
        "id": answer.headers["x-request-id"],
        "resourceType": "otlp",
        "processedEvents": 2,
        "created": "2026-03-01T01:00:00Z",
    }
    assert len(server.events()) == 2


def test_refused_spans_are_counted_in_the_answer_and_kept(server):
    answer = server.post(TRACES, spans(NANOS, TOO_LATE))
    assert answer.status_code == 200
    partial = answer.json()["partialSuccess"]
    assert partial["rejectedSpans"] == 1
    assert "but was received at" in partial["errorMessage"]
    assert answer.json()["processedEvents"] == 1
    assert [record["code"] for record in server.refused()] == ["future"]
    assert "0000000000000002" in server.refused()[0]["raw_text"]


def test_of_a_large_export_each_refused_record_is_kept_with_its_resource(server):
    export = spans(*[NANOS] * 300, TOO_LATE, TOO_LATE)
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    export["resourceSpans"][0]["resource"] = resource
    server.post(TRACES, export)
    first, second = (json.loads(record["raw_text"]) for record in server.refused())
    alone = export["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for kept, sent in ((first, alone[300]), (second, alone[301])):
        assert kept == {
            "resourceSpans": [{"scopeSpans": [{"spans": [sent]}], "resource": resource}]
        }
    server.time.pass_by(hours=2)
    again = server.post(TRACES, first)
    assert again.json()["processedEvents"] == 1, "what was kept can be sent again"


def test_a_refused_point_is_kept_with_its_metric(server):
    body = point_message("parcels", NANOS, TOO_LATE).SerializeToString()
    server.post(METRICS, content=body, headers=PROTOBUF)
    (kept,) = server.failures()
    (metric,) = kept["originalPayload"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    assert metric["name"] == "parcels"
    assert [point["timeUnixNano"] for point in metric["sum"]["dataPoints"]] == [str(TOO_LATE)]


def test_what_is_kept_of_a_refused_record_has_neither_credentials_nor_conversations(server):
    said = {
        "revenium.subscriber.credential.value": "s3cr3t",
        "gen_ai.input.messages": "s3cr3t",
        "parcels": "5",
    }
    export = spans(TOO_LATE)
    export["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = [
        {"key": name, "value": {"stringValue": value}} for name, value in said.items()
    ]
    server.post(TRACES, export)
    (kept,) = server.refused()
    assert "s3cr3t" not in kept["raw_text"]
    assert "parcels" in kept["raw_text"]


PARTIAL = {
    "traces": (TRACES, span_message(NANOS, TOO_LATE), ExportTraceServiceResponse, "rejected_spans"),
    "logs": (LOGS, log_message(NANOS, TOO_LATE), ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (
        METRICS,
        point_message("parcels", NANOS, TOO_LATE),
        ExportMetricsServiceResponse,
        "rejected_data_points",
    ),
}


@pytest.mark.parametrize(("path", "message", "response", "field"), PARTIAL.values(), ids=PARTIAL)
def test_protobuf_is_answered_in_protobuf(server, path, message, response, field):
    answer = server.post(path, content=message.SerializeToString(), headers=PROTOBUF)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    said = response.FromString(answer.content)
    assert getattr(said.partial_success, field) == 1
    assert said.partial_success.error_message
    assert len(server.events()) == 1


def test_full_success_in_protobuf_is_an_empty_message(server):
    body = gzip.compress(span_message(NANOS).SerializeToString())
    answer = server.post(TRACES, content=body, headers=PROTOBUF | {"content-encoding": "gzip"})
    assert (answer.status_code, answer.content) == (200, b"")


UNIFIED = {
    "traces": (span_message(NANOS), "otlp"),
    "logs": (log_message(NANOS), "otlp"),
    "metrics": (point_message(), "otlp"),
    "a metric whose name is as long as a trace id": (point_message("x" * 16), "otlp"),
}


@pytest.mark.parametrize(("message", "kind"), UNIFIED.values(), ids=UNIFIED)
def test_a_message_of_any_signal_is_recognised(server, message, kind):
    answer = server.post(ANY, content=message.SerializeToString(), headers=PROTOBUF)
    assert answer.status_code == 200, answer.content
    (event,) = server.events()
    assert event["source_kind"] == kind
    assert ("series_key" in event) == isinstance(message, ExportMetricsServiceRequest)


@pytest.mark.parametrize("path", [TRACES, LOGS, METRICS, ANY])
def test_what_is_no_message_is_refused_in_the_form_it_came_in(server, path):
    answer = server.post(path, content=b"\xff\xff\xff", headers=PROTOBUF)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/x-protobuf")
    assert answer.content.startswith(b"\x08\x03\x12")
    answer = server.post(path, content=b'{"resourceSpans": 5')
    assert (answer.status_code, codes(answer)) == (400, ["not_json"])
    assert len(server.refused()) == 2


def test_an_error_without_a_key_is_protobuf_too(server):
    answer = server.post(TRACES, content=b"", headers=PROTOBUF, key="")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/x-protobuf")


def test_one_metric_without_data_does_not_make_logs_of_the_others(server):
    message = point_message()
    message.resource_metrics[0].scope_metrics[0].metrics.add(name="idle", unit="1")
    answer = server.post(ANY, content=message.SerializeToString(), headers=PROTOBUF)
    assert answer.status_code == 200
    (event,) = server.events()
    assert event["elements"]["metric.name"] == "parcels"


def test_one_span_without_ids_does_not_make_logs_of_the_others(server):
    message = span_message(NANOS)
    message.resource_spans[0].scope_spans[0].spans.add(name="work", start_time_unix_nano=NANOS)
    answer = server.post(ANY, content=message.SerializeToString(), headers=PROTOBUF)
    assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 1
    assert len(server.events()) == 1


def test_a_message_that_may_be_anything_is_refused(server):
    message = ExportMetricsServiceRequest()
    message.resource_metrics.add().scope_metrics.add().metrics.add(name="idle", unit="1")
    answer = server.post(ANY, content=message.SerializeToString(), headers=PROTOBUF)
    assert answer.status_code == 400
    assert [record["code"] for record in server.refused()] == ["unknown_form"]
    assert server.post(ANY, content=b"", headers=PROTOBUF).status_code == 200


def test_an_unknown_signal_is_refused(server):
    assert codes(server.post(ANY, {"resources": []})) == ["unknown_form"]
    assert codes(server.post(ANY, spans(NANOS) | {"resourceLogs": []})) == ["unknown_form"]
    assert codes(server.post(ANY, [])) == ["not_an_object"]
    assert server.post(ANY, {}).status_code == 200


def test_an_export_of_too_many_records_is_refused(serve):
    server = serve(limits={"records": 2})
    assert server.post(TRACES, spans(NANOS, NANOS)).status_code == 200
    answer = server.post(TRACES, spans(NANOS, NANOS, NANOS))
    assert (answer.status_code, codes(answer)) == (413, ["too_many_records"])


def test_an_export_that_would_stop_every_landing_is_refused(server):
    request = log_message(NANOS)
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    for number in range(650):
        record.attributes.add(key=f"a{number}").value.string_value = "\x01" * 49_000
    body = gzip.compress(request.SerializeToString(), 1)
    answer = server.post(LOGS, content=body, headers=PROTOBUF | {"content-encoding": "gzip"})
    assert answer.status_code == 413
    assert server.post(TRACES, spans(NANOS)).status_code == 200
    server.stop()
    paths = server.settings.paths
    (report,) = land_segments(paths.landing, paths.lake, now=NOW)
    assert (report.landed_count, report.quarantined_count) == (1, 1)
    server.start()


def test_a_resource_that_would_be_said_again_by_each_of_its_spans_is_refused(serve):
    server = serve(limits={"kept_total_bytes": 1 << 20})
    sent = spans(*[NANOS] * 300)
    long = [
        {"key": f"revenium.x{number}", "value": {"stringValue": "x" * 1_000}} for number in range(5)
    ]
    sent["resourceSpans"][0]["resource"] = {"attributes": long}
    answer = server.post(TRACES, sent)
    assert (answer.status_code, codes(answer)) == (413, ["too_large"])
    assert not server.events()


def test_a_repeated_export_by_key_is_one(server):
    body = span_message(NANOS).SerializeToString()
    headers = PROTOBUF | {"idempotency-key": "k-1"}
    first = server.post(TRACES, content=body, headers=headers)
    again = server.post(TRACES, content=body, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["content-type"] == "application/x-protobuf"
    assert again.content == first.content
    assert len(server.events()) == 1
