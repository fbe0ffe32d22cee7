"""CloudEvents 1.0: structured, batched, one a line, and in binary mode."""

import json

import pytest

from tests.ingest.api.served import codes

PATH = "/v1/events"
ONE = {"specversion": "1.0", "id": "1", "source": "shop", "type": "packed", "data": {"parcels": 2}}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BINARY = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "z%C3%BCrich",
    "ce-type": "packed",
    "ce-subscriptionid": "sub-1",
    "content-type": "application/json",
}


def test_one_in_structured_mode(server):
    answer = server.post(PATH, content=json.dumps(ONE).encode(), headers=STRUCTURED)
    assert answer.status_code == 201
    (event,) = server.events()
    assert (event["source_id"], event["event_id"]) == ("shop", "1")
    assert event["elements"] == {"parcels": "2", "ce_type": "packed"}


@pytest.mark.parametrize("path", [PATH, "/api/v1/events"])
def test_a_batch(server, path):
    content = json.dumps([ONE, ONE | {"id": "2"}]).encode()
    batch = {"content-type": "application/cloudevents-batch+json"}
    answer = server.post(path, content=content, headers=batch)
    assert (answer.status_code, answer.json()["accepted"]) == (201, 2)


def test_one_a_line(server):
    content = b"\n".join(json.dumps(ONE | {"id": str(number)}).encode() for number in range(3))
    answer = server.post(PATH, content=content, headers={"content-type": "application/x-ndjson"})
    assert (answer.status_code, answer.json()["accepted"]) == (201, 3)


def test_binary_mode(server):
    answer = server.post(PATH, content=b'{"parcels": 2}', headers=BINARY)
    assert answer.status_code == 201, answer.text
    (event,) = server.events()
    assert event["source_id"] == "zürich"
    assert event["subscription_id"] == "sub-1"
    assert event["elements"]["parcels"] == "2"


def test_binary_mode_without_data(server):
    assert server.post(PATH, content=b"", headers=BINARY).status_code == 201


def test_the_same_event_in_either_mode_is_the_same_content(server):
    structured = ONE | {"source": "zürich", "subscriptionid": "sub-1"}
    server.post(PATH, structured)
    server.post(PATH, content=b'{"parcels": 2}', headers=BINARY)
    first, second = server.events()
    assert first["content_hash"] == second["content_hash"]


@pytest.mark.parametrize(
    ("content", "code"), [(b"{", "not_json"), (b"\xff", "not_utf8")], ids=["torn", "no text"]
)
def test_data_that_cannot_be_read_are_refused_and_kept(server, content, code):
    answer = server.post(PATH, content=content, headers=BINARY)
    assert (answer.status_code, codes(answer)) == (400, [code])
    assert len(server.refused()) == 1


def test_another_version_is_refused(server):
    answer = server.post(PATH, ONE | {"specversion": "0.3"})
    assert [error["field"] for error in answer.json()["errors"]] == ["specversion"]
