"""CloudEvents 1.0: structured, batched, one a line, and in binary mode."""

import base64
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


def test_a_refused_event_of_binary_mode_is_kept_with_all_its_attributes(server):
    said = BINARY | {"ce-specversion": "0.3", "ce-subscribercredential": "s3cr3t"}
    server.post(PATH, content=b'{"parcels": 2.50}', headers=said)
    server.post(PATH, content=b"{", headers=BINARY)
    server.post(PATH, content=b"\xff", headers=BINARY)
    wrong, torn, binary = (json.loads(record["raw_text"]) for record in server.refused())
    assert wrong == {
        "specversion": "0.3",
        "id": "1",
        "source": "zürich",
        "type": "packed",
        "subscriptionid": "sub-1",
        "subscribercredential": "[redacted]",
        "datacontenttype": "application/json",
        "data": {"parcels": 2.5},
    }
    assert (torn["id"], torn["data"]) == ("1", "{")
    assert (binary["id"], binary["data"]) == ("1", "\ufffd")


@pytest.mark.parametrize(
    ("media_type", "data"),
    [("application/json", b'{"parcels": 2}'), (None, b'{"parcels": 2}'), ("text/plain", b"two")],
)
def test_data_in_base64_are_the_same_as_in_binary_mode(server, media_type, data):
    event = {name: held for name, held in ONE.items() if name != "data"}
    typed = {"datacontenttype": media_type} if media_type else {}
    headers = {f"ce-{name}": held for name, held in event.items()}
    headers |= {"content-type": media_type} if media_type else {}
    encoded = {"data_base64": base64.b64encode(data).decode()}
    assert server.post(PATH, event | typed | encoded, headers=STRUCTURED).status_code == 201
    assert server.post(PATH, content=data, headers=headers).status_code == 201
    first, second = server.events()
    assert first["content_hash"] == second["content_hash"]


@pytest.mark.parametrize(
    ("media_type", "encoded"),
    [
        ("image/png", base64.b64encode(b"\x89PNG").decode()),
        ("application/json", base64.b64encode(b"{").decode()),
        ("application/json", "%%"),
        ("application/json", {"a": 1}),
    ],
)
def test_data_in_base64_that_are_neither_json_nor_text_are_refused(server, media_type, encoded):
    event = {name: held for name, held in ONE.items() if name != "data"}
    answer = server.post(PATH, event | {"datacontenttype": media_type, "data_base64": encoded})
    (error,) = answer.json()["errors"]
    assert (error["code"], error["field"]) == ("bad_value", "data_base64")


def test_data_are_given_once(server):
    answer = server.post(PATH, ONE | {"data_base64": "e30="})
    assert [error["field"] for error in answer.json()["errors"]] == ["data_base64"]


def test_another_version_is_refused(server):
    answer = server.post(PATH, ONE | {"specversion": "0.3"})
    assert [error["field"] for error in answer.json()["errors"]] == ["specversion"]
