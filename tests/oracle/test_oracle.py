"""The oracle computes the worked figures of the contract, so that it may judge others."""

from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given, settings

from tests.oracle import cases, clock, folder
from tests.oracle.rater import rate

AS_OF = "2027-12-01T00:00:00Z"


def product(**changes):
    terms = {
        "key": "p",
        "name": "Product",
        "version": "1.0.0",
        "effective_from": "2025-01-01",
        "currency": "USD",
        "sources": ["meter", "assistant"],
        "settlement": {"every": "month"},
    }
    return terms | changes


def tier(up_to, rate, fixed="0"):
    return {"name": f"to {up_to}", "up_to": up_to, "unit_rate": rate, "fixed_cost": fixed}


def metric(*tiers, element="units", aggregation="sum", **more):
    key = more.pop("key", element)
    priced = {"tiers": list(tiers)} if tiers else {}
    return {"key": key, "element": element, "aggregation": aggregation, **priced, **more}


def each(rate, **more):
    return metric(tier("unlimited", rate), **more)


def charge(amount, bill="in_arrears", key="fee"):
    return {"key": key, "name": key, "amount": amount, "bill": bill}


def subscription(subscription_id="s", started_at="2026-01-01", **more):
    row = {
        "subscription_id": subscription_id,
        "name": "Site",
        "subscriber_id": "buyer",
        "product": "p",
        "version": "1.0.0",
        "started_at": started_at,
    }
    return row | more


_numbers = count()


def used(at, received=None, *, source="meter", subscription_id="s", event_id=None, **payload):
    instant = at if "T" in at else f"{at}T09:00:00Z"
    came = received or instant
    return {
        "transactionId": event_id or f"event-{next(_numbers)}",
        "sourceId": source,
        "subscriptionId": subscription_id,
        "requestTime": instant,
        "received_at": came if "T" in came else f"{came}T09:00:00Z",
        "payload": payload,
    }


def call(at, received=None, *, cost=None, **more):
    record = used(at, received, source="assistant")
    del record["payload"]
    priced = {"totalCost": cost} if cost else {}
    return record | {"provider": "own", "model": "large", **priced, **more}


def rated(products, rows=(), events=(), facts=(), *, rules=None, **files):
    elements = [
        {"element": "units", "type": "number", "sources": "meter;assistant"},
        {"element": "region", "type": "string", "sources": "meter;assistant"},
    ]
    catalog = {
        "products": products if isinstance(products, list) else [products],
        "subscriptions": list(rows) or [subscription()],
        "subscribers": [{"subscriber_id": "buyer", "email": "buyer@example.com"}],
        "organizations": [{"organization_id": "o", "name": "House"}],
        "metering_elements": elements,
        **files,
    }
    document = rate(catalog, events, facts, as_of=AS_OF, rules=rules)
    return {invoice["invoice_id"]: invoice for invoice in document["invoices"]}


def totals(invoices, *ids):
    return [invoices[each]["total_amount"] for each in ids]


def amounts(invoice, *kinds):
    return [line["amount"] for line in invoice["lines"] if not kinds or line["kind"] in kinds]


SUMMARIES = product(
    recurring_charges=[charge("199.00")],
    pricing_metrics=[metric(tier("1000", "1.50"), tier("unlimited", "1.35"))],
)


@pytest.mark.parametrize(
    ("units", "lines"),
    [("1000", ["199.00", "1500.00"]), ("1200", ["199.00", "1500.00", "270.00"])],
)
def test_summaries(units, lines):
    invoices = rated(SUMMARIES, events=[used("2026-01-05", units=units)])

    assert amounts(invoices["s-0001"]) == lines


def test_regions_cost_once_each():
    fee = {"element": "region", "amounts": {"Singapore": "3000", "Australia": "5000"}}
    events = [used("2026-01-05", region="Singapore") for _ in range(1000)]
    events.append(used("2026-01-06", region="Australia"))

    assert totals(rated(product(element_fees=[fee]), events=events), "s-0001") == ["8000.00"]


def test_pharma_house_has_two_invoices():
    events = [
        used("2026-01-05", source=source, subscription_id=subscription_id)
        for subscription_id, number in (("s", 3), ("t", 2))
        for source in [f"source-{each}" for each in range(number)]
    ]
    sources = [f"source-{each}" for each in range(5)]
    terms = product(sources=sources, pricing_metrics=[_transactions("0.10")])
    invoices = rated(terms, [subscription(), subscription("t")], events)

    assert totals(invoices, "s-0001", "t-0001") == ["0.30", "0.20"]


def _transactions(price):
    return each(price, element="transactions", aggregation="count")


@pytest.mark.parametrize(("units", "total"), [("250", "270.00"), ("310", "277.00")])
def test_grouped_tiers(units, total):
    tiers = [
        tier(up_to, "0", fixed) for up_to, fixed in (("100", "100"), ("200", "90"), ("300", "80"))
    ]
    terms = product(pricing_metrics=[metric(*tiers, tier("unlimited", "0.70"))])

    assert totals(rated(terms, events=[used("2026-01-05", units=units)]), "s-0001") == [total]


# What is known when


def test_r2_a_credential_entered_late_adjusts_the_month_of_its_event():
    event = used("2026-01-15", units="3")
    del event["subscriptionId"]
    event["subscriber"] = {"credential": {"value": "key"}}
    key = {"value": "key", "subscription_id": "s", "recorded_at": "2026-02-10T00:00:00Z"}
    invoices = rated(product(pricing_metrics=[each("2.00")]), events=[event], credentials=[key])

    assert totals(invoices, "s-0001", "s-0002", "s-0003") == ["0.00", "6.00", "0.00"]
    assert invoices["s-0002"]["lines"][0]["adjusts_invoice_id"] == "s-0001"


def test_r1_what_is_known_at_the_cut_off_is_late():
    events = [
        used("2026-01-31", "2026-02-01T00:59:59Z", units="1"),
        used("2026-01-31", "2026-02-01T01:00:00Z", units="10"),
    ]
    invoices = rated(product(pricing_metrics=[each("1")]), events=events)

    assert totals(invoices, "s-0001", "s-0002") == ["1.00", "10.00"]


def test_r9_a_voided_event_is_taken_back_and_an_amended_one_is_rated_anew():
    events = [
        used("2026-01-05", event_id="gone", units="5"),
        used("2026-01-06", event_id="other", units="7"),
    ]
    name = {"sourceId": "meter", "received_at": "2026-02-10T00:00:00Z"}
    facts = [
        {"fact": "void_event", "transactionId": "gone", **name},
        {
            "fact": "amend_event",
            "transactionId": "other",
            "event": used("2026-01-06", units="9"),
            **name,
        },
    ]
    invoices = rated(product(pricing_metrics=[each("1")]), events=events, facts=facts)

    assert totals(invoices, "s-0001", "s-0002") == ["12.00", "-3.00"]


def test_r12_the_first_received_counts_for_ever():
    events = [
        used("2026-01-06", "2026-01-07", event_id="one", units="99"),
        used("2026-01-05", "2026-01-06", event_id="one", units="20"),
        used("2026-01-05", "2026-02-06", event_id="one", units="20"),
        used("2026-01-05", source="assistant", event_id="one", units="1"),
    ]

    assert totals(
        rated(product(pricing_metrics=[each("1")]), events=events), "s-0001", "s-0002"
    ) == [
        "21.00",
        "0.00",
    ]


# Events


def test_r13_an_event_of_the_future_is_none():
    events = [
        used("2026-01-05T09:05:00Z", "2026-01-05T09:00:00Z", units="1"),
        used("2026-01-05T09:05:01Z", "2026-01-05T09:00:00Z", units="10"),
    ]

    assert totals(rated(product(pricing_metrics=[each("1")]), events=events), "s-0001") == ["1.00"]


def test_r14_billing_can_be_skipped():
    events = [call("2026-01-05", cost="2.00"), call("2026-01-05", cost="3.00", billingSkipped=True)]
    terms = product(pricing_metrics=[metric(element="totalCost", markup="20%")])

    assert totals(rated(terms, events=events), "s-0001") == ["2.40"]


def test_r16_an_unreadable_number_still_is_a_transaction():
    events = [used("2026-01-05", units="2.5"), used("2026-01-05", units="12,5")]
    terms = product(pricing_metrics=[each("1"), _transactions("0.10")])

    assert amounts(rated(terms, events=events)["s-0001"]) == ["2.50", "0.20"]


def test_r16_an_element_counts_from_when_its_attachment_is_known():
    late = {"element": "units", "type": "number", "sources": "meter"}
    late["recorded_at"] = "2026-02-10T00:00:00Z"
    terms = product(pricing_metrics=[each("1")])
    invoices = rated(terms, events=[used("2026-01-05", units="8")], metering_elements=[late])

    assert totals(invoices, "s-0001", "s-0002") == ["0.00", "8.00"]


def test_r17_values_are_compared_without_case_and_blanks_but_counted_exactly():
    fee = {"element": "region", "amounts": {"Singapore": "3000"}}
    regions = each("1", element="region", aggregation="count_unique", key="regions")
    matched = each(
        "10", element="region", aggregation="match_value", key="match", value="SINGAPORE"
    )
    terms = product(element_fees=[fee], pricing_metrics=[regions, matched])
    events = [used("2026-01-05", region=each) for each in ("singapore", "Singapore", " Singapore ")]

    assert amounts(rated(terms, events=events)["s-0001"]) == ["3.00", "30.00", "3000.00"]


# Attribution


def test_r18_a_known_identifier_decides_though_its_subscription_has_ended():
    event = used("2026-02-05", subscription_id="ended", units="1")
    event["subscriber"] = {"id": "buyer"}
    event["productName"] = "Product"
    rows = [subscription(), subscription("ended", expires_at="2026-01-31")]
    invoices = rated(product(pricing_metrics=[each("1")]), rows, [event])

    assert totals(invoices, "s-0002") == ["0.00"]
    event["subscriptionId"] = "unknown"
    assert totals(rated(product(pricing_metrics=[each("1")]), rows, [event]), "s-0002") == ["1.00"]


def test_r19_an_organizations_subscription_takes_events_of_all_its_people():
    event = used("2026-01-05", units="1")
    del event["subscriptionId"]
    event |= {"organizationName": "House", "productName": "Product"}
    terms = product(pricing_metrics=[each("1")])
    shared = subscription(organization_id="o", audience="organization")
    own = subscription("t", organization_id="o", subscriber_id="buyer")
    second = subscription("u", organization_id="o", audience="organization")

    assert totals(rated(terms, [shared, own], [event]), "s-0001", "t-0001") == ["1.00", "0.00"]
    assert totals(rated(terms, [shared, second], [event]), "s-0001", "u-0001") == ["0.00", "0.00"]


def test_r19_a_subscription_that_names_its_audience_takes_events_of_these_people():
    event = used("2026-01-05", units="1")
    del event["subscriptionId"]
    event |= {"organizationName": "House", "productName": "Product"}
    colleague = event | {"transactionId": "e-2", "subscriber": {"id": "buyer"}}
    terms = product(pricing_metrics=[each("1")])
    named = subscription(organization_id="o", subscriber_id="owner", audience="buyer; other")
    other = subscription("t", organization_id="o", subscriber_id="owner", audience="other")

    assert totals(rated(terms, [named, other], [event, colleague]), "s-0001", "t-0001") == [
        "1.00",
        "0.00",
    ]


def test_r20_a_backdated_reassignment_adjusts_both_subscriptions():
    event = used("2026-01-15", units="3")
    del event["subscriptionId"]
    event["subscriber"] = {"credential": {"value": "key"}}
    moved = "2026-02-10T00:00:00Z"
    first = {"value": "key", "subscription_id": "s", "valid_from": "2026-01-01"}
    credentials = [
        first,
        first | {"valid_to": "2026-01-09", "recorded_at": moved},
        {"value": "key", "subscription_id": "t", "valid_from": "2026-01-10", "recorded_at": moved},
    ]
    rows = [subscription(), subscription("t")]
    terms = product(pricing_metrics=[each("1")])
    invoices = rated(terms, rows, [event], credentials=credentials)

    assert totals(invoices, "s-0001", "s-0002") == ["3.00", "-3.00"]
    assert totals(invoices, "t-0001", "t-0002") == ["0.00", "3.00"]


# Periods


def test_r24_boundaries_are_local_and_never_chained():
    new_york = clock.zone("America/New_York")
    week = clock.Grid(clock.instant("2026-03-04T14:00:00Z"), clock.interval("week"), new_york)
    assert clock.seconds(week.boundary(0), week.boundary(1)) == 167 * 3600

    month = clock.Grid(
        clock.instant("2026-01-31T00:00:00Z"), clock.interval("month"), clock.zone("UTC")
    )
    days = [month.boundary(number).strftime("%m-%d") for number in range(4)]
    assert days == ["01-31", "02-28", "03-31", "04-30"]


def test_r25_the_terms_at_a_periods_start_hold_for_it():
    dear = product(effective_from="2026-01-15", pricing_metrics=[each("2")])
    events = [used("2026-01-20", units="10"), used("2026-02-20", units="10")]
    invoices = rated([product(pricing_metrics=[each("1")]), dear], events=events)

    assert totals(invoices, "s-0001", "s-0002") == ["10.00", "20.00"]


def test_r26_a_calendar_stub_costs_its_part():
    settlement = {"every": "month", "align": "calendar"}
    terms = product(settlement=settlement, recurring_charges=[charge("300.00")])
    invoices = rated(terms, [subscription(started_at="2026-04-16")])

    assert totals(invoices, "s-0001", "s-0002") == ["150.00", "300.00"]
    assert invoices["s-0001"]["lines"][0]["fraction"] == "0.5"


def test_r27_a_subscription_entered_late_closes_its_past_periods_at_once():
    row = subscription(recorded_at="2026-03-10T09:00:00Z", expires_at="2026-02-28")
    events = [used("2026-01-20", "2026-03-05", units="4")]
    terms = product(pricing_metrics=[each("1")], recurring_charges=[charge("20")])
    invoices = rated(terms, [row], events)

    assert totals(invoices, "s-0001", "s-0002") == ["24.00", "20.00"]
    assert {each["cut_off_at"] for each in invoices.values()} == {"2026-03-10T09:00:00Z"}


def test_r28_late_usage_after_the_end_has_an_invoice_of_its_own():
    events = [used("2026-01-05", "2026-02-05") for _ in range(10)]
    row = subscription(expires_at="2026-01-31")
    invoices = rated(product(pricing_metrics=[_transactions("0.70")]), [row], events)

    assert list(invoices) == ["s-0001", "s-0002"]
    assert totals(invoices, "s-0001", "s-0002") == ["0.00", "7.00"]
    assert invoices["s-0002"]["kind"] == "adjustment"


def test_r29_what_is_later_than_a_year_is_not_billed():
    events = [
        used("2026-01-05", "2027-01-31", units="1"),
        used("2026-01-05", "2027-02-02", units="10"),
    ]
    invoices = rated(product(pricing_metrics=[each("1")]), events=events)

    assert sum(Decimal(each["total_amount"]) for each in invoices.values()) == 1


def test_r30_a_test_runs_for_an_hour_and_is_looked_at_once_more():
    row = subscription(started_at="2026-01-01T00:00:00Z", settlement="5 minutes")
    terms = product(pricing_metrics=[each("1")], trial_days=14)
    events = [
        used("2026-01-01T00:04:00Z", units="100"),
        used("2026-01-01T00:05:00Z", units="1"),
        used("2026-01-01T00:59:59Z", "2026-01-01T01:02:00Z", units="10"),
        used("2026-01-01T01:00:00Z", units="1000"),
        used("2026-01-01T00:30:00Z", "2026-01-01T01:05:00Z", units="10000"),
    ]
    invoices = rated(terms, [row], events)

    assert len(invoices) == 12
    assert totals(invoices, "s-0001", "s-0012") == ["1.00", "10.00"]
    assert invoices["s-0012"]["cut_off_at"] == "2026-01-01T01:05:00Z"


# Money


def test_r31_every_line_is_rounded():
    terms = product(pricing_metrics=[metric(tier("1", "0.335"), tier("unlimited", "0.335"))])
    invoices = rated(terms, events=[used("2026-01-05", units="2")])

    assert amounts(invoices["s-0001"]) == ["0.34", "0.34"]


def test_r32_an_average_has_six_decimals():
    terms = product(pricing_metrics=[each("3", aggregation="average")])
    events = [used("2026-01-05", units=units) for units in ("1", "1", "2", "x")]
    (line,) = rated(terms, events=events)["s-0001"]["lines"]

    assert (line["quantity"], line["amount"]) == ("1.333333", "4.00")


@pytest.mark.parametrize(
    ("aggregation", "amounts_after"), [("sum", []), ("average", ["9000000.00"])]
)
def test_what_is_too_large_for_a_bill_is_held(aggregation, amounts_after):
    terms = product(pricing_metrics=[each("0.000001", aggregation=aggregation)])
    events = [used("2026-01-05", units="9000000000000") for _ in range(2)]
    invoice = rated(terms, events=events)["s-0001"]

    assert amounts(invoice, "usage") == amounts_after


def test_r33_an_average_can_fall():
    terms = product(pricing_metrics=[each("1", aggregation="average")])
    events = [used("2026-01-05", units=units) for units in ("10", "20")]
    events.append(used("2026-01-05", "2026-02-10", units="0"))

    assert totals(rated(terms, events=events), "s-0001", "s-0002") == ["15.00", "-5.00"]


def test_r33_a_volume_can_become_cheaper():
    tiers = tier("100", "1.00", "10"), tier("unlimited", "0.80", "20")
    terms = product(pricing_metrics=[metric(*tiers, pricing="volume")])
    events = [used("2026-01-05", units="100"), used("2026-01-05", "2026-02-10", units="1")]

    assert totals(rated(terms, events=events), "s-0001", "s-0002") == ["110.00", "-9.20"]


def test_r33_a_late_second_value_adds_nothing():
    fee = {"element": "region", "amounts": {"Singapore": "3000", "Australia": "5000"}}
    events = [
        used("2026-01-05", region="Singapore"),
        used("2026-01-05", "2026-02-10", region="Australia"),
        used("2026-01-05", "2026-02-10", region="singapore"),
    ]
    invoices = rated(product(element_fees=[fee]), events=events)

    assert totals(invoices, "s-0001", "s-0002") == ["3000.00", "5000.00"]


def test_r34_a_late_event_of_the_trial_stays_free():
    row = subscription(trial_days="14")
    events = [used("2026-01-05", "2026-03-01", units="5"), used("2026-01-15T00:00:00Z", units="1")]
    invoices = rated(product(pricing_metrics=[each("1")]), [row], events)

    assert totals(invoices, "s-0001", "s-0002") == ["1.00", "0.00"]


def test_r35_a_negative_quantity_counts_as_zero():
    events = [
        used("2026-01-05", units="50"),
        used("2026-02-05", units="10"),
        used("2026-02-06", units="-30"),
    ]
    terms = product(pricing_metrics=[each("2")])

    assert totals(rated(terms, events=events), "s-0001", "s-0002") == ["100.00", "0.00"]
    events[2] = used("2026-01-05", "2026-02-06", units="-30")
    assert totals(rated(terms, events=events), "s-0001", "s-0002") == ["100.00", "-40.00"]


def test_r36_a_cost_priced_later_is_adjusted():
    price = {"provider": "own", "model": "late", "input": "4.00", "output": "0"}
    price |= {"valid_from": "2026-01-01", "recorded_at": "2026-02-10T00:00:00Z"}
    events = [
        call("2026-01-05", cost="50.00"),
        call("2026-01-05", model="late", inputTokenCount=1_000_000),
    ]
    terms = product(pricing_metrics=[metric(element="totalCost", markup="20%")])

    assert totals(rated(terms, events=events, ai_prices=[price]), "s-0001", "s-0002") == [
        "60.00",
        "4.80",
    ]


def test_r37_a_cost_in_another_currency_needs_a_rate():
    terms = product(currency="EUR", pricing_metrics=[metric(element="totalCost", markup="20%")])
    exchange = {"currency": "EUR", "per_usd": "0.90", "valid_from": "2026-01-01"}
    late = exchange | {"recorded_at": "2026-02-10T00:00:00Z"}
    events = [call("2026-01-05", cost="50")]

    assert totals(rated(terms, events=events, exchange_rates=[exchange]), "s-0001") == ["54.00"]
    assert totals(rated(terms, events=events, exchange_rates=[late]), "s-0001", "s-0002") == [
        "0.00",
        "54.00",
    ]


def test_r38_a_quota_that_blocks_bills_the_first_transactions_only():
    terms = product(pricing_metrics=[_transactions("1.00")], quota={"units": "100"})
    events = [used("2026-01-05") for _ in range(90)]
    events += [used("2026-01-06", "2026-02-10") for _ in range(30)]

    assert totals(rated(terms, events=events), "s-0001", "s-0002") == ["90.00", "10.00"]


def test_r38_a_late_transaction_displaces_a_later_one():
    terms = product(pricing_metrics=[each("0.01")], quota={"units": "2", "when_reached": "block"})
    events = [
        used("2026-01-05T10:00:00Z", units="100"),
        used("2026-01-05T12:00:00Z", units="500"),
        used("2026-01-05T11:00:00Z", "2026-02-10", units="50"),
    ]

    assert totals(rated(terms, events=events), "s-0001", "s-0002") == ["6.00", "-4.50"]


def test_r38_a_quota_on_a_metric_splits_the_event_that_crosses_it():
    quota = {"units": "150", "metric": "units", "when_reached": "block"}
    terms = product(pricing_metrics=[each("1"), _transactions("0.10")], quota=quota)
    events = [used("2026-01-05", units="100"), used("2026-01-06", units="100")]

    assert amounts(rated(terms, events=events)["s-0001"]) == ["150.00", "0.20"]


def test_r39_above_an_overage_quota_its_rate_applies():
    quota = {"units": "150", "metric": "units", "overage_rate": "2.00"}
    tiers = tier("100", "1.00"), tier("unlimited", "0.50")
    terms = product(pricing_metrics=[metric(*tiers)], quota=quota)
    invoices = rated(terms, events=[used("2026-01-05", units="200")])

    assert amounts(invoices["s-0001"]) == ["100.00", "25.00", "100.00"]


def test_r39_an_overage_quota_on_transactions_without_a_price_is_a_metric_itself():
    terms = product(quota={"units": "2", "overage_rate": "0.50"})
    invoices = rated(terms, events=[used("2026-01-05") for _ in range(5)])

    assert amounts(invoices["s-0001"]) == ["0.00", "1.50"]


@pytest.mark.parametrize(("mode", "total"), [("replace", "119.00"), ("add", "120.00")])
def test_r40_a_rule_replaces_the_price_of_a_transaction_or_adds_to_it(mode, total):
    rule = {"key": "special", "priority": "1", "mode": mode}
    terms = product(pricing_metrics=[_transactions("0.10")], pricing_rules=[rule])
    events = [used("2026-01-05", region="x" if each < 10 else "y") for each in range(1000)]
    code = {("p", "special"): (lambda row: row["region"] == "x", lambda _: Decimal("2.00"))}

    assert totals(rated(terms, events=events, rules=code), "s-0001") == [total]


def test_r40_a_transaction_that_a_rule_replaces_uses_an_overage_quota():
    quota = {"units": "4", "overage_rate": "0.50"}
    terms = product(
        pricing_metrics=[_transactions("0.10")],
        quota=quota,
        pricing_rules=[{"key": "special", "priority": "1"}],
    )
    events = [used("2026-01-05", region="x" if each < 3 else "y") for each in range(6)]
    code = {("p", "special"): (lambda row: row["region"] == "x", lambda _: Decimal("2.00"))}

    assert amounts(rated(terms, events=events, rules=code)["s-0001"]) == ["0.10", "1.00", "6.00"]


def test_r42_the_first_charge_in_advance_is_on_an_opening_invoice():
    terms = product(
        trial_days="14",
        recurring_charges=[charge("100", "in_advance")],
        pricing_metrics=[each("1")],
    )
    invoices = rated(terms, events=[used("2026-01-20", units="50")])

    assert invoices["s-0000"]["cut_off_at"] == "2026-01-15T00:00:00Z"
    assert totals(invoices, "s-0000", "s-0001") == ["100.00", "150.00"]
    assert invoices["s-0001"]["cut_off_at"] == "2026-02-15T01:00:00Z"


def test_r43_the_unused_part_is_what_was_billed_less_what_was_used():
    terms = product(
        immediate_cancellation="true", recurring_charges=[charge("10.01", "in_advance")]
    )
    cancelled = {"subscription_id": "s", "cancelled_at": "2026-04-16T00:00:00Z"}
    invoices = rated(terms, [subscription(started_at="2026-04-01")], cancellations=[cancelled])

    assert totals(invoices, "s-0000", "s-0001") == ["10.01", "-5.00"]
    (line,) = invoices["s-0001"]["lines"]
    assert (line["kind"], line["fraction"], line["adjusts_invoice_id"]) == (
        "credit",
        "0.5",
        "s-0000",
    )


def test_r43_a_credit_lowers_what_is_due_and_never_a_total():
    terms = product(pricing_metrics=[each("1")])
    events = [
        used("2026-01-05", units="50"),
        used("2026-01-05", "2026-02-06", units="-30"),
        used("2026-03-05", units="20"),
        used("2026-04-05", units="20"),
    ]
    invoices = rated(terms, events=events)
    ids = "s-0001", "s-0002", "s-0003", "s-0004"

    assert totals(invoices, *ids) == ["50.00", "-30.00", "20.00", "20.00"]
    assert [invoices[each]["amount_due"] for each in ids] == ["50.00", "0.00", "0.00", "10.00"]


def test_r44_a_plan_change_credits_the_old_and_opens_the_new():
    old = product(
        key="a", immediate_cancellation="true", recurring_charges=[charge("100", "in_advance")]
    )
    new = product(key="b", name="New", recurring_charges=[charge("200", "in_advance")])
    rows = [
        subscription("a", product="a", started_at="2026-04-01"),
        subscription(
            "b", product="b", started_at="2026-04-11", replaces="a", expires_at="2026-05-10"
        ),
    ]
    invoices = rated([old, new], rows)

    assert totals(invoices, "a-0000", "a-0001", "b-0000") == ["100.00", "-66.67", "200.00"]
    assert invoices["b-0000"]["amount_due"] == "133.33"


def test_r44_credentials_move_with_a_plan_change_at_the_periods_end():
    old = product(key="a", pricing_metrics=[each("1")])
    new = product(key="b", name="New", pricing_metrics=[each("2")], trial_days="30")
    rows = [
        subscription("a", product="a"),
        subscription("b", product="b", started_at="2026-01-11", replaces="a"),
    ]
    events = [used("2026-01-31", units="10"), used("2026-02-01T00:00:00Z", units="10")]
    for event in events:
        del event["subscriptionId"]
        event["subscriber"] = {"credential": {"value": "key"}}
    key = {"value": "key", "subscription_id": "a"}
    invoices = rated([old, new], rows, events, credentials=[key])

    assert totals(invoices, "a-0001", "b-0001") == ["10.00", "20.00"]
    assert "a-0002" not in invoices


def test_r45_an_upgrade_holds_from_the_next_boundary():
    later = product(version="2.0.0", pricing_metrics=[each("2")])
    upgrade = {"subscription_id": "s", "version": "2.0.0", "valid_from": "2026-01-15"}
    events = [used("2026-01-20", units="1"), used("2026-02-20", units="1")]
    first = product(pricing_metrics=[each("1")])
    invoices = rated([first, later], events=events, upgrades=[upgrade])

    assert totals(invoices, "s-0001", "s-0002") == ["1.00", "2.00"]


IMMEDIATE = {"name": "Setup", "amount": "50", "per": "subscription", "bill": "immediate"}


def test_r46_a_subscription_is_live_when_its_setup_is_paid():
    terms = product(setup_fee=IMMEDIATE, pricing_metrics=[each("1")], trial_days="1")
    facts = [
        {
            "fact": "payment",
            "invoice_id": "s-setup",
            "status": "failed",
            "paid_at": "2026-01-02T00:00:00Z",
        },
        {
            "fact": "payment",
            "invoice_id": "s-setup",
            "status": "paid",
            "paid_at": "2026-01-10T00:00:00Z",
        },
    ]
    days = ("2026-01-05", "2026-01-10", "2026-01-11")
    events = [used(day, units=units) for day, units in zip(days, ("1", "10", "100"), strict=True)]
    invoices = rated(terms, events=events, facts=facts)

    assert totals(invoices, "s-setup", "s-0001") == ["50.00", "100.00"]
    assert invoices["s-0001"]["period_started_at"] == "2026-01-11T00:00:00Z"
    assert list(rated(terms, events=events)) == ["s-setup"]


@pytest.mark.parametrize(
    ("mode", "status", "names"),
    [("waive", "void", ["s-0001", "s-setup"]), ("reissue", "issued", ["s-setup"])],
)
def test_r46_a_waived_setup_opens_its_subscription_and_no_other_void(mode, status, names):
    terms = product(setup_fee=IMMEDIATE, recurring_charges=[charge("30")])
    fact = {"fact": "void", "invoice_id": "s-setup", "mode": mode}
    fact["received_at"] = "2026-01-10T00:00:00Z"
    rows = [subscription(expires_at="2026-02-09")]
    invoices = rated(terms, rows, facts=[fact])

    assert invoices["s-setup"]["status"] == status
    assert sorted(invoices) == names
    assert all(invoices[each]["period_started_at"][:10] == "2026-01-10" for each in names[:-1])


def test_r46_a_client_pays_once_though_an_end_makes_the_first_fee_due_before_the_second():
    fee = IMMEDIATE | {"per": "client", "bill": "first_invoice"}
    terms = {"immediate_cancellation": "true", "setup_fee": fee}
    products = [
        product(**terms),
        product(**terms | {"version": "2.0.0", "setup_fee": fee | {"bill": "immediate"}}),
    ]
    rows = [subscription(), subscription("t", started_at="2026-01-15", version="2.0.0")]
    cancelled = {"subscription_id": "s", "cancelled_at": "2026-01-10T00:00:00Z"}
    invoices = rated(products, rows, cancellations=[cancelled])

    assert totals(invoices, "s-0001", "t-0001") == ["50.00", "0.00"]
    assert "t-setup" not in invoices


def test_r46_a_fee_on_the_first_invoice_is_waived_with_the_trial():
    terms = product(setup_fee=IMMEDIATE | {"bill": "first_invoice"}, trial_days="14")
    cancelled = {"subscription_id": "s", "cancelled_at": "2026-01-10T00:00:00Z"}

    assert totals(rated(terms), "s-0001") == ["50.00"]
    assert rated(terms, cancellations=[cancelled]) == {}


def test_r46_a_client_pays_once_and_the_next_if_the_first_is_waived():
    fee = IMMEDIATE | {"per": "client", "bill": "first_invoice"}
    rows = [subscription(trial_days="14"), subscription("t", started_at="2026-01-20")]
    cancelled = {"subscription_id": "s", "cancelled_at": "2026-01-10T00:00:00Z"}

    assert totals(rated(product(setup_fee=fee), rows), "s-0001", "t-0001") == ["50.00", "0.00"]
    invoices = rated(product(setup_fee=fee), rows, cancellations=[cancelled])
    assert totals(invoices, "t-0001") == ["50.00"]


def test_r47_a_one_time_charge_comes_with_the_end_of_the_trial():
    terms = product(one_time_charges=[charge("25", key="purchase")], trial_days="14")
    invoices = rated(terms)

    assert totals(invoices, "s-0000") == ["25.00"]
    assert invoices["s-0000"]["cut_off_at"] == "2026-01-15T00:00:00Z"


def test_r48_cancelled_at_a_periods_end_that_period_is_the_last():
    terms = product(recurring_charges=[charge("30")])
    cancelled = {"subscription_id": "s", "cancelled_at": "2026-02-01T00:00:00Z"}

    assert list(rated(terms, cancellations=[cancelled])) == ["s-0001"]


def test_r48_cancelled_at_the_trials_end_the_paid_period_has_begun():
    terms = product(recurring_charges=[charge("30")], trial_days="31")
    cancelled = {"subscription_id": "s", "cancelled_at": "2026-02-01T00:00:00Z"}

    assert totals(rated(terms, cancellations=[cancelled]), "s-0001") == ["30.00"]


@pytest.mark.parametrize(("is_immediate", "total"), [("true", "10.00"), ("false", "30.00")])
def test_r49_an_expiration_prorates_only_with_immediate_cancellation(is_immediate, total):
    terms = product(recurring_charges=[charge("30")], immediate_cancellation=is_immediate)
    row = subscription(started_at="2026-04-01", expires_at="2026-04-10")
    invoices = rated(terms, [row])

    assert totals(invoices, "s-0001") == [total]
    assert invoices["s-0001"]["cut_off_at"] == "2026-04-11T01:00:00Z"


def test_r49_an_expiration_inside_a_trial_costs_nothing():
    terms = product(recurring_charges=[charge("30", "in_advance")], trial_days="14")

    assert rated(terms, [subscription(expires_at="2026-01-10")]) == {}


def test_r50_analytics_only_has_no_invoice():
    assert (
        rated(product(pricing_model={"type": "analytics_only"}), events=[used("2026-01-05")]) == {}
    )


@pytest.mark.parametrize(("mode", "totals_after"), [("waive", "0.00"), ("reissue", "30.00")])
def test_r51_a_void_invoice_is_let_go_or_billed_again(mode, totals_after):
    terms = product(recurring_charges=[charge("30")])
    fact = {"fact": "void", "invoice_id": "s-0001", "mode": mode}
    fact["received_at"] = "2026-02-10T00:00:00Z"
    invoices = rated(terms, [subscription(expires_at="2026-01-31")], facts=[fact])

    assert invoices["s-0001"]["status"] == "void"
    assert invoices.get("s-0002", {"total_amount": "0.00"})["total_amount"] == totals_after


def test_r51_the_first_void_that_finds_its_invoice_counts():
    terms = product(recurring_charges=[charge("30")])
    void = {"fact": "void", "invoice_id": "s-0001"}
    facts = [
        {**void, "mode": "waive", "received_at": "2026-01-15T00:00:00Z"},
        {**void, "mode": "reissue", "received_at": "2026-02-10T00:00:00Z"},
        {**void, "mode": "waive", "received_at": "2026-02-11T00:00:00Z"},
    ]
    invoices = rated(terms, [subscription(expires_at="2026-01-31")], facts=facts)

    assert invoices["s-0001"]["status"] == "void"
    assert totals(invoices, "s-0002") == ["30.00"]


def test_r41_after_a_plan_change_both_subscriptions_charge_a_value():
    fee = {"element": "region", "amounts": {}, "default": "5"}
    terms = product(element_fees=[fee], immediate_cancellation="true")
    rows = [subscription(), subscription("t", started_at="2026-01-11", replaces="s")]
    events = [
        used("2026-01-05", region="North"),
        used("2026-01-15", subscription_id="t", region="North"),
    ]

    assert totals(rated(terms, rows, events), "s-0001", "t-0001") == ["5.00", "5.00"]


def test_a_backdated_cancellation_takes_back_what_was_billed():
    terms = product(
        immediate_cancellation="true",
        recurring_charges=[charge("30"), charge("60", "in_advance", "ahead")],
        pricing_metrics=[each("1")],
    )
    cancelled = {
        "subscription_id": "s",
        "cancelled_at": "2026-04-16T00:00:00Z",
        "recorded_at": "2026-05-10T00:00:00Z",
    }
    events = [used("2026-04-10", units="3"), used("2026-04-20", units="4")]
    row = subscription(started_at="2026-04-01")
    invoices = rated(terms, [row], events, cancellations=[cancelled])

    assert totals(invoices, "s-0000", "s-0001") == ["60.00", "97.00"]
    assert sorted(amounts(invoices["s-0002"], "credit")) == ["-30.00", "-60.00"]
    assert sorted(amounts(invoices["s-0002"], "adjustment")) == ["-15.00", "-4.00"]
    assert list(invoices) == ["s-0000", "s-0001", "s-0002"]


# Cases that are drawn

a_few = settings(max_examples=25, deadline=None, derandomize=True)


@a_few
@given(case=cases.cases())
def test_what_is_issued_stays_whatever_becomes_known_later(case):
    earlier = case.rated("2026-03-20T00:00:00Z")["invoices"]
    later = {each["invoice_id"]: each for each in case.rated()["invoices"]}

    for invoice in earlier:
        changing = {"status": None, "amount_due": None}
        assert invoice | changing == later[invoice["invoice_id"]] | changing


@a_few
@given(case=cases.cases())
def test_the_order_of_what_is_told_does_not_matter(case):
    told = case.rated()
    case.events.reverse()
    case.facts.reverse()
    case.catalog = {name: rows[::-1] for name, rows in case.catalog.items()}

    assert case.rated() == told


def test_a_case_is_the_same_when_it_is_written_and_read(tmp_path):
    batch = [cases.draw(seed) for seed in range(0, 30, len(cases.AS_OFS))]
    catalog, events, facts = cases.write(batch, tmp_path)
    read = rate(
        folder.read_catalog(catalog),
        folder.read_records(events),
        folder.read_records(facts),
        as_of=batch[0].as_of,
        rules={key: code for case in batch for key, code in case.rules.items()},
    )
    drawn = [invoice for case in batch for invoice in case.rated()["invoices"]]

    assert read["invoices"] == sorted(drawn, key=lambda each: each["invoice_id"])
