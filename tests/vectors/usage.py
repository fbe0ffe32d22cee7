"""Kinds of vectors that are about usage: tiers, aggregations, rounding, late events."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from itertools import accumulate, pairwise, zip_longest
from typing import Any

from tests.vectors.given import UNITS, Given
from tests.vectors.rated import Found, Line, Rated, amount_of, quantity_of
from tests.vectors.vector import Vector

_CENT = Decimal("0.01")
_AGGREGATIONS = {
    "sum": "sum",
    "max": "maximum",
    "avg": "average",
    "count": "count",
    "unique_count": "count_unique",
}
_ELEMENTS = {"count": "transactions", "unique_count": "label"}
_ONE_EACH = ({"name": "Each", "up_to": "unlimited", "unit_rate": "1"},)
_NOT_PROPERTIES = {"value", "n", "in_period", "day"}


def tiered(vector: Vector, given: Given, *, pricing: str = "graduated") -> Found:
    """One metric with tiers, with or without a recurring charge beside it."""
    inputs = vector.inputs
    ids = {
        reading: _subscribe(vector, given, [_metric(vector, inputs["tiers"], pricing=reading)])
        for reading in {pricing, *_other_readings(vector)}
    }
    for each in ids.values():
        given.use(each, inputs["quantity"])

    def found(rated: Rated) -> dict[str, Any]:
        readings = {
            f"amount_if_{reading}": vector.stated(amount_of(_usage(rated, each)))
            for reading, each in ids.items()
        }
        return readings | _told(vector, rated, ids[pricing])

    return found


def _other_readings(vector: Vector) -> set[str]:
    """Return the ways of pricing that a vector leaves open, stating the figure of each."""
    return {
        key.removeprefix("amount_if_") for key in vector.expected if key.startswith("amount_if")
    }


def _told(vector: Vector, rated: Rated, subscription_id: str) -> dict[str, Any]:
    usage = _usage(rated, subscription_id)
    quantity = quantity_of(usage)
    amount = amount_of(usage)
    average = (amount / quantity).quantize(_CENT, ROUND_HALF_UP) if quantity else Decimal(0)
    return {
        "amount": vector.stated(amount),
        "unit_amount": average,
        "total": vector.stated(rated.total(subscription_id, "2026-01-01T00:00:00Z")),
        "tiers": [_share(line) for line in usage],
        "lines": [_line(line) for line in usage],
    }


def _line(line: Line) -> dict[str, Decimal]:
    told = {name: line[name] for name in ("quantity", "unit_rate", "amount")}
    return told | {"tier": Decimal(line["tier"])}


def _share(line: Line) -> dict[str, Decimal]:
    return {
        "units": line["quantity"],
        "per_unit_total": line["quantity"] * line["unit_rate"],
        "flat": line["fixed_amount"],
        "total": line["amount"],
    }


def per_unit(vector: Vector, given: Given) -> Found:
    """One rate for every unit."""
    tier = {"unit_rate": vector.inputs["unit_rate"]}
    subscription_id = _subscribe(vector, given, [_metric(vector, [tier])])
    given.use(subscription_id, vector.inputs["quantity"])
    return lambda rated: _told(vector, rated, subscription_id)


def single_tier(vector: Vector, given: Given) -> Found:
    """The share of one tier, which has others below and above that cost nothing."""
    inputs = vector.inputs
    lower = Decimal(inputs["from"])
    if lower and not inputs["adjacent_bounds"]:
        lower -= 1
    tier = {"up_to": inputs["to"], "unit_rate": inputs["unit_rate"], "flat": inputs["flat"]}
    below = [{"up_to": f"{lower}"}] if lower else []
    above: list[dict[str, str]] = [{}] if inputs["to"] else []
    subscription_id = _subscribe(vector, given, [_metric(vector, [*below, tier, *above])])
    given.use(subscription_id, inputs["total_units"])

    def found(rated: Rated) -> dict[str, Any]:
        lines = rated.lines(subscription_id, "usage", tier=str(len(below) + 1))
        return {
            "units": quantity_of(lines),
            "per_unit_total": sum(line["quantity"] * line["unit_rate"] for line in lines),
            "total_with_flat": amount_of(lines),
        }

    return found


def several_metrics(vector: Vector, given: Given, *, pricing: str = "graduated") -> Found:
    """Metrics of one product, each on the events of its own label."""
    stated = vector.inputs["metrics"]
    metrics = [
        _metric(vector, each["tiers"], key=name.lower(), pricing=pricing, filters={"label": name})
        for name, each in stated.items()
    ]
    subscription_id = _subscribe(vector, given, metrics)
    for name, each in stated.items():
        given.use(subscription_id, each["quantity"], label=name)

    def found(rated: Rated) -> dict[str, Any]:
        by_metric = {name: _usage(rated, subscription_id, metric=name.lower()) for name in stated}
        return {
            "amount": vector.stated(amount_of(_usage(rated, subscription_id))),
            "lines": {name: [_line(line) for line in lines] for name, lines in by_metric.items()},
        }

    return found


def grouped(vector: Vector, given: Given) -> Found:
    """The same tiers for each value of a label: a metric with a filter for each."""
    values = {f"group-{n}": value for n, value in enumerate(vector.inputs["group_values"], start=1)}
    pricing, tiers = vector.inputs["mode"], vector.inputs["tiers"]
    metrics = [
        _metric(vector, tiers, key=group, pricing=pricing, filters={"label": group})
        for group in values
    ]
    subscription_id = _subscribe(vector, given, metrics)
    for group, value in values.items():
        given.use(subscription_id, value, label=group)
    return lambda rated: {"amount": vector.stated(amount_of(_usage(rated, subscription_id)))}


def capacity(vector: Vector, given: Given) -> Found:
    """A fixed amount by the tier that the highest reading reaches."""
    tiers = [
        {"up_to": next(iter(tier["limits"].values()), None), "flat": tier["flat"]}
        for tier in vector.inputs["tiers"]
    ]
    metric = _metric(vector, tiers, aggregation="maximum", pricing="volume")
    subscription_id = _subscribe(vector, given, [metric])
    for reading in vector.inputs.get("events", [vector.inputs.get("quantity")]):
        given.use(subscription_id, reading)
    return lambda rated: _told(vector, rated, subscription_id)


def incremental(vector: Vector, given: Given) -> Found:
    """More usage of a period that is billed: its amount is adjusted, its lines are what is new."""
    before, more = Decimal(vector.inputs["cumulative_before"]), Decimal(vector.inputs["quantity"])
    metrics = [_metric(vector, vector.inputs["tiers"])]
    billed = _subscribe(vector, given, metrics, name="billed")
    whole = _subscribe(vector, given, metrics, name="whole")
    given.use(billed, before)
    given.use(billed, more, known_in=2)
    given.use(whole, before + more)

    def found(rated: Rated) -> dict[str, Any]:
        first = {line["tier"]: line for line in _usage(rated, billed)}
        nothing = {"quantity": Decimal(0), "amount": Decimal(0)}
        lines = [
            {**line}
            | {name: line[name] - first.get(line["tier"], nothing)[name] for name in nothing}
            for line in _usage(rated, whole)
        ]
        return {
            "amount": vector.stated(amount_of(rated.lines(billed, "adjustment"))),
            "lines": [_line(line) for line in lines if line["quantity"]],
        }

    return found


def negative_usage(vector: Vector, given: Given) -> Found:
    """A period whose usage is below zero in the end."""
    subscription_id = _subscribe(vector, given, [_metric(vector, [{"unit_rate": "1"}])])
    given.use(subscription_id, "10")
    given.use(subscription_id, "-40")
    return lambda rated: {"quantity": quantity_of(_usage(rated, subscription_id))}


def notification(vector: Vector, given: Given) -> Found:
    """A share of every tier's bound, as the lines of usage that reaches the last one show it."""
    tiers = vector.inputs["tiers"]
    subscription_id = _subscribe(vector, given, [_metric(vector, tiers)])
    given.use(subscription_id, tiers[-1]["up_to"])
    share = Decimal(vector.inputs["threshold_percent"]) / 100

    def found(rated: Rated) -> dict[str, Any]:
        bounds = accumulate(line["quantity"] for line in _usage(rated, subscription_id))
        return {"notify_at": [bound * share for bound in bounds]}

    return found


def aggregation(vector: Vector, given: Given) -> Found:
    """Events of a period, and others just before and after it."""
    metrics = [_aggregating(vector), _aggregating(vector, key="count", aggregation="count")]
    product = given.product(pricing_metrics=metrics)
    subscription_id = given.subscription(product, "2025-12-01")
    inside, outside = ["2026-01-10T12:00:00Z"], ["2025-12-31T23:59:59Z", "2026-02-01T00:00:00Z"]
    for event in _readings(vector):
        instants = inside if event.get("in_period", True) else outside
        for number in range(event.get("n", 1)):
            given.event(subscription_id, instants[number % len(instants)], _payload(vector, event))

    def found(rated: Rated) -> dict[str, Any]:
        by_metric = partial(_usage, rated, subscription_id)
        return {
            "value": quantity_of(by_metric(metric="value")),
            "count": quantity_of(by_metric(metric="count")),
        }

    return found


def windows(vector: Vector, given: Given) -> Found:
    """The same events in periods of a day and in one of a month."""
    metrics = [_aggregating(vector)]
    ids = {
        every: given.subscription(
            given.product(name=every, settlement={"every": every}, pricing_metrics=metrics),
            name=every,
        )
        for every in ("day", "month")
    }
    for event in _readings(vector):
        for each in ids.values():
            given.event(each, f"2026-01-{event['day']:02}T12:00:00Z", _payload(vector, event))

    def found(rated: Rated) -> dict[str, Any]:
        by_day = [
            _usage(rated, ids["day"], month=f"2026-01-{number:02}")
            for number in range(1, len(vector.expected["per_day"]) + 1)
        ]
        total = quantity_of(_usage(rated, ids["month"]))
        return {"per_day": [quantity_of(lines) for lines in by_day], "total": total}

    return found


def _readings(vector: Vector) -> Iterable[dict[str, Any]]:
    for event in vector.inputs["events"]:
        yield {"value": event} if isinstance(event, str) else event


def _payload(vector: Vector, event: dict[str, Any]) -> Mapping[str, str]:
    value = str(event.get("value", "1"))
    if value.startswith("<"):
        value = str(Decimal(value[1:]) - 1)
    element = "label" if vector.inputs["method"] == "unique_count" else UNITS
    properties = {_property(key): event[key] for key in event.keys() - _NOT_PROPERTIES}
    return {element: value, **properties}


def _property(name: str) -> str:
    """Return the element that a property of an event becomes: `model` and others are built in."""
    return f"event_{name}"


def _aggregating(
    vector: Vector, *, key: str = "value", aggregation: str | None = None
) -> dict[str, Any]:
    method = vector.inputs["method"]
    element = _ELEMENTS.get(method, UNITS)
    filters = vector.inputs.get("filter", {})
    return {
        "key": key,
        "name": key,
        "element": element,
        "aggregation": aggregation or _AGGREGATIONS[method],
        "filters": {_property(name): value for name, value in filters.items()},
        "tiers": _ONE_EACH,
    }


def rounding(vector: Vector, given: Given) -> Found:
    """One line's amount; one below zero is taken back by late usage."""
    inputs = vector.inputs
    rate = abs(Decimal(inputs.get("unit_rate") or inputs["amount"]))
    quantity = Decimal(inputs.get("quantity", 1))
    is_negative = Decimal(inputs.get("amount", 0)) < 0
    metric = _metric(vector, [{"unit_rate": f"{rate:f}"}])
    subscription_id = _subscribe(vector, given, [metric])
    given.use(subscription_id, quantity)
    given.use(subscription_id, -quantity if is_negative else Decimal(0), known_in=2)

    def found(rated: Rated) -> dict[str, Any]:
        lines = rated.lines(subscription_id, "adjustment" if is_negative else "usage")
        next_total = rated.total(subscription_id, "2026-02-01T00:00:00Z")
        return {"amount": amount_of(lines), "invoice": next_total}

    return found


def rounded_sum(vector: Vector, given: Given) -> Found:
    """Several lines of one invoice, each of them rounded."""
    metrics = [
        _metric(vector, [{"unit_rate": rate}], key=f"item-{number}")
        for number, rate in enumerate(vector.inputs["items"], start=1)
    ]
    subscription_id = _subscribe(vector, given, metrics)
    given.use(subscription_id, "1")
    return lambda rated: _told(vector, rated, subscription_id)


def late_delta(vector: Vector, given: Given) -> Found:
    """A period's usage as it is known at one closing after the other."""
    known = vector.inputs["cumulative_by_invoice"]
    snapshots = [[each] * number for number, each in enumerate(known, start=1)]
    subscription_id = _late(vector, given, snapshots)
    return lambda rated: {"invoice_totals": _totals(rated, subscription_id, len(snapshots))}


def late_snapshots(vector: Vector, given: Given) -> Found:
    """Usage up to each period's end as it is known at one closing after the other."""
    snapshots = vector.inputs["cumulative_snapshots"]
    subscription_id = _late(vector, given, snapshots)

    def found(rated: Rated) -> dict[str, Any]:
        months = [_month(number) for number in range(1, len(snapshots) + 1)]
        lines = [rated.lines(subscription_id, closed_period_started_at=each) for each in months]
        return {
            "invoice_totals": _totals(rated, subscription_id, len(snapshots)),
            "invoices": [[_correction(line) for line in each] for each in lines],
        }

    return found


def _correction(line: Line) -> dict[str, Decimal]:
    return {"period": Decimal(line["period_started_at"][5:7]), "total": line["amount"]}


def _late(vector: Vector, given: Given, snapshots: Sequence[Sequence[str]]) -> str:
    """Let every month hear of what its snapshot adds to it and to the months before."""
    price = vector.inputs["price"]
    tiers, pricing = price.get("tiers", [price]), price.get("mode", "graduated")
    metrics = [_metric(vector, tiers, pricing=pricing)]
    expires_at = f"2026-{len(snapshots) + 1:02}-28"
    subscription_id = _subscribe(vector, given, metrics, expires_at=expires_at)
    known: list[Decimal] = []
    for known_in, snapshot in enumerate(snapshots, start=1):
        usage = [
            later - earlier for earlier, later in pairwise([Decimal(0), *map(Decimal, snapshot)])
        ]
        added = zip_longest(usage, known, fillvalue=Decimal(0))
        for month, (quantity, before) in enumerate(added, start=1):
            given.use(subscription_id, quantity - before, month=month, known_in=known_in)
        known = usage
    return subscription_id


def _totals(rated: Rated, subscription_id: str, months: int) -> list[Decimal]:
    return [rated.total(subscription_id, _month(number)) for number in range(1, months + 1)]


def _month(number: int) -> str:
    return f"2026-{number:02}-01T00:00:00Z"


def _usage(
    rated: Rated, subscription_id: str, *, month: str = "2026-01", **wanted: str
) -> list[Line]:
    lines = rated.lines(subscription_id, "usage", **wanted)
    return [line for line in lines if line["period_started_at"].startswith(month)]


def _subscribe(
    vector: Vector,
    given: Given,
    metrics: Sequence[dict[str, Any]],
    *,
    name: str = "",
    expires_at: str = "2026-02-28",
) -> str:
    terms: dict[str, Any] = {"currency": vector.currency, "pricing_metrics": metrics}
    if "recurring" in vector.inputs:
        amount = vector.price(vector.inputs["recurring"])
        charge = {"key": "recurring", "name": "Recurring", "amount": amount, "bill": "in_arrears"}
        terms["recurring_charges"] = [charge]
    name = name or f"{metrics[0]['pricing']}"
    product = given.product(name=name, **terms)
    return given.subscription(product, name=name, expires_at=expires_at)


def _metric(
    vector: Vector,
    tiers: Sequence[Mapping[str, Any]],
    *,
    key: str = UNITS,
    pricing: str = "graduated",
    **others: Any,
) -> dict[str, Any]:
    """Return a metric whose last tier is unlimited, whatever bound the source gives it."""
    bounds = [*(tier["up_to"] for tier in tiers[:-1]), "unlimited"]
    rated = [
        {
            "name": str(number),
            "up_to": bound,
            "unit_rate": vector.price(tier.get("unit_rate")),
            "fixed_cost": vector.price(tier.get("flat")),
        }
        for number, (tier, bound) in enumerate(zip(tiers, bounds, strict=True), start=1)
    ]
    metric = {"key": key, "name": key, "element": UNITS, "aggregation": "sum"}
    return metric | {"pricing": pricing, "tiers": rated} | others
