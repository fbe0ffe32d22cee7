from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ingest.event import Identity
from ingest.forms.api_meter import read
from ingest.refusal import Refusal
from ingest.strict_json import parse
from tests.ingest.landed import FIXTURES

LINES = (FIXTURES / "api_meter.ndjson").read_text(encoding="utf-8").splitlines()
CALL = '"method":"GET","responseCode":200'


def test_a_recorded_call_is_read_whole() -> None:
    event = read(parse(LINES[0]))
    assert (event.source_kind, event.source_id, event.event_id) == ("api", "api", "nasa-000000")
    assert event.occurred_at == datetime(1995, 8, 1, 6, tzinfo=UTC)
    assert event.identity == Identity(credential="pppa006.compuserve.com")
    assert event.ai is None
    assert dict(event.elements) == {
        "url": "http://www.ksc.nasa.gov/images/launch-logo.gif",
        "contentType": "image/gif",
        "httpProtocol": "HTTP/1.0",
        "method": "GET",
        "responseCode": "200",
        "region": "com",
        "bytes": "1713",
    }
    assert dict(event.element_numbers) == {"responseCode": Decimal(200), "bytes": Decimal(1713)}


def test_application_is_the_credential_and_product_key_the_product() -> None:
    event = read(parse(f'{{{CALL},"application":"app-1","productKey":"p-1","source":"kong"}}'))
    assert event.identity == Identity(credential="app-1", product_name="p-1")
    assert event.source_id == "kong"


def test_who_is_said_in_the_other_forms_way_is_known_too_and_is_no_element() -> None:
    event = read(parse(f'{{{CALL},"subscriber":{{"id":"dev-1","email":"a@example.com"}}}}'))
    assert event.identity == Identity(subscriber_id="dev-1", email="a@example.com")
    assert set(event.elements) == {"method", "responseCode"}


def test_what_names_people_or_secrets_in_a_request_is_no_element() -> None:
    event = read(
        parse(
            f'{{{CALL},"platformAPIKey":"k","requestHeaders":["authorization"],'
            '"responseHeaders":["x"],"remoteUser":"anna","remoteHost":"10.0.0.1"}'
        )
    )
    assert set(event.elements) == {"method", "responseCode"}


def test_current_millis_serve_where_no_request_time_is_sent() -> None:
    event = read(parse(f'{{{CALL},"currentMillis":1767225600000}}'))
    assert event.occurred_at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("line", ['{"method":"GET"}', '{"responseCode":200}'])
def test_a_call_has_a_method_and_a_response_code(line: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(parse(line))
    assert refused.value.reason == "missing_field"


def test_elements_as_an_object_are_those_of_a_list() -> None:
    listed = '"elements":[{"name":"region","value":"eu"},{"name":"bytes","value":12}]'
    named = '"elements":{"region":"eu","bytes":12}'
    hashes = {read(parse(f"{{{CALL},{said}}}")).content_hash() for said in (listed, named)}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("elements", "reason", "detail"),
    [
        ('"region"', "bad_element", "elements must be a list of {name, value}"),
        ('["region"]', "bad_element", "elements must be a list of {name, value}"),
        ('[{"value":"eu"}]', "missing_field", "name is missing"),
        ('[{"name":"","value":"eu"}]', "missing_field", "name is missing"),
        ('[{"name":true,"value":"eu"}]', "bad_identifier", "name must be a text"),
        ('[{"name":["x"],"value":"eu"}]', "bad_identifier", "name must be a text"),
        (
            '[{"name":"region","value":"eu"},{"name":"region","value":"us"}]',
            "bad_element",
            "the element 'region' is given twice",
        ),
    ],
)
def test_elements_without_a_name_or_with_one_twice_are_refused(
    elements: str, reason: str, detail: str
) -> None:
    with pytest.raises(Refusal) as refused:
        read(parse(f'{{{CALL},"elements":{elements}}}'))
    assert (refused.value.reason, refused.value.detail) == (reason, detail)


def test_an_element_whose_name_is_a_number_is_named_by_its_digits() -> None:
    event = read(parse(f'{{{CALL},"elements":[{{"name":7,"value":true}}]}}'))
    assert event.elements["7"] == "true"
