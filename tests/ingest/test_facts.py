import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import ingest.lake
from ingest import keys
from ingest.facts import FactsError, FactsReport, land_facts
from ingest.settlements import lake_fingerprint, record_settlement
from tests.ingest.landed import NOW, Lake

PAYMENT = {
    "fact": "payment",
    "invoice_id": "S-1-0001",
    "status": "paid",
    "paid_at": "2026-03-02T10:00:00+01:00",
}
REFUND = {
    "fact": "refund",
    "invoice_id": "S-1-0001",
    "amount": "12.5",
    "refunded_at": "2026-03-04T10:00:00Z",
}
VOID = {
    "fact": "void",
    "invoice_id": "S-1-0001",
    "mode": "waive",
    "received_at": "2026-03-03T00:00:00Z",
}
VOID_EVENT = {
    "fact": "void_event",
    "sourceId": "api",
    "transactionId": "e-1",
    "received_at": "2026-03-03T00:00:00Z",
}
AMENDMENT = VOID_EVENT | {
    "fact": "amend_event",
    "event": {"requestTime": "2026-02-01T00:00:00Z", "payload": {"units": 2.5}},
}
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def written(lake: Lake, *facts: Mapping[str, Any], name: str = "facts.ndjson") -> Path:
    return lake.write("".join(json.dumps(fact) + "\n" for fact in facts), name)


def landed(lake: Lake, *facts: Mapping[str, Any]) -> FactsReport:
    return land_facts([written(lake, *facts)], lake.folder, now=NOW)


def test_a_payment_is_known_when_it_was_paid_unless_it_says_otherwise(lake: Lake) -> None:
    later = {"received_at": "2026-03-05T00:00:00Z"}
    assert landed(lake, PAYMENT, PAYMENT | later) == FactsReport(landed_count=2, known_count=0)
    paid_at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert [
        (row["fact"], row["invoice_id"], row["status"], row["paid_at"], row["known_at"])
        for row in lake.table("facts")
    ] == [
        ("payment", "S-1-0001", "paid", paid_at, paid_at),
        ("payment", "S-1-0001", "paid", paid_at, datetime(2026, 3, 5, tzinfo=UTC)),
    ]


def test_a_refund_is_known_when_it_was_made_and_says_how_much(lake: Lake) -> None:
    assert landed(lake, REFUND, REFUND | {"amount": 3}).landed_count == 2
    made_at = datetime(2026, 3, 4, 10, tzinfo=UTC)
    assert [
        (row["invoice_id"], row["amount"], row["refunded_at"], row["known_at"], row["paid_at"])
        for row in lake.table("facts")
    ] == [
        ("S-1-0001", Decimal("12.5"), made_at, made_at, None),
        ("S-1-0001", Decimal(3), made_at, made_at, None),
    ]


def test_facts_of_before_there_were_refunds_are_read_with_later_ones(lake: Lake) -> None:
    landed(lake, PAYMENT)
    (old,) = (path for path in (lake.folder / "facts").iterdir() if path.stem != "schema")
    table = ingest.lake.read(old).drop_columns(["amount", "refunded_at"])
    ingest.lake.write(table, old)
    assert landed(lake, PAYMENT, REFUND) == FactsReport(landed_count=1, known_count=1)


def test_a_fact_counts_once_however_often_and_in_whatever_file_it_is_said(lake: Lake) -> None:
    assert landed(lake, PAYMENT, PAYMENT, VOID) == FactsReport(landed_count=2, known_count=1)
    before = lake_fingerprint(lake.folder)
    assert landed(lake, PAYMENT, VOID) == FactsReport(landed_count=0, known_count=2)
    assert lake_fingerprint(lake.folder) == before
    assert landed(lake, VOID, VOID_EVENT) == FactsReport(landed_count=1, known_count=1)
    assert lake_fingerprint(lake.folder) != before
    assert sorted(row["fact"] for row in lake.table("facts")) == ["payment", "void", "void_event"]


def test_a_correction_names_the_event_as_the_landing_does(lake: Lake) -> None:
    landed(lake, VOID_EVENT, AMENDMENT)
    key = keys.event_key("api", "e-1")
    assert [row["event_key"] for row in lake.table("facts")] == [key, key]
    (fact,) = [row for row in lake.table("facts") if row["fact"] == "amend_event"]
    (event,) = lake.table("event_amendments")
    assert event["segment_id"] == fact["fact_id"]
    assert (event["event_key"], event["source_id"], event["event_id"]) == (key, "api", "e-1")
    assert event["known_at"] == fact["known_at"] == datetime(2026, 3, 3, tzinfo=UTC)
    assert event["occurred_at"] == datetime(2026, 2, 1, tzinfo=UTC)
    assert event["elements"] == {"units": "2.5"}


def test_what_reaches_back_into_settled_time_is_known_now(lake: Lake) -> None:
    record_settlement(lake.folder, as_of=MARCH, build_id="b", settled_at=NOW)
    early = {"received_at": "2026-02-28T23:59:59Z"}
    landed(lake, VOID_EVENT | early, AMENDMENT | {"received_at": f"{MARCH:%FT%TZ}"}, VOID)
    known = {row["fact"]: row["known_at"] for row in lake.table("facts")}
    assert known == {
        "void_event": NOW,
        "amend_event": NOW,
        "void": datetime(2026, 3, 3, tzinfo=UTC),
    }
    assert [row["known_at"] for row in lake.table("event_amendments")] == [NOW]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"fact": "gift"}, "fact 'gift' is none of payment, refund, void, void_event, amend_event"),
        ({}, "fact is missing: it is one of payment, refund, void, void_event, amend_event"),
        (REFUND | {"amount": None}, "amount is missing; write what was given back"),
        (REFUND | {"amount": "-5.00"}, "amount '-5.00' is no amount"),
        (REFUND | {"amount": "0.00"}, "amount '0.00' is no amount"),
        (REFUND | {"amount": "1.00001"}, "amount '1.00001' is no amount"),
        (REFUND | {"refunded_at": None}, "refunded_at is missing; say when it was given back"),
        (
            REFUND | {"received_at": "2026-03-01T00:00:00Z"},
            "refunded at 2026-03-04 10:00:00+00:00, but known at 2026-03-01 00:00:00+00:00 already",
        ),
        (PAYMENT | {"status": "settled"}, "status 'settled' is none of paid, pending, failed"),
        (PAYMENT | {"paid_at": "2026-03-02"}, "paid_at '2026-03-02' is no ISO 8601 time"),
        (PAYMENT | {"paid_at": None}, "paid_at is missing; say when it was paid"),
        (
            PAYMENT | {"received_at": "2026-03-01T00:00:00Z"},
            "paid at 2026-03-02 09:00:00+00:00, but known at 2026-03-01 00:00:00+00:00 already",
        ),
        (PAYMENT | {"amount": 5}, "'amount' is no field of a payment. It has fact, invoice_id"),
        (PAYMENT | {"invoice_id": " "}, "invoice_id is missing"),
        (VOID | {"received_at": None}, "received_at is missing; say when this became known"),
        (VOID | {"received_at": "2199-01-01T00:00:00Z"}, "which is later than now"),
        (AMENDMENT | {"event": {"payload": {}}}, "event needs its requestTime"),
        (AMENDMENT | {"event": "e-1"}, "event must be the whole event anew, as an object"),
        (
            AMENDMENT | {"event": {"transactionId": "e-2", "payload": {}}},
            "event has another sourceId or transactionId than it amends",
        ),
    ],
)
def test_a_wrong_fact_is_told_by_file_and_line_and_nothing_is_landed(
    lake: Lake, wrong: Mapping[str, Any], told: str
) -> None:
    sound = written(lake, PAYMENT, name="sound.ndjson")
    broken = written(lake, VOID, wrong)
    with pytest.raises(FactsError) as refused:
        land_facts([sound, broken], lake.folder, now=NOW)
    assert str(refused.value).startswith("facts.ndjson:2: ")
    assert told in str(refused.value)
    assert lake.table("facts") == []


def test_every_wrong_line_is_told_at_once(lake: Lake) -> None:
    path = lake.write('{"fact": \n\n{"fact": "void"}\n', "facts.ndjson")
    with pytest.raises(FactsError) as refused:
        land_facts([path], lake.folder, now=NOW)
    assert [line.split(" ")[0] for line in str(refused.value).splitlines()] == [
        "facts.ndjson:1:",
        "facts.ndjson:3:",
    ]


def test_a_landing_that_was_cut_short_leaves_no_amendment_without_its_fact(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed(lake, VOID)
    whole = ingest.lake.write

    def die(table: Any, path: Path) -> None:
        if path.parent.name == "facts":
            raise InterruptedError
        whole(table, path)

    monkeypatch.setattr(ingest.lake, "write", die)
    with pytest.raises(InterruptedError):
        landed(lake, PAYMENT, AMENDMENT)
    monkeypatch.undo()
    assert len(lake.table("event_amendments")) == 1
    landed(lake, AMENDMENT)
    assert len(lake.table("event_amendments")) == 1
    assert sorted(row["fact"] for row in lake.table("facts")) == ["amend_event", "void"]
