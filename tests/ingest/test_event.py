import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import event as events
from ingest import keys
from ingest.event import (
    CLOCK_SKEW,
    MAX_IDENTIFIER,
    AiUsage,
    Event,
    Identity,
    Series,
    elements_of,
    event_columns,
    identifier,
    instant,
    number,
    required,
    text_of,
    time_of,
)
from ingest.refusal import Reason, Refusal

EVENT = Event(
    source_kind="ai",
    source_id="ai",
    event_id="tx-1",
    occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    identity=Identity(subscriber_id="dev-003"),
    elements={"region": "eu", "bytes": "12"},
    ai=AiUsage("anthropic", "claude", 1, 2, 0, 0),
)

NOW = datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)

NO_TIMES = [
    ("2026-01-01", "bad_time"),
    ("2026-01-01T00:00:00", "time_without_offset"),
    ("2026-02-30T00:00:00Z", "bad_time"),
    ("2026-13-01T00:00:00Z", "bad_time"),
    ("2026-01-01T24:00:00Z", "bad_time"),
    ("2026-01-01T23:59:60Z", "bad_time"),
    ("0000-01-01T00:00:00Z", "bad_time"),
    ("0001-01-01T00:00:00+14:00", "bad_time"),
    ("9999-12-31T23:59:59-14:00", "bad_time"),
    ("2026-01-01T00:00:00+24:00", "bad_time"),
    ("2026-01-01T00:00:00+05:99", "bad_time"),
    ("2026-01-01T00:00:00 UTC", "bad_time"),
    ("2026-01-01T00Z", "bad_time"),
    ("2026-W01-1T00:00:00Z", "bad_time"),
    ("\u0968026-01-01T00:00:00Z", "bad_time"),
    ("1767225600", "bad_time"),
    ("now", "bad_time"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00+00:00"),
        ("2026-01-01T10:00:00z", "2026-01-01T10:00:00+00:00"),
        ("2026-01-01 10:00:00 Z", "2026-01-01T10:00:00+00:00"),
        ("2026-01-01T10:00Z", "2026-01-01T10:00:00+00:00"),
        ("2026-01-01T10:00+05:30", "2026-01-01T04:30:00+00:00"),
        ("2026-01-01T10:00:00+0530", "2026-01-01T04:30:00+00:00"),
        ("2026-01-01T00:00:00-09:30", "2026-01-01T09:30:00+00:00"),
        ("2026-01-01T10:00:00.5Z", "2026-01-01T10:00:00.500000+00:00"),
        ("2026-01-01T10:00:00.999999999Z", "2026-01-01T10:00:00.999999+00:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
    ],
)
def test_a_time_with_an_offset_is_an_instant_in_utc(text: str, expected: str) -> None:
    assert instant(text, "requestTime").isoformat() == expected


@pytest.mark.parametrize(("text", "reason"), NO_TIMES)
def test_a_time_that_does_not_exist_or_has_no_offset_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Refusal, match="requestTime") as refused:
        instant(text, "requestTime")
    assert refused.value.reason == reason


@given(st.datetimes(timezones=st.timezones()))
def test_every_time_that_is_written_with_its_offset_is_read_back(moment: datetime) -> None:
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        return
    if (moment.utcoffset() or timedelta()) % timedelta(minutes=1):
        return
    assert instant(moment.isoformat(), "t") == expected


def test_the_first_of_the_named_times_counts_and_blank_is_absent() -> None:
    record: dict[str, Any] = {
        "requestTime": "",
        "timestamp": "2026-01-01T00:00:00Z",
        "currentMillis": 1,
    }
    assert time_of(record, "requestTime", "timestamp") == datetime(2026, 1, 1, tzinfo=UTC)
    assert time_of({}, "requestTime") is None


def test_current_millis_are_milliseconds_of_the_epoch() -> None:
    expected = datetime(2026, 1, 1, 0, 0, 0, 123_000, tzinfo=UTC)
    assert time_of({"currentMillis": 1767225600123}, "currentMillis") == expected
    assert time_of({"currentMillis": "1767225600123"}, "currentMillis") == expected


@pytest.mark.parametrize("value", ["12.5", "-1", "1" * 15, "\u0967\u0968", "1e3", " 1", "x", True])
def test_current_millis_that_are_no_whole_number_are_refused(value: str) -> None:
    with pytest.raises(Refusal) as refused:
        time_of({"currentMillis": value}, "currentMillis")
    assert refused.value.reason == "bad_time"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", "12.000000"),
        ("-0.5", "-0.500000"),
        ("+7", "7.000000"),
        ("1e3", "1000.000000"),
        ("1E-3", "0.001000"),
        ("0.0000005", "0.000001"),
        ("-0.0000005", "-0.000001"),
        ("0.00000049", "0.000000"),
        ("2.5000005", "2.500001"),
        ("9999999999999.999999", "9999999999999.999999"),
        ("9999999999999.9999994", "9999999999999.999999"),
        ("00012", "12.000000"),
    ],
)
def test_a_number_has_six_decimals_rounded_half_away_from_zero(text: str, expected: str) -> None:
    assert number(text) == Decimal(expected)
    assert format(number(text) or 0, "f").lstrip("-") in {expected.lstrip("-"), "0"}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            " 12 ",
            "12 ",
            "1_000",
            "1,000",
            "0x10",
            "1.",
            ".5",
            "--1",
            "1e",
            "\u0967\u0968",
            "\uff11",
        ),
        *("NaN", "Infinity", "true", "1e99", "10000000000000", "-10000000000000"),
        *("9999999999999.9999995", "-9999999999999.9999999", "1e99999999", "7" * 5000, "12\n"),
    ],
)
def test_what_is_written_otherwise_or_too_large_is_no_number(text: str) -> None:
    assert number(text) is None


@given(st.decimals(-(10**13), 10**13, allow_nan=False, places=9))
def test_every_number_that_is_read_fits_the_lake(value: Decimal) -> None:
    read = number(format(value, "f"))
    rounded = value.quantize(Decimal("0.000001"), ROUND_HALF_UP)
    assert read == (rounded if abs(rounded) < 10**13 else None)
    assert read is None or len(read.as_tuple().digits) <= 19


def test_the_content_hash_does_not_depend_on_the_order_of_keys() -> None:
    names = [f"k{i}" for i in range(20)]
    hashes = set()
    for seed in range(5):
        mixed = random.Random(seed).sample(names, len(names))
        event = msgspec.structs.replace(EVENT, elements=dict.fromkeys(mixed, "1"))
        hashes.add(event.content_hash())
    assert len(hashes) == 1


def test_the_content_hash_differs_if_any_value_differs() -> None:
    others = {
        "source_kind": "api",
        "source_id": "other",
        "event_id": "tx-2",
        "occurred_at": datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        "identity": Identity(subscriber_id="dev-004"),
        "elements": {"region": "eu", "bytes": "13"},
        "ai": AiUsage("anthropic", "claude", 1, 3, 0, 0),
        "sent_cost": Decimal("0.1"),
        "is_billing_skipped": True,
        "part": "request",
        "series": Series("s", "bytes", Decimal(1)),
    }
    assert {*others} == {*Event.__struct_fields__}
    changed = [msgspec.structs.replace(EVENT, **{name: value}) for name, value in others.items()]
    assert len({event.content_hash() for event in [EVENT, *changed]}) == len(others) + 1


def test_elements_that_are_numbers_are_read_as_numbers_too() -> None:
    assert EVENT.element_numbers == {"bytes": Decimal(12)}


def test_an_element_is_a_text_null_is_none_and_structures_stay_json() -> None:
    record: dict[str, Any] = {
        "a": None,
        "b": True,
        "c": Decimal("1.50"),
        "d": Decimal("1E+2"),
        "e": 7,
        "f": ["x", {"k": 1}],
        "g": "",
        "left": "out",
    }
    assert elements_of(record, frozenset({"left"})) == {
        "b": "true",
        "c": "1.50",
        "d": "100",
        "e": "7",
        "f": '["x", {"k": 1}]',
        "g": "",
    }
    assert text_of(False) == "false"


def test_an_identifier_is_stripped_blank_is_absent_and_numbers_are_texts() -> None:
    assert identifier({"id": " dev-003 "}, "id") == "dev-003"
    assert identifier({"id": "  "}, "id") is None
    assert identifier({"id": 42}, "id") == "42"
    assert identifier({}, "id") is None
    assert identifier({"id": "x" * MAX_IDENTIFIER}, "id") == "x" * MAX_IDENTIFIER


@pytest.mark.parametrize("value", [True, [], {}, "x" * (MAX_IDENTIFIER + 1)])
def test_an_identifier_that_is_a_structure_or_too_long_is_refused(value: str) -> None:
    with pytest.raises(Refusal) as refused:
        identifier({"id": value}, "id")
    assert refused.value.reason == "bad_identifier"


def test_what_is_required_must_be_there() -> None:
    with pytest.raises(Refusal, match="missing_field: model is missing"):
        required({"model": " "}, "model")


def test_names_and_secrets_become_keys_and_stay_apart() -> None:
    who = Identity(
        subscription_id="sub-1",
        credential="sk-secret",
        credential_name="main",
        subscriber_id="dev-003",
        email="Dev@Example.com",
        organization_name="org-03",
        product_name="Starter",
    )
    columns = event_columns(msgspec.structs.replace(EVENT, identity=who), "tx-1", NOW)
    expected = {
        "subscription_id": "sub-1",
        "credential_key": keys.credential_key("sk-secret"),
        "credential_name": "main",
        "subscriber_key": keys.subscriber_key("dev-003"),
        "email_key": keys.email_key("dev@example.com"),
        "organization_name": "org-03",
        "product_name": "Starter",
    }
    assert {name: columns[name] for name in expected} == expected
    nobody = event_columns(msgspec.structs.replace(EVENT, identity=Identity()), "tx-1", NOW)
    assert {nobody[name] for name in expected} == {None}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b-c"), ("a-b", "c")),
        (("a", "b:c"), ("a:b", "c")),
        (("1", "1:x"), ("11", ":x")),
        (("a", "é"), ("a", "e\u0301")),
        (("a", "X"), ("a", "x")),
        (("a", "x"), ("a", "x ")),
    ],
)
def test_two_identities_never_share_a_key(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert keys.event_key(*one) != keys.event_key(*other)


@given(st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", fullmatch=True))
def test_the_usual_way_to_write_a_time_is_read_like_any_other(text: str) -> None:
    def read(said: str) -> datetime | str:
        try:
            return instant(said, "t")
        except Refusal as refusal:
            return refusal.reason

    assert read(text) == read(text.replace("Z", "+00:00"))


WHOLE = Event(
    source_kind="ai",
    source_id="gateway",
    event_id="tx-1",
    occurred_at=datetime(2026, 1, 1, microsecond=5, tzinfo=UTC),
    identity=Identity("sub", "ck", "main", "u", "u@example.com", "Acme", "Starter"),
    elements={"b": "1.50", "a": "12", "text": "eins \U0001f600", "high": "1e3", "none": ""},
    ai=AiUsage("openai", "gpt", 1, None, 0, 2),
    sent_cost=Decimal("0E-12"),
    is_billing_skipped=True,
    part="request",
)


@pytest.mark.parametrize("event", [EVENT, WHOLE, msgspec.structs.replace(WHOLE, occurred_at=None)])
def test_a_line_holds_the_lake_s_columns_of_the_event(event: Event) -> None:
    line = event.line("tx-1", NOW)
    assert b"\n" not in line
    said = json.loads(line)
    columns = event_columns(event, "tx-1", NOW)
    assert said.keys() <= columns.keys()
    for name, value in columns.items():
        told = said.get(name)
        if name == "known_at":
            assert told is None
        elif isinstance(value, datetime):
            assert datetime.fromisoformat(told) == value
        elif name == "sent_cost" and value is not None:
            assert (told, Decimal(told)) == ("0.000000000000", value)
        elif name == "element_numbers":
            assert sorted((key, Decimal(text)) for key, text in told.items()) == value
        elif name == "elements":
            assert sorted(told.items()) == value
        else:
            assert told == value


def test_a_line_tells_no_secret_and_no_address() -> None:
    line = WHOLE.line("tx-1", NOW).decode()
    assert [secret for secret in ('"ck"', "u@example.com", '"u"') if secret in line] == []


def test_a_line_is_named_by_the_id_that_was_made() -> None:
    event = msgspec.structs.replace(EVENT, event_id=None)
    said = json.loads(event.line("made-1", NOW))
    assert (said["event_id"], said["event_key"]) == ("made-1", keys.event_key("ai", "made-1"))
    assert said["content_hash"] == event.content_hash()


@pytest.mark.parametrize("make", [Event.line, event_columns])
def test_an_event_may_be_as_much_ahead_as_clocks_differ(
    make: Callable[[Event, str, datetime], object],
) -> None:
    assert EVENT.occurred_at is not None
    make(EVENT, "tx-1", EVENT.occurred_at - CLOCK_SKEW)
    with pytest.raises(Refusal) as refused:
        make(EVENT, "tx-1", EVENT.occurred_at - CLOCK_SKEW - timedelta(microseconds=1))
    assert refused.value.reason == "future"


def test_every_word_of_the_vocabulary_is_some_refusal_s() -> None:
    written = "".join(
        path.read_text(encoding="utf-8")
        for path in Path(events.__file__).parent.rglob("*.py")
        if path.name != "refusal.py"
    )
    reasons = get_args(Reason)
    assert len(reasons) == len(set(reasons))
    assert [reason for reason in reasons if f'"{reason}"' not in written] == []
