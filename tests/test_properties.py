"""What holds for any usage: seeded draws, many of them in one rating."""

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingest.facts import land_facts
from tests.deployment import LANDED_AT, Deployment
from tests.oracle import cases
from tests.rating import rate_folder
from tests.vectors.given import Given, write_catalog, write_events

SEED = 20261121
CASES = range(1, 121, 3)  # seeds of cases that are settled at the same instant
ALL_CLOSED = "2027-06-01T00:00:00Z"
STARTED_AT, EXPIRES_AT = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)
LATE_UNTIL = datetime(2027, 1, 1, tzinfo=UTC)
DRAWS = 6

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Batch:
    """Drawn cases in the files of one folder, and what is answered to all of them at once."""

    drawn: Sequence[cases.Case]
    catalog: Path
    events: Path
    facts: Path
    document: Document

    @property
    def as_of(self) -> str:
        return self.drawn[0].as_of


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    drawn = [cases.draw(seed) for seed in CASES]
    catalog, events, facts = cases.write(drawn, tmp_path_factory.mktemp("batch"))
    document = rate_folder(catalog, [events], facts, drawn[0].as_of)
    return Batch(drawn, catalog, events, facts, document)


def invoices(document: Document, prefix: str = "") -> list[dict[str, Any]]:
    """Return whole invoices, hashes included, of all cases or of one."""
    return [each for each in document["invoices"] if each["invoice_id"].startswith(prefix)]


def billed(document: Document) -> dict[str, Decimal]:
    """Return what each subscription is billed on all of its invoices together."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for invoice in document["invoices"]:
        if invoice["status"] != "draft":
            totals[invoice["subscription_id"]] += Decimal(invoice["total_amount"])
    return totals


def rated(all_given: Sequence[Given], folder: Path) -> Document:
    write_catalog(all_given, folder / "catalog")
    write_events(all_given, folder / "events.ndjson")
    return rate_folder(folder / "catalog", [folder / "events.ndjson"], None, ALL_CLOSED)


def test_rating_once_more_changes_nothing(batch: Batch) -> None:
    again = rate_folder(batch.catalog, [batch.events], batch.facts, batch.as_of)

    assert batch.document["invoices"]
    assert again == batch.document


def test_the_order_and_the_files_in_which_events_arrive_change_nothing(
    batch: Batch, tmp_path: Path
) -> None:
    lines = batch.events.read_text(encoding="utf-8").splitlines(keepends=True)
    mixed = random.Random(SEED).sample(lines, len(lines))
    parts = [mixed[part::5] for part in range(5)]
    files = [tmp_path / f"{number}.ndjson" for number in range(5)]
    for file, part, next_part in zip(files, parts, [*parts[1:], parts[0]], strict=True):
        file.write_text("".join([*part, *next_part[:10]]), encoding="utf-8")  # they overlap

    otherwise = rate_folder(batch.catalog, files[::-1], batch.facts, batch.as_of)

    assert invoices(otherwise) == invoices(batch.document)


@pytest.mark.parametrize("place", [0, -1], ids=["fewest", "most"])
def test_who_else_is_billed_changes_nothing(batch: Batch, tmp_path: Path, place: int) -> None:
    together = {
        case.prefix: (case, invoices(batch.document, f"{case.prefix}-")) for case in batch.drawn
    }
    in_order = sorted(together.values(), key=lambda each: len(each[1]))
    case, expected = [each for each in in_order if each[1]][place]
    catalog, events, facts = cases.write([case], tmp_path)

    alone = rate_folder(catalog, [events], facts, case.as_of)

    assert invoices(alone) == expected


def test_an_event_is_billed_on_one_subscription_at_most(
    batch: Batch, deployment: Deployment
) -> None:
    deployment.load(batch.catalog)
    deployment.land([batch.events], "received_at")
    land_facts([batch.facts], deployment.paths.lake, now=LANDED_AT)
    deployment.rate(batch.as_of, "--select", "+fct_rated_events", "--exclude-resource-type", "test")
    of_event = "from marts.fct_rated_events where closing_ordinal is not null {} group by event_key"
    on_several = f"select event_key {of_event} having count(distinct subscription_id) > 1"

    assert deployment.query(on_several.format("")), "no event moves: draw other cases"
    assert deployment.query(on_several.format("and removed_ordinal is null")) == []


def test_more_usage_never_costs_less(tmp_path: Path) -> None:
    drawn = random.Random(SEED)
    ascending: list[list[str]] = []
    all_given = []
    for number in range(15):
        given = Given(f"ascending-{number}")
        bounds = sorted(drawn.sample(range(1, 500), drawn.randint(0, 4)))
        product = given.product(
            currency=drawn.choice(("USD", "JPY", "KWD")),
            pricing_metrics=[metric(aggregation="sum", tiers=drawn_tiers(drawn, bounds))],
        )
        tick = Decimal("0.000001")
        edges = {Decimal(bound) + shift for bound in bounds for shift in (-tick, Decimal(0), tick)}
        quantities = sorted(edges | {Decimal(drawn.randint(0, 600_000)) / 1000 for _ in range(10)})
        ascending.append([])
        for each, quantity in enumerate(quantities):
            ascending[-1].append(given.subscription(product, name=f"{each}"))
            given.use(ascending[-1][-1], quantity)
        all_given.append(given)

    totals = billed(rated(all_given, tmp_path))

    for subscriptions in ascending:
        amounts = [totals[each] for each in subscriptions]
        assert amounts == sorted(amounts), subscriptions[0]
        assert amounts[-1] > 0, subscriptions[0]


def drawn_tiers(drawn: random.Random, bounds: Sequence[int]) -> list[dict[str, str]]:
    """Return tiers with these bounds; their rates fall as often as they rise, but not below 0."""
    rates = [*drawn.choices(("0", "0.01", "0.335", "1", "2.5"), k=len(bounds)), "0.7"]
    return [
        {
            "name": f"Tier {number}",
            "up_to": f"{bound}",
            "unit_rate": rate,
            "fixed_cost": drawn.choice(("0", "0", "3", "20")),
        }
        for number, (bound, rate) in enumerate(zip([*bounds, "unlimited"], rates, strict=True), 1)
    ]


def metric(**terms: object) -> dict[str, object]:
    one = [{"name": "All", "up_to": "unlimited", "unit_rate": "0.335"}]
    return {"key": "units", "name": "Units", "element": "units", "tiers": one, **terms}


STEPS = [
    {"name": "First", "up_to": "10", "unit_rate": "1.005", "fixed_cost": "2"},
    {"name": "Second", "up_to": "25.5", "unit_rate": "0.335"},
    {"name": "Above", "up_to": "unlimited", "unit_rate": "0.1", "fixed_cost": "1"},
]
TERMS: dict[str, dict[str, Any]] = {
    "graduated": {"pricing_metrics": [metric(aggregation="sum", tiers=STEPS)]},
    "volume": {"pricing_metrics": [metric(aggregation="sum", tiers=STEPS, pricing="volume")]},
    "average": {"pricing_metrics": [metric(aggregation="average")]},
    "maximum": {"pricing_metrics": [metric(aggregation="maximum", tiers=STEPS)]},
    "unique": {"pricing_metrics": [metric(element="region", aggregation="count_unique")]},
    "element_fee": {
        "element_fees": [{"element": "region", "amounts": {"EU": "30", "us": "5"}, "default": "1"}]
    },
    "quota_of_transactions": {
        "pricing_metrics": [metric(aggregation="sum")],
        "element_fees": [{"element": "region", "amounts": {"EU": "30"}, "default": "1"}],
        "quota": {"units": "3", "when_reached": "block"},
    },
    "quota_of_a_metric": {
        "pricing_metrics": [metric(aggregation="sum", tiers=STEPS)],
        "quota": {"units": "12", "metric": "units", "when_reached": "block"},
    },
    "quota_with_overage": {
        "pricing_metrics": [metric(aggregation="sum", tiers=STEPS)],
        "quota": {"units": "20", "metric": "units", "overage_rate": "0.5"},
    },
}


def test_late_usage_is_billed_as_if_it_had_come_in_time(tmp_path: Path) -> None:
    drawn = random.Random(SEED)
    pairs: dict[str, list[tuple[str, str]]] = {}
    all_given = []
    for name, terms in TERMS.items():
        given = Given(name.replace("_", "-"))
        product = given.product(**terms)
        pairs[name] = [late_pair(given, product, number, drawn) for number in range(DRAWS)]
        all_given.append(given)

    document = rated(all_given, tmp_path)

    totals = billed(document)
    adjusted = {
        invoice["subscription_id"]
        for invoice in document["invoices"]
        if any(line["kind"] == "adjustment" for line in invoice["lines"])
    }
    for name, of_product in pairs.items():
        for in_time, late in of_product:
            assert totals[late] == totals[in_time], late
            assert totals[in_time] > 0, in_time
        assert adjusted & {late for _, late in of_product}, f"{name} is adjusted nowhere"
        assert not adjusted & {in_time for in_time, _ in of_product}, name


def late_pair(given: Given, product: str, number: int, drawn: random.Random) -> tuple[str, str]:
    """Give two subscriptions the same usage, the second one most of it months later."""
    in_time, late = (
        given.subscription(
            product,
            STARTED_AT.date(),
            expires_at=EXPIRES_AT.date(),
            name=f"{name}-{number}",
        )
        for name in ("in-time", "late")
    )
    hours = range((EXPIRES_AT - STARTED_AT) // timedelta(hours=1))
    for hour in drawn.sample(hours, 15):
        occurred_at = STARTED_AT + timedelta(hours=hour)
        lateness = (LATE_UNTIL - occurred_at) * drawn.choice((0, drawn.random(), drawn.random()))
        payload = {
            "units": drawn.choice(("1", "2.25", "4", "7", "-3", "0.000001")),
            "region": drawn.choice(("EU", " eu ", "us", "Asia", "")),
        }
        for subscription, received_at in ((in_time, occurred_at), (late, occurred_at + lateness)):
            given.event(
                subscription,
                occurred_at.isoformat(),
                payload,
                received_at=received_at.isoformat(),
            )
    return in_time, late


IN_THE_GRACE_HOUR, BEFORE_ALL_THAT_IS_LATER = "2026-02-11T00:30:00Z", "2026-03-20T00:00:00Z"
LATER = {"recorded_at": "2026-03-25T00:00:00Z"}
"""Known after both, and before the closings of April 1."""


def test_what_becomes_known_later_changes_no_invoice_that_is_out(batch: Batch) -> None:
    before = rate_folder(batch.catalog, [batch.events], batch.facts, "2026-11-05T09:30:00Z")

    assert_all_stay(before, batch.document)


def test_no_row_that_is_recorded_later_changes_an_invoice_that_is_out(tmp_path: Path) -> None:
    given, facts = what_is_recorded_later()
    write_catalog([given], tmp_path / "catalog")
    write_events([given], tmp_path / "events.ndjson")
    lines = "".join(f"{json.dumps(fact)}\n" for fact in facts)
    (tmp_path / "facts.ndjson").write_text(lines, encoding="utf-8")

    first, second, last = (
        rate_folder(
            tmp_path / "catalog", [tmp_path / "events.ndjson"], tmp_path / "facts.ndjson", as_of
        )
        for as_of in (IN_THE_GRACE_HOUR, BEFORE_ALL_THAT_IS_LATER, "2026-05-20T00:00:00Z")
    )

    assert_all_stay(first, second)
    assert_all_stay(second, last)
    due = {each["invoice_id"]: each["amount_due"] for each in last["invoices"]}
    assert due["later-bought-0000"] == "30.00", "the credit came an hour after it"
    assert [due[f"later-small-{number:04}"] for number in range(3)] == ["0.00", "0.00", "60.00"]
    adjusted = {
        invoice["subscription_id"]
        for invoice in last["invoices"]
        if any(line["kind"] in {"adjustment", "credit"} for line in invoice["lines"])
        and invoice["cut_off_at"] > LATER["recorded_at"]
    }
    told_late = {"front", "back", "key", "late", "amended", "void", "over", "over_in_advance"}
    assert adjusted == {f"later-{name}" for name in told_late | {"owner", "reissued"}}


def assert_all_stay(before: Document, after: Document) -> None:
    """Assert that what was out is out as it was; only of what is void by then nothing is due."""
    now = {each["invoice_id"]: each for each in after["invoices"]}
    out = [each for each in before["invoices"] if each["status"] != "draft"]
    kept = ("content_hash", "total_amount", "cut_off_at", "amount_due")

    assert out
    for invoice in out:
        still = now[invoice["invoice_id"]]
        names = kept[:3] if still["status"] == "void" else kept
        assert {name: still[name] for name in names} == {name: invoice[name] for name in names}


def what_is_recorded_later() -> tuple[Given, list[dict[str, object]]]:
    """Give everything that may be told late: rows, events and facts."""
    given = Given("later")
    ends = {"expires_at": "2026-07-31"}
    usage = given.product(
        name="usage", immediate_cancellation=True, pricing_metrics=[metric(aggregation="sum")]
    )
    ahead = given.product(
        name="ahead", immediate_cancellation=True, recurring_charges=[fee("300", "in_advance")]
    )
    cheap = given.product(name="cheap", recurring_charges=[fee("60", "in_advance")])
    once = given.product(
        name="once", one_time_charges=[{"key": "once", "name": "Once", "amount": "30"}]
    )
    long_grace = {"every": "month", "grace": "2d"}
    slow = given.product(
        name="slow", settlement=long_grace, pricing_metrics=[metric(aggregation="sum")]
    )
    given.products[f"{slow}-soon"] = {
        **given.products[slow],
        "settlement": {"every": "month", "grace": "0s"},
        "effective_from": "2026-04-01",
        **LATER,
    }
    for name in ("key", "late", "amended", "void", "over", "reissued"):
        given.use(given.subscription(usage, name=name, **ends), "4")
    given.use(given.subscription(slow, name="slow", **ends), "4", month=4)

    given.rows["subscribers"] += [
        {"subscriber_id": "later-front", "email": "front@example.com"},
        {"subscriber_id": "later-back", "email": "back@example.com", **LATER},
        {"subscriber_id": "later-front", "email": "front@example.org", **LATER},
        {"subscriber_id": "later-owner"},
    ]
    for name, subscriber in (("front", "front"), ("back", "back"), ("owner", "owner")):
        given.subscription(usage, name=name, subscriber_id=f"later-{subscriber}", **ends)
    given.subscription(usage, name="rival", subscriber_id="later-owner", **ends, **LATER)
    for named in (
        {"id": "later-back", "email": "front@example.com"},
        {"id": "later-owner"},
        {"credential": {"value": "later-key"}},
    ):
        given.event("nobody", "2026-01-20T00:00:00Z", {"units": "2"})
        given.events[-1] = {**given.events[-1], "subscriber": named, "productName": usage}
    credential = {"value": "later-key", "credential_name": "Key", "subscription_id": "later-key"}
    given.rows["credentials"].append({**credential, "valid_from": "2026-01-01", **LATER})

    given.subscription(ahead, name="over_in_advance", **ends)
    for name in ("over", "over_in_advance"):
        row = {"subscription_id": f"later-{name}", "cancelled_at": "2026-01-10T00:00:00Z"}
        given.rows["cancellations"].append({**row, **LATER})

    payer = {"organization_id": "later", **ends}
    given.rows["organizations"] += [
        {"organization_id": "later", "name": "Later"},
        {"organization_id": "later", "name": "Later and Sons", **LATER},
    ]
    large = given.subscription(ahead, name="large", **payer)
    given.subscription(once, "2026-02-11", name="bought", **payer)
    given.subscription(cheap, "2026-02-11", name="small", replaces=large, **payer)

    given.use("later-late", "3", known_in=4)
    named_event = {"sourceId": "meter", "received_at": LATER["recorded_at"]}
    voided = {"fact": "void", "received_at": LATER["recorded_at"]}
    paid = {"fact": "payment", "status": "paid", "paid_at": LATER["recorded_at"]}
    amended = {**given.events[2], "payload": {"units": "9"}}
    del amended["received_at"]
    return given, [
        {"fact": "amend_event", "transactionId": "later-3", "event": amended, **named_event},
        {"fact": "void_event", "transactionId": "later-4", **named_event},
        {**voided, "invoice_id": "later-large-0002", "mode": "waive"},
        {**voided, "invoice_id": "later-reissued-0001", "mode": "reissue"},
        {**paid, "invoice_id": "later-late-0001"},
    ]


def fee(amount: str, bill: str) -> dict[str, str]:
    return {"key": "fee", "name": "Fee", "amount": amount, "bill": bill}
