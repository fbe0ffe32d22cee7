"""What a product's file stands for: presets written out, and tiers as they are rated."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from ingest.catalog.elements import TRANSACTIONS
from ingest.catalog.models import Product
from ingest.catalog.pricing import (
    ZERO,
    OneTimeCharge,
    PricingMetric,
    PricingModel,
    Quota,
    RecurringCharge,
    Tier,
)
from ingest.catalog.problems import Location

_TRANSACTIONS = PricingMetric(
    key=TRANSACTIONS, name="Transactions", element=TRANSACTIONS, aggregation="count"
)
QUOTA_METRIC = "quota"
"""Key of the metric that prices transactions above a quota where no other one counts them."""


class RatedTier(NamedTuple):
    """A tier as it is rated: units above `lower` up to and including `upper` (None: unlimited)."""

    name: str
    lower: Decimal
    upper: Decimal | None
    unit_rate: Decimal
    fixed_cost: Decimal = ZERO
    is_overage: bool = False


@dataclass(frozen=True)
class RatedMetric:
    """A metric with its tiers, lowest first, and the quota on it if there is one."""

    metric: PricingMetric
    tiers: tuple[RatedTier, ...]
    quota: Quota | None = None


def written_out(product: Product) -> Product:
    """Return a product with the keys that its preset stands for."""
    preset = product.pricing_model
    return product if preset is None else product.model_copy(update=_produced(preset))


def produced_keys(preset: PricingModel) -> tuple[str, ...]:
    """Return the keys of a product that a preset stands for."""
    return tuple(_produced(preset))


def place_of(location: Location, product: Product) -> Location:
    """Return where a value of the written-out product stands in its file."""
    preset = product.pricing_model
    if preset is None or not location or location[0] not in _produced(preset):
        return location
    within = ("rate",) if preset.type == "transactional" else location[2:]
    return ("pricing_model", *within)


def rated_metrics(product: Product) -> Iterator[RatedMetric]:
    """Yield a written-out product's metrics with their tiers, cut at an overage quota.

    A quota on transactions that blocks limits no metric by itself, and is left to the whole.
    """
    quota = product.quota
    limited = None if quota is None else limited_metric(product, quota)
    for metric in product.pricing_metrics:
        tiers = tuple(_tiers(metric))
        if quota is None or metric is not limited:
            yield RatedMetric(metric, tiers)
        elif quota.effect == "block":
            yield RatedMetric(metric, tiers, quota)
        else:
            yield RatedMetric(metric, tuple(_cut(tiers, quota)), quota)
    if quota is not None and limited is None and quota.metric is None and quota.effect == "overage":
        metric = _TRANSACTIONS.model_copy(update={"key": QUOTA_METRIC})
        included = RatedTier("Included", ZERO, None, ZERO)
        yield RatedMetric(metric, tuple(_cut((included,), quota)), quota)


def limited_metric(product: Product, quota: Quota) -> PricingMetric | None:
    """Return the metric whose quantity a quota limits.

    One without a metric that charges an overage goes to the metric that counts all transactions.
    """
    if quota.metric is not None:
        named = (metric for metric in product.pricing_metrics if metric.key == quota.metric)
        return next(named, None)
    if quota.effect == "block":
        return None
    return next(filter(counts_all_transactions, product.pricing_metrics), None)


def counts_all_transactions(metric: PricingMetric) -> bool:
    """Whether a metric's quantity is the number of transactions."""
    return metric.element == TRANSACTIONS and not metric.filters


def _produced(preset: PricingModel) -> dict[str, Any]:
    """Return what a preset stands for; its required keys must be there."""
    produced: dict[str, Any] = {}
    if preset.type == "one_time_charge":
        once = OneTimeCharge.model_construct(
            key="one-time", name="One-time charge", amount=preset.amount
        )
        produced["one_time_charges"] = (once,)
    elif preset.amount is not None:
        charge = RecurringCharge.model_construct(
            key="subscription", name="Subscription", amount=preset.amount, bill="in_arrears"
        )
        produced["recurring_charges"] = (charge,)
    if pricing := _usage_prices(preset):
        produced["pricing_metrics"] = (_TRANSACTIONS.model_copy(update=pricing),)
    return produced


def _usage_prices(preset: PricingModel) -> dict[str, Any] | None:
    match preset.type:
        case "transactional":
            every = Tier.model_construct(name="Transactions", up_to=None, unit_rate=preset.rate)
            return {"tiers": (every,)}
        case "subscription_and_overage":
            return {"included": preset.included, "overage_rate": preset.overage_rate}
        case "volume_based":
            return {"pricing": preset.pricing, "tiers": preset.tiers}
        case _:
            return None


def _tiers(metric: PricingMetric) -> Iterator[RatedTier]:
    if metric.markup is not None:
        yield RatedTier(f"Cost + {metric.markup} %", ZERO, None, 1 + metric.markup / 100)
    elif metric.included is not None and metric.overage_rate is not None:
        yield RatedTier("Included", ZERO, metric.included, ZERO)
        yield RatedTier("Overage", metric.included, None, metric.overage_rate)
    else:
        lower = ZERO
        for tier in metric.tiers or ():
            yield RatedTier(tier.name, lower, tier.up_to, tier.unit_rate, tier.fixed_cost)
            lower = lower if tier.up_to is None else tier.up_to


def _cut(tiers: tuple[RatedTier, ...], quota: Quota) -> Iterator[RatedTier]:
    for tier in tiers:
        if tier.lower < quota.units:
            ends_below = tier.upper is not None and tier.upper < quota.units
            yield tier if ends_below else tier._replace(upper=quota.units)
    yield RatedTier("Overage", quota.units, None, quota.overage_rate or ZERO, is_overage=True)
