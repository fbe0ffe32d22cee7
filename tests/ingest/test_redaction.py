"""What is shown of what was sent, and what is kept of it."""

import json

import pytest

from ingest.redaction import brief, is_hidden, redacted


@pytest.mark.parametrize(
    "name",
    [
        "subscriberCredential",
        "platformAPIKey",
        "accessToken",
        "access_token",
        "password",
        "requestHeaders",
        "inputMessages",
        "gen_ai.input.messages",
        "revenium.subscriber.credential.value",
    ],
)
def test_a_field_that_holds_a_secret_or_a_conversation_is_hidden(name: str) -> None:
    assert is_hidden(name)
    assert b"s3cr3t" not in redacted(json.dumps({"a": [{name: ["s3cr3t"]}]}).encode())


@pytest.mark.parametrize("name", ["inputTokenCount", "tokens", "payload", "productKey", "sourceId"])
def test_usage_is_not_hidden(name: str) -> None:
    assert not is_hidden(name)


def test_an_attribute_is_hidden_by_the_name_that_it_says() -> None:
    attribute = {"key": "subscriber.credential.value", "value": {"stringValue": "s3cr3t"}}
    assert b"s3cr3t" not in redacted(json.dumps({"attributes": [attribute]}).encode())


def test_a_text_that_says_a_secret_is_hidden() -> None:
    assert b"s3cr3t" not in redacted(b'{"payload": ["password=s3cr3t", "Bearer s3cr3t"]}')


@pytest.mark.parametrize(
    "text",
    [
        b'{ "a": 1.10, "a": 2 }',
        b"\xff{",
        b'{"credential": "torn',
        b"[" * 100_000,
        b'{"a": NaN}',
        b"",
    ],
)
def test_what_tells_nothing_or_is_no_json_is_kept_as_it_came(text: bytes) -> None:
    assert redacted(text) == text


def test_numbers_keep_their_digits() -> None:
    assert redacted(b'{"token": 1, "n": [1.10, 9e999, NaN, 12345678901234567890123]}') == (
        b'{"token":"[redacted]","n":[1.10,9e999,NaN,12345678901234567890123]}'
    )


def test_a_key_that_is_given_twice_hides_both_values() -> None:
    assert b"s3cr3t" not in redacted(b'{"a": {"token": "s3cr3t"}, "a": 5}')


def test_what_cannot_be_written_without_its_secret_is_not_kept() -> None:
    assert redacted(rb'{"token": "s3cr3t", "half": "\ud800"}') == b"[redacted]"


def test_a_message_tells_a_scalar_in_brief_and_of_a_structure_only_its_kind() -> None:
    assert brief("much", 3) == "muc"
    assert brief({"a": 1}, 40) == "an object"
    assert brief(["a"], 40) == "a list"
    assert brief("password=s3cr3t", 40) == "[redacted]"
