"""Whether what a product charges for usage makes sense: metrics, filters, tiers, element fees."""

from collections.abc import Collection, Hashable, Iterable, Iterator

from ingest.catalog.amounts import wrong_bound, wrong_rate
from ingest.catalog.elements import (
    AI_TEXTS,
    BUILT_IN_ELEMENTS,
    FILTER_COLUMNS,
    SOURCE,
    TOTAL_COST,
    TRANSACTIONS,
)
from ingest.catalog.models import Product
from ingest.catalog.pricing import ZERO, ElementFee, PricingMetric
from ingest.catalog.problems import Finding, Location, unknown
from ingest.catalog.surroundings import Surroundings
from ingest.catalog.values import match_value

# What cannot be done with a string, by the aggregation that would.
_NUMERIC = {"sum": "summed", "average": "averaged", "maximum": "ranked"}
_OF_VALUES = ("count_unique", "match_value")


def wrong_metrics(product: Product, around: Surroundings) -> Iterator[Finding]:
    """Yield what is wrong with a product's pricing metrics."""
    for number, metric in enumerate(product.pricing_metrics):
        findings = (
            *_element(product, metric, around),
            *_value(metric),
            *_cost_currency(product, metric, around),
            *_filters(product, metric, around),
            *_pricing(metric),
        )
        yield from ((("pricing_metrics", number, *place), text) for place, text in findings)


def wrong_element_fees(product: Product, around: Surroundings) -> Iterator[Finding]:
    """Yield what is wrong with a product's distinct-element fees."""
    for number, fee in enumerate(product.element_fees):
        findings = (*_fee_element(product, fee, around), *_fee_amounts(fee))
        yield from ((("element_fees", number, *place), text) for place, text in findings)


def not_carried(element: str, product: Product, around: Surroundings) -> str | None:
    """Return what is wrong where no source of a product can carry a known element."""
    if element in AI_TEXTS or element in BUILT_IN_ELEMENTS:
        if around.takes_ai_events(product):
            return None
        return f"only events of AI sources carry {element}. Add a source of kind ai or otlp"
    if around.is_carried(element, product):
        return None
    return (
        f"no source of this product carries {element}. "
        f"Attach one in metering_elements.csv, or add one of its sources to the product"
    )


def repeated(words: Iterable[Hashable]) -> Iterator[int]:
    """Yield the positions of words that occurred before."""
    seen = set()
    for number, word in enumerate(words):
        if word in seen:
            yield number
        seen.add(word)


def _element(product: Product, metric: PricingMetric, around: Surroundings) -> Iterator[Finding]:
    name = metric.element
    if name == TRANSACTIONS:
        if metric.aggregation != "count":
            yield ("aggregation",), "transactions can only be counted. Write count"
    elif name in BUILT_IN_ELEMENTS or around.elements is None or name in around.elements:
        yield from _aggregation(metric, around)
        if around.elements is not None and (text := not_carried(name, product, around)):
            yield ("element",), text
    else:
        known = (*around.elements, *BUILT_IN_ELEMENTS)
        yield ("element",), unknown(name, known, "metering element")


def _aggregation(metric: PricingMetric, around: Surroundings) -> Iterator[Finding]:
    name, element = metric.element, (around.elements or {}).get(metric.element)
    if name in BUILT_IN_ELEMENTS and metric.aggregation in _OF_VALUES:
        text = f"{name} is a number that differs from event to event"
        yield ("aggregation",), f"{text}. Use sum, average, maximum or count"
    elif element and element.type == "string" and metric.aggregation in _NUMERIC:
        text = f"{name} is a string, which cannot be {_NUMERIC[metric.aggregation]}"
        yield ("aggregation",), f"{text}. Use count, or make it a number"


def _value(metric: PricingMetric) -> Iterator[Finding]:
    if metric.aggregation == "match_value" and metric.value is None:
        yield ("value",), "is missing. Write the value that match_value counts"
    elif metric.aggregation != "match_value" and metric.value is not None:
        text = f"has no meaning for {metric.aggregation}"
        yield ("value",), f"{text}. Remove it, or let the aggregation be match_value"


def _cost_currency(
    product: Product, metric: PricingMetric, around: Surroundings
) -> Iterator[Finding]:
    if metric.element != TOTAL_COST or product.currency == "USD" or around.exchanged is None:
        return
    if product.currency not in around.exchanged:
        text = f"costs are in USD and the product in {product.currency}, without an exchange rate"
        yield ("element",), f"{text}. Add rows for {product.currency} to exchange_rates.csv"


def _filters(product: Product, metric: PricingMetric, around: Surroundings) -> Iterator[Finding]:
    for element, values in metric.filters.items():
        place: Location = ("filters", element)
        if text := _unfiltered(element, product, around):
            yield place, text
        elif not values:
            yield place, "is an empty list. Give it at least one value"
        for number in repeated(map(match_value, values)):
            text = f"'{values[number]}' is the same value as one before, but for case or blanks"
            yield place, f"{text}. Keep one"
        if element == SOURCE:
            yield from _source_filter(place, values, product)


def _unfiltered(element: str, product: Product, around: Surroundings) -> str | None:
    if element == SOURCE:
        return None
    if element in BUILT_IN_ELEMENTS:
        return "a built-in element has no values to filter by. Name one of metering_elements.csv"
    if element not in AI_TEXTS:
        if around.elements is None:
            return None
        if element not in around.elements:
            return unknown(element, (*around.elements, *FILTER_COLUMNS), "metering element")
    return not_carried(element, product, around)


def _source_filter(place: Location, values: Collection[str], product: Product) -> Iterator[Finding]:
    known = {match_value(source): source for source in product.sources}
    for value in values:
        if match_value(value) not in known:
            yield place, unknown(value, product.sources, "source of this product")


def _pricing(metric: PricingMetric) -> Iterator[Finding]:
    forms = [
        metric.tiers is not None,
        metric.included is not None or metric.overage_rate is not None,
        metric.markup is not None,
    ]
    if sum(forms) != 1:
        yield (), "needs one form of pricing: tiers, included with overage_rate, or markup"
        return
    if metric.tiers is None and "pricing" in metric.model_fields_set:
        yield ("pricing",), "says how tiers apply, and there are none. Write tiers, or remove it"
    if metric.tiers is not None:
        yield from _tiers(metric)
    elif metric.markup is not None:
        yield from _markup(metric)
    elif metric.included is None or metric.overage_rate is None:
        missing = "included" if metric.included is None else "overage_rate"
        yield (missing,), "is missing. included and overage_rate go together"
    else:
        yield from wrong_bound(("included",), metric.included, ZERO)
        yield from wrong_rate(("overage_rate",), metric.overage_rate, metric.element)


def _markup(metric: PricingMetric) -> Iterator[Finding]:
    if (metric.element, metric.aggregation) != (TOTAL_COST, "sum"):
        yield ("markup",), f"only the sum of {TOTAL_COST} takes a markup. Use tiers"
    if metric.markup is not None:
        yield from wrong_rate(("markup",), 1 + metric.markup / 100, metric.element)


def _tiers(metric: PricingMetric) -> Iterator[Finding]:
    tiers = metric.tiers or ()
    if not tiers:
        yield ("tiers",), "is an empty list. Give it at least one tier"
    lower = ZERO
    for number, tier in enumerate(tiers):
        place: Location = ("tiers", number, "up_to")
        yield from wrong_rate(("tiers", number, "unit_rate"), tier.unit_rate, metric.element)
        is_last = number == len(tiers) - 1
        if tier.up_to is None:
            if not is_last:
                yield place, "only the last tier is unlimited. Give this one a bound"
            continue
        if is_last:
            yield place, f"the last tier ends at {tier.up_to:f}. Let it be unlimited"
        yield from wrong_bound(place, tier.up_to, lower)
        lower = max(lower, tier.up_to)


def _fee_element(product: Product, fee: ElementFee, around: Surroundings) -> Iterator[Finding]:
    if fee.element in BUILT_IN_ELEMENTS:
        text = "a built-in element has no values to charge for"
        yield ("element",), f"{text}. Name one of metering_elements.csv"
    elif around.elements is not None:
        if fee.element not in around.elements:
            yield ("element",), unknown(fee.element, around.elements, "metering element")
        elif reason := not_carried(fee.element, product, around):
            yield ("element",), reason


def _fee_amounts(fee: ElementFee) -> Iterator[Finding]:
    if not fee.amounts and fee.default is None:
        yield ("amounts",), "charges nothing. Give amounts, a default, or both"
    values = list(fee.amounts)
    for number in repeated(map(match_value, values)):
        text = "is the same value as one above, but for case or blanks. Keep one"
        yield ("amounts", values[number]), text
    for value in values:
        if not match_value(value):
            yield ("amounts", value), "a blank is no value. Write the value, or use default"
