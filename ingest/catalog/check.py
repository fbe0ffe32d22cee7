"""Whether the files of a catalogue fit together."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import combinations
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from ingest.catalog.amounts import decimals, wrong_exchange_rate
from ingest.catalog.elements import BUILT_IN_ELEMENTS
from ingest.catalog.entries import AnyForm, Catalog, Entry, in_order_known, read_catalog
from ingest.catalog.models import ProductFile
from ingest.catalog.problems import CatalogError, Location, Problem, told_twice, unknown
from ingest.catalog.products import product_problems
from ingest.catalog.rows import BEGINNING, Credential
from ingest.catalog.subscriptions import (
    no_version,
    order_problems,
    settlement_of,
    subscription_problems,
)
from ingest.catalog.surroundings import Surroundings, surroundings
from ingest.rules import EVENT_COLUMNS

# The price of one token, image or second has at most twelve decimals and lies below 10^6.
_PRICE_DECIMALS = 12
_PRICE_LIMIT = Decimal(10) ** 6
_PER_MILLION = 6
_FOREVER = datetime.max.replace(tzinfo=UTC)

# The rows that refer to another file, by the column that is the other file's key.
_REFERENCES = (
    ("subscribers", "organization_id", "organizations"),
    ("subscriptions", "organization_id", "organizations"),
    ("subscriptions", "subscriber_id", "subscribers"),
    ("cancellations", "subscription_id", "subscriptions"),
    ("upgrades", "subscription_id", "subscriptions"),
    ("credentials", "subscription_id", "subscriptions"),
)
# The columns that say what a row is about; a later-recorded row about the same replaces it.
# Those with an instant among them are judged where that is known.
_KEYS = (
    ("organizations", "organization_id"),
    ("subscribers", "subscriber_id"),
    ("sources", "source_id"),
    ("metering_elements", "element"),
    ("subscriptions", "subscription_id"),
    ("exchange_rates", "currency since"),
    ("ai_prices", "model identity"),
    ("unit_prices", "model identity"),
)
_KEPT: dict[str, Location] = {
    "settlement period": ("product", "settlement", "every"),
    "time zone": ("product", "settlement", "timezone"),
    "currency": ("product", "currency"),
}


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
    around = surroundings(catalog, broken)
    for entry in catalog.products:
        yield from product_problems(entry, around)
    yield from _versions(catalog.products)
    yield from _rules(catalog.products)
    yield from _repetitions(catalog)
    yield from _references(catalog, broken)
    yield from _metering_elements(catalog, around)
    if "products" not in broken:
        yield from _subscribed_products(catalog)
    yield from subscription_problems(catalog, broken)
    yield from _credentials(catalog)
    yield from _prices(catalog)


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
        kept = settlement_of(first.form.product)
        for what, value in settlement_of(product).items():
            if value != kept[what]:
                text = f"{first.place.file} has another one, and a version keeps its {what}"
                yield entry.problem(_KEPT[what], f"{text}. Give this product a new version")


class _Use(NamedTuple):
    """What holds in a span of time, and is known in another; what is told twice is known twice."""

    started_at: datetime
    ended_at: datetime | None
    entry: Entry[Any]
    location: Location
    known_from: datetime = BEGINNING
    known_to: datetime = _FOREVER

    def meets(self, other: "_Use") -> bool:
        """Whether there is an instant at which both are known to hold at one time."""
        hold = self.started_at < (other.ended_at or _FOREVER)
        hold &= other.started_at < (self.ended_at or _FOREVER)
        known = self.known_from < other.known_to and other.known_from < self.known_to
        return hold and (known or self.known_from == other.known_from)


def _meeting(uses: Iterable[_Use]) -> Iterator[tuple[_Use, _Use]]:
    """Yield pairs of uses that meet, the earlier one first."""
    in_order = sorted(uses, key=lambda use: (use.started_at, use.known_from))
    return (pair for pair in combinations(in_order, 2) if pair[0].meets(pair[1]))


def _rules(products: Iterable[Entry[ProductFile]]) -> Iterator[Problem]:
    uses: dict[tuple[str, str], list[_Use]] = defaultdict(list)
    for entry in products:
        product = entry.form.product
        for number, rule in enumerate(product.pricing_rules):
            location = ("product", "pricing_rules", number, "key")
            use = _Use(*product.rule_span(rule), entry, location)
            uses[product.product_id, rule.key].append(use)
    for each in uses.values():
        for earlier, later in _meeting(each):
            place = earlier.entry.document.places[earlier.location]
            text = f"holds while line {place.line} of {place.file} has a rule of this key"
            text = f"{text}. End that one before, or choose another key"
            yield later.entry.problem(later.location, text)


def _repetitions(catalog: Catalog) -> Iterator[Problem]:
    for name, columns in _KEYS:
        named = attrgetter("recorded_at", *columns.split())
        for entry, line in _repeated(getattr(catalog, name), named):
            # The value stays out of the text: it may be an e-mail address.
            yield entry.problem((columns.split()[0],), told_twice(line))
    latest = {entry.form.subscriber_id: entry for entry in in_order_known(catalog.subscribers)}
    with_email = [entry for entry in latest.values() if entry.form.email]
    for each, line in _repeated(with_email, lambda row: str(row.email).lower()):
        yield each.problem(("email",), f"the same stands on line {line} already. Keep one row")


def _repeated(
    entries: Iterable[Entry[AnyForm]], key: Callable[[AnyForm], Hashable]
) -> Iterator[tuple[Entry[AnyForm], int]]:
    """Yield entries whose key stands on an earlier line, with that line."""
    first_line: dict[Hashable, int] = {}
    for entry in sorted(entries, key=lambda entry: entry.place):
        if key(entry.form) in first_line:
            yield entry, first_line[key(entry.form)]
        first_line.setdefault(key(entry.form), entry.place.line)


def _references(catalog: Catalog, broken: Collection[str]) -> Iterator[Problem]:
    for name, column, target in _REFERENCES:
        known = {getattr(entry.form, column) for entry in getattr(catalog, target)}
        for entry in () if target in broken else getattr(catalog, name):
            word = getattr(entry.form, column)
            if word is not None and word not in known:
                yield entry.problem((column,), unknown(word, known, column.removesuffix("_id")))


def _metering_elements(catalog: Catalog, around: Surroundings) -> Iterator[Problem]:
    for entry in catalog.metering_elements:
        if entry.form.element in (*BUILT_IN_ELEMENTS, *EVENT_COLUMNS):
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
            yield entry.problem(("version",), no_version(key, version, versions[key]))


def _credentials(catalog: Catalog) -> Iterator[Problem]:
    mappings: dict[Hashable, list[Entry[Credential]]] = defaultdict(list)
    uses: dict[Hashable, list[_Use]] = defaultdict(list)
    for entry in in_order_known(catalog.credentials):
        row = entry.form
        if start := catalog.subscription_starts.get(row.subscription_id):
            yield from order_problems(entry, "valid_to", row.span(*start))
            mappings[row.subscription_id, row.value, row.span(*start)[0]].append(entry)
    for versions in mappings.values():
        ends = [*(each.form.recorded_at or BEGINNING for each in versions[1:]), _FOREVER]
        for entry, known_to in zip(versions, ends, strict=True):
            row = entry.form
            span = row.span(*catalog.subscription_starts[row.subscription_id])
            use = _Use(*span, entry, ("valid_from",), row.recorded_at or BEGINNING, known_to)
            uses[row.subscription_id, row.value].append(use)
    for each in uses.values():
        for earlier, later in _meeting(each):
            text = f"holds while line {earlier.entry.place.line} maps the same value to the"
            text = f"{text} subscription. End that one before"
            yield later.entry.problem(later.location, text)


def _prices(catalog: Catalog) -> Iterator[Problem]:
    for rate in catalog.exchange_rates:
        for location, text in wrong_exchange_rate(("per_usd",), rate.form.per_usd):
            yield rate.problem(location, text)
        if rate.form.currency == "USD":
            yield rate.problem(("currency",), "is what rates are told in. Remove the row")
    yield from _prices_of_models(catalog)


def _prices_of_models(catalog: Catalog) -> Iterator[Problem]:
    for entry in catalog.ai_prices:
        for column in ("input", "output", "cache_read", "cache_write"):
            price = getattr(entry.form, column)
            if price is not None and not _is_price(price, digits=_PER_MILLION):
                yield entry.problem((column,), _no_price(price, digits=_PER_MILLION))
    for row in catalog.unit_prices:
        if not _is_price(row.form.usd_per_unit, digits=0):
            yield row.problem(("usd_per_unit",), _no_price(row.form.usd_per_unit, digits=0))


def _is_price(price: Decimal, *, digits: int) -> bool:
    """Whether a price of 10^digits units is one that a cost can be computed from."""
    one = price.scaleb(-digits)
    return 0 <= one < _PRICE_LIMIT and decimals(one) <= _PRICE_DECIMALS


def _no_price(price: Decimal, *, digits: int) -> str:
    most = _PRICE_DECIMALS - digits
    return f"{price:f} is no price. Write 0 or more with at most {most} decimals"
