import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ingest.event import AiUsage, Identity
from ingest.forms.ai_completion import read
from ingest.refusal import Refusal
from ingest.strict_json import parse
from tests.ingest.landed import FIXTURES

LINES = (FIXTURES / "ai_completions.ndjson").read_text(encoding="utf-8").splitlines()
CALL = '"provider":"Anthropic","model":"claude-opus-4-5"'


def test_a_recorded_completion_is_read_whole() -> None:
    event = read(parse(LINES[1]))
    assert (event.source_kind, event.source_id, event.event_id) == ("ai", "ai", "cc-0006-00001")
    assert event.occurred_at == datetime(2026, 1, 1, 10, 0, 15, tzinfo=UTC)
    assert event.identity == Identity(
        credential="ck-003-m",
        credential_name="main",
        subscriber_id="dev-003",
        organization_name="org-03",
        product_name="Coding Agent Starter",
    )
    assert event.ai == AiUsage("anthropic", "claude-opus-4-5-20251101", 3326, 545, 16960, 0)
    assert not event.is_billing_skipped
    assert dict(event.elements) == {
        "provider": "anthropic",
        "model": "claude-opus-4-5-20251101",
        "costType": "AI",
        "operationType": "CHAT",
        "inputTokenCount": "3326",
        "outputTokenCount": "545",
        "cacheReadTokenCount": "16960",
        "cacheCreationTokenCount": "0",
        "totalTokenCount": "20831",
        "requestDuration": "12160",
        "isStreamed": "false",
        "stopReason": "END_SEQUENCE",
        "traceId": "trace_0006",
        "agent": "main",
        "taskType": "tool_result",
    }
    assert event.element_numbers["requestDuration"] == 12160


@pytest.mark.parametrize("line", LINES)
def test_no_name_or_secret_of_a_recorded_completion_becomes_an_element(line: str) -> None:
    sent = json.loads(line)
    secrets = {sent["subscriber"]["id"], sent["subscriber"]["credential"]["value"]}
    assert not secrets & set(read(parse(line)).elements.values())


def test_the_older_flat_names_serve_where_the_nested_ones_are_missing() -> None:
    flat = (
        f'{{{CALL},"subscriberId":"dev-1","subscriberEmail":"a@example.com",'
        '"subscriberCredential":"ck-1","organizationId":"Acme","productId":"Starter"}'
    )
    assert read(parse(flat)).identity == Identity(
        credential="ck-1",
        subscriber_id="dev-1",
        email="a@example.com",
        organization_name="Acme",
        product_name="Starter",
    )


def test_the_nested_names_win_over_the_older_flat_ones() -> None:
    both = (
        f'{{{CALL},"subscriptionId":"sub-1","subscriber":{{"id":"new","email":"new@example.com",'
        '"credential":{"value":"ck-new"}},"subscriberId":"old","subscriberEmail":"old@example.com",'
        '"subscriberCredential":"ck-old","organizationName":"New","organizationId":"Old",'
        '"productName":"New","productId":"Old"}'
    )
    assert read(parse(both)).identity == Identity(
        subscription_id="sub-1",
        credential="ck-new",
        subscriber_id="new",
        email="new@example.com",
        organization_name="New",
        product_name="New",
    )


@pytest.mark.parametrize("said", ['"subscriber":"dev-1"', '"subscriber":{"credential":"ck"}'])
def test_an_identity_that_is_no_object_is_refused(said: str) -> None:
    with pytest.raises(Refusal, match="must be an object"):
        read(parse(f"{{{CALL},{said}}}"))


@pytest.mark.parametrize("line", ['{"model":"m"}', '{"provider":"p"}', '{"provider":"","model":1}'])
def test_a_completion_names_its_provider_and_model(line: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(parse(line))
    assert refused.value.reason == "missing_field"


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        ("12", 12),
        ('"12"', 12),
        ("12.0", 12),
        ("1e3", 1000),
        ("12.5", None),
        ("-1", None),
        ('"1_000"', None),
        ('"\u0967"', None),
        ("true", None),
        ("10000000000000", None),
    ],
)
def test_tokens_are_whole_numbers_or_unknown(said: str, tokens: int | None) -> None:
    ai = read(parse(f'{{{CALL},"inputTokenCount":{said}}}')).ai
    assert ai is not None
    assert ai.input_tokens == tokens


@pytest.mark.parametrize("sent", ['"inputTokenCount":7', '"outputTokenCount":7'])
def test_a_count_that_is_not_sent_beside_another_is_zero(sent: str) -> None:
    ai = read(parse(f"{{{CALL},{sent}}}")).ai
    assert ai is not None
    counts = [ai.input_tokens, ai.output_tokens, ai.cache_read_tokens, ai.cache_creation_tokens]
    assert sorted(counts) == [0, 0, 0, 7]


def test_what_a_call_without_any_count_used_is_unknown() -> None:
    ai = read(parse(f'{{{CALL},"inputTokenCount":null}}')).ai
    assert ai is not None
    assert (ai.input_tokens, ai.output_tokens, ai.cache_read_tokens) == (None, None, None)


def test_a_cached_count_that_cannot_be_read_is_unknown_not_zero() -> None:
    ai = read(parse(f'{{{CALL},"inputTokenCount":7,"cacheReadTokenCount":"many"}}')).ai
    assert ai is not None
    assert ai.cache_read_tokens is None


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        ("0.0123", "0.0123"),
        ('"0.0123"', "0.0123"),
        ("1e-7", "0.0000001"),
        ("1.5E+2", "150"),
        ("1e2", "100"),
        ("0.0000000000005", "0.000000000001"),
        ("1.2345678901234567e-30", "0"),
        ("0", "0"),
        ("9999999999999.999999999999", "9999999999999.999999999999"),
    ],
)
def test_a_sent_cost_has_twelve_decimals_rounded_half_away_from_zero(said: str, cost: str) -> None:
    event = read(parse(f'{{{CALL},"totalCost":{said}}}'))
    assert event.sent_cost == Decimal(cost)


@pytest.mark.parametrize("said", ["null", '""'])
def test_a_cost_that_is_blank_was_not_sent(said: str) -> None:
    event = read(parse(f'{{{CALL},"totalCost":{said}}}'))
    assert event.sent_cost is None


@pytest.mark.parametrize(
    "said",
    [
        *("-1", "true", "[1]", '"free"', '"1,5"', '"\u0967"', "1e13", "1e50", '"1e99"'),
        "9999999999999.9999999999999",
    ],
)
def test_a_cost_that_is_no_amount_is_refused(said: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(parse(f'{{{CALL},"totalCost":{said}}}'))
    assert refused.value.reason == "bad_cost"


@pytest.mark.parametrize(
    ("said", "skipped"), [("true", True), ('"true"', True), ("false", False), ("null", False)]
)
def test_billing_is_skipped_where_the_sender_says_so(said: str, *, skipped: bool) -> None:
    assert read(parse(f'{{{CALL},"billingSkipped":{said}}}')).is_billing_skipped is skipped


def test_a_named_source_is_the_identity_s_source() -> None:
    event = read(parse(f'{{{CALL},"sourceId":"gateway-1"}}'))
    assert (event.source_kind, event.source_id, event.event_id) == ("ai", "gateway-1", None)
