"""Whether the files of a catalogue fit together."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from ingest.catalog.entries import AnyForm, Catalog, Entry, read_catalog
from ingest.catalog.models import (
    BUILT_IN_ELEMENTS,
    Credential,
    ProductFile,
    Subscriber,
    Subscription,
)
from ingest.catalog.problems import CatalogError, Problem
from ingest.catalog.products import Surroundings, decimals, product_problems, unknown

# The price of one token has twelve decimals and lies below 10^6.
_PRICE_DECIMALS = 6
_PRICE_PER_MILLION_LIMIT = Decimal(10) ** 12

# The rows that refer to another file, by the column that is the other file's key.
_REFERENCES = (
    ("subscribers", "organization_id", "organizations"),
    ("subscriptions", "organization_id", "organizations"),
    ("subscriptions", "subscriber_id", "subscribers"),
    ("credentials", "subscription_id", "subscriptions"),
)


def check_catalog(folder: Path) -> Catalog:
    """Return the catalogue in a folder, complete and consistent.

    A reference into a file that is itself broken is not judged until that file is mended.

    Raises:
        CatalogError: with every problem of every file.
    """
    catalog, problems = read_catalog(folder)
    broken = {problem.place.file.partition("/")[0].removesuffix(".csv") for problem in problems}
    problems += _problems(catalog, broken)
    if problems:
        raise CatalogError(problems)
    return catalog


def _problems(catalog: Catalog, broken: Collection[str]) -> Iterator[Problem]:
    sources = {entry.form.source_id: entry.form for entry in catalog.sources}
    elements = {entry.form.element: entry.form for entry in catalog.metering_elements}
    around = Surroundings(
        sources=None if "sources" in broken else sources,
        elements=None if "metering_elements" in broken else elements,
    )
    for entry in catalog.products:
        yield from product_problems(entry, around)
    yield from _versions(catalog.products)
    yield from _repetitions(catalog)
    yield from _references(catalog, broken)
    yield from _metering_elements(catalog, around)
    if "products" not in broken:
        yield from _subscribed_products(catalog)
    yield from _times(catalog)
    yield from _ai_prices(catalog)


def _versions(products: Iterable[Entry[ProductFile]]) -> Iterator[Problem]:
    first_file: dict[tuple[str, datetime], str] = {}
    first_entry: dict[str, Entry[ProductFile]] = {}
    for entry in products:
        product = entry.form.product
        terms = (product.product_id, product.valid_from)
        if terms in first_file:
            text = f"{first_file[terms]} has terms of {product.product_id} from this instant on"
            text = f"{text}. Choose another instant, or a new version"
            yield entry.problem(("product", "effective_from"), text)
        first_file.setdefault(terms, entry.place.file)
        first = first_entry.setdefault(product.product_id, entry)
        if product.settlement.timezone != first.form.product.settlement.timezone:
            text = f"{first.place.file} has another one, and a version keeps its time zone"
            text = f"{text}. Give this product a new version"
            yield entry.problem(("product", "settlement", "timezone"), text)


def _repetitions(catalog: Catalog) -> Iterator[Problem]:
    for name, column in (
        ("organizations", "organization_id"),
        ("subscribers", "subscriber_id"),
        ("sources", "source_id"),
        ("metering_elements", "element"),
        ("subscriptions", "subscription_id"),
    ):
        yield from _repeated(getattr(catalog, name), column, attrgetter(column))
    yield from _repeated(catalog.subscribers, "email", _mailbox)
    yield from _repeated(catalog.ai_prices, "model", lambda price: price.identity)


def _mailbox(subscriber: Subscriber) -> str | None:
    return subscriber.email and subscriber.email.lower()


def _repeated(
    entries: Iterable[Entry[AnyForm]], column: str, key: Callable[[AnyForm], Hashable]
) -> Iterator[Problem]:
    first_line: dict[Hashable, int] = {}
    for entry in entries:
        value = key(entry.form)
        if value is None:
            continue
        if value in first_line:
            # The value stays out of the text: it may be an e-mail address.
            text = f"the same stands on line {first_line[value]} already. Keep one row"
            yield entry.problem((column,), text)
        first_line.setdefault(value, entry.place.line)


def _references(catalog: Catalog, broken: Collection[str]) -> Iterator[Problem]:
    for name, column, target in _REFERENCES:
        known = {getattr(entry.form, column) for entry in getattr(catalog, target)}
        for entry in () if target in broken else getattr(catalog, name):
            word = getattr(entry.form, column)
            if word is not None and word not in known:
                yield entry.problem((column,), unknown(word, known, column.removesuffix("_id")))


def _metering_elements(catalog: Catalog, around: Surroundings) -> Iterator[Problem]:
    for entry in catalog.metering_elements:
        if entry.form.element in BUILT_IN_ELEMENTS:
            yield entry.problem(("element",), "is built in. Remove the row")
        if around.sources is not None:
            for source in entry.form.sources:
                if source not in around.sources:
                    yield entry.problem(("sources",), unknown(source, around.sources, "source"))


def _subscribed_products(catalog: Catalog) -> Iterator[Problem]:
    versions = defaultdict(list)
    for product in (entry.form.product for entry in catalog.products):
        versions[product.key].append(product.version)
    for entry in catalog.subscriptions:
        key, version = entry.form.product, entry.form.version
        if key not in versions:
            yield entry.problem(("product",), unknown(key, versions, "product"))
        elif version not in versions[key]:
            known = ", ".join(sorted(set(versions[key])))
            text = f"{key} has no version '{version}'. It has {known}: write one of them"
            yield entry.problem(("version",), text)


def _times(catalog: Catalog) -> Iterator[Problem]:
    zones = catalog.zones()
    first_terms = catalog.first_terms()
    for entry in catalog.subscriptions:
        if zone := zones.get(entry.form.product_id):
            yield from _subscription_span(entry, entry.form.span(zone), first_terms)
    starts = catalog.subscription_starts()
    uses: dict[tuple[str, str], list[_Use]] = defaultdict(list)
    for credential in catalog.credentials:
        row = credential.form
        if start := starts.get(row.subscription_id):
            valid_from, valid_to = row.span(*start)
            yield from _order(credential, "valid_to", (valid_from, valid_to))
            use = _Use(valid_from, credential.place.line, valid_to, credential)
            uses[row.subscription_id, row.value].append(use)
    for each in uses.values():
        for earlier, later in pairwise(sorted(each)):
            if earlier.ended_at is None or later.started_at < earlier.ended_at:
                text = f"holds while line {earlier.line} maps the same value to the subscription"
                yield later.entry.problem(("valid_from",), f"{text}. End that one before")


def _subscription_span(
    entry: Entry[Subscription],
    span: tuple[datetime, datetime | None],
    first_terms: Mapping[str, datetime],
) -> Iterator[Problem]:
    yield from _order(entry, "ended_at", span)
    if span[0] < first_terms[entry.form.product_id]:
        text = "is before the first terms of its product. Start it later, or give the product"
        yield entry.problem(("started_at",), f"{text} an earlier effective_from")


class _Use(NamedTuple):
    """A credential's value in one subscription; sorts by time, then by line."""

    started_at: datetime
    line: int
    ended_at: datetime | None
    entry: Entry[Credential]


def _order(
    entry: Entry[AnyForm], column: str, span: tuple[datetime, datetime | None]
) -> Iterator[Problem]:
    started_at, ended_at = span
    if ended_at is not None and ended_at <= started_at:
        yield entry.problem((column,), "is not after the start. Correct one of the two")


def _ai_prices(catalog: Catalog) -> Iterator[Problem]:
    for entry in catalog.ai_prices:
        for column in ("input", "output", "cache_read", "cache_write"):
            price = getattr(entry.form, column)
            if price is None:
                continue
            if not 0 <= price < _PRICE_PER_MILLION_LIMIT or decimals(price) > _PRICE_DECIMALS:
                text = f"{price:f} is no price. Write 0 or more with at most {_PRICE_DECIMALS}"
                yield entry.problem((column,), f"{text} decimals")
