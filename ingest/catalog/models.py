"""The form of a product's file.

A form knows its own fields and nothing else; what has to fit together is checked in `check` and
`products`. Field descriptions are the text that an editor shows.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from ingest.catalog.form import Form, YamlSchema
from ingest.catalog.periods import Every
from ingest.catalog.pricing import (
    ElementFee,
    OneTimeCharge,
    PricingMetric,
    PricingModel,
    PricingRule,
    Quota,
    RecurringCharge,
    SetupFee,
)
from ingest.catalog.values import (
    Amount,
    Currency,
    Days,
    Emails,
    Flag,
    Instant,
    Key,
    Moment,
    Seconds,
    Text,
    Threshold,
    TrialDays,
    Version,
    Zone,
    end_instant,
    instant,
)
from ingest.zones import zone

_HOUR = 3600


class Settlement(Form):
    """When a product's periods begin and close, and when its invoices are due."""

    every: Every
    """Length of a settlement period. It cannot change once the product version exists."""
    align: Literal["anniversary", "calendar"] = "anniversary"
    """`calendar`: periods begin with the day, Monday, month, quarter or year."""
    timezone: Zone = Field(default=zone("UTC"), json_schema_extra={"default": "UTC"})
    """IANA time zone in which periods begin. It cannot change once the version exists."""
    grace: Seconds | None = Field(default=None, json_schema_extra={"default": "1h"})
    """How long after its end a period takes events before its invoice; 0 for 5 minutes."""
    net_days: Days = 30
    """Days from the issue of an invoice to its due date."""

    @property
    def grace_seconds(self) -> int:
        """The grace in seconds: what is said, else an hour, and none for a test period."""
        if self.grace is not None:
            return self.grace
        return 0 if self.every.is_test else _HOUR

    @property
    def calendar_unit(self) -> str | None:
        """What periods begin with, None where they begin with the subscription."""
        return self.every.calendar_unit if self.align == "calendar" else None


class Example(Form):
    """A full period's usage and what it must cost: the contract with finance."""

    units: dict[str, Amount] = Field(default_factory=dict)
    """Quantity per metric key, as its aggregation gives it."""
    elements: dict[str, tuple[Text, ...]] = Field(default_factory=dict)
    """Values seen in the period, per element that has fees."""
    total: Amount
    """What the period costs, recurring charges included."""


class Product(Form):
    """A version of a product, with the terms that are in force from an instant on."""

    key: Key
    """Key of the product, the same in all of its versions."""
    name: Text
    """Name that customers see."""
    version: Version
    """Version x.y.z."""
    effective_from: Moment
    """From when the terms hold: a date (local midnight) or an instant with its offset."""
    recorded_at: Instant | None = None
    """When the terms became known, if the load is not to say it."""
    description: Text | None = None
    """What the product is, for readers of the file."""
    currency: Currency
    """ISO 4217 code of the currency of every amount."""
    sources: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Ids of the sources whose events the product takes."""
    settlement: Settlement
    """Periods, time zone and due date."""
    trial_days: TrialDays = 0
    """Days from the start in which nothing is charged; the first period begins after them."""
    immediate_cancellation: Flag = False
    """Whether a cancellation ends a subscription at once, with the running period prorated."""
    pricing_model: PricingModel | None = None
    """A preset, in the place of the keys that it stands for."""
    one_time_charges: tuple[OneTimeCharge, ...] = ()
    """Amounts that are charged once."""
    setup_fee: SetupFee | None = None
    """An amount for a new customer, per subscription or per client."""
    recurring_charges: tuple[RecurringCharge, ...] = ()
    """Fixed amounts per period."""
    pricing_metrics: tuple[PricingMetric, ...] = ()
    """Prices of usage."""
    element_fees: tuple[ElementFee, ...] = ()
    """Amounts per distinct value of an element."""
    quota: Quota | None = None
    """How much a period allows."""
    pricing_rules: tuple[PricingRule, ...] = ()
    """Charges on single transactions, by when these occurred."""
    quota_threshold: Threshold | None = None
    """Percentage of the quota at which notice is given, as 80%."""
    tier_quota_threshold: Threshold | None = None
    """Percentage of each tier's upper bound at which notice is given, as 50%."""
    recipients: Emails | None = None
    """E-mail addresses that notices go to; an empty list takes back those of earlier."""
    examples: tuple[Example, ...] = ()
    """Worked examples, rated again by every check of the catalogue."""

    @property
    def product_id(self) -> str:
        """The product version's id, as subscriptions and the lake name it."""
        return f"{self.key}@{self.version}"

    @property
    def valid_from(self) -> datetime:
        """The instant from which these terms hold."""
        return instant(self.effective_from, self.settlement.timezone)

    @property
    def is_analytics_only(self) -> bool:
        """Whether the product is metered and never invoiced."""
        return self.pricing_model is not None and self.pricing_model.is_analytics_only

    def rule_span(self, rule: PricingRule) -> tuple[datetime, datetime | None]:
        """Return the half-open time in which one of the product's rules holds, in UTC."""
        where = self.settlement.timezone
        start = instant(rule.effective_from, where) if rule.effective_from else self.valid_from
        return start, end_instant(rule.effective_to, where) if rule.effective_to else None


class ProductFile(Form):
    """One product of the Meterhouse catalogue."""

    catalog: Annotated[Literal["1"], WithJsonSchema({"const": 1})]
    """Version of this file format."""
    product: Product
    """The product."""

    @property
    def recorded_at(self) -> datetime | None:
        """When the terms became known, if the file says it."""
        return self.product.recorded_at


def write_schema(path: Path) -> None:
    """Write the JSON Schema of a product file, for editors that complete and check YAML."""
    schema = ProductFile.model_json_schema(schema_generator=YamlSchema)
    document = {"$schema": YamlSchema.schema_dialect, **schema}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
