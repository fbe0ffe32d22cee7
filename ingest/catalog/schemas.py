"""The lake's tables of the catalogue: their columns, types and keys.

The types are the contract with both engines: text, decimals of 128 bits, and instants in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

_TEXT = pl.String()
_INSTANT = pl.Datetime("us", "UTC")
_AMOUNT = pl.Decimal(28, 4)
_QUANTITY = pl.Decimal(19, 6)
_RATE = pl.Decimal(18, 12)
_SMALL = pl.Int32()
_FLAG = pl.Boolean()
_PERCENT = pl.Decimal(5, 2)

_TRAILING: dict[str, pl.DataType] = {
    "valid_from": _INSTANT,
    "recorded_at": _INSTANT,
    "row_hash": _TEXT,
}


@dataclass(frozen=True)
class Table:
    """A table of the lake: its columns, and the ones that say which thing a row is about."""

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, pl.DataType]

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """All columns with their types, the trailing ones included."""
        return {**self.columns, **_TRAILING}

    def key_of(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what a row is about."""
        return tuple(row[column] for column in self.key)

    @property
    def is_part_of_terms(self) -> bool:
        """Whether its rows are named by the product terms that they belong to."""
        return "terms_id" in self.key

    @property
    def is_personal(self) -> bool:
        """Whether its rows tell who a person is."""
        return "email" in self.columns


def _table(name: str, key: str, /, **columns: pl.DataType) -> Table:
    return Table(name, tuple(key.split()), columns)


# In the order of writing: a product is there only when all its parts are, a subscription only
# when its product is.
TABLES = (
    _table("catalog_organizations", "organization_id", organization_id=_TEXT, name=_TEXT),
    _table(
        "catalog_subscribers",
        "subscriber_key",
        subscriber_key=_TEXT,
        email_key=_TEXT,
        organization_id=_TEXT,
    ),
    _table(
        "catalog_people",
        "subscriber_key",
        subscriber_key=_TEXT,
        subscriber_id=_TEXT,
        email=_TEXT,
        name=_TEXT,
    ),
    _table("catalog_sources", "source_id", source_id=_TEXT, kind=_TEXT, name=_TEXT),
    _table(
        "catalog_metering_elements",
        "element",
        element=_TEXT,
        description=_TEXT,
        element_type=_TEXT,
    ),
    _table("catalog_element_attachments", "element source_id", element=_TEXT, source_id=_TEXT),
    _table("catalog_product_sources", "terms_id source_id", terms_id=_TEXT, source_id=_TEXT),
    _table(
        "catalog_recurring_charges",
        "terms_id charge_key",
        terms_id=_TEXT,
        charge_key=_TEXT,
        name=_TEXT,
        catalog_order=_SMALL,
        amount=_AMOUNT,
        bill=_TEXT,
    ),
    _table(
        "catalog_one_time_charges",
        "terms_id charge_key",
        terms_id=_TEXT,
        charge_key=_TEXT,
        name=_TEXT,
        catalog_order=_SMALL,
        amount=_AMOUNT,
    ),
    _table(
        "catalog_setup_fees",
        "terms_id",
        terms_id=_TEXT,
        name=_TEXT,
        amount=_AMOUNT,
        per=_TEXT,
        bill=_TEXT,
    ),
    _table(
        "catalog_metrics",
        "terms_id metric_key",
        terms_id=_TEXT,
        metric_key=_TEXT,
        name=_TEXT,
        catalog_order=_SMALL,
        element=_TEXT,
        aggregation=_TEXT,
        match_value=_TEXT,
        pricing=_TEXT,
        quota_units=_QUANTITY,
        quota_effect=_TEXT,
    ),
    _table(
        "catalog_metric_filters",
        "terms_id metric_key element match_value",
        terms_id=_TEXT,
        metric_key=_TEXT,
        element=_TEXT,
        match_value=_TEXT,
    ),
    _table(
        "catalog_tiers",
        "terms_id metric_key tier_number",
        terms_id=_TEXT,
        metric_key=_TEXT,
        tier_number=_SMALL,
        name=_TEXT,
        lower_bound=_QUANTITY,
        upper_bound=_QUANTITY,
        unit_rate=_RATE,
        fixed_cost=_AMOUNT,
        is_overage=_FLAG,
    ),
    _table(
        "catalog_quotas",
        "terms_id",
        terms_id=_TEXT,
        metric_key=_TEXT,
        units=_QUANTITY,
        effect=_TEXT,
    ),
    _table(
        "catalog_element_fees",
        "terms_id element",
        terms_id=_TEXT,
        element=_TEXT,
        catalog_order=_SMALL,
        default_amount=_AMOUNT,
    ),
    _table(
        "catalog_element_fee_amounts",
        "terms_id element match_value",
        terms_id=_TEXT,
        element=_TEXT,
        value=_TEXT,
        match_value=_TEXT,
        amount=_AMOUNT,
    ),
    _table(
        "catalog_pricing_rules",
        "product_id rule_key valid_from",
        product_id=_TEXT,
        rule_key=_TEXT,
        name=_TEXT,
        catalog_order=_SMALL,
        priority=_SMALL,
        mode=_TEXT,
        condition_text=_TEXT,
        amount_text=_TEXT,
        condition_sql=_TEXT,
        amount_sql=_TEXT,
        note=_TEXT,
        valid_to=_INSTANT,
    ),
    _table(
        "catalog_products",
        "product_id valid_from",
        terms_id=_TEXT,
        product_id=_TEXT,
        product_key=_TEXT,
        name=_TEXT,
        version=_TEXT,
        currency=_TEXT,
        billing_zone=_TEXT,
        period_unit=_TEXT,
        period_count=_SMALL,
        calendar_unit=_TEXT,
        grace_seconds=_SMALL,
        net_days=_SMALL,
        trial_days=_SMALL,
        is_immediate_cancellation=_FLAG,
        is_analytics_only=_FLAG,
        is_synthetic=_FLAG,
        quota_threshold=_PERCENT,
        tier_quota_threshold=_PERCENT,
    ),
    _table("catalog_recipients", "email_key", email_key=_TEXT, email=_TEXT),
    _table(
        "catalog_product_recipients",
        "product_id valid_from",
        product_id=_TEXT,
        recipient_keys=_TEXT,
    ),
    _table(
        "catalog_subscriptions",
        "subscription_id",
        subscription_id=_TEXT,
        name=_TEXT,
        subscriber_key=_TEXT,
        organization_id=_TEXT,
        product_id=_TEXT,
        billing_zone=_TEXT,
        started_at=_INSTANT,
        expires_at=_INSTANT,
        trial_days=_SMALL,
        is_immediate_cancellation=_FLAG,
        test_kind=_TEXT,
        audience=_TEXT,
        audience_keys=_TEXT,
        replaces_subscription_id=_TEXT,
        change=_TEXT,
        quota_threshold=_PERCENT,
        tier_quota_threshold=_PERCENT,
        recipient_keys=_TEXT,
    ),
    _table(
        "catalog_cancellations",
        "subscription_id cancelled_at",
        subscription_id=_TEXT,
        cancelled_at=_INSTANT,
        withdrawn_at=_INSTANT,
    ),
    _table(
        "catalog_upgrades",
        "subscription_id valid_from",
        subscription_id=_TEXT,
        product_id=_TEXT,
    ),
    _table(
        "catalog_credentials",
        "credential_key subscription_id valid_from",
        credential_key=_TEXT,
        credential_name=_TEXT,
        subscription_id=_TEXT,
        valid_to=_INSTANT,
    ),
    _table(
        "catalog_exchange_rates",
        "currency valid_from",
        currency=_TEXT,
        per_usd=_RATE,
    ),
    _table(
        "ai_price_overrides",
        "provider model min_input_tokens valid_from",
        provider=_TEXT,
        model=_TEXT,
        min_input_tokens=pl.Int64(),
        usd_per_input_token=_RATE,
        usd_per_output_token=_RATE,
        usd_per_cache_read_token=_RATE,
        usd_per_cache_write_token=_RATE,
    ),
    _table(
        "unit_prices",
        "provider model unit valid_from",
        provider=_TEXT,
        model=_TEXT,
        unit=_TEXT,
        usd_per_unit=_RATE,
    ),
)
