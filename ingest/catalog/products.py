"""Whether a product makes sense: its amounts, its tiers, its elements and its examples.

References that cannot be judged, because the file that they point into is broken, arrive here as
None and are left alone: one mistake is reported once.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from ingest.catalog.currencies import minor_units
from ingest.catalog.entries import Entry
from ingest.catalog.models import (
    BUILT_IN_ELEMENTS,
    TOTAL_COST,
    TRANSACTIONS,
    ElementFee,
    MeteringElement,
    PricingMetric,
    Product,
    ProductFile,
    Source,
)
from ingest.catalog.problems import Location, Problem, did_you_mean
from ingest.catalog.rating import rate_example
from ingest.catalog.values import match_value

_QUANTITY_LIMIT = Decimal(10) ** 13
_LARGEST_AMOUNT = Decimal(10) ** 13
_RATE_LIMIT = Decimal(10) ** 6
_QUANTITY_DECIMALS = 6
_RATE_DECIMALS = 12
# A cost has twelve decimals itself, and the product of both has to fit eighteen.
_RATE_ON_COST_DECIMALS = 6
_COST_DECIMALS = 12
_AI_KINDS = {"ai", "otlp"}

Finding = tuple[Location, str]


@dataclass(frozen=True)
class Surroundings:
    """What a product refers to; None for what could not be read."""

    sources: Mapping[str, Source] | None
    elements: Mapping[str, MeteringElement] | None

    def knows_sources_of(self, product: Product) -> bool:
        """Whether all sources of a product are known, so that what they carry can be judged."""
        return self.sources is not None and set(product.sources) <= set(self.sources)


def product_problems(entry: Entry[ProductFile], around: Surroundings) -> Iterator[Problem]:
    """Yield what is wrong with one product; its examples are rated if nothing else is."""
    product = entry.form.product
    findings = [
        *_amounts(product),
        *_repeated_keys(product),
        *_sources(product, around),
        *_metrics(product, around),
        *_element_fees(product, around),
        *_example_references(product),
    ]
    for location, text in findings or _example_totals(product):
        yield entry.problem(("product", *location), text)


def unknown(word: str, known: Collection[str], what: str) -> str:
    """Return the text of a reference to something that the catalogue does not have."""
    return f"there is no {what} '{word}'. Add it, or correct the name.{did_you_mean(word, known)}"


def decimals(number: Decimal) -> int:
    """Return how many decimal places a number was written with."""
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _amounts(product: Product) -> Iterator[Finding]:
    places = minor_units().get(product.currency)
    for location, amount in _all_amounts(product):
        if amount < 0:
            yield location, f"{amount:f} is negative. Write what is charged, from 0 up"
        elif amount > _LARGEST_AMOUNT:
            yield location, f"{amount:f} is too large. At most {_LARGEST_AMOUNT:f} can be charged"
        elif places is not None and decimals(amount) > places:
            kept = f"{product.currency} has {places}"
            yield location, f"{amount:f} has {decimals(amount)} decimals, {kept}. Round it"


def _all_amounts(product: Product) -> Iterator[tuple[Location, Decimal]]:
    for number, charge in enumerate(product.recurring_charges):
        yield ("recurring_charges", number, "amount"), charge.amount
    for number, metric in enumerate(product.pricing_metrics):
        for tier_number, tier in enumerate(metric.tiers or ()):
            within: Location = ("pricing_metrics", number, "tiers", tier_number)
            yield (*within, "fixed_cost"), tier.fixed_cost
    for number, fee in enumerate(product.element_fees):
        if fee.default is not None:
            yield ("element_fees", number, "default"), fee.default
        for value, amount in fee.amounts.items():
            yield ("element_fees", number, "amounts", value), amount
    for number, example in enumerate(product.examples):
        yield ("examples", number, "total"), example.total


def _repeated_keys(product: Product) -> Iterator[Finding]:
    lists = {
        "recurring_charges": [charge.key for charge in product.recurring_charges],
        "pricing_metrics": [metric.key for metric in product.pricing_metrics],
    }
    for name, keys in lists.items():
        for number in _repeated(keys):
            text = f"the key {keys[number]} is taken by an earlier one. Choose another"
            yield (name, number, "key"), text
    for number in _repeated([fee.element for fee in product.element_fees]):
        text = "the element has fees already. Put all its amounts into one"
        yield ("element_fees", number, "element"), text
    for number in _repeated(product.sources):
        yield ("sources", number), f"{product.sources[number]} stands here twice. Remove one"


def _repeated(words: Iterable[str]) -> Iterator[int]:
    """Yield the positions of words that occurred before."""
    seen = set()
    for number, word in enumerate(words):
        if word in seen:
            yield number
        seen.add(word)


def _sources(product: Product, around: Surroundings) -> Iterator[Finding]:
    if around.sources is not None:
        for number, source in enumerate(product.sources):
            if source not in around.sources:
                yield ("sources", number), unknown(source, around.sources, "source")


def _metrics(product: Product, around: Surroundings) -> Iterator[Finding]:
    for number, metric in enumerate(product.pricing_metrics):
        findings = (
            *_element(product, metric, around),
            *_cost_currency(product, metric),
            *_pricing(metric),
        )
        yield from ((("pricing_metrics", number, *place), text) for place, text in findings)


def _cost_currency(product: Product, metric: PricingMetric) -> Iterator[Finding]:
    # Costs are in USD, and there are no exchange rates yet that could turn them into anything else.
    if metric.element == TOTAL_COST and product.currency != "USD":
        text = f"costs are in USD and the product in {product.currency}. Invoice it in USD"
        yield ("element",), text


def _element(product: Product, metric: PricingMetric, around: Surroundings) -> Iterator[Finding]:
    name = metric.element
    if name == TRANSACTIONS:
        if metric.aggregation != "count":
            yield ("aggregation",), "transactions can only be counted. Write count"
    elif name in BUILT_IN_ELEMENTS:
        if not _takes_ai_events(product, around):
            text = f"only events of AI sources carry {name}. Add a source of kind ai or otlp"
            yield ("element",), text
    elif around.elements is not None:
        element = around.elements.get(name)
        if element is None:
            known = (*around.elements, *BUILT_IN_ELEMENTS)
            yield ("element",), unknown(name, known, "metering element")
            return
        if element.type == "string" and metric.aggregation == "sum":
            text = f"{name} is a string, which cannot be summed. Use count, or make it a number"
            yield ("aggregation",), text
        yield from _attachment(product, element, around)


def _takes_ai_events(product: Product, around: Surroundings) -> bool:
    sources = around.sources
    if sources is None or not around.knows_sources_of(product):
        return True
    return any(sources[source].kind in _AI_KINDS for source in product.sources)


def _attachment(
    product: Product, element: MeteringElement, around: Surroundings
) -> Iterator[Finding]:
    if around.knows_sources_of(product) and not set(element.sources) & set(product.sources):
        text = (
            f"no source of this product carries {element.element}. "
            f"Attach one in metering_elements.csv, or add one of its sources to the product"
        )
        yield ("element",), text


def _pricing(metric: PricingMetric) -> Iterator[Finding]:
    forms = [
        metric.tiers is not None,
        metric.included is not None or metric.overage_rate is not None,
        metric.markup is not None,
    ]
    if sum(forms) != 1:
        yield (), "needs one form of pricing: tiers, included with overage_rate, or markup"
    elif metric.tiers is not None:
        yield from _tiers(metric)
    elif metric.markup is not None:
        yield from _markup(metric)
    elif metric.included is None or metric.overage_rate is None:
        missing = "included" if metric.included is None else "overage_rate"
        yield (missing,), "is missing. included and overage_rate go together"
    else:
        yield from _bound(("included",), metric.included, Decimal(0))
        yield from _rate(("overage_rate",), metric.overage_rate, metric)


def _markup(metric: PricingMetric) -> Iterator[Finding]:
    if (metric.element, metric.aggregation) != (TOTAL_COST, "sum"):
        yield ("markup",), f"only the sum of {TOTAL_COST} takes a markup. Use tiers"
    for tier in metric.graduated():
        yield from _rate(("markup",), tier.unit_rate, metric)


def _tiers(metric: PricingMetric) -> Iterator[Finding]:
    tiers = metric.tiers or ()
    if not tiers:
        yield ("tiers",), "is an empty list. Give it at least one tier"
    lower = Decimal(0)
    for number, tier in enumerate(tiers):
        place: Location = ("tiers", number, "up_to")
        yield from _rate(("tiers", number, "unit_rate"), tier.unit_rate, metric)
        is_last = number == len(tiers) - 1
        if tier.up_to is None:
            if not is_last:
                yield place, "only the last tier is unlimited. Give this one a bound"
            continue
        if is_last:
            yield place, f"the last tier ends at {tier.up_to:f}. Let it be unlimited"
        yield from _bound(place, tier.up_to, lower)
        lower = max(lower, tier.up_to)


def _bound(location: Location, bound: Decimal, lower: Decimal) -> Iterator[Finding]:
    if bound <= lower:
        yield (
            location,
            f"{bound:f} is not above {lower:f}, where the tier begins. Let bounds ascend",
        )
    elif bound >= _QUANTITY_LIMIT:
        yield location, f"{bound:f} is too large. A bound is below {_QUANTITY_LIMIT:f}"
    elif decimals(bound) > _QUANTITY_DECIMALS:
        text = f"{bound:f} has {decimals(bound)} decimals. Quantities have {_QUANTITY_DECIMALS}"
        yield location, f"{text}: round it"


def _rate(location: Location, rate: Decimal, metric: PricingMetric) -> Iterator[Finding]:
    most = _RATE_ON_COST_DECIMALS if metric.element == TOTAL_COST else _RATE_DECIMALS
    if rate < 0:
        yield location, f"{rate:f} is negative. Write a rate from 0 up"
    elif rate >= _RATE_LIMIT:
        yield location, f"{rate:f} is too large. A unit rate is below {_RATE_LIMIT:f}"
    elif decimals(rate) > most:
        text = f"{rate:f} has {decimals(rate)} decimals, a rate on {metric.element} has {most}"
        yield location, f"{text}. Round it"


def _element_fees(product: Product, around: Surroundings) -> Iterator[Finding]:
    for number, fee in enumerate(product.element_fees):
        findings = (*_fee_element(product, fee, around), *_fee_amounts(fee))
        yield from ((("element_fees", number, *place), text) for place, text in findings)


def _fee_element(product: Product, fee: ElementFee, around: Surroundings) -> Iterator[Finding]:
    if fee.element in BUILT_IN_ELEMENTS:
        text = "a built-in element has no values to charge for"
        yield ("element",), f"{text}. Name one of metering_elements.csv"
    elif around.elements is not None:
        element = around.elements.get(fee.element)
        if element is None:
            yield ("element",), unknown(fee.element, around.elements, "metering element")
        else:
            yield from _attachment(product, element, around)


def _fee_amounts(fee: ElementFee) -> Iterator[Finding]:
    if not fee.amounts and fee.default is None:
        yield ("amounts",), "charges nothing. Give amounts, a default, or both"
    values = list(fee.amounts)
    for number in _repeated(map(match_value, values)):
        text = "is the same value as one above, but for case or blanks. Keep one"
        yield ("amounts", values[number]), text
    for value in values:
        if not match_value(value):
            yield ("amounts", value), "a blank is no value. Write the value, or use default"


def _example_references(product: Product) -> Iterator[Finding]:
    metrics = {metric.key: metric for metric in product.pricing_metrics}
    fees = {fee.element for fee in product.element_fees}
    for number, example in enumerate(product.examples):
        place: Location = ("examples", number)
        for key, quantity in example.units.items():
            at = (*place, "units", key)
            if key not in metrics:
                yield at, unknown(key, metrics, "pricing metric")
            else:
                yield from _quantity(at, quantity, metrics[key])
        for element in example.elements:
            if element not in fees:
                yield (*place, "elements", element), unknown(element, fees, "fee on the element")


def _quantity(location: Location, quantity: Decimal, metric: PricingMetric) -> Iterator[Finding]:
    most = _COST_DECIMALS if metric.element == TOTAL_COST else _QUANTITY_DECIMALS
    if not 0 <= quantity < _QUANTITY_LIMIT or decimals(quantity) > most:
        text = f"{quantity:f} is no quantity. Write 0 or more, below {_QUANTITY_LIMIT:f}"
        yield location, f"{text} and with at most {most} decimals"


def _example_totals(product: Product) -> Iterator[Finding]:
    for number, example in enumerate(product.examples):
        total = rate_example(product, example, minor_unit=minor_units()[product.currency])
        if total != example.total:
            text = (
                f"expected {example.total:f}, computed {total:f}. Correct the prices or the example"
            )
            yield ("examples", number, "total"), text
