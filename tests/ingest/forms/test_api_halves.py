import pytest

from ingest.event import Identity
from ingest.forms import api_event, api_request, api_response
from ingest.refusal import Refusal
from ingest.strict_json import parse

CALL = '"requestId":"r-1","assetId":"summaries","responseCode":200'


def test_a_request_is_the_first_half_of_a_call() -> None:
    event = api_request.read(
        parse(
            '{"transactionId":"t","method":"POST","resource":"/v1","credential":"ck","sourceId":"gw",'
            '"sourceType":"KONG","remoteHost":"203.0.113.7","requestMessageSize":"12"}'
        )
    )
    assert (event.part, event.source_kind, event.source_id) == ("request", "api", "gw")
    assert event.event_id == "t"
    assert event.identity == Identity(credential="ck")
    assert event.elements == {"method": "POST", "resource": "/v1", "requestMessageSize": "12"}


def test_a_response_is_the_other_half() -> None:
    event = api_response.read(
        parse(
            '{"transactionId":"t","responseCode":"200","totalDuration":null,"backendLatency":1.5}'
        )
    )
    assert (event.part, event.source_kind, event.source_id) == ("response", "api", "api")
    assert event.elements == {"responseCode": "200", "backendLatency": "1.5"}


def test_halves_of_a_call_are_not_one_content() -> None:
    record = parse('{"transactionId":"t","responseCode":200}')
    assert api_request.read(record).content_hash() != api_response.read(record).content_hash()


@pytest.mark.parametrize(
    ("line", "fields"),
    [('{"responseCode":200}', ["transactionId"]), ("{}", ["responseCode", "transactionId"])],
)
def test_a_half_names_its_transaction(line: str, fields: list[str]) -> None:
    with pytest.raises(Refusal) as refused:
        api_response.read(parse(line))
    assert [problem.field for problem in refused.value.fields] == fields


@pytest.mark.parametrize(
    ("said", "part"),
    [('"REQUEST"', "request"), ('"response"', "response"), ('""', None), ("null", None)],
)
def test_an_older_event_is_the_half_that_its_type_says(said: str, part: str | None) -> None:
    event = api_event.read(parse(f'{{{CALL},"eventType":{said},"clientId":"ck"}}'))
    assert (event.part, event.source_id, event.event_id) == (part, "summaries", "r-1")
    assert event.identity == Identity(credential="ck")
    assert event.elements == {"responseCode": "200"}


def test_an_older_event_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(Refusal, match="bad_value: eventType 'PING' is neither"):
        api_event.read(parse(f'{{{CALL},"eventType":"PING"}}'))


@pytest.mark.parametrize(
    ("metadata", "elements"),
    [
        ('"region=eu,pages=14"', {"region": "eu", "pages": "14"}),
        ('" region = eu "', {"region": "eu"}),
        ('"a=b=c"', {"a": "b=c"}),
        ('"a note, no pairs"', {"metadata": "a note, no pairs"}),
        ('"a=1,a=2"', {"metadata": "a=1,a=2"}),
        ('"=1"', {"metadata": "=1"}),
        ('{"a":1}', {"metadata": '{"a": 1}'}),
        ('""', {}),
    ],
)
def test_metadata_of_pairs_are_elements_and_any_other_is_one(
    metadata: str, elements: dict[str, str]
) -> None:
    event = api_event.read(parse(f'{{{CALL},"metadata":{metadata}}}'))
    assert event.elements == elements | {"responseCode": "200"}


def test_metadata_take_no_field_s_place_and_listed_elements_do() -> None:
    event = api_event.read(
        parse(
            f'{{{CALL},"method":"GET","metadata":"method=x,region=eu",'
            '"elements":[{"name":"region","value":"us"}]}'
        )
    )
    assert event.elements == {"responseCode": "200", "method": "GET", "region": "us"}
