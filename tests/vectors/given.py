"""What a vector gives the product: a part of a catalogue, and events."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.vectors.vector import as_instant

SOURCE = "meter"
UNITS = "units"

Row = Mapping[str, str]


class Given:
    """The catalogue and the events of one vector; every id begins with its number.

    Usage falls into months of 2026, of which the first is under test unless a kind says otherwise.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.products: dict[str, Mapping[str, Any]] = {}
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.events: list[Mapping[str, Any]] = []
        self.rows["subscribers"].append({"subscriber_id": prefix})

    def product(
        self,
        *,
        name: str = "",
        currency: str = "USD",
        settlement: Mapping[str, str] = {"every": "month"},
        **terms: Any,
    ) -> str:
        """Add a product and return its key."""
        key = f"{self.prefix}{name and '-'}{name}"
        self.products[key] = {
            "key": key,
            "name": key,
            "version": "1.0.0",
            "effective_from": "2000-01-01",
            "currency": currency,
            "sources": [SOURCE],
            "settlement": settlement,
            **terms,
        }
        return key

    def subscription(
        self,
        product: str,
        started_at: date | str = "2026-01-01",
        *,
        expires_at: date | str = "2026-02-28",
        name: str = "",
        **columns: str,
    ) -> str:
        """Add a subscription and return its id."""
        subscription_id = f"{self.prefix}{name and '-'}{name}"
        row = {
            "subscription_id": subscription_id,
            "name": subscription_id,
            "subscriber_id": self.prefix,
            "product": product,
            "version": "1.0.0",
            "started_at": str(started_at),
            "expires_at": str(expires_at),
        }
        self.rows["subscriptions"].append(row | columns)
        return subscription_id

    def cancel(self, subscription_id: str, cancelled_at: str) -> None:
        """Add a cancellation."""
        row = {"subscription_id": subscription_id, "cancelled_at": cancelled_at}
        self.rows["cancellations"].append(row)

    def use(
        self,
        subscription_id: str,
        quantity: Decimal | str,
        *,
        month: int = 1,
        known_in: int = 0,
        **labels: str,
    ) -> None:
        """Add usage of a month of 2026, which a later month may be the first to hear of."""
        occurred_at = f"2026-{month:02}-10T12:00:00Z"
        received_at = f"2026-{known_in or month:02}-15T12:00:00Z"
        payload = {UNITS: f"{quantity}", **labels}
        self.event(subscription_id, occurred_at, payload, received_at=received_at)

    def event(
        self,
        subscription_id: str,
        occurred_at: str,
        payload: Mapping[str, str],
        *,
        received_at: str | None = None,
    ) -> None:
        """Add one event, received when it occurred if nothing else is said."""
        event = {
            "transactionId": f"{self.prefix}-{len(self.events) + 1}",
            "requestTime": as_instant(occurred_at),
            "received_at": as_instant(received_at or occurred_at),
            "sourceId": SOURCE,
            "subscriptionId": subscription_id,
            "payload": payload,
        }
        self.events.append(event)


def write_catalog(all_given: Sequence[Given], folder: Path) -> None:
    """Write the catalogue of all vectors in the form of `seeds/catalog`."""
    (folder / "products").mkdir(parents=True)
    for given in all_given:
        for key, product in given.products.items():
            # JSON is YAML too, and needs no writer that knows how to quote.
            text = json.dumps({"catalog": "1", "product": product}, default=_text, indent=1)
            (folder / "products" / f"{key}.yaml").write_text(f"{text}\n", encoding="utf-8")
    rows: dict[str, list[Row]] = defaultdict(list)
    rows["sources"].append({"source_id": SOURCE, "kind": "event", "name": "Meter"})
    elements = {name for given in all_given for event in given.events for name in event["payload"]}
    rows["metering_elements"] += [
        {"element": name, "type": "number" if name == UNITS else "string", "sources": SOURCE}
        for name in sorted(elements)
    ]
    for given in all_given:
        for name, own in given.rows.items():
            rows[name] += own
    for name, each in rows.items():
        if each:
            _write_csv(each, folder / f"{name}.csv")


def write_events(all_given: Iterable[Given], path: Path) -> None:
    """Write the events of all vectors as NDJSON."""
    events = (event for given in all_given for event in given.events)
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events), encoding="utf-8")


def _write_csv(rows: Sequence[Row], path: Path) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _text(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
