"""Whether a product makes sense: its preset, amounts, settlement, quota, rules and examples."""

from collections.abc import Iterator
from decimal import Decimal

from ingest.catalog.amounts import wrong_amount, wrong_bound, wrong_quantity, wrong_rate
from ingest.catalog.currencies import minor_units
from ingest.catalog.elements import TRANSACTIONS
from ingest.catalog.entries import Entry
from ingest.catalog.metrics import not_carried, repeated, wrong_element_fees, wrong_metrics
from ingest.catalog.models import Product, ProductFile
from ingest.catalog.pricing import ZERO, PricingModel, PricingRule, Quota
from ingest.catalog.problems import Finding, Location, Problem, unknown
from ingest.catalog.rating import rate_example
from ingest.catalog.surroundings import Surroundings
from ingest.catalog.terms import (
    QUOTA_METRIC,
    counts_all_transactions,
    limited_metric,
    place_of,
    produced_keys,
    rated_metrics,
    written_out,
)
from ingest.rules import EVENT_COLUMNS, RuleError, check_rule

_PRICES = (
    "one_time_charges",
    "setup_fee",
    "recurring_charges",
    "pricing_metrics",
    "element_fees",
    "pricing_rules",
)


def product_problems(entry: Entry[ProductFile], around: Surroundings) -> Iterator[Problem]:
    """Yield what is wrong with one product; its examples are rated if nothing else is."""
    product = entry.form.product
    findings = [*_preset(product)]
    if findings:  # what it stands for, and so what examples cost, cannot be told
        product = product.model_copy(update={"pricing_model": None, "examples": ()})
    whole = written_out(product)
    findings += [
        *_amounts(whole),
        *_repeated_keys(whole),
        *_sources(whole, around),
        *_settlement(whole),
        *_setup_fee(whole),
        *wrong_metrics(whole, around),
        *wrong_element_fees(whole, around),
        *_quota(whole),
        *_rules(whole, around),
        *_example_references(whole),
    ]
    for location, text in findings or _example_totals(product):
        yield entry.problem(("product", *place_of(location, product)), text)


def _preset(product: Product) -> Iterator[Finding]:
    preset = product.pricing_model
    if preset is None:
        return
    shape = [*_preset_keys(preset)]
    yield from shape
    if not shape:
        for key in produced_keys(preset):
            if getattr(product, key):
                text = f"stands beside the pricing_model {preset.type}, which makes it"
                yield (key,), f"{text}. Keep one of the two"
    if preset.is_analytics_only:
        yield from _analytics_prices(product)


def _preset_keys(preset: PricingModel) -> Iterator[Finding]:
    for key in preset.required_keys:
        if getattr(preset, key) is None:
            yield ("pricing_model", key), f"is missing. {preset.type} needs it"
    for key in sorted(preset.model_fields_set.difference(preset.known_keys)):
        known = ", ".join(preset.known_keys)
        text = f"has no meaning for {preset.type}, which takes {known}. Remove it"
        yield ("pricing_model", key), text


def _analytics_prices(product: Product) -> Iterator[Finding]:
    text = "charges, and an analytics_only product never does. Remove it, or the pricing_model"
    for key in _PRICES:
        if getattr(product, key):
            yield (key,), text
    if product.quota is not None and product.quota.effect == "overage":
        yield ("quota",), f"{text}; a quota may block"


def _amounts(product: Product) -> Iterator[Finding]:
    for location, amount in (*_fixed_amounts(product), *_usage_amounts(product)):
        yield from wrong_amount(location, amount, product.currency)


def _fixed_amounts(product: Product) -> Iterator[tuple[Location, Decimal]]:
    for number, once in enumerate(product.one_time_charges):
        yield ("one_time_charges", number, "amount"), once.amount
    for number, charge in enumerate(product.recurring_charges):
        yield ("recurring_charges", number, "amount"), charge.amount
    if product.setup_fee is not None:
        yield ("setup_fee", "amount"), product.setup_fee.amount
    for number, example in enumerate(product.examples):
        yield ("examples", number, "total"), example.total


def _usage_amounts(product: Product) -> Iterator[tuple[Location, Decimal]]:
    for number, metric in enumerate(product.pricing_metrics):
        for tier_number, tier in enumerate(metric.tiers or ()):
            within: Location = ("pricing_metrics", number, "tiers", tier_number)
            yield (*within, "fixed_cost"), tier.fixed_cost
    for number, fee in enumerate(product.element_fees):
        if fee.default is not None:
            yield ("element_fees", number, "default"), fee.default
        for value, amount in fee.amounts.items():
            yield ("element_fees", number, "amounts", value), amount


def _repeated_keys(product: Product) -> Iterator[Finding]:
    for name in ("one_time_charges", "recurring_charges", "pricing_metrics"):
        keys = [each.key for each in getattr(product, name)]
        for number in repeated(keys):
            text = f"the key {keys[number]} is taken by an earlier one. Choose another"
            yield (name, number, "key"), text
    for number in repeated([fee.element for fee in product.element_fees]):
        text = "the element has fees already. Put all its amounts into one"
        yield ("element_fees", number, "element"), text
    for number in repeated(product.sources):
        yield ("sources", number), f"{product.sources[number]} stands here twice. Remove one"


def _sources(product: Product, around: Surroundings) -> Iterator[Finding]:
    if around.sources is not None:
        for number, source in enumerate(product.sources):
            if source not in around.sources:
                yield ("sources", number), unknown(source, around.sources, "source")


def _settlement(product: Product) -> Iterator[Finding]:
    settlement = product.settlement
    if settlement.align == "calendar" and settlement.every.calendar_unit is None:
        text = "such periods are in no calendar"
        remedy = "Write day, week, month, quarter or year, or align: anniversary"
        yield ("settlement", "align"), f"{text}. {remedy}"
    if settlement.every.is_test and settlement.grace_seconds:
        yield ("settlement", "grace"), "is 0 for periods of 5 minutes. Remove it"


def _setup_fee(product: Product) -> Iterator[Finding]:
    fee = product.setup_fee
    if fee is not None and fee.bill == "immediate" and fee.amount == 0:
        text = "0 is never paid, and nothing is live until it is"
        yield ("setup_fee", "amount"), f"{text}. Write an amount, or bill: first_invoice"


def _quota(product: Product) -> Iterator[Finding]:
    quota = product.quota
    if quota is None:
        if product.quota_threshold is not None:
            yield ("quota_threshold",), "is a share of a quota. Give the product one, or remove it"
        return
    findings = (*_quota_effect(quota), *_quota_metric(product, quota))
    yield from ((("quota", *place), text) for place, text in findings)
    keys = [metric.key for metric in product.pricing_metrics]
    if QUOTA_METRIC in keys and quota.effect == "overage" and quota.metric is None:
        text = f"{QUOTA_METRIC} is the key under which the product's quota is priced"
        number = keys.index(QUOTA_METRIC)
        yield ("pricing_metrics", number, "key"), f"{text}. Choose another"


def _quota_effect(quota: Quota) -> Iterator[Finding]:
    if quota.effect == "overage" and quota.overage_rate is None:
        text = "is missing. Write what a unit above the quota costs, or when_reached: block"
        yield ("overage_rate",), text
    elif quota.effect == "block" and quota.overage_rate is not None:
        text = "is never charged where the quota blocks. Remove it, or write when_reached: overage"
        yield ("overage_rate",), text


def _quota_metric(product: Product, quota: Quota) -> Iterator[Finding]:
    metric = limited_metric(product, quota)
    if quota.metric is not None and metric is None:
        keys = [each.key for each in product.pricing_metrics]
        yield ("metric",), unknown(quota.metric, keys, "pricing metric")
        return
    if metric is not None and metric.aggregation == "average" and quota.effect == "block":
        text = "is an average: what comes may lower it, so nothing can be blocked"
        yield ("metric",), f"{text}. Give an overage_rate, or name another metric"
    counting = [each for each in product.pricing_metrics if counts_all_transactions(each)]
    if quota.metric is None and quota.effect == "overage" and len(counting) > 1:
        text = "is missing, and several metrics count all transactions. Name the one to limit"
        yield ("metric",), text
    if quota.units <= 0:
        yield ("units",), f"{quota.units:f} allows nothing. Write more than 0"
    elif quota.metric is None and quota.units % 1:
        yield ("units",), f"{quota.units:f} is no number of transactions. Write a whole one"
    else:
        yield from wrong_bound(("units",), quota.units, ZERO)
    if quota.overage_rate is not None:
        element = TRANSACTIONS if metric is None else metric.element
        yield from wrong_rate(("overage_rate",), quota.overage_rate, element)


def _rules(product: Product, around: Surroundings) -> Iterator[Finding]:
    for number, rule in enumerate(product.pricing_rules):
        valid_from, valid_to = product.rule_span(rule)
        findings = [*_rule_texts(product, rule, around)]
        if valid_to is not None and valid_to <= valid_from:
            findings.append((("effective_to",), "is not after the start. Correct one of the two"))
        yield from ((("pricing_rules", number, *place), text) for place, text in findings)


def _rule_texts(product: Product, rule: PricingRule, around: Surroundings) -> Iterator[Finding]:
    if around.elements is None:
        return
    try:
        checked = check_rule(rule.condition, rule.amount, around.rule_columns())
    except RuleError as error:
        yield (error.part,), error.text
        return
    for column in checked.columns:
        is_known_of_all = column in EVENT_COLUMNS and column not in ("provider", "model")
        if not is_known_of_all and (text := not_carried(column, product, around)):
            yield (), text


def _example_references(product: Product) -> Iterator[Finding]:
    metrics = {rated.metric.key: rated.metric for rated in rated_metrics(product)}
    fees = {fee.element for fee in product.element_fees}
    for number, example in enumerate(product.examples):
        place: Location = ("examples", number)
        for key, quantity in example.units.items():
            at = (*place, "units", key)
            if key not in metrics:
                yield at, unknown(key, metrics, "pricing metric")
            else:
                yield from wrong_quantity(at, quantity, metrics[key].element)
        for element in example.elements:
            if element not in fees:
                yield (*place, "elements", element), unknown(element, fees, "fee on the element")


def _example_totals(product: Product) -> Iterator[Finding]:
    for number, example in enumerate(product.examples):
        total = rate_example(product, example, minor_unit=minor_units()[product.currency])
        if total != example.total:
            text = f"expected {example.total:f}, computed {total:f}"
            yield ("examples", number, "total"), f"{text}. Correct the prices or the example"
