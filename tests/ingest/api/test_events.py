"""Events are sent, singly and in batches, and lie on the disk when they are acknowledged."""

import json
from datetime import timedelta

import pytest

from ingest.api.endpoints import ENDPOINTS
from ingest.api.openapi import EXAMPLES
from tests.ingest.api.served import NOW, codes

EVENTS = "/meter/v2/events"
ONE = {"transactionId": "e-1", "payload": {"units": 3, "region": "Singapore"}}
PATHS = [(path, endpoint) for endpoint in ENDPOINTS for path in endpoint.paths]


@pytest.mark.parametrize(("path", "endpoint"), PATHS, ids=[path for path, _ in PATHS])
def test_every_example_of_the_documentation_is_accepted_on_every_path(server, path, endpoint):
    answer = server.post(path, EXAMPLES[endpoint.path])
    assert answer.status_code == endpoint.status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(answer.json(), dict)
    (event,) = server.events()
    assert event["received_at"] == "2026-03-01T01:00:00Z"


def test_an_acknowledged_event_is_on_the_disk(server):
    answer = server.post(EVENTS, ONE)
    assert answer.status_code == 201
    (event,) = server.events()
    assert (event["event_id"], event["elements"]) == ("e-1", {"units": "3", "region": "Singapore"})
    said = answer.json()
    assert said == {
        "id": event["event_key"],
        "label": "e-1",
        "resourceType": "event",
        "signature": event["content_hash"],
        "created": "2026-03-01T01:00:00Z",
    }


def test_v1_answers_200_to_a_meter_and_201_to_an_event(server):
    meter = server.post("/meter/v1/api/meter", EXAMPLES["/meter/v1/api/meter"])
    event = server.post("/meter/v1/api/event", EXAMPLES["/meter/v1/api/event"])
    assert (meter.status_code, event.status_code) == (200, 201)


def test_an_event_without_an_id_gets_one(server):
    for _ in range(2):
        assert server.post(EVENTS, {"payload": {}}).status_code == 201
    first, second = server.events()
    assert first["event_id"] != second["event_id"]
    assert len(first["event_id"]) == 32


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "text/plain", "", "APPLICATION/JSON"],
)
def test_the_content_type_of_json_does_not_matter(server, content_type):
    body = b"\xef\xbb\xbf \n" + json.dumps(ONE).encode()
    answer = server.post(EVENTS, content=body, headers={"content-type": content_type})
    assert answer.status_code == 201, answer.text


def test_every_field_at_fault_is_named(server):
    bad = {"model": "m", "requestTime": "yesterday", "totalCost": "much", "organizationName": {}}
    answer = server.post("/meter/v2/ai/completions", bad)
    assert answer.status_code == 400
    said = answer.json()
    assert {error["field"] for error in said["errors"]} == {
        "provider",
        "requestTime",
        "totalCost",
        "organizationName",
    }
    assert all(error["resolution"] for error in said["errors"])
    assert said["path"] == "/meter/v2/ai/completions"
    assert (said["status"], said["error"]) == (400, "Bad Request")
    assert said["timestamp"] == "2026-03-01T01:00:00Z"
    assert said["details"]["requestId"] == answer.headers["x-request-id"]
    assert not server.events()


def test_what_is_refused_is_kept_with_its_text(server):
    server.post(EVENTS, content=b'{"transactionId": "e-1", "payload": 5}')
    (record,) = server.refused()
    assert record["raw_text"] == '{"transactionId": "e-1", "payload": 5}'
    assert (record["endpoint"], record["code"]) == (EVENTS, "missing_field")
    (problem,) = json.loads(record["fields"])
    assert problem["field"] == "payload"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"[1", "not_json"),
        (b"5", "not_an_object"),
        (b"\xff", "not_utf8"),
        (b'{"payload": {"a": 1, "a": 2}}', "duplicate_key"),
        (b'{"payload": {"a": NaN}}', "not_json"),
        (b'{"payload": {"a": 1e999}}', "number_too_long"),
        (b'{"payload": ' + b"[" * 60_000, "too_deep"),
        (b'{"payload": {"a": "\\ud800"}}', "unreadable_text"),
        (b'{"payload": {"a": "' + b"x" * 60_000 + b'"}}', "text_too_long"),
    ],
    ids=[
        "nothing",
        "a torn list",
        "a number",
        "no UTF-8",
        "a repeated key",
        "NaN",
        "an exponent",
        "nested",
        "half a pair",
        "long",
    ],
)
def test_what_cannot_be_read_is_refused_for_what_it_is_and_kept(server, body, code):
    answer = server.post(EVENTS, content=body)
    assert (answer.status_code, codes(answer)) == (400, [code])
    (record,) = server.refused()
    assert record["code"] == code
    assert not server.events()


def test_a_secret_is_in_no_answer(server):
    secret = "s3cr3t" * 60
    bad = {"payload": {}, "subscriberCredential": secret}
    assert "s3cr3t" not in server.post(EVENTS, bad).text
    nested = {"payload": {}, "subscriber": {"credential": {"value": secret}}}
    assert "s3cr3t" not in server.post(EVENTS, nested).text
    v1 = {"method": "GET", "responseCode": 200, "application": secret}
    assert "s3cr3t" not in server.post("/meter/v1/api/meter", v1).text
    assert len(server.refused()) == 3


def test_an_event_of_the_future_is_refused(server):
    soon = (NOW + timedelta(minutes=6)).isoformat()
    answer = server.post(
        "/meter/v2/ai/completions", EXAMPLES["/meter/v2/ai/completions"] | {"requestTime": soon}
    )
    assert (answer.status_code, codes(answer)) == (400, ["future"])


def test_a_list_is_accepted_as_a_whole(server):
    batch = [ONE, ONE | {"transactionId": "e-2"}]
    answer = server.post(EVENTS, batch)
    assert answer.status_code == 201
    assert answer.json() == {
        "resourceType": "eventBatch",
        "created": "2026-03-01T01:00:00Z",
        "accepted": 2,
        "refused": 0,
    }
    assert [event["event_id"] for event in server.events()] == ["e-1", "e-2"]


def test_lines_are_a_batch(server):
    lines = b'{"payload": {"a": 1}}\n\r\n{"payload": {"a": 2}}\r\n'
    answer = server.post(EVENTS, content=lines, headers={"content-type": "application/x-ndjson"})
    assert (answer.status_code, answer.json()["accepted"]) == (201, 2)
    assert [event["elements"]["a"] for event in server.events()] == ["1", "2"]


def test_of_a_mixed_batch_the_refused_records_are_listed(server):
    batch = [ONE, {"transactionId": "e-2"}, 5, ONE | {"transactionId": "e-4"}]
    answer = server.post(EVENTS, batch)
    assert answer.status_code == 207
    said = answer.json()
    assert (said["accepted"], said["refused"]) == (2, 2)
    assert [(item["index"], item["status"]) for item in said["items"]] == [(1, 400), (2, 400)]
    assert [item["errors"][0]["code"] for item in said["items"]] == [
        "missing_field",
        "not_an_object",
    ]
    assert [event["event_id"] for event in server.events()] == ["e-1", "e-4"]
    assert [record["raw_text"] for record in server.refused()] == ['{"transactionId":"e-2"}', "5"]


def test_a_batch_without_an_event_is_an_error(server):
    answer = server.post(EVENTS, [{"transactionId": "e-2"}, 5])
    assert answer.status_code == 400
    said = answer.json()
    assert codes(answer) == ["missing_field"]
    assert [item["index"] for item in said["items"]] == [0, 1]
    assert len(server.refused()) == 2


def test_an_empty_batch_is_accepted(server):
    answer = server.post(EVENTS, [])
    assert (answer.status_code, answer.json()["accepted"]) == (201, 0)


def test_people_are_told_apart_from_their_events(server):
    body = ONE | {"subscriber": {"id": "u-1", "email": "u@example.com"}}
    server.post(EVENTS, body)
    (event,) = server.events()
    assert "u-1" not in json.dumps(event)
    assert "u@example.com" not in json.dumps(event)
    (frame,) = server.frames()
    assert sorted(frame.identifiers.values()) == [("email", "u@example.com"), ("subscriber", "u-1")]


@pytest.mark.parametrize("path", ["/meter/v2/nothing", "/", "/meter/v2/events/"])
def test_an_unknown_path_is_not_found_in_the_same_shape(server, path):
    answer = server.post(path, ONE)
    assert (answer.status_code, codes(answer)) == (404, ["not_found"])
    assert answer.headers["x-request-id"]


def test_events_are_not_read_by_get(server):
    answer = server.get(EVENTS)
    assert (answer.status_code, codes(answer)) == (405, ["not_allowed"])


def test_the_senders_request_id_is_kept(server):
    answer = server.post(EVENTS, ONE, headers={"x-request-id": "trace-1"})
    assert answer.headers["x-request-id"] == "trace-1"
    forged = server.post(EVENTS, ONE, headers={"x-request-id": "a b"})
    assert forged.headers["x-request-id"] != "a b"
