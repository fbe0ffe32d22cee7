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


def test_volume_prices_all_units_by_the_tier_that_is_reached() -> None:
    priced = product(
        pricing_metrics=[
            metric(("100", "1.00", "10"), ("unlimited", "0.80", "20")) | {"pricing": "volume"}
        ]
    )
    totals = [rate_example(priced, used(units), minor_unit=2) for units in ("0", "100", "101")]
    assert totals == [0, Decimal(110), Decimal("100.80")]


def test_an_overage_quota_cuts_the_tiers() -> None:
    tiers = metric(("100", "1.00", "0"), ("unlimited", "0.50", "0"))
    quota = {"units": "150", "metric": "units", "overage_rate": "2.00"}
    graduated = product(pricing_metrics=[tiers], quota=quota)
    volume = product(pricing_metrics=[tiers | {"pricing": "volume"}], quota=quota)
    assert rate_example(graduated, used("200"), minor_unit=2) == 100 + 25 + 100
    assert rate_example(volume, used("200"), minor_unit=2) == 75 + 100
    assert rate_example(volume, used("150"), minor_unit=2) == 75


def test_a_blocking_quota_on_a_metric_caps_it() -> None:
    quota = {"units": "100", "metric": "units"}
    priced = product(pricing_metrics=[metric(("unlimited", "1", "0"))], quota=quota)
    totals = [rate_example(priced, used(units), minor_unit=2) for units in ("90", "120")]
    assert totals == [90, 100]


def test_a_blocking_quota_on_transactions_caps_what_counts_them_all() -> None:
    calls = metric(("unlimited", "1", "0")) | {"element": "transactions", "aggregation": "count"}
    some = calls | {"key": "some", "filters": {"region": "eu"}}
    bytes_ = metric(("unlimited", "1", "0")) | {"key": "bytes"}
    priced = product(pricing_metrics=[calls, some, bytes_], quota={"units": "100"})
    example = Example.model_validate(
        {"units": {"units": "120", "some": "110", "bytes": "5000"}, "total": "0"}
    )
    assert rate_example(priced, example, minor_unit=2) == 100 + 110 + 5000


def test_transactions_above_a_quota_are_priced_where_nothing_else_counts_them() -> None:
    priced = product(quota={"units": "100", "overage_rate": "0.02"})
    example = Example.model_validate({"units": {"quota": "150"}, "total": "0"})
    assert rate_example(priced, example, minor_unit=2) == 1


@pytest.mark.parametrize(
    ("model", "units", "expected"),
    [
        ({"type": "analytics_only"}, {}, "0"),
        ({"type": "one_time_charge", "amount": "400"}, {}, "0"),
        ({"type": "transactional", "rate": "0.10"}, {"transactions": "15"}, "1.50"),
        ({"type": "subscription", "amount": "9.99"}, {}, "9.99"),
        (
            {
                "type": "subscription_and_overage",
                "amount": "10",
                "included": "100",
                "overage_rate": "0.70",
            },
            {"transactions": "310"},
            "157.00",
        ),
        (
            {
                "type": "volume_based",
                "amount": "10",
                "pricing": "volume",
                "tiers": [
                    {"name": "To 100", "up_to": "100", "unit_rate": "0.10"},
                    {"name": "Above", "up_to": "unlimited", "unit_rate": "0.05"},
                ],
            },
            {"transactions": "200"},
            "20.00",
        ),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else None,
)
def test_a_preset_costs_what_it_stands_for(
    model: dict[str, Any], units: dict[str, str], expected: str
) -> None:
    example = Example.model_validate({"units": units, "total": "0"})
    total = rate_example(product(pricing_model=model), example, minor_unit=2)
    assert total == Decimal(expected)


def test_what_is_charged_once_is_no_part_of_a_full_period() -> None:
    priced = product(
        one_time_charges=[{"key": "once", "name": "Once", "amount": "400"}],
        setup_fee={"amount": "50", "per": "client", "bill": "immediate"},
        recurring_charges=[
            {"key": "a", "name": "A", "amount": "5", "bill": "in_advance"},
            {"key": "b", "name": "B", "amount": "7", "bill": "in_arrears"},
        ],
    )
    assert rate_example(priced, used("0"), minor_unit=2) == 12


def test_the_largest_quantity_at_the_finest_rate_is_exact() -> None:
    priced = product(pricing_metrics=[metric(("unlimited", "999999.999999999999", "0"))])
    total = rate_example(priced, used("9999999999999.999999"), minor_unit=2)
    assert total == Decimal("9999999999999999989.00")
