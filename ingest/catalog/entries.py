"""A catalogue's entries: forms filled from documents, each knowing where it was written."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from ingest.catalog.files import Document, read_csv, read_yaml
from ingest.catalog.form import Form
from ingest.catalog.models import Product, ProductFile
from ingest.catalog.problems import Location, Place, Problem, did_you_mean
from ingest.catalog.rows import (
    BEGINNING,
    AiPrice,
    Cancellation,
    Credential,
    ExchangeRate,
    MeteringElement,
    Organization,
    Row,
    Source,
    Subscriber,
    Subscription,
    UnitPrice,
    Upgrade,
)
from ingest.catalog.values import shown

AnyForm = TypeVar("AnyForm", bound=Form)
AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(frozen=True)
class Entry(Generic[AnyForm]):
    """A filled form and the document that it was filled from."""

    form: AnyForm
    document: Document

    @property
    def place(self) -> Place:
        """Where the entry begins."""
        return self.document.places[()]

    def problem(self, location: Location, text: str) -> Problem:
        """Return a problem with one of the entry's values."""
        return self.document.problem(location, text)


class Start(NamedTuple):
    """When a subscription starts, in UTC, and the zone in which it is billed."""

    zone: ZoneInfo
    at: datetime


@dataclass(frozen=True)
class Catalog:
    """All entries of a catalogue, in the order of the files."""

    products: tuple[Entry[ProductFile], ...] = ()
    organizations: tuple[Entry[Organization], ...] = ()
    subscribers: tuple[Entry[Subscriber], ...] = ()
    sources: tuple[Entry[Source], ...] = ()
    metering_elements: tuple[Entry[MeteringElement], ...] = ()
    subscriptions: tuple[Entry[Subscription], ...] = ()
    cancellations: tuple[Entry[Cancellation], ...] = ()
    upgrades: tuple[Entry[Upgrade], ...] = ()
    credentials: tuple[Entry[Credential], ...] = ()
    exchange_rates: tuple[Entry[ExchangeRate], ...] = ()
    ai_prices: tuple[Entry[AiPrice], ...] = ()
    unit_prices: tuple[Entry[UnitPrice], ...] = ()

    @cached_property
    def zones(self) -> dict[str, ZoneInfo]:
        """Return the billing time zone per product id."""
        products = (entry.form.product for entry in self.products)
        return {product.product_id: product.settlement.timezone for product in products}

    def first_terms(self) -> dict[str, datetime]:
        """Return the instant from which each product id can be sold."""
        first: dict[str, datetime] = {}
        for product in (entry.form.product for entry in self.products):
            valid_from = first.setdefault(product.product_id, product.valid_from)
            first[product.product_id] = min(valid_from, product.valid_from)
        return first

    def terms_at(self, product_id: str, moment: datetime) -> Product | None:
        """Return a product's terms that are in force at an instant, if there are any."""
        terms = [
            entry.form.product
            for entry in self.products
            if entry.form.product.product_id == product_id
            and entry.form.product.valid_from <= moment
        ]
        return max(terms, key=lambda each: each.valid_from, default=None)

    @cached_property
    def known_subscriptions(self) -> dict[str, Subscription]:
        """Return each subscription as it was last recorded, if its product is known."""
        return {
            entry.form.subscription_id: entry.form
            for entry in in_order_known(self.subscriptions)
            if entry.form.product_id in self.zones
        }

    @cached_property
    def subscription_starts(self) -> dict[str, Start]:
        """Return the billing time zone and the start per subscription of a known product."""
        return {
            subscription_id: Start(zone := self.zones[row.product_id], row.span(zone)[0])
            for subscription_id, row in self.known_subscriptions.items()
        }


def in_order_known(entries: Iterable[Entry[AnyRow]]) -> list[Entry[AnyRow]]:
    """Return rows in the order in which they became known; one that does not say it came first."""
    return sorted(entries, key=lambda entry: entry.form.recorded_at or BEGINNING)


def read_catalog(folder: Path) -> tuple[Catalog, list[Problem]]:
    """Return a folder's entries that are well formed, and the problems of those that are not."""
    problems = list(_stray_files(folder))
    products = sorted((folder / "products").glob("*.yaml"))
    documents = (read_yaml(path, name=f"products/{path.name}") for path in products)
    catalog = Catalog(
        products=_fill((each for file in documents for each in file), ProductFile, problems),
        organizations=_rows(folder, "organizations.csv", Organization, problems),
        subscribers=_rows(folder, "subscribers.csv", Subscriber, problems),
        sources=_rows(folder, "sources.csv", Source, problems),
        metering_elements=_rows(folder, "metering_elements.csv", MeteringElement, problems),
        subscriptions=_rows(folder, "subscriptions.csv", Subscription, problems),
        cancellations=_rows(folder, "cancellations.csv", Cancellation, problems),
        upgrades=_rows(folder, "upgrades.csv", Upgrade, problems),
        credentials=_rows(folder, "credentials.csv", Credential, problems),
        exchange_rates=_rows(folder, "exchange_rates.csv", ExchangeRate, problems),
        ai_prices=_rows(folder, "ai_prices.csv", AiPrice, problems),
        unit_prices=_rows(folder, "unit_prices.csv", UnitPrice, problems),
    )
    return catalog, problems


_CSV_FILES = tuple(f"{each.name}.csv" for each in fields(Catalog) if each.name != "products")


def _stray_files(folder: Path) -> Iterator[Problem]:
    """Yield files that look like a part of the catalogue and would not be read."""
    if not folder.is_dir():
        yield Problem(Place(str(folder), 1, 1), "", "there is no such folder. Name the catalogue's")
        return
    for path in sorted(folder.iterdir()):
        if path.suffix == ".csv" and path.name not in _CSV_FILES:
            guess = did_you_mean(path.name, _CSV_FILES) or f" Known are {', '.join(_CSV_FILES)}."
            yield Problem(Place(path.name, 1, 1), "", f"this file is not read.{guess}")
        elif path.suffix in {".yaml", ".yml"}:
            text = "this file is not read. Move it to products/"
            yield Problem(Place(path.name, 1, 1), "", text)
    for path in sorted((folder / "products").glob("*.yml")):
        text = "this file is not read. Let its name end in .yaml"
        yield Problem(Place(f"products/{path.name}", 1, 1), "", text)


def _rows(
    folder: Path, name: str, form: type[AnyRow], problems: list[Problem]
) -> tuple[Entry[AnyRow], ...]:
    if not (folder / name).is_file():
        return ()
    required = {column: field.is_required() for column, field in form.model_fields.items()}
    required["recorded_at"] = required.pop("recorded_at")  # the last column where all are listed
    return _fill(read_csv(folder / name, name=name, columns=required), form, problems)


def _fill(
    documents: Iterable[Document | Problem], form: type[AnyForm], problems: list[Problem]
) -> tuple[Entry[AnyForm], ...]:
    """Return the documents' filled forms; what is wrong with the others goes to `problems`."""
    entries = []
    for document in documents:
        if isinstance(document, Problem):
            problems.append(document)
            continue
        try:
            entries.append(Entry(form.model_validate(document.content), document))
        except ValidationError as error:
            problems.extend(_problem(document, form, each) for each in error.errors())
    return tuple(entries)


def _problem(document: Document, form: type[Form], error: Mapping[str, Any]) -> Problem:
    location: Location = error["loc"]
    match error["type"]:
        case "value_error":
            text = str(error["ctx"]["error"])
        case "missing":
            text = "is missing. Add it"
        case "extra_forbidden":
            text = f"is an unknown key.{_known_keys(form, location)}"
            return document.problem(location, text, at_key=True)
        case "literal_error":
            text = _not_a_choice(error["input"], error["ctx"]["expected"])
        case "too_short":
            text = "is an empty list. Give it at least one value"
        case "tuple_type":
            text = f"{shown(error['input'])} stands where a list belongs. Write [a, b] or - a"
        case _:
            text = f"{shown(error['input'])} stands where a mapping belongs. Write key: value"
    return document.problem(location, text)


def _not_a_choice(value: object, expected: str) -> str:
    choices = re.findall(r"'([^']*)'", expected)
    if len(choices) == 1:
        return f"{shown(value)} is not supported. Write {choices[0]}"
    guess = did_you_mean(str(value), choices)
    return f"{shown(value)} is not one of {', '.join(choices)}.{guess}"


def _known_keys(form: type[Form], location: Location) -> str:
    for part in location[:-1]:
        if isinstance(part, str):
            form = _form_within(form.model_fields[part].annotation) or form
    guess = did_you_mean(str(location[-1]), form.model_fields)
    return guess or f" Known are {', '.join(form.model_fields)}."


def _form_within(annotation: object) -> type[Form] | None:
    if isinstance(annotation, type) and issubclass(annotation, Form):
        return annotation
    return next(filter(None, map(_form_within, get_args(annotation))), None)
