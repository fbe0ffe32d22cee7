"""Events as the oracle sees them, read from the wire forms that a sender writes."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.oracle import clock

_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,120})?([eE][+-]?[0-9]{1,2})?")
_LIMIT = Decimal(10) ** 13
_WHERE = {
    "subscription_id": ("subscriptionId",),
    "credential": ("subscriber.credential.value", "subscriberCredential"),
    "subscriber_id": ("subscriber.id", "subscriberId"),
    "email": ("subscriber.email", "subscriberEmail"),
    "organization_name": ("organizationName", "organizationId"),
    "product_name": ("productName", "productId"),
}

Wire = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """One metered event; `elements` are texts as sent."""

    source: str
    event_id: str
    occurred_at: datetime
    known_at: datetime
    elements: Mapping[str, str]
    identifiers: Mapping[str, str] = field(default_factory=dict)
    provider: str | None = None
    model: str | None = None
    tokens: Mapping[str, int] = field(default_factory=dict)
    sent_cost: Decimal | None = None
    is_skipped: bool = False

    @property
    def identity(self) -> tuple[str, str]:
        """What tells it from all others."""
        return self.source, self.event_id

    @property
    def rank(self) -> tuple[datetime, bytes, bytes]:
        """Its place among the events of a period (R38)."""
        return self.occurred_at, self.source.encode(), self.event_id.encode()


@dataclass(frozen=True)
class Fact:
    """A payment, void or correction; `event` is what an amended event is now."""

    kind: str
    known_at: datetime
    invoice_id: str = ""
    status: str = ""
    mode: str = ""
    paid_at: datetime | None = None
    identity: tuple[str, str] = ("", "")
    event: Event | None = None


def number(text: str) -> Decimal | None:
    """Return a text as a quantity of six decimals, or None where it is no number (R16)."""
    if not _NUMBER.fullmatch(text):
        return None
    value = Decimal(text).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return value if abs(value) < _LIMIT else None


def event(wire: Wire) -> Event:
    """Return the event that a record tells; `received_at` stands beside its fields."""
    received_at = clock.instant(str(wire["received_at"]))
    occurred = wire.get("requestTime") or wire.get("timestamp")
    found = {name: _first(wire, paths) for name, paths in _WHERE.items()}
    kind = _kind(wire)
    if kind == "api":
        found["credential"] = str(wire.get("application") or found["credential"])
        found["product_name"] = str(wire.get("productKey") or found["product_name"])
    return Event(
        source=str(wire.get("sourceId") or kind),
        event_id=str(wire["transactionId"]),
        occurred_at=clock.instant(str(occurred)) if occurred else received_at,
        known_at=received_at,
        elements=_elements(wire, kind),
        identifiers={name: value for name, value in found.items() if value},
        **(_ai(wire) if kind == "ai" else {}),
    )


def fact(raw: Wire) -> Fact:
    """Return the fact that a line of the facts file tells."""
    paid_at = clock.instant(raw["paid_at"]) if raw.get("paid_at") else None
    known_at = clock.instant(str(raw.get("received_at") or raw.get("paid_at")))
    identity = (str(raw.get("sourceId", "")), str(raw.get("transactionId", "")))
    told = raw.get("event")
    whole = None
    if told:
        named = {"received_at": known_at.isoformat(), **told}
        whole = event({**named, "sourceId": identity[0], "transactionId": identity[1]})
    texts = {name: str(raw.get(name, "")) for name in ("invoice_id", "status", "mode")}
    kind = str(raw["fact"])
    return Fact(kind, known_at, paid_at=paid_at, identity=identity, event=whole, **texts)


def _kind(wire: Wire) -> str:
    if "payload" in wire:
        return "event"
    return "api" if "method" in wire and "responseCode" in wire else "ai"


def _first(wire: Wire, paths: tuple[str, ...]) -> str:
    for path in paths:
        value: Any = wire
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None and str(value).strip():
            return str(value).strip()
    return ""


def _elements(wire: Wire, kind: str) -> dict[str, str]:
    told = {"event": wire.get("payload"), "api": wire.get("elements"), "ai": wire}[kind] or {}
    return {name: _text(value) for name, value in told.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _ai(wire: Wire) -> dict[str, Any]:
    cost = wire.get("totalCost")
    names = (
        "inputTokenCount",
        "outputTokenCount",
        "cacheReadTokenCount",
        "cacheCreationTokenCount",
    )
    step = Decimal("0.000000000001")
    return {
        "provider": str(wire["provider"]).lower(),
        "model": str(wire["model"]),
        "tokens": {name: int(wire.get(name) or 0) for name in names},
        "sent_cost": None
        if cost in {None, ""}
        else Decimal(str(cost)).quantize(step, ROUND_HALF_UP),
        "is_skipped": str(wire.get("billingSkipped")).lower() == "true",
    }
