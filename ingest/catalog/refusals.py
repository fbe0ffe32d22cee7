"""What a load may not change: the knowledge, the prices and the periods that were settled.

Facts of attribution (a cancellation, an expiration, a credential, an element's attachment) may be
told late: what they change becomes adjustments. Prices, tiers and periods may not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from ingest.catalog.problems import Location, Problem
from ingest.catalog.schemas import TABLES
from ingest.catalog.stored import Stored
from ingest.catalog.tables import TableRow

_MOST_NAMED = 5
_EFFECTIVE_FROM: Location = ("product", "effective_from")
# What a product version keeps: where it is written, and the columns that hold it.
_KEPT: dict[str, tuple[Location, tuple[str, ...]]] = {
    "settlement period": (
        ("product", "settlement", "every"),
        ("period_unit", "period_count", "calendar_unit", "is_synthetic"),
    ),
    "time zone": (("product", "settlement", "timezone"), ("billing_zone",)),
    "currency": (("product", "currency"), ("currency",)),
}
# What a settled subscription keeps, by the column of its file.
_SETTLED_COLUMNS = {
    "started_at": "started_at",
    "product_id": "product",
    "organization_id": "organization_id",
    "subscriber_key": "subscriber_id",
    "audience": "audience",
    "is_immediate_cancellation": "immediate_cancellation",
    "trial_days": "trial_days",
    "test_kind": "settlement",
    "replaces_subscription_id": "replaces",
    "change": "change",
}
_INVOICES = {
    "invoice_id": pl.String(),
    "subscription_id": pl.String(),
    "product_id": pl.String(),
    "period_started_at": pl.Datetime("us", "UTC"),
    "period_ended_at": pl.Datetime("us", "UTC"),
}
_PERIOD_START, _PERIOD_END = pl.col("period_started_at"), pl.col("period_ended_at")
_RULE_PRICES = ("priority", "mode", "condition_text", "amount_text")


@dataclass(frozen=True)
class Settled:
    """How far everything is settled, and the invoices that were issued."""

    watermark: datetime
    invoices: pl.DataFrame

    def so_far(self, *would_change: pl.Expr) -> str:
        """Return up to when it is settled, and on which invoices if some would change."""
        invoices = self.invoices.filter(*would_change).sort("period_started_at", "invoice_id")
        names = invoices.get_column("invoice_id").to_list()
        text = f"settled up to {shown_instant(self.watermark)}"
        if not names:
            return text
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        return f"{text} (invoices {', '.join(names[:_MOST_NAMED])}{more})"


def read_settled(lake: Path, watermark: datetime | None) -> Settled | None:
    """Return what was settled; None if nothing was."""
    if watermark is None:
        return None
    files = sorted((lake / "issued_invoices").glob("[!_]*.parquet"))
    if not files:
        return Settled(watermark, pl.DataFrame(schema=_INVOICES))
    return Settled(watermark, pl.read_parquet(files, columns=list(_INVOICES)))


def refusals(
    new: Mapping[str, list[TableRow]], stored: Mapping[str, Stored], settled: Settled | None
) -> Iterator[Problem]:
    """Yield why rows cannot be appended to what the lake holds."""
    for table in TABLES:
        if not table.is_part_of_terms:  # they are recorded with their product, which is judged
            yield from _recordings(new[table.name], stored[table.name], settled)
    for row in new["catalog_products"]:
        yield from _terms(row, stored["catalog_products"], settled)
    if settled is not None:
        for row in new["catalog_pricing_rules"]:
            yield from _rule(row, stored, settled)
        for row in new["catalog_subscriptions"]:
            yield from _subscription(row, stored["catalog_subscriptions"], settled)
        for row in new["catalog_upgrades"]:
            yield from _upgrade(row, stored["catalog_subscriptions"], settled)


def shown_instant(moment: datetime) -> str:
    """Return an instant as a message shows it: ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _recordings(rows: list[TableRow], stored: Stored, settled: Settled | None) -> Iterator[Problem]:
    """Refuse knowledge that comes too late for what was settled, or that would not be the last."""
    last = {key: row["recorded_at"] for key, row in stored.latest.items()}
    for row in rows:
        key = stored.table.key_of(row.values)
        recorded_at, before = row.values["recorded_at"], last.get(key)
        said = f"would be recorded at {shown_instant(recorded_at)}"
        if before is not None and recorded_at <= before:
            text = f"{said}, the row that it replaces at {shown_instant(before)}"
            remedy = "Load the change with recorded_at set to now"
            if row.stated_at is not None:
                remedy = "Let this row's recorded_at be later, or say that of the row before"
            yield row.problem(f"{text}. {remedy}")
        elif settled is not None and recorded_at <= settled.watermark:
            text = f"{said}, and all up to {shown_instant(settled.watermark)} is settled without it"
            yield row.problem(f"{text}. Load it with recorded_at set to now")
        last[key] = recorded_at


def _terms(row: TableRow, stored: Stored, settled: Settled | None) -> Iterator[Problem]:
    """Refuse terms that reach back into settled periods, or that change what never changes."""
    terms = row.values
    others = [other for other in stored.rows if other["product_id"] == terms["product_id"]]
    for what, (location, columns) in _KEPT.items():
        if any(other[column] != terms[column] for other in others for column in columns):
            text = f"a version keeps its {what}. Give the product a new version"
            yield row.document.problem(location, text)
    if any(other["terms_id"] == terms["terms_id"] for other in others):
        text = "later terms replaced these very ones. Bring them back with a later effective_from"
        yield row.document.problem(_EFFECTIVE_FROM, text)
    elif others and settled is not None and terms["valid_from"] < settled.watermark:
        so_far = settled.so_far(
            pl.col("product_id") == terms["product_id"], terms["valid_from"] <= _PERIOD_START
        )
        text = f"{terms['product_id']} is {so_far} by the terms it has"
        remedy = "Let the new ones begin then or later"
        yield row.document.problem(_EFFECTIVE_FROM, f"{text}. {remedy}")


def _rule(row: TableRow, stored: Mapping[str, Stored], settled: Settled) -> Iterator[Problem]:
    """Refuse a rule that would price what was settled, or no longer price it."""
    rule, product_id = row.values, row.values["product_id"]
    latest = stored["catalog_pricing_rules"].latest_of(row)
    if latest is None and product_id not in {
        terms["product_id"] for terms in stored["catalog_products"].rows
    }:
        return  # the product is new, and so nothing of it is settled
    so_far = settled.so_far(pl.col("product_id") == product_id, rule["valid_from"] < _PERIOD_END)
    text = f"{product_id} is {so_far} by the rules it had"
    within: Location = ("product", "pricing_rules", rule["catalog_order"] - 1)
    is_another = latest is None or any(latest[name] != rule[name] for name in _RULE_PRICES)
    if is_another and rule["valid_from"] < settled.watermark:
        remedy = "Let this one begin then or later"
        yield row.document.problem((*within, "effective_from"), f"{text}. {remedy}")
    elif latest is not None and latest["valid_to"] != rule["valid_to"]:
        ends = (latest["valid_to"], rule["valid_to"])
        if any(end is not None and end < settled.watermark for end in ends):
            remedy = "Let it end then or later"
            yield row.document.problem((*within, "effective_to"), f"{text}. {remedy}")


def _subscription(row: TableRow, stored: Stored, settled: Settled) -> Iterator[Problem]:
    """Refuse to change what a settled subscription was: its product, payer and periods."""
    latest = stored.latest_of(row)
    is_its_own = pl.col("subscription_id") == row.values["subscription_id"]
    # A setup fee is invoiced when the subscription is entered, which may be long before it starts.
    if latest is None or (
        latest["started_at"] > settled.watermark and settled.invoices.filter(is_its_own).is_empty()
    ):
        return
    for column, written in _SETTLED_COLUMNS.items():
        if row.values[column] != latest[column]:
            so_far = settled.so_far(is_its_own)
            text = f"cannot change, the subscription is {so_far}. End it and start a new one"
            yield row.document.problem((written,), text)


def _upgrade(row: TableRow, subscriptions: Stored, settled: Settled) -> Iterator[Problem]:
    """Refuse another version's prices for what was settled."""
    subscription_id, valid_from = row.values["subscription_id"], row.values["valid_from"]
    if valid_from < settled.watermark and (subscription_id,) in subscriptions.latest:
        so_far = settled.so_far(
            pl.col("subscription_id") == subscription_id, valid_from <= _PERIOD_START
        )
        text = f"the subscription is {so_far} by the version it had. Upgrade it then or later"
        yield row.document.problem(("valid_from",), text)
