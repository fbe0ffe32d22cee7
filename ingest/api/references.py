"""What the catalogue knows, for servers that refuse events that name anything else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ingest import keys, lake
from ingest.api.errors import Problem
from ingest.event import Event

_LOOKED_AT_EVERY_SECONDS = 1.0
_TABLES = (
    "catalog_products",
    "catalog_subscribers",
    "catalog_organizations",
    "catalog_subscriptions",
    "catalog_credentials",
)


@dataclass(frozen=True)
class _Known:
    products: frozenset[str]
    product_keys: frozenset[str]
    organizations: frozenset[str]
    subscriptions: frozenset[str]
    credentials: frozenset[str]
    subscribers: frozenset[str]
    subscriber_of_email: dict[str, str]


class References:
    """The names and keys of the lake's catalogue; what is loaded later is seen within a second."""

    def __init__(self, lake_folder: Path, monotonic: Callable[[], float]) -> None:
        """Read the catalogue."""
        self._lake = lake_folder
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._files = self._present_files()
        self._known: _Known = self._read()

    def unknown_in(self, event: Event) -> list[Problem]:
        """Return what an event names that the catalogue does not know."""
        self._refresh()
        return list(self._problems(event))

    def knows_product(self, key_or_name: str) -> bool:
        """Whether there is a product of that key or name."""
        self._refresh()
        return key_or_name in self._known.product_keys | self._known.products

    def knows_credential(self, value: str) -> bool:
        """Whether there is a credential of that value."""
        self._refresh()
        return keys.credential_key(value) in self._known.credentials

    def _problems(self, event: Event) -> Iterator[Problem]:
        who, known = event.identity, self._known
        if who.product_name and who.product_name not in known.products:
            yield _unknown("PRODUCT_NOT_FOUND", "product", "productName", who.product_name)
        if who.organization_name and who.organization_name not in known.organizations:
            name = who.organization_name
            yield _unknown("CONSUMING_ORG_NOT_FOUND", "organization", "organizationName", name)
        if who.subscription_id and who.subscription_id not in known.subscriptions:
            code = "SUBSCRIPTION_RELATIONSHIP_NOT_FOUND"
            yield _unknown(code, "subscription", "subscriptionId", who.subscription_id)
        if who.credential and keys.credential_key(who.credential) not in known.credentials:
            yield _unknown("CREDENTIAL_NOT_FOUND", "credential", "subscriber.credential.value")
        yield from self._subscriber_problems(event)

    def _subscriber_problems(self, event: Event) -> Iterator[Problem]:
        who, known = event.identity, self._known
        by_id = who.subscriber_id and keys.subscriber_key(who.subscriber_id)
        by_email = who.email and known.subscriber_of_email.get(keys.email_key(who.email))
        if by_id and by_id not in known.subscribers:
            yield _unknown("SUBSCRIBER_NOT_FOUND", "subscriber", "subscriber.id", who.subscriber_id)
        if who.email and not by_email:
            yield _unknown("SUBSCRIBER_NOT_FOUND", "subscriber", "subscriber.email", who.email)
        if by_id in known.subscribers and by_email and by_id != by_email:
            told = "the id and the e-mail address are those of two subscribers"
            yield Problem("SUBSCRIBER_NAME_ID_MISMATCH", told, "subscriber.email", who.email)

    def _refresh(self) -> None:
        now = self._monotonic()
        if now - self._looked_at < _LOOKED_AT_EVERY_SECONDS:
            return
        self._looked_at = now
        files = self._present_files()
        if files != self._files:
            self._known = self._read()
            self._files = files

    def _present_files(self) -> frozenset[Path]:
        """Return the catalogue's files; none of them ever changes under its name."""
        return frozenset(file for name in _TABLES for file in (self._lake / name).glob("*.parquet"))

    def _read(self) -> _Known:
        products, subscribers, organizations, subscriptions, credentials = (
            self._table(name) for name in _TABLES
        )
        emails = zip(
            _column(subscribers, "email_key"), _column(subscribers, "subscriber_key"), strict=True
        )
        return _Known(
            products=frozenset(_column(products, "name")),
            product_keys=frozenset(_column(products, "product_key")),
            organizations=frozenset(
                [*_column(organizations, "organization_id"), *_column(organizations, "name")]
            ),
            subscriptions=frozenset(_column(subscriptions, "subscription_id")),
            credentials=frozenset(_column(credentials, "credential_key")),
            subscribers=frozenset(_column(subscribers, "subscriber_key")),
            subscriber_of_email=dict(emails),
        )

    def _table(self, name: str) -> pa.Table | None:
        folder = self._lake / name
        return lake.read_all(folder) if any(folder.glob("[!_]*.parquet")) else None


def _column(table: pa.Table | None, name: str) -> list[str]:
    return [] if table is None else table[name].to_pylist()


def _unknown(code: str, what: str, field: str, value: str | None = None) -> Problem:
    name = f" '{value[:80]}'" if value else ""
    return Problem(code, f"the catalogue has no {what}{name}", field, value and value[:80])
