from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ingest.event import MAX_ELEMENTS, Identity
from ingest.forms.tool_event import read
from ingest.refusal import Refusal
from ingest.strict_json import parse


def test_a_tool_call_has_its_usage_as_elements_and_its_cost() -> None:
    event = read(
        parse(
            '{"transactionId":"t","toolId":"scraper","durationMs":120,"success":true,'
            '"timestamp":"2026-01-01T00:00:00.5Z","costUsd":0.02,"subscriberCredential":"ck",'
            '"organizationName":"Acme","usageMetadata":{"pages":3,"toolId":"other","at":null}}'
        )
    )
    assert (event.source_kind, event.source_id, event.event_id) == ("event", "event", "t")
    assert event.occurred_at == datetime(2026, 1, 1, microsecond=500_000, tzinfo=UTC)
    assert event.identity == Identity(credential="ck", organization_name="Acme")
    assert event.sent_cost == Decimal("0.02")
    assert event.elements == {
        "toolId": "scraper",
        "durationMs": "120",
        "success": "true",
        "costUsd": "0.02",
        "pages": "3",
    }


def test_a_tool_call_names_its_tool_and_every_other_fault_with_it() -> None:
    with pytest.raises(Refusal) as refused:
        read(parse('{"usageMetadata":[3],"timestamp":"today","costUsd":-1}'))
    assert [problem.field for problem in refused.value.fields] == [
        "toolId",
        "usageMetadata",
        "timestamp",
        "costUsd",
    ]


def test_usage_adds_no_more_elements_than_are_kept() -> None:
    usage = ",".join(f'"k{number}":1' for number in range(MAX_ELEMENTS))
    with pytest.raises(Refusal, match="too_many_elements"):
        read(parse(f'{{"toolId":"t","usageMetadata":{{{usage}}}}}'))
