"""The forms of the CSV files' rows."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from ingest.catalog.form import Form
from ingest.catalog.values import (
    Amount,
    Currency,
    Email,
    Emails,
    Flag,
    Instant,
    Moment,
    Names,
    Text,
    Threshold,
    TrialDays,
    Whole,
    end_instant,
    instant,
)
from ingest.zones import zone

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""From when a row holds that says no time of its own."""


_AUDIENCES = (("subscriber",), ("organization",))


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
    """A subscriber's licence for one product version, with what it has apart from the product."""

    subscription_id: Text
    name: Text
    subscriber_id: Text
    organization_id: Text | None = None
    product: Text
    version: Text
    started_at: Moment
    expires_at: Moment | None = None
    trial_days: TrialDays | None = None
    immediate_cancellation: Flag | None = None
    settlement: Literal["5 minutes", "5 minutes synthetic"] | None = None
    audience: Names = ("subscriber",)
    replaces: Text | None = None
    change: Literal["now", "period_end"] | None = None
    quota_threshold: Threshold | None = None
    tier_quota_threshold: Threshold | None = None
    recipients: Emails | None = None

    @property
    def product_id(self) -> str:
        """The id of the product version that is subscribed to."""
        return f"{self.product}@{self.version}"

    @property
    def named_audience(self) -> tuple[str, ...]:
        """The subscribers whose events it takes beside its owner's, where it names them."""
        return () if self.audience in _AUDIENCES else self.audience

    @property
    def kind_of_audience(self) -> str:
        """Whose events it takes beside its owner's: no one's, the organization's or named ones'."""
        return "named" if self.named_audience else self.audience[0]

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime | None]:
        """Return the half-open time from the start to the expiration, in UTC."""
        return instant(self.started_at, zone), _end(self.expires_at, zone)


class Cancellation(Row):
    """The end of a subscription by its customer, and the end of that if it was taken back."""

    subscription_id: Text
    cancelled_at: Moment
    withdrawn_at: Instant | None = None

    def at(self, zone: ZoneInfo) -> datetime:
        """Return the instant of the cancellation, in UTC; a bare date is its midnight (R23)."""
        return instant(self.cancelled_at, zone)


class Upgrade(Row):
    """Another version of its product for a subscription, from the next boundary on."""

    subscription_id: Text
    version: Text
    valid_from: Moment

    def since(self, zone: ZoneInfo) -> datetime:
        """Return the instant at or after which a period begins with the new version, in UTC."""
        return instant(self.valid_from, zone)


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


class ExchangeRate(Row):
    """How much of a currency one US dollar is."""

    currency: Currency
    per_usd: Amount
    valid_from: Moment

    @property
    def since(self) -> datetime:
        """The instant from which the rate holds; a bare date begins in UTC."""
        return instant(self.valid_from, zone("UTC"))


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


class UnitPrice(Row):
    """What one image, second, minute, character, token or credit of a model costs in USD."""

    provider: Text
    model: Text
    unit: Literal[
        "image",
        "second",
        "minute",
        "character",
        "credit",
        "token",
        "input_token",
        "output_token",
        "input_audio_token",
        "output_audio_token",
    ]
    usd_per_unit: Amount
    valid_from: Moment | None = None

    @property
    def since(self) -> datetime:
        """The instant from which the price holds; without one, it always did."""
        return instant(self.valid_from, zone("UTC")) if self.valid_from else BEGINNING

    @property
    def identity(self) -> tuple[str, str, str, datetime]:
        """What no two rows may share."""
        return (self.provider.lower(), self.model, self.unit, self.since)


def _end(moment: Moment | None, zone: ZoneInfo) -> datetime | None:
    return None if moment is None else end_instant(moment, zone)
