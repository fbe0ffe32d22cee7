"""What a period costs as known at an instant: R25, R26, R31, R32, R35 to R40, R47 and R49."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext

from tests.oracle import clock
from tests.oracle.catalog import (
    TOTAL_COST,
    TRANSACTIONS,
    ZERO,
    ElementFee,
    FixedCharge,
    Metric,
    Rule,
    Terms,
    Tier,
    normal,
)
from tests.oracle.events import Event, number
from tests.oracle.knowledge import End, Licence

DIGITS = 60
FRACTION = Decimal("0.000000000001")
TOO_LARGE = Decimal(10) ** 13
TOO_LARGE_A_SUM = Decimal(10) ** 19
Key = tuple[str, ...]
"""What is charged: its kind, and the metric, value, rule or charge."""


@dataclass(frozen=True)
class Period:
    """A stretch of a subscription's time that one invoice settles."""

    ordinal: int
    number: int
    started_at: datetime
    ended_at: datetime
    regular_end: datetime


@dataclass(frozen=True)
class Piece:
    """A part of a charge as it stands on one line."""

    amount: Decimal
    quantity: Decimal | None = None
    rate: Decimal | None = None
    fixed: Decimal | None = None
    fraction: Decimal | None = None
    tier: Tier | None = None


@dataclass(frozen=True)
class Charge:
    """What one thing costs in a period; `used` is the seconds that a recurring charge is for."""

    key: Key
    order: int
    pieces: tuple[Piece, ...]
    quantity: Decimal | None = None
    used: int = 0
    full: int = 0
    shown: str = ""

    @property
    def amount(self) -> Decimal:
        """The sum of its rounded pieces."""
        return sum((each.amount for each in self.pieces), ZERO)


def rounded(amount: Decimal, digits: int) -> Decimal:
    """Return an amount in minor units, half away from zero."""
    return amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def recurring(
    licence: Licence, period: Period, end: End | None
) -> Iterator[tuple[FixedCharge, Charge]]:
    """Yield the recurring charges of a period that is at least partly live."""
    terms = licence.terms_at(period.started_at)
    regular = clock.seconds(period.started_at, period.regular_end)
    full = licence.grid.full_seconds(period.number)
    used = regular
    if end is not None and end.at <= period.started_at:
        return
    if end is not None and end.is_prorated and end.at < period.regular_end:
        used = clock.seconds(period.started_at, end.at)
    for order, each in enumerate(terms.recurring):
        fraction = None if used == full else exact_share(used, full)
        with localcontext(prec=DIGITS, rounding=ROUND_HALF_UP):
            amount = rounded(each.amount * used / full, terms.digits)
        piece = Piece(amount, fraction=fraction)
        key = ("recurring", each.key)
        yield each, Charge(key, order, (piece,), used=used, full=full)


def exact_share(used: int, full: int) -> Decimal:
    """Return a share of a period with twelve decimals."""
    with localcontext(prec=DIGITS, rounding=ROUND_HALF_UP):
        return (Decimal(used) / full).quantize(FRACTION)


def usage(licence: Licence, period: Period, end: End | None) -> Iterator[Charge]:
    """Yield what the events of a period cost, metric by metric, value by value, rule by rule."""
    terms = licence.terms_at(period.started_at)
    ends_at = min(period.ended_at, end.at) if end else period.ended_at
    with localcontext(prec=DIGITS, rounding=ROUND_HALF_UP):
        counted = _counted(licence, terms, (period.started_at, ends_at))
        ruled = [(each, _rule(licence, terms, each)) for each in counted]
        left = [each for each, rule in ruled if rule is None or rule.is_added]
        for order, each in enumerate(terms.metrics):
            metric = _left_of_quota(each, len(ruled) - len(left))
            yield from _metric(licence, terms, (order, metric), left)
        for order, fee in enumerate(terms.fees):
            yield from _values(licence, (order, fee), left)
        yield from _rules(licence, terms, ruled)


def _counted(licence: Licence, terms: Terms, span: tuple[datetime, datetime]) -> list[Event]:
    """Return what can be billed at all: not skipped, not above a quota that blocks (R14, R38)."""
    events = licence.state.usage.get(licence.subscription_id, ())
    inside = [each for each in events if span[0] <= each.occurred_at < span[1]]
    billed = [each for each in inside if not each.is_skipped]
    most = terms.most_transactions
    return billed if most is None else billed[: int(most)]


def _rule(licence: Licence, terms: Terms, event: Event) -> Rule | None:
    view = _view(licence, event)
    for rule in licence.state.rules(terms, event.occurred_at):
        if rule.condition(view):
            return rule
    return None


def _view(licence: Licence, event: Event) -> dict[str, object]:
    state = licence.state
    view = state.view(event, licence.subscription_id)
    numbers = state.number_elements
    return {name: number(str(each)) if name in numbers else each for name, each in view.items()}


def _rules(
    licence: Licence, terms: Terms, ruled: Sequence[tuple[Event, Rule | None]]
) -> Iterator[Charge]:
    orders = {rule.key: rule.order for _, rule in ruled if rule}
    for key, order in sorted(orders.items(), key=lambda each: each[1]):
        amounts = [
            rule.amount(_view(licence, event)) for event, rule in ruled if rule and rule.key == key
        ]
        known = [each for each in amounts if each is not None]
        total = sum(known, ZERO)
        if known and abs(total) < TOO_LARGE_A_SUM:
            count = Decimal(len(known))
            piece = Piece(rounded(total, terms.digits), count)
            yield Charge(("rule", key), order, (piece,), count)


def _values(
    licence: Licence, numbered: tuple[int, ElementFee], events: Sequence[Event]
) -> Iterator[Charge]:
    order, fee = numbered
    state = licence.state
    digits = licence.first_terms.digits
    texts = (each.elements[fee.element] for each in events if state.carries(each, fee.element))
    for value in sorted({normal(text) for text in texts} - {""}):
        amount = fee.amounts.get(value, fee.default)
        if amount is not None:
            shown = fee.spelling.get(value, value)
            piece = Piece(rounded(amount, digits), Decimal(1))
            key = ("element_fee", fee.element, value)
            yield Charge(key, order, (piece,), Decimal(1), shown=shown)


def _left_of_quota(metric: Metric, replaced: int) -> Metric:
    """Return a metric with what replaced transactions leave of its overage quota (R39, R40)."""
    if not metric.is_quota_of_transactions:
        return metric
    *lower, overage = metric.tiers
    left = max(overage.lower - replaced, ZERO)
    cut = [
        replace(each, upper=min(each.upper or left, left)) for each in lower if each.lower < left
    ]
    return replace(metric, tiers=(*cut, replace(overage, lower=left)))


def _metric(
    licence: Licence, terms: Terms, numbered: tuple[int, Metric], events: Sequence[Event]
) -> Iterator[Charge]:
    order, metric = numbered
    matching = [each for each in events if licence.state.matches(each, metric.filters)]
    quantity = _quantity(licence, terms, metric, matching)
    if quantity is None:
        return
    quantity = max(quantity, ZERO)
    if metric.cap is not None:
        quantity = min(quantity, metric.cap)
    if quantity >= TOO_LARGE:
        return
    pieces = tuple(_tiers(metric, quantity, terms.digits))
    yield Charge(("usage", metric.key), order, pieces, quantity)


def _quantity(
    licence: Licence, terms: Terms, metric: Metric, events: Sequence[Event]
) -> Decimal | None:
    """Return a metric's quantity; None where nothing carries it, or it has to be held (R37)."""
    state = licence.state
    if metric.element == TRANSACTIONS:
        return Decimal(len(events))
    if metric.element == TOTAL_COST:
        return _costs(licence, terms, metric, events)
    carried = [
        each.elements[metric.element] for each in events if state.carries(each, metric.element)
    ]
    if metric.aggregation == "match_value":
        return Decimal(sum(normal(text) == metric.target for text in carried))
    if metric.element in state.number_elements:
        carried = [text for text in carried if number(text) is not None]
    else:
        carried = [text for text in carried if text.strip()]
    if metric.aggregation in {"count", "count_unique"}:
        return Decimal(len(carried if metric.aggregation == "count" else set(carried)))
    return _aggregated(metric.aggregation, [number(text) or ZERO for text in carried])


def _aggregated(aggregation: str, values: Sequence[Decimal]) -> Decimal | None:
    if not values:
        return None
    if aggregation == "average":
        mean = sum(values, ZERO) / len(values)
        return mean.quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return max(values) if aggregation == "maximum" else sum(values, ZERO)


def _costs(
    licence: Licence, terms: Terms, metric: Metric, events: Sequence[Event]
) -> Decimal | None:
    state = licence.state
    told = [(state.cost(each), each.occurred_at) for each in events]
    costs = [
        (cost, state.exchange_rate(terms.currency, at)) for cost, at in told if cost is not None
    ]
    if any(rate is None for _, rate in costs):
        return None
    values = [(cost * (rate or 1)).quantize(FRACTION, ROUND_HALF_UP) for cost, rate in costs]
    if any(value >= TOO_LARGE for value in values):
        return None
    if metric.aggregation == "count":
        return Decimal(len(values))
    return _aggregated(metric.aggregation, values)


def _tiers(metric: Metric, quantity: Decimal, digits: int) -> Iterator[Piece]:
    """Yield a line per tier that is entered (R31); of volume tiers only the one reached (R39)."""
    priced = [each for each in metric.tiers if quantity > each.lower]
    if metric.is_volume:
        priced = [each for each in priced if each.is_overage or _is_reached(metric, each, quantity)]
    for tier in priced:
        lower = ZERO if metric.is_volume and not tier.is_overage else tier.lower
        units = (quantity if tier.upper is None else min(quantity, tier.upper)) - lower
        amount = rounded(units * tier.rate + tier.fixed, digits)
        yield Piece(amount, units, tier.rate, tier.fixed, tier=tier)


def _is_reached(metric: Metric, tier: Tier, quantity: Decimal) -> bool:
    """Whether a volume tier is the one that the total falls in, up to an overage quota."""
    limits = [each.lower for each in metric.tiers if each.is_overage]
    base = min([quantity, *limits])
    return tier.lower < base and (tier.upper is None or base <= tier.upper)
