from datetime import UTC, datetime

import pytest

from ingest.event import Identity
from ingest.forms.cloud_event import read
from ingest.refusal import Refusal
from ingest.strict_json import parse

EVENT = '"specversion":"1.0","id":"e-1","source":"/gateway","type":"prompt"'


def test_the_data_are_elements_and_the_subject_is_the_subscriber() -> None:
    event = read(
        parse(
            f'{{{EVENT},"subject":"user-42","time":"2026-01-01T00:00:00Z","datacontenttype":'
            '"application/json","region":"eu","data":{"tokens":"123","model":"m","none":null}}'
        )
    )
    assert (event.source_kind, event.source_id, event.event_id) == ("event", "/gateway", "e-1")
    assert event.occurred_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert event.identity == Identity(subscriber_id="user-42")
    assert event.elements == {"ce_type": "prompt", "region": "eu", "tokens": "123", "model": "m"}


def test_identity_comes_as_extensions() -> None:
    event = read(
        parse(
            f'{{{EVENT},"subject":"call-1","subscriptionid":"s","subscriberid":"u","subscriberemail":'
            '"u@example.com","subscribercredential":"ck","credentialname":"main",'
            '"organizationname":"Acme","productname":"Starter"}'
        )
    )
    assert event.identity == Identity("s", "ck", "main", "u", "u@example.com", "Acme", "Starter")
    assert event.elements == {"ce_type": "prompt"}


@pytest.mark.parametrize(
    ("data", "element"), [('"12"', "12"), ("12", "12"), ("[1,2]", "[1, 2]"), ("null", None)]
)
def test_data_that_are_no_object_are_one_element(data: str, element: str | None) -> None:
    assert read(parse(f'{{{EVENT},"data":{data}}}')).elements.get("data") == element


def test_every_attribute_at_fault_is_named() -> None:
    with pytest.raises(Refusal) as refused:
        read(parse('{"specversion":"0.3","data_base64":"AA==","type":"t","time":"soon"}'))
    assert [(problem.field, problem.reason) for problem in refused.value.fields] == [
        ("specversion", "bad_value"),
        ("data_base64", "bad_value"),
        ("source", "missing_field"),
        ("id", "missing_field"),
        ("time", "bad_time"),
    ]
