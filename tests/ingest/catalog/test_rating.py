from decimal import Decimal
from typing import Any

import pytest

from ingest.catalog.models import Example, Product
from ingest.catalog.rating import rate_example


def product(**pricing: Any) -> Product:
    return Product.model_validate(
        {
            "key": "p",
            "name": "P",
            "version": "1.0.0",
            "effective_from": "2026-01-01",
            "currency": "USD",
            "sources": ["s"],
            "settlement": {"every": "month"},
            **pricing,
        }
    )


def used(units: str) -> Example:
    return Example.model_validate({"units": {"units": units}, "total": "0"})


def metric(*tiers: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "key": "units",
        "name": "Units",
        "element": "units",
        "aggregation": "sum",
        "tiers": [
            {"name": up_to, "up_to": up_to, "unit_rate": rate, "fixed_cost": fixed}
            for up_to, rate, fixed in tiers
        ],
    }


@pytest.mark.parametrize(
    ("units", "expected"),
    [("0", "0"), ("1", "0.34"), ("2", "0.68"), ("1.5", "0.51")],
)
def test_each_tier_is_rounded_once_and_half_away_from_zero(units: str, expected: str) -> None:
    priced = product(pricing_metrics=[metric(("1", "0.335", "0"), ("unlimited", "0.335", "0"))])
    assert rate_example(priced, used(units), minor_unit=2) == Decimal(expected)


def test_a_fixed_cost_is_charged_when_usage_passes_the_bound_below() -> None:
    priced = product(pricing_metrics=[metric(("100", "0", "7"), ("unlimited", "0", "9"))])
    totals = [
        rate_example(priced, used(units), minor_unit=0) for units in ("0", "100", "100.000001")
    ]
    assert totals == [0, 7, 16]


def test_the_largest_quantity_at_the_finest_rate_is_exact() -> None:
    priced = product(pricing_metrics=[metric(("unlimited", "999999.999999999999", "0"))])
    total = rate_example(priced, used("9999999999999.999999"), minor_unit=2)
    assert total == Decimal("9999999999999999989.00")
