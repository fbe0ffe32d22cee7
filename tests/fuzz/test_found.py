"""What broken requests have found, each kept as a case of its own."""

import gzip
import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.api.bodies import UnreadableBodyError
from ingest.api.endpoints import BY_PATH
from ingest.api.settings import Settings
from ingest.api.value_counts import refuse_too_many_in_json, refuse_too_many_in_protobuf
from ingest.paths import DataPaths
from tests.ingest.api.served import Served, codes

EVENTS, SPANS = "/meter/v2/events", "/meter/v2/otlp/v1/traces"
BODY = b'{"payload":{"units":3}}'
MEBIBYTE = 1 << 20


@pytest.fixture
def server(tmp_path):
    made = Served(Settings(DataPaths(tmp_path / "data"), free_space_floor=0))
    yield made
    made.close()


@pytest.mark.parametrize(("length", "status"), [(b"\xb2", 201), (b"9" * 5_000, 413)])
def test_a_length_that_is_no_number_of_ours_is_no_failure(server, length, status):
    headers = {"content-length": length, "x-api-key": server.key}
    answer = server.run(server.request("POST", EVENTS, content=BODY, headers=headers))
    assert answer.status_code == status, answer.text


def test_thousands_of_gzip_members_are_refused(server):
    body = gzip.compress(b"") * 100_000
    before = time.thread_time()
    answer = server.post(EVENTS, content=body, headers={"content-encoding": "gzip"})
    assert time.thread_time() - before < 1
    assert (answer.status_code, codes(answer)) == (400, ["bad_content_encoding"])


LARGE = {
    "a list of numbers": (EVENTS, "application/json", b"[" + b"1," * MEBIBYTE + b"1]"),
    "lines of numbers": (EVENTS, "application/x-ndjson", b"10\n" * MEBIBYTE),
    "empty spans": (SPANS, "application/json", b'{"resourceSpans":[%b{}]}' % (b"{}," * MEBIBYTE)),
    "empty messages": (SPANS, "application/x-protobuf", b"\x0a\x00" * MEBIBYTE),
}


@pytest.mark.parametrize(("path", "media_type", "body"), LARGE.values(), ids=LARGE)
def test_more_values_than_are_read_are_refused_before_they_are_made(server, path, media_type, body):
    headers = {"content-type": media_type, "content-encoding": "gzip"}
    before = time.thread_time()
    answer = server.post(path, content=gzip.compress(body), headers=headers)
    assert time.thread_time() - before < 1.5
    assert answer.status_code == 413
    (refused,) = server.refused()
    assert refused["code"] == "too_many_records"


def test_every_field_of_a_message_counts():
    export = ExportTraceServiceRequest()
    span = export.resource_spans.add().scope_spans.add().spans.add(name="chat " * 9)
    attribute = span.attributes.add(key="fixed " * 9)
    attribute.value.array_value.values.add().double_value = 1.5
    attribute.value.array_value.values.add().bool_value = True
    body, fields = export.SerializeToString(), 12
    refuse_too_many_in_protobuf(body, export.DESCRIPTOR, fields)
    with pytest.raises(UnreadableBodyError):
        refuse_too_many_in_protobuf(body, export.DESCRIPTOR, fields - 1)


def test_a_message_that_is_cut_off_is_left_to_its_reader():
    body = b"\x0a\x7f" + b"\xff" * 40
    refuse_too_many_in_protobuf(body, ExportTraceServiceRequest.DESCRIPTOR, 8)


def test_every_value_of_json_counts():
    refuse_too_many_in_json(b'[{"a":1},{"a":[2]}]', 5)
    with pytest.raises(UnreadableBodyError):
        refuse_too_many_in_json(b'[{"a":1},{"a":[2]}]', 4)


def test_what_is_read_is_documented_as_it_is_answered(server):
    document = server.get("/openapi.json").json()
    read = {path: each["get"] for path, each in document["paths"].items() if path not in BY_PATH}
    assert not any("422" in operation["responses"] for operation in read.values())
    assert read["/healthz"]["security"] == []
    assert [*read["/metrics"]["responses"]["200"]["content"]] == ["text/plain"]
