"""A product's price for a full period, to hold the examples in its file against.

The models rate real usage. This is the same arithmetic once more, small enough to be read beside
the contract, so that a mistyped tier is found before any event arrives.
"""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal, localcontext

from ingest.catalog.models import ZERO, Example, GraduatedTier, Product
from ingest.catalog.values import match_value

_DIGITS = 60  # quantity x rate has 37 of them: nothing is rounded but each line, once


def rate_example(product: Product, example: Example, *, minor_unit: int) -> Decimal:
    """Return the total of a full period: recurring charges, tiers and element fees.

    Each line is rounded once, half away from zero, to the currency's minor unit.
    """
    with localcontext(prec=_DIGITS, rounding=ROUND_HALF_UP):
        unit = Decimal(1).scaleb(-minor_unit)
        return sum((line.quantize(unit) for line in _lines(product, example)), ZERO)


def _lines(product: Product, example: Example) -> Iterator[Decimal]:
    yield from (charge.amount for charge in product.recurring_charges)
    for metric in product.pricing_metrics:
        quantity = example.units.get(metric.key, ZERO)
        for tier in metric.graduated():
            if quantity > tier.lower:
                yield _units_inside(tier, quantity) * tier.unit_rate + tier.fixed_cost
    for fee in product.element_fees:
        amounts = {match_value(value): amount for value, amount in fee.amounts.items()}
        for value in {match_value(value) for value in example.elements.get(fee.element, ())}:
            amount = amounts.get(value, fee.default)
            if amount is not None:
                yield amount


def _units_inside(tier: GraduatedTier, quantity: Decimal) -> Decimal:
    return (quantity if tier.upper is None else min(quantity, tier.upper)) - tier.lower
