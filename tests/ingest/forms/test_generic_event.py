from datetime import UTC, datetime

import pytest

from ingest.event import Identity
from ingest.forms.detection import detect
from ingest.forms.generic_event import read
from ingest.refusal import Refusal
from ingest.strict_json import parse
from tests.ingest.landed import FIXTURES

LINES = (FIXTURES / "events.ndjson").read_text(encoding="utf-8").splitlines()


def test_a_recorded_event_is_read_whole() -> None:
    event = read(parse(LINES[2]))
    assert (event.source_kind, event.source_id) == ("event", "wiki-edit-stream")
    assert event.event_id == "wiki-000002"
    assert event.occurred_at == datetime(2015, 9, 12, 0, 47, 5, 474_000, tzinfo=UTC)
    assert event.identity == Identity(credential="anon-ca3d83307c5b")
    assert dict(event.elements) == {
        "channel": "en.wikipedia",
        "namespace": "Main",
        "added": "0",
        "deleted": "0",
        "robot": "false",
        "country": "AU",
        "region": "AU-NSW",
    }


def test_only_the_payload_makes_elements() -> None:
    event = read(parse('{"payload":{"seats":3,"none":null},"note":"x","timestamp":""}'))
    assert dict(event.elements) == {"seats": "3"}
    assert (event.source_id, event.event_id, event.occurred_at) == ("event", None, None)


def test_a_timestamp_serves_where_no_request_time_is_sent() -> None:
    event = read(parse('{"payload":{},"timestamp":"2026-01-01T00:00:00Z"}'))
    assert event.occurred_at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("payload", ["null", "[]", '"x"', "1"])
def test_a_payload_that_is_no_object_is_refused(payload: str) -> None:
    with pytest.raises(Refusal, match="payload must be an object"):
        read(parse(f'{{"payload":{payload}}}'))


@pytest.mark.parametrize(
    ("sample", "form"), [("ai_completions", "ai"), ("api_meter", "api"), ("events", "event")]
)
def test_the_form_of_every_recorded_line_is_detected(sample: str, form: str) -> None:
    lines = (FIXTURES / f"{sample}.ndjson").read_text(encoding="utf-8").splitlines()
    assert {detect(parse(line)) for line in lines} == {form}


@pytest.mark.parametrize("line", ["{}", '{"transactionId":"x"}', '{"method":"GET"}'])
def test_a_record_of_no_known_form_is_refused(line: str) -> None:
    with pytest.raises(Refusal) as refused:
        detect(parse(line))
    assert refused.value.reason == "unknown_form"
