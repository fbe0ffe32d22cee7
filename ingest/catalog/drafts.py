"""What each entry of a catalogue puts into the lake's tables."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ingest.catalog.entries import Catalog, Entry
from ingest.catalog.models import Product
from ingest.catalog.pricing import ElementFee, PricingRule
from ingest.catalog.rows import (
    BEGINNING,
    AiPrice,
    Cancellation,
    Credential,
    ExchangeRate,
    MeteringElement,
    Organization,
    Source,
    Subscriber,
    Subscription,
    UnitPrice,
    Upgrade,
)
from ingest.catalog.subscriptions import plan_change
from ingest.catalog.surroundings import Surroundings, surroundings
from ingest.catalog.terms import RatedMetric, rated_metrics, written_out
from ingest.catalog.values import match_value
from ingest.keys import credential_key, email_key, subscriber_key
from ingest.rules import check_rule

ID_DIGITS = 12
"""How much of a hash stands in the ids that people read."""
_COMPILED = frozenset({"condition_sql", "amount_sql"})


class Draft(NamedTuple):
    """A row without its trailing columns but `valid_from`."""

    table: str
    values: dict[str, Any]
    valid_from: datetime = BEGINNING
    recorded_at: datetime | None = None

    def canonical(self) -> str:
        """Return one text per content.

        Nulls are left out, so that a column added later changes no row that does not use it; and
        what is compiled from other columns, so that a better compiler changes no row.
        """
        said = {name: value for name, value in self.values.items() if name not in _COMPILED}
        columns = {**said, "valid_from": self.valid_from}
        texts = {name: _text(value) for name, value in columns.items() if value is not None}
        return json.dumps(texts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    def content_hash(self) -> str:
        """Return the name of the content, whenever it became known."""
        return _digest(self.canonical())


def _text(value: str | int | Decimal | datetime) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize() + 0:f}"  # one text for 0 and -0, 1.5 and 1.50
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def drafts(catalog: Catalog) -> Iterator[tuple[Entry[Any], Draft]]:
    """Yield what each entry of a checked catalogue puts into the lake."""
    zones = catalog.zones
    starts = catalog.subscription_starts
    subscriptions = catalog.known_subscriptions
    around = surroundings(catalog)
    compilers: tuple[tuple[tuple[Entry[Any], ...], Callable[[Any], Iterable[Draft]]], ...] = (
        (catalog.organizations, _organization),
        (catalog.subscribers, _subscriber),
        (catalog.sources, _source),
        (catalog.metering_elements, _metering_element),
        (catalog.products, lambda file: _product(file.product, around)),
        (catalog.subscriptions, lambda row: _subscription(row, catalog, zones[row.product_id])),
        (catalog.cancellations, lambda row: _cancellation(row, starts[row.subscription_id].zone)),
        (catalog.upgrades, lambda row: _upgrade(row, subscriptions[row.subscription_id], zones)),
        (catalog.credentials, lambda row: _credential(row, *starts[row.subscription_id])),
        (catalog.exchange_rates, _exchange_rate),
        (catalog.ai_prices, _ai_price),
        (catalog.unit_prices, _unit_price),
    )
    for entries, drafts_of in compilers:
        for entry in entries:
            yield from ((entry, draft) for draft in drafts_of(entry.form))


def _organization(row: Organization) -> Iterator[Draft]:
    values = {"organization_id": row.organization_id, "name": row.name}
    yield Draft("catalog_organizations", values)


def _subscriber(row: Subscriber) -> Iterator[Draft]:
    key = {"subscriber_key": subscriber_key(row.subscriber_id)}
    mailbox = email_key(row.email) if row.email else None
    owner = {"email_key": mailbox, "organization_id": row.organization_id}
    yield Draft("catalog_subscribers", key | owner)
    person = {"subscriber_id": row.subscriber_id, "email": row.email, "name": row.name}
    yield Draft("catalog_people", key | person)


def _source(row: Source) -> Iterator[Draft]:
    values = {"source_id": row.source_id, "kind": row.kind, "name": row.name}
    yield Draft("catalog_sources", values)


def _metering_element(row: MeteringElement) -> Iterator[Draft]:
    key = {"element": row.element}
    kind = {"description": row.description, "element_type": row.type}
    yield Draft("catalog_metering_elements", key | kind)
    for source in sorted(set(row.sources)):
        yield Draft("catalog_element_attachments", key | {"source_id": source})


def _product(product: Product, around: Surroundings) -> Iterator[Draft]:
    """Yield a product's terms and their parts, all named by one hash of what they hold.

    The way of writing (1.50 or 1.5, a preset or what it stands for), the description and the
    examples are no part of the terms, nor are pricing rules, which have times of their own, and
    recipients, who are people.
    """
    parts = [part._replace(valid_from=product.valid_from) for part in _parts(written_out(product))]
    content = json.dumps([(part.table, part.canonical()) for part in parts])
    terms_id = {"terms_id": f"{product.product_id}@{_digest(content)[:ID_DIGITS]}"}
    yield from (part._replace(values=terms_id | part.values) for part in parts)
    for order, rule in enumerate(product.pricing_rules, 1):
        yield _pricing_rule(product, rule, order, around)
    if product.recipients is not None:
        keys = {"product_id": product.product_id, "recipient_keys": _recipients(product.recipients)}
        yield Draft("catalog_product_recipients", keys, product.valid_from)
        yield from _mailboxes(product.recipients)


def _recipients(addresses: Iterable[str]) -> str:
    return ";".join(sorted(map(email_key, addresses)))


def _mailboxes(addresses: Iterable[str]) -> Iterator[Draft]:
    for address in addresses:
        mailbox = {"email_key": email_key(address), "email": address.lower()}
        yield Draft("catalog_recipients", mailbox)


def _parts(product: Product) -> Iterator[Draft]:
    settlement = product.settlement
    terms = {
        "product_id": product.product_id,
        "product_key": product.key,
        "name": product.name,
        "version": product.version,
        "currency": product.currency,
        "billing_zone": settlement.timezone.key,
        "period_unit": settlement.every.unit,
        "period_count": settlement.every.count,
        "calendar_unit": settlement.calendar_unit,
        "grace_seconds": settlement.grace_seconds,
        "net_days": settlement.net_days,
        "trial_days": product.trial_days,
        "is_immediate_cancellation": product.immediate_cancellation,
        "is_analytics_only": product.is_analytics_only,
        "is_synthetic": settlement.every.is_synthetic,
        "quota_threshold": product.quota_threshold,
        "tier_quota_threshold": product.tier_quota_threshold,
    }
    yield Draft("catalog_products", terms)
    for source in sorted(product.sources):
        yield Draft("catalog_product_sources", {"source_id": source})
    yield from _fixed_charges(product)
    for order, metric in enumerate(rated_metrics(product), 1):
        yield from _metric(metric, order)
    for order, fee in enumerate(product.element_fees, 1):
        yield from _element_fee(fee, order)
    if quota := product.quota:
        values = {"metric_key": quota.metric, "units": quota.units, "effect": quota.effect}
        yield Draft("catalog_quotas", values)


def _fixed_charges(product: Product) -> Iterator[Draft]:
    if fee := product.setup_fee:
        yield Draft("catalog_setup_fees", fee.model_dump())
    for order, once in enumerate(product.one_time_charges, 1):
        values = {"charge_key": once.key, "name": once.name, "catalog_order": order}
        yield Draft("catalog_one_time_charges", {**values, "amount": once.amount})
    for order, charge in enumerate(product.recurring_charges, 1):
        amount = {"amount": charge.amount, "bill": charge.bill}
        values = {"charge_key": charge.key, "name": charge.name, "catalog_order": order}
        yield Draft("catalog_recurring_charges", values | amount)


def _metric(rated: RatedMetric, order: int) -> Iterator[Draft]:
    metric, quota = rated.metric, rated.quota
    values = {
        "metric_key": metric.key,
        "name": metric.name,
        "catalog_order": order,
        "element": metric.element,
        "aggregation": metric.aggregation,
        "match_value": None if metric.value is None else match_value(metric.value),
        "pricing": metric.pricing,
        "quota_units": quota and quota.units,
        "quota_effect": quota and quota.effect,
    }
    yield Draft("catalog_metrics", values)
    for element, filtered in metric.filters.items():
        for value in filtered:
            match = {"element": element, "match_value": match_value(value)}
            yield Draft("catalog_metric_filters", {"metric_key": metric.key, **match})
    for number, tier in enumerate(rated.tiers, 1):
        price = {"unit_rate": tier.unit_rate, "fixed_cost": tier.fixed_cost}
        bounds = {"lower_bound": tier.lower, "upper_bound": tier.upper}
        name = {"metric_key": metric.key, "tier_number": number, "name": tier.name}
        yield Draft("catalog_tiers", {**name, **bounds, **price, "is_overage": tier.is_overage})


def _element_fee(fee: ElementFee, order: int) -> Iterator[Draft]:
    values = {"element": fee.element, "catalog_order": order, "default_amount": fee.default}
    yield Draft("catalog_element_fees", values)
    for value, amount in fee.amounts.items():
        price = {"value": value, "match_value": match_value(value), "amount": amount}
        yield Draft("catalog_element_fee_amounts", {"element": fee.element, **price})


def _pricing_rule(product: Product, rule: PricingRule, order: int, around: Surroundings) -> Draft:
    checked = check_rule(rule.condition, rule.amount, around.rule_columns())
    valid_from, valid_to = product.rule_span(rule)
    values = {
        "product_id": product.product_id,
        "rule_key": rule.key,
        "name": rule.name,
        "catalog_order": order,
        "priority": rule.priority,
        "mode": rule.mode,
        "condition_text": rule.condition,
        "amount_text": rule.amount,
        "condition_sql": checked.condition_sql,
        "amount_sql": checked.amount_sql,
        "note": rule.note,
        "valid_to": valid_to,
    }
    return Draft("catalog_pricing_rules", values, valid_from, rule.recorded_at)


def _subscription(row: Subscription, catalog: Catalog, zone: ZoneInfo) -> Iterator[Draft]:
    started_at, expires_at = row.span(zone)
    values = {
        "subscription_id": row.subscription_id,
        "name": row.name,
        "subscriber_key": subscriber_key(row.subscriber_id),
        "organization_id": row.organization_id,
        "product_id": row.product_id,
        "billing_zone": zone.key,
        "started_at": started_at,
        "expires_at": expires_at,
        "trial_days": row.trial_days,
        "is_immediate_cancellation": row.immediate_cancellation,
        "test_kind": row.settlement,
        "audience": row.kind_of_audience,
        "audience_keys": ";".join(sorted(map(subscriber_key, row.named_audience))) or None,
        "replaces_subscription_id": row.replaces,
        "change": plan_change(row, catalog),
        "quota_threshold": row.quota_threshold,
        "tier_quota_threshold": row.tier_quota_threshold,
        "recipient_keys": row.recipients and _recipients(row.recipients),
    }
    yield Draft("catalog_subscriptions", values, started_at)
    yield from _mailboxes(row.recipients or ())


def _cancellation(row: Cancellation, zone: ZoneInfo) -> Iterator[Draft]:
    values = {"subscription_id": row.subscription_id, "withdrawn_at": row.withdrawn_at}
    at = row.at(zone)
    yield Draft("catalog_cancellations", values | {"cancelled_at": at}, at)


def _upgrade(
    row: Upgrade, subscription: Subscription, zones: Mapping[str, ZoneInfo]
) -> Iterator[Draft]:
    product_id = f"{subscription.product}@{row.version}"
    values = {"subscription_id": row.subscription_id, "product_id": product_id}
    yield Draft("catalog_upgrades", values, row.since(zones[subscription.product_id]))


def _credential(row: Credential, zone: ZoneInfo, started_at: datetime) -> Iterator[Draft]:
    valid_from, valid_to = row.span(zone, started_at)
    values = {
        "credential_key": credential_key(row.value),
        "credential_name": row.credential_name,
        "subscription_id": row.subscription_id,
        "valid_to": valid_to,
    }
    yield Draft("catalog_credentials", values, valid_from)


def _exchange_rate(row: ExchangeRate) -> Iterator[Draft]:
    values = {"currency": row.currency, "per_usd": row.per_usd}
    yield Draft("catalog_exchange_rates", values, row.since)


def _ai_price(row: AiPrice) -> Iterator[Draft]:
    values = {
        "provider": row.provider.lower(),
        "model": row.model,
        "min_input_tokens": row.min_input_tokens,
        **{f"usd_per_{unit}_token": price.scaleb(-6) for unit, price in row.units.items()},
    }
    yield Draft("ai_price_overrides", values, row.since)


def _unit_price(row: UnitPrice) -> Iterator[Draft]:
    values = {
        "provider": row.provider.lower(),
        "model": row.model,
        "unit": row.unit,
        "usd_per_unit": row.usd_per_unit,
    }
    yield Draft("unit_prices", values, row.since)
