"""Made-up transactions for the test period that asks for them: an hour's, the same every time."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ingest import lake
from ingest.catalog.elements import AI_NUMBERS, AI_TEXTS, TOTAL_COST
from ingest.catalog.periods import SYNTHETIC_TEST_PERIOD
from ingest.catalog.stored import Stored, read_stored
from ingest.issued import issued_ids
from ingest.landing import LandingError, LandingRules, land_file
from ingest.settlements import watermark

PERIODS = 12
_PERIOD_SECONDS = 300
# Each period has this many bursts, each with 1 to 3 transactions of every source.
_BURSTS = 2
_MOST_AT_ONCE = 3
_BURST_SECONDS = _PERIOD_SECONDS // _BURSTS
_MOST_UNITS = 100
_MOST_TOKENS = 2_000
# What texts are about which the prices say nothing.
_ANY_TEXT = ("alpha", "beta", "gamma")
_AI_TEXTS = {"provider": ("openai",), "model": ("gpt-4o-mini",)}


@dataclass(frozen=True)
class SyntheticSource:
    """A source of the product: its kind, and what its events carry.

    `numbers` are elements with a number, `texts` elements with one of the values given, and of an
    AI source the provider and the model.
    """

    source_id: str
    kind: str
    numbers: Sequence[str] = ()
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Burst:
    """Transactions of every source at one instant, in their wire forms; `name` names its file."""

    name: str
    occurred_at: datetime
    records: Sequence[Mapping[str, Any]]


def bursts(
    subscription_id: str, sources: Sequence[SyntheticSource], started_at: datetime
) -> Iterator[Burst]:
    """Yield a subscription's transactions of the hour from its start, in the order of time.

    They are drawn from the subscription's id alone, so that they are the same at every call. Each
    of the twelve periods has some for every source.
    """
    prefix = hashlib.sha256(subscription_id.encode()).hexdigest()[:16]
    for number in range(PERIODS * _BURSTS):
        second = number * _BURST_SECONDS + _draw(_BURST_SECONDS, subscription_id, number)
        occurred_at = started_at + timedelta(seconds=second)
        records = [
            _record(source, subscription_id, f"{number + 1:02}-{nth + 1}", occurred_at)
            for source in sources
            for nth in range(1 + _draw(_MOST_AT_ONCE, subscription_id, number, source.source_id))
        ]
        yield Burst(f"synthetic-{prefix}-{number + 1:02}.ndjson", occurred_at, records)


def land_synthetic(lake_folder: Path, *, now: datetime) -> int:
    """Land what synthetic transactions have occurred by now; return how many were new.

    Each was received when it occurred; if invoices are settled beyond that, it is received now.
    What is landed stays as it is, also when the catalogue changes. The hour begins with the
    subscription, or when its setup fee is paid. Whether it owes one (of a client the first does,
    and nothing that replaces another) shows at the first settlement after its entry: the hour waits
    for that, and where the invoice is out, for the payment.

    Args:
        lake_folder: the lake, with the catalogue that says who wants such transactions.
        now: the landing instant, with a zone.
    """
    lake.prepare(lake_folder)
    landed = set(lake.read_all(lake_folder / "segments")["file_name"].to_pylist())
    with TemporaryDirectory(prefix="meterhouse-synthetic-") as folder:
        return sum(
            _land(burst, Path(folder), lake_folder, now)
            for burst in _asked_for(read_stored(lake_folder), _setup_invoices(lake_folder))
            if burst.occurred_at <= now and burst.name not in landed
        )


def _land(burst: Burst, folder: Path, lake_folder: Path, now: datetime) -> int:
    path = folder / burst.name
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in burst.records]
    path.write_text("".join(lines), encoding="utf-8")
    try:
        rules = LandingRules(received_at="occurred")
        return land_file(path, lake_folder, now=now, rules=rules).landed_count
    except LandingError:
        return land_file(path, lake_folder, now=now).landed_count


@dataclass(frozen=True)
class _SetupInvoices:
    """The setup invoices that are out, and when those that are paid were paid first."""

    issued: Collection[str]
    paid_at: Mapping[str, datetime]
    settled_until: datetime | None

    def starts_at(self, subscription: Mapping[str, Any], fee: Mapping[str, Any]) -> datetime | None:
        """Return when a subscription begins to be live; None while its setup fee is unpaid."""
        invoice_id = f"{subscription['subscription_id']}-setup"
        started_at: datetime = subscription["started_at"]
        if paid_at := self.paid_at.get(invoice_id):
            return max(started_at, paid_at)
        is_settled = (
            self.settled_until is not None and subscription["recorded_at"] < self.settled_until
        )
        waits = fee.get("bill") == "immediate" and (not is_settled or invoice_id in self.issued)
        return None if waits else started_at


def _setup_invoices(lake_folder: Path) -> _SetupInvoices:
    facts = lake.read_all(lake_folder / "facts").to_pylist()
    paid_at = {
        fact["invoice_id"]: fact["paid_at"]
        for fact in sorted(facts, key=itemgetter("known_at"), reverse=True)
        if fact["status"] == "paid" and fact["invoice_id"].endswith("-setup")
    }
    return _SetupInvoices(issued_ids(lake_folder), paid_at, watermark(lake_folder))


def _asked_for(catalog: Mapping[str, Stored], setup_invoices: _SetupInvoices) -> Iterator[Burst]:
    for subscription in catalog["catalog_subscriptions"].latest.values():
        terms = _terms(catalog, subscription)
        if terms is None or not _is_synthetic(subscription, terms):
            continue
        fee = catalog["catalog_setup_fees"].latest.get((terms["terms_id"],), {})
        started_at = setup_invoices.starts_at(subscription, fee)
        if started_at is not None:
            sources = _sources(catalog, terms["terms_id"])
            yield from bursts(subscription["subscription_id"], sources, started_at)


def _terms(
    catalog: Mapping[str, Stored], subscription: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Return the terms under which a subscription begins."""
    in_force = (
        terms
        for terms in catalog["catalog_products"].latest.values()
        if terms["product_id"] == subscription["product_id"]
        and terms["valid_from"] <= subscription["started_at"]
    )
    return max(in_force, key=itemgetter("valid_from"), default=None)


def _is_synthetic(subscription: Mapping[str, Any], terms: Mapping[str, Any]) -> bool:
    own: str | None = subscription["test_kind"]
    return own == SYNTHETIC_TEST_PERIOD if own is not None else bool(terms["is_synthetic"])


def _sources(catalog: Mapping[str, Stored], terms_id: str) -> list[SyntheticSource]:
    """Return a product's sources with all elements that they may carry."""
    kinds = {row["source_id"]: row["kind"] for row in catalog["catalog_sources"].latest.values()}
    types = {
        row["element"]: row["element_type"]
        for row in catalog["catalog_metering_elements"].latest.values()
    }
    priced = _priced_texts(catalog, terms_id)
    carried = defaultdict(list)
    for row in catalog["catalog_element_attachments"].latest.values():
        carried[row["source_id"]].append(row["element"])
    return [
        SyntheticSource(
            source_id=source_id,
            kind=kinds[source_id],
            numbers=[name for name in sorted(carried[source_id]) if types[name] == "number"],
            texts={
                name: priced.get(name, _AI_TEXTS.get(name, _ANY_TEXT))
                for name in (*AI_TEXTS, *sorted(carried[source_id]))
                if types.get(name) != "number"
            },
        )
        for source_id in sorted(
            row["source_id"]
            for row in catalog["catalog_product_sources"].latest.values()
            if row["terms_id"] == terms_id
        )
    ]


def _priced_texts(catalog: Mapping[str, Stored], terms_id: str) -> Mapping[str, Sequence[str]]:
    """Return the values that make a difference to the price, per element: fees, filters, counts."""
    found = defaultdict(set)
    for table in ("catalog_element_fee_amounts", "catalog_metric_filters", "catalog_metrics"):
        for row in catalog[table].latest.values():
            if row["terms_id"] == terms_id and row["match_value"] is not None:
                found[row["element"]].add(row.get("value", row["match_value"]))
    return {element: sorted(values) for element, values in found.items()}


def _record(
    source: SyntheticSource, subscription_id: str, place: str, occurred_at: datetime
) -> Mapping[str, Any]:
    """Return a transaction in the form that its source sends."""

    def drawn(below: int, name: str) -> int:
        return _draw(below, subscription_id, source.source_id, place, name)

    numbers = {name: 1 + drawn(_MOST_UNITS, name) for name in source.numbers}
    texts = {name: values[drawn(len(values), name)] for name, values in source.texts.items()}
    elements = {name: texts[name] for name in texts if name not in AI_TEXTS} | numbers
    record = {
        "transactionId": f"synthetic-{subscription_id}-{place}",
        "sourceId": source.source_id,
        "subscriptionId": subscription_id,
        "requestTime": occurred_at.isoformat(),
    }
    match source.kind:
        case "api":
            listed = [{"name": name, "value": value} for name, value in elements.items()]
            return record | {"method": "GET", "responseCode": 200, "elements": listed}
        case "event":
            return record | {"payload": elements}
        case _:
            used = {name: 1 + drawn(_MOST_TOKENS, name) for name in AI_NUMBERS}
            used["totalTokenCount"] = used["inputTokenCount"] + used["outputTokenCount"]
            cost = {TOTAL_COST: f"0.{drawn(10_000, TOTAL_COST):04}"}
            asked = {name: texts[name] for name in AI_TEXTS}
            return record | asked | used | cost | elements


def _draw(below: int, *what: str | int) -> int:
    """Return a number from 0 that is as good as random, and depends only on what it is for."""
    return int(hashlib.sha256(json.dumps(what).encode()).hexdigest(), 16) % below
