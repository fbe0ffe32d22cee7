"""The forms of what a product costs; field descriptions are the text that an editor shows."""

from decimal import Decimal
from typing import Any, Literal

from pydantic import ConfigDict, Field

from ingest.catalog.form import Form
from ingest.catalog.values import (
    Amount,
    Bound,
    Instant,
    Moment,
    PartKey,
    Percent,
    Scalar,
    Text,
    Values,
    Whole,
)

ZERO = Decimal(0)

Pricing = Literal["graduated", "volume"]


class OneTimeCharge(Form):
    """An amount that is charged once: when a trial ends, else when the subscription starts."""

    key: PartKey
    """Key of the charge, unique in the product."""
    name: Text
    """What the invoice line says."""
    amount: Amount
    """Amount, in the product's currency."""


class SetupFee(Form):
    """An amount for setting a customer up."""

    name: Text = "Setup fee"
    """What the invoice line says."""
    amount: Amount
    """Amount, in the product's currency."""
    per: Literal["subscription", "client"]
    """`client`: once for an organization (else a subscriber), however often it subscribes."""
    bill: Literal["immediate", "first_invoice"]
    """`immediate`: nothing is live until it is paid; `first_invoice`: with the first period."""


class RecurringCharge(Form):
    """A fixed amount for every settlement period."""

    key: PartKey
    """Key of the charge, unique in the product."""
    name: Text
    """What the invoice line says."""
    amount: Amount
    """Amount for a full period, in the product's currency."""
    bill: Literal["in_advance", "in_arrears"]
    """When the charge is billed: at the beginning of the period, or at its end."""


class Tier(Form):
    """A range of units with one rate."""

    name: Text
    """What the invoice line says."""
    up_to: Bound
    """Upper bound, inclusive; `unlimited` for the last tier and only for it."""
    unit_rate: Amount
    """Price of each unit inside the tier."""
    fixed_cost: Amount = Field(default=ZERO, json_schema_extra={"default": 0})
    """Amount charged once per period in which usage enters the tier."""


class PricingMetric(Form):
    """What is counted and how it is priced: by tiers, by included units, or by a markup."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["tiers"]},
                {"required": ["included", "overage_rate"]},
                {"required": ["markup"]},
            ],
            "dependentRequired": {"pricing": ["tiers"]},
        }
    )

    key: PartKey
    """Key of the metric, unique in the product."""
    name: Text
    """What the invoice says."""
    element: Text
    """The metered element: built in, or one of metering_elements.csv."""
    aggregation: Literal["sum", "average", "maximum", "count", "count_unique", "match_value"]
    """`count`: events that carry the element; `match_value`: those that carry `value` in it."""
    value: Scalar | None = None
    """The value that `match_value` counts; blanks around it and its case do not matter."""
    filters: dict[str, Values] = Field(default_factory=dict)
    """Element (or source, provider, model) to the value or values that an event has to carry."""
    pricing: Pricing = "graduated"
    """`graduated`: each unit at the rate of its tier; `volume`: all units at that of the last."""
    tiers: tuple[Tier, ...] | None = None
    """Tiers of the quantity, with ascending bounds."""
    included: Amount | None = None
    """Units at no charge in each period; goes with `overage_rate`."""
    overage_rate: Amount | None = None
    """Price of each unit above the included ones."""
    markup: Percent | None = None
    """Percentage on top of `totalCost`, as 20%."""


class ElementFee(Form):
    """An amount for each distinct value of an element that is seen in a period."""

    element: Text
    """An element of metering_elements.csv."""
    amounts: dict[str, Amount] = Field(default_factory=dict)
    """Amount per value; upper and lower case of a value are the same."""
    default: Amount | None = None
    """Amount for each value that is not listed; without it such values are not billed."""


class Quota(Form):
    """How much of something a period allows, and what happens above it."""

    units: Amount
    """The most that a period allows."""
    metric: Text | None = None
    """Key of the pricing metric that is limited; without it, transactions are."""
    when_reached: Literal["overage", "block"] | None = None
    """`overage`: more costs `overage_rate`; `block`: more is not billed, and reported."""
    overage_rate: Amount | None = None
    """Price of each unit above the quota."""

    @property
    def effect(self) -> str:
        """What happens above the quota: what is said, else overage where it has a rate."""
        return self.when_reached or ("block" if self.overage_rate is None else "overage")


class PricingRule(Form):
    """A charge on single transactions that a condition picks."""

    key: PartKey
    """Key of the rule, unique in the product at any time."""
    name: Text
    """What the invoice line says."""
    priority: Whole = 100
    """Of the rules whose condition holds, the one with the lowest number charges."""
    mode: Literal["replace", "add"] = "replace"
    """`replace`: in the place of metrics and element fees; `add`: on top of them."""
    condition: Scalar
    """SQL over the event's columns and elements that says whether the rule charges."""
    amount: Scalar
    """SQL over the same that gives the amount of one transaction."""
    effective_from: Moment | None = None
    """From when the rule holds; without it, from when the terms of this file do."""
    effective_to: Moment | None = None
    """Until when the rule holds; a date is its last day."""
    note: Text | None = None
    """What the invoice line says beside the name, on why it was charged."""
    recorded_at: Instant | None = None
    """When the rule became known, if it was not with the terms of this file."""


_PRESETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "analytics_only": ((), ()),
    "one_time_charge": (("amount",), ()),
    "transactional": (("rate",), ()),
    "subscription": (("amount",), ()),
    "subscription_and_overage": (("amount", "included", "overage_rate"), ()),
    "volume_based": (("tiers",), ("amount", "pricing")),
}
"""The keys that each preset needs, and those that it may have besides."""


def _preset_schema(name: str) -> dict[str, Any]:
    required, optional = _PRESETS[name]
    known = dict.fromkeys(("type", *required, *optional), True)
    shape = {"required": list(required), "properties": known, "additionalProperties": False}
    return {"if": {"properties": {"type": {"const": name}}}, "then": shape}


class PricingModel(Form):
    """One of the six usual ways to price, in the place of the keys that it stands for."""

    model_config = ConfigDict(json_schema_extra={"allOf": [*map(_preset_schema, _PRESETS)]})

    type: Literal[
        "analytics_only",
        "one_time_charge",
        "transactional",
        "subscription",
        "subscription_and_overage",
        "volume_based",
    ]
    """The preset; `analytics_only` is metered and never invoiced."""
    amount: Amount | None = None
    """The one-time charge, or the amount of every period in arrears."""
    rate: Amount | None = None
    """Price of each transaction."""
    included: Amount | None = None
    """Transactions at no further charge in each period."""
    overage_rate: Amount | None = None
    """Price of each transaction above the included ones."""
    pricing: Pricing = "graduated"
    """How the tiers apply, as in a pricing metric."""
    tiers: tuple[Tier, ...] | None = None
    """Tiers of the number of transactions."""

    @property
    def is_analytics_only(self) -> bool:
        """Whether nothing is ever charged."""
        return self.type == "analytics_only"

    @property
    def required_keys(self) -> tuple[str, ...]:
        """The keys without which the preset says nothing."""
        return _PRESETS[self.type][0]

    @property
    def known_keys(self) -> tuple[str, ...]:
        """All keys that the preset reads."""
        required, optional = _PRESETS[self.type]
        return ("type", *required, *optional)
