from decimal import Decimal

import pytest

from ingest.event import MAX_ELEMENTS, MAX_IDENTIFIER, MAX_TEXT
from ingest.forms.detection import READERS, detect
from ingest.forms.fields import Fields
from ingest.refusal import FieldProblem, Refusal
from ingest.strict_json import Json, parse


def refusal_of(line: str) -> Refusal:
    record = parse(line)
    with pytest.raises(Refusal) as refused:
        READERS[detect(record)](record)
    return refused.value


def test_every_field_at_fault_is_named_with_its_reason() -> None:
    refusal = refusal_of(
        '{"transactionId":["t"],"requestTime":"2026-01-01T00:00:00","model":"","totalCost":"free",'
        '"subscriber":{"id":{},"credential":"ck"},"organizationName":true}'
    )
    assert [(problem.field, problem.reason) for problem in refusal.fields] == [
        ("transactionId", "bad_identifier"),
        ("requestTime", "time_without_offset"),
        ("subscriber.credential", "bad_identifier"),
        ("subscriber.id", "bad_identifier"),
        ("organizationName", "bad_identifier"),
        ("provider", "missing_field"),
        ("model", "missing_field"),
        ("totalCost", "bad_cost"),
    ]
    assert refusal.reason == "bad_identifier"
    assert refusal.detail.startswith("transactionId must be a text; requestTime '2026-01-01T00")


def test_what_was_sent_is_shown_cut_short_and_a_secret_never() -> None:
    secret = "sk-" + "x" * MAX_IDENTIFIER
    refusal = refusal_of(
        f'{{"provider":"p","model":"{"m" * 300}","subscriber":{{"credential":'
        f'{{"name":"{"n" * 300}","value":"{secret}"}}}},"subscriberCredential":"{secret}"}}'
    )
    assert {problem.field: problem.value for problem in refusal.fields} == {
        "subscriber.credential.value": None,
        "subscriberCredential": None,
        "subscriber.credential.name": "n" * 80,
        "model": "m" * 80,
    }
    assert "sk-x" not in refusal.detail


def test_one_problem_is_the_whole_detail() -> None:
    refusal = refusal_of('{"provider":"p","model":"m","totalCost":"free"}')
    assert refusal.detail == "totalCost 'free' is no amount"
    assert refusal.fields == (FieldProblem("totalCost", "bad_cost", refusal.detail, "free"),)


@pytest.mark.parametrize(
    ("payload", "field", "reason"),
    [
        ('{"note":"' + "x" * (MAX_TEXT + 1) + '"}', "payload.note", "text_too_long"),
        (
            '{"' + "k" * (MAX_IDENTIFIER + 1) + '":1}',
            "payload." + "k" * MAX_IDENTIFIER,
            "text_too_long",
        ),
        (
            "{" + ",".join(f'"k{number}":1' for number in range(MAX_ELEMENTS + 1)) + "}",
            "payload",
            "too_many_elements",
        ),
    ],
)
def test_what_is_too_long_or_too_much_to_be_kept_is_refused(
    payload: str, field: str, reason: str
) -> None:
    (problem,) = refusal_of(f'{{"payload":{payload}}}').fields
    assert (problem.field, problem.reason) == (field, reason)
    assert len(problem.detail) < 100


def test_the_longest_that_is_kept_is_kept() -> None:
    payload: dict[str, Json] = {"k" * MAX_IDENTIFIER: "x" * MAX_TEXT}
    payload |= {f"k{number}": number for number in range(MAX_ELEMENTS - 1)}
    assert len(READERS["event"]({"payload": payload}).elements) == MAX_ELEMENTS


def test_faults_beside_and_below_are_collected_in_one_place() -> None:
    said = Fields({"inner": {"id": []}, "cost": "1.5"})
    said.below("inner").identifier("id")
    said.beside({"model": ""}).required("model")
    assert said.cost("cost") == Decimal("1.5")
    with pytest.raises(Refusal) as refused:
        said.refuse_faults()
    assert [problem.field for problem in refused.value.fields] == ["inner.id", "model"]
