"""The catalogue compiled to the lake's tables: dated rows, each named by its content."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from ingest.catalog.entries import Catalog, Entry
from ingest.catalog.files import Document
from ingest.catalog.models import (
    BEGINNING,
    AiPrice,
    Credential,
    ElementFee,
    MeteringElement,
    Organization,
    PricingMetric,
    Product,
    Source,
    Subscriber,
    Subscription,
)
from ingest.catalog.problems import Problem
from ingest.catalog.schemas import TABLES, Table
from ingest.catalog.values import match_value
from ingest.keys import credential_key, email_key, subscriber_key

ID_DIGITS = 12
"""How much of a hash stands in the ids that people read."""


@dataclass(frozen=True)
class TableRow:
    """A complete row of a table, and the document that it was compiled from."""

    values: Mapping[str, Any]
    document: Document

    def problem(self, text: str) -> Problem:
        """Return a problem with the row as a whole."""
        return self.document.problem((), text)


def compile_tables(
    catalog: Catalog, *, recorded_at: datetime | None = None
) -> dict[str, pl.DataFrame]:
    """Return all tables of the catalogue by name, empty ones included.

    A row's `recorded_at` is the one that the catalogue gives it, else the argument, else (as valid)
    the row's own `valid_from`.
    """
    rows = compile_rows(catalog, recorded_at=recorded_at)
    return {table.name: frame(table, rows[table.name]) for table in TABLES}


def compile_rows(catalog: Catalog, *, recorded_at: datetime | None) -> dict[str, list[TableRow]]:
    """Return the rows that `compile_tables` puts into frames."""
    rows: dict[str, list[TableRow]] = {table.name: [] for table in TABLES}
    for entry, draft in _drafts(catalog):
        values = {
            **draft.values,
            "valid_from": draft.valid_from,
            "recorded_at": entry.form.recorded_at or recorded_at or draft.valid_from,
            "row_hash": _digest(draft.canonical()),
        }
        rows[draft.table].append(TableRow(values, entry.document))
    return rows


def frame(table: Table, rows: Iterable[TableRow]) -> pl.DataFrame:
    """Return rows as a frame with the table's exact types."""
    return pl.DataFrame([row.values for row in rows], schema=table.schema)


class _Draft(NamedTuple):
    """A row without its trailing columns but `valid_from`."""

    table: str
    values: dict[str, Any]
    valid_from: datetime = BEGINNING

    def canonical(self) -> str:
        """Return one text per content.

        Nulls are left out, so that a column added later changes no row that does not use it.
        """
        columns = {**self.values, "valid_from": self.valid_from}
        texts = {name: _text(value) for name, value in columns.items() if value is not None}
        return json.dumps(texts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _text(value: str | int | Decimal | datetime) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize() + 0:f}"  # one text for 0 and -0, 1.5 and 1.50
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _drafts(catalog: Catalog) -> Iterator[tuple[Entry[Any], _Draft]]:
    zones = catalog.zones()
    starts = catalog.subscription_starts()
    compilers: tuple[tuple[tuple[Entry[Any], ...], Callable[[Any], Iterable[_Draft]]], ...] = (
        (catalog.organizations, _organization),
        (catalog.subscribers, _subscriber),
        (catalog.sources, _source),
        (catalog.metering_elements, _metering_element),
        (catalog.products, lambda file: _product(file.product)),
        (catalog.subscriptions, lambda row: _subscription(row, zones[row.product_id])),
        (catalog.credentials, lambda row: _credential(row, *starts[row.subscription_id])),
        (catalog.ai_prices, _ai_price),
    )
    for entries, drafts_of in compilers:
        for entry in entries:
            yield from ((entry, draft) for draft in drafts_of(entry.form))


def _organization(row: Organization) -> Iterator[_Draft]:
    values = {"organization_id": row.organization_id, "name": row.name}
    yield _Draft("catalog_organizations", values)


def _subscriber(row: Subscriber) -> Iterator[_Draft]:
    key = {"subscriber_key": subscriber_key(row.subscriber_id)}
    mailbox = email_key(row.email) if row.email else None
    owner = {"email_key": mailbox, "organization_id": row.organization_id}
    yield _Draft("catalog_subscribers", key | owner)
    person = {"subscriber_id": row.subscriber_id, "email": row.email, "name": row.name}
    yield _Draft("catalog_people", key | person)


def _source(row: Source) -> Iterator[_Draft]:
    values = {"source_id": row.source_id, "kind": row.kind, "name": row.name}
    yield _Draft("catalog_sources", values)


def _metering_element(row: MeteringElement) -> Iterator[_Draft]:
    key = {"element": row.element}
    kind = {"description": row.description, "element_type": row.type}
    yield _Draft("catalog_metering_elements", key | kind)
    for source in sorted(set(row.sources)):
        yield _Draft("catalog_element_attachments", key | {"source_id": source})


def _product(product: Product) -> Iterator[_Draft]:
    """Yield a product's terms and their parts, all named by one hash of what they hold.

    The way of writing (1.50 or 1.5), the description and the examples are no part of the terms.
    """
    parts = [part._replace(valid_from=product.valid_from) for part in _parts(product)]
    content = json.dumps([(part.table, part.canonical()) for part in parts])
    terms_id = {"terms_id": f"{product.product_id}@{_digest(content)[:ID_DIGITS]}"}
    yield from (part._replace(values=terms_id | part.values) for part in parts)


def _parts(product: Product) -> Iterator[_Draft]:
    terms = {
        "product_id": product.product_id,
        "product_key": product.key,
        "name": product.name,
        "version": product.version,
        "currency": product.currency,
        "billing_zone": product.settlement.timezone.key,
        "period_unit": product.settlement.every,
        "period_count": 1,
        "grace_seconds": product.settlement.grace,
        "net_days": product.settlement.net_days,
    }
    yield _Draft("catalog_products", terms)
    for source in sorted(product.sources):
        yield _Draft("catalog_product_sources", {"source_id": source})
    for order, charge in enumerate(product.recurring_charges, 1):
        amount = {"amount": charge.amount, "bill": charge.bill}
        values = {"charge_key": charge.key, "name": charge.name, "catalog_order": order}
        yield _Draft("catalog_recurring_charges", values | amount)
    for order, metric in enumerate(product.pricing_metrics, 1):
        yield from _metric(metric, order)
    for order, fee in enumerate(product.element_fees, 1):
        yield from _element_fee(fee, order)


def _metric(metric: PricingMetric, order: int) -> Iterator[_Draft]:
    values = {
        "metric_key": metric.key,
        "name": metric.name,
        "catalog_order": order,
        "element": metric.element,
        "aggregation": metric.aggregation,
        "pricing": "graduated",
    }
    yield _Draft("catalog_metrics", values)
    for number, tier in enumerate(metric.graduated(), 1):
        price = {"unit_rate": tier.unit_rate, "fixed_cost": tier.fixed_cost}
        bounds = {"lower_bound": tier.lower, "upper_bound": tier.upper}
        name = {"metric_key": metric.key, "tier_number": number, "name": tier.name}
        yield _Draft("catalog_tiers", {**name, **bounds, **price})


def _element_fee(fee: ElementFee, order: int) -> Iterator[_Draft]:
    values = {"element": fee.element, "catalog_order": order, "default_amount": fee.default}
    yield _Draft("catalog_element_fees", values)
    for value, amount in fee.amounts.items():
        price = {"value": value, "match_value": match_value(value), "amount": amount}
        yield _Draft("catalog_element_fee_amounts", {"element": fee.element, **price})


def _subscription(row: Subscription, zone: ZoneInfo) -> Iterator[_Draft]:
    started_at, ended_at = row.span(zone)
    values = {
        "subscription_id": row.subscription_id,
        "name": row.name,
        "subscriber_key": subscriber_key(row.subscriber_id),
        "organization_id": row.organization_id,
        "product_id": row.product_id,
        "billing_zone": zone.key,
        "started_at": started_at,
        "ended_at": ended_at,
    }
    yield _Draft("catalog_subscriptions", values, started_at)


def _credential(row: Credential, zone: ZoneInfo, started_at: datetime) -> Iterator[_Draft]:
    valid_from, valid_to = row.span(zone, started_at)
    values = {
        "credential_key": credential_key(row.value),
        "credential_name": row.credential_name,
        "subscription_id": row.subscription_id,
        "valid_to": valid_to,
    }
    yield _Draft("catalog_credentials", values, valid_from)


def _ai_price(row: AiPrice) -> Iterator[_Draft]:
    values = {
        "provider": row.provider.lower(),
        "model": row.model,
        "min_input_tokens": row.min_input_tokens,
        **{f"usd_per_{unit}_token": price.scaleb(-6) for unit, price in row.units.items()},
    }
    yield _Draft("ai_price_overrides", values, row.since)
