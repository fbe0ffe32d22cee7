"""A product's price for a full period, to hold the examples in its file against.

The models rate real usage. This is the same arithmetic once more, small enough to be read beside
the contract, so that a mistyped tier is found before any event arrives.
"""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal, localcontext

from ingest.catalog.models import Example, Product
from ingest.catalog.pricing import ZERO
from ingest.catalog.terms import (
    RatedMetric,
    RatedTier,
    counts_all_transactions,
    rated_metrics,
    written_out,
)
from ingest.catalog.values import match_value

_DIGITS = 60  # quantity x rate has 37 of them: nothing is rounded but each line, once


def rate_example(product: Product, example: Example, *, minor_unit: int) -> Decimal:
    """Return what a full period costs: recurring charges, usage and element fees.

    What is charged once (one-time charges, a setup fee) and what prices single transactions
    (pricing rules) is left out. Each line is rounded once, half away from zero, to the currency's
    minor unit.
    """
    with localcontext(prec=_DIGITS, rounding=ROUND_HALF_UP):
        unit = Decimal(1).scaleb(-minor_unit)
        lines = _lines(written_out(product), example)
        return sum((line.quantize(unit) for line in lines), ZERO)


def _lines(product: Product, example: Example) -> Iterator[Decimal]:
    yield from (charge.amount for charge in product.recurring_charges)
    for rated in rated_metrics(product):
        quantity = example.units.get(rated.metric.key, ZERO)
        yield from _usage(rated, min(quantity, _most(product, rated)))
    for fee in product.element_fees:
        amounts = {match_value(value): amount for value, amount in fee.amounts.items()}
        for value in {match_value(value) for value in example.elements.get(fee.element, ())}:
            amount = amounts.get(value, fee.default)
            if amount is not None:
                yield amount


def _most(product: Product, rated: RatedMetric) -> Decimal:
    """Return the quantity above which a quota blocks.

    Of a quota on transactions it is only known for the metric that counts them all.
    """
    quota = product.quota
    if quota is None or quota.effect != "block":
        return Decimal("Infinity")
    if quota.metric is None:
        is_limited = counts_all_transactions(rated.metric)
    else:
        is_limited = rated.quota is not None
    return quota.units if is_limited else Decimal("Infinity")


def _usage(rated: RatedMetric, quantity: Decimal) -> Iterator[Decimal]:
    entered = [tier for tier in rated.tiers if quantity > tier.lower]
    if rated.metric.pricing == "volume":
        reached = [tier._replace(lower=ZERO) for tier in entered if not tier.is_overage][-1:]
        entered = [*reached, *(tier for tier in entered if tier.is_overage)]
    for tier in entered:
        yield _units_inside(tier, quantity) * tier.unit_rate + tier.fixed_cost


def _units_inside(tier: RatedTier, quantity: Decimal) -> Decimal:
    return (quantity if tier.upper is None else min(quantity, tier.upper)) - tier.lower
