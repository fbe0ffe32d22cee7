"""The forms of a catalogue: one product per YAML file, and the rows of the CSV files.

A form knows its own fields and nothing else; what has to fit together is checked in `check` and
`products`. Field descriptions are the text that an editor shows.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import NullableSchema, WithDefaultSchema

from ingest.catalog.values import (
    Amount,
    Bound,
    Currency,
    Days,
    Email,
    Instant,
    Key,
    Moment,
    Names,
    PartKey,
    Percent,
    Seconds,
    Text,
    Version,
    Whole,
    Zone,
    end_instant,
    instant,
)
from ingest.zones import zone

TRANSACTIONS = "transactions"
TOTAL_COST = "totalCost"
BUILT_IN_ELEMENTS = (
    TRANSACTIONS,
    TOTAL_COST,
    "inputTokenCount",
    "outputTokenCount",
    "totalTokenCount",
    "cacheReadTokenCount",
    "cacheCreationTokenCount",
    "reasoningTokenCount",
    "requestDuration",
    "timeToFirstToken",
)
"""Elements that every product may price without an entry in metering_elements.csv."""

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""From when a row holds that says no time of its own."""

ZERO = Decimal(0)
_HOUR = 3600


class GraduatedTier(NamedTuple):
    """A tier as it is rated: units above `lower` up to and including `upper` (None: unlimited)."""

    name: str
    lower: Decimal
    upper: Decimal | None
    unit_rate: Decimal
    fixed_cost: Decimal


class Form(BaseModel):
    """A mapping of the catalogue: immutable, and without keys that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Settlement(Form):
    """When a product's periods begin and close, and when its invoices are due."""

    every: Literal["month"]
    """Length of a settlement period. It cannot change once the product version exists."""
    timezone: Zone = Field(default=zone("UTC"), json_schema_extra={"default": "UTC"})
    """IANA time zone in which periods begin. It cannot change once the version exists."""
    grace: Seconds = Field(default=_HOUR, json_schema_extra={"default": "1h"})
    """How long after its end a period still takes events before its invoice is issued."""
    net_days: Days = 30
    """Days from the issue of an invoice to its due date."""


class RecurringCharge(Form):
    """A fixed amount for every settlement period."""

    key: PartKey
    """Key of the charge, unique in the product."""
    name: Text
    """What the invoice line says."""
    amount: Amount
    """Amount for a full period, in the product's currency."""
    bill: Literal["in_arrears"]
    """When the charge is billed: at the end of the period."""


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
            ]
        }
    )

    key: PartKey
    """Key of the metric, unique in the product."""
    name: Text
    """What the invoice says."""
    element: Text
    """The metered element: built in, or one of metering_elements.csv."""
    aggregation: Literal["sum", "count"]
    """`sum` adds the element's values; `count` counts the events that carry it."""
    tiers: tuple[Tier, ...] | None = None
    """Graduated tiers: each unit costs the rate of the tier that it falls in."""
    included: Amount | None = None
    """Units at no charge in each period; goes with `overage_rate`."""
    overage_rate: Amount | None = None
    """Price of each unit above the included ones."""
    markup: Percent | None = None
    """Percentage on top of `totalCost`, as 20%."""

    def graduated(self) -> tuple[GraduatedTier, ...]:
        """Return the tiers that the metric's form of pricing stands for, lowest first."""
        if self.markup is not None:
            name = f"Cost + {self.markup} %"
            return (GraduatedTier(name, ZERO, None, 1 + self.markup / 100, ZERO),)
        if self.included is not None and self.overage_rate is not None:
            return (
                GraduatedTier("Included", ZERO, self.included, ZERO, ZERO),
                GraduatedTier("Overage", self.included, None, self.overage_rate, ZERO),
            )
        tiers = self.tiers or ()
        lowers = (ZERO, *(tier.up_to for tier in tiers if tier.up_to is not None))
        return tuple(
            GraduatedTier(tier.name, lower, tier.up_to, tier.unit_rate, tier.fixed_cost)
            for lower, tier in zip(lowers, tiers, strict=True)
        )


class ElementFee(Form):
    """An amount for each distinct value of an element that is seen in a period."""

    element: Text
    """An element of metering_elements.csv."""
    amounts: dict[str, Amount] = Field(default_factory=dict)
    """Amount per value; upper and lower case of a value are the same."""
    default: Amount | None = None
    """Amount for each value that is not listed; without it such values are not billed."""


class Example(Form):
    """A full period's usage and what it must cost: the contract with finance."""

    units: dict[str, Amount] = Field(default_factory=dict)
    """Quantity per metric key."""
    elements: dict[str, tuple[Text, ...]] = Field(default_factory=dict)
    """Values seen in the period, per element that has fees."""
    total: Amount
    """The invoice's total, recurring charges included."""


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
    recurring_charges: tuple[RecurringCharge, ...] = ()
    """Fixed amounts per period."""
    pricing_metrics: tuple[PricingMetric, ...] = ()
    """Prices of usage."""
    element_fees: tuple[ElementFee, ...] = ()
    """Amounts per distinct value of an element."""
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


class Row(Form):
    """A row of a CSV file."""

    recorded_at: Instant | None = None
    """When the row became known, if the load is not to say it."""


class Organization(Row):
    """A customer company."""

    organization_id: Text
    name: Text


class Subscriber(Row):
    """A person who owns subscriptions."""

    subscriber_id: Text
    email: Email | None = None
    name: Text | None = None
    organization_id: Text | None = None


class Source(Row):
    """A system that sends events."""

    source_id: Text
    kind: Literal["ai", "api", "event", "otlp"]
    name: Text


class MeteringElement(Row):
    """A key that events carry, and the sources that may carry it."""

    element: Text
    description: Text | None = None
    type: Literal["number", "string"]
    sources: Names = ()


class Subscription(Row):
    """A subscriber's licence for one product version."""

    subscription_id: Text
    name: Text
    subscriber_id: Text
    organization_id: Text | None = None
    product: Text
    version: Text
    started_at: Moment
    ended_at: Moment | None = None

    @property
    def product_id(self) -> str:
        """The id of the product version that is subscribed to."""
        return f"{self.product}@{self.version}"

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime | None]:
        """Return the half-open time in which the subscription is live, in UTC."""
        return instant(self.started_at, zone), _end(self.ended_at, zone)


class Credential(Row):
    """A key or client id that maps events to a subscription."""

    credential_name: Text
    value: Text
    subscription_id: Text
    valid_from: Moment | None = None
    valid_to: Moment | None = None

    def span(self, zone: ZoneInfo, started_at: datetime) -> tuple[datetime, datetime | None]:
        """Return the half-open time in which the mapping holds, in UTC."""
        valid_from = instant(self.valid_from, zone) if self.valid_from else started_at
        return valid_from, _end(self.valid_to, zone)


class AiPrice(Row):
    """What a model costs in USD a million tokens, in the place of the public list.

    A row is a whole price: what is cached costs as much as input where it has no price of its own.
    """

    provider: Text
    model: Text
    input: Amount
    output: Amount
    cache_read: Amount | None = None
    cache_write: Amount | None = None
    valid_from: Moment | None = None
    min_input_tokens: Whole = 0

    @property
    def since(self) -> datetime:
        """The instant from which the price holds; without one, it always did."""
        return instant(self.valid_from, zone("UTC")) if self.valid_from else BEGINNING

    @property
    def identity(self) -> tuple[str, str, int, datetime]:
        """What no two rows may share."""
        return (self.provider.lower(), self.model, self.min_input_tokens, self.since)

    @property
    def units(self) -> dict[str, Decimal]:
        """The price of a million tokens by the column that says it."""
        return {
            "input": self.input,
            "output": self.output,
            "cache_read": self.input if self.cache_read is None else self.cache_read,
            "cache_write": self.input if self.cache_write is None else self.cache_write,
        }


def write_schema(path: Path) -> None:
    """Write the JSON Schema of a product file, for editors that complete and check YAML."""
    schema = ProductFile.model_json_schema(schema_generator=_YamlSchema)
    document = {"$schema": _YamlSchema.schema_dialect, **schema}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


class _YamlSchema(GenerateJsonSchema):
    """A schema without nulls: what is optional is left out of a file, never written as null."""

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        if described.get("default", ...) is None:
            del described["default"]
        return described


def _end(moment: Moment | None, zone: ZoneInfo) -> datetime | None:
    return None if moment is None else end_instant(moment, zone)
