"""A catalogue of plain mappings, as written in its files, read into values."""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle import clock

REFERENCE = Path(__file__).parents[2] / "seeds" / "reference"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
TRANSACTIONS = "transactions"
TOTAL_COST = "totalCost"
ZERO = Decimal(0)

Raw = Mapping[str, Any]
Condition = Callable[[Mapping[str, Any]], bool | None]
Formula = Callable[[Mapping[str, Any]], Decimal | None]
RuleCode = Mapping[tuple[str, str], tuple[Condition, Formula]]
"""What the rules of (product key, rule key) do, in Python beside their SQL."""


@cache
def minor_units() -> Mapping[str, int]:
    """Return the digits after the point of each currency."""
    return {row["currency"]: int(row["minor_unit"]) for row in _reference("currencies.csv")}


@cache
def counts_cached_input(provider: str) -> bool:
    """Whether a provider's input count includes what was read from a cache."""
    rows = _reference("ai_providers.csv")
    counting = {row["provider"] for row in rows if row["input_includes_cache_reads"] == "true"}
    return "".join(each for each in provider.lower() if each not in " ._-") in counting


def _reference(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def normal(value: str) -> str:
    """Return the form in which values of an element are compared (R17)."""
    return "".join(each.lower() if each.isascii() else each for each in value.strip(" \t\n\r"))


@dataclass(frozen=True)
class Tier:
    """Units above `lower` up to `upper` (None: unlimited)."""

    name: str
    lower: Decimal
    upper: Decimal | None
    rate: Decimal
    fixed: Decimal = ZERO
    is_overage: bool = False


@dataclass(frozen=True)
class Metric:
    """What is counted, and what it costs."""

    key: str
    element: str
    aggregation: str
    tiers: tuple[Tier, ...]
    target: str | None = None
    filters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    is_volume: bool = False
    cap: Decimal | None = None
    is_quota_of_transactions: bool = False


@dataclass(frozen=True)
class FixedCharge:
    """An amount by its key."""

    key: str
    amount: Decimal
    is_in_advance: bool = False


@dataclass(frozen=True)
class SetupFee:
    """What beginning costs."""

    amount: Decimal
    is_per_client: bool
    is_immediate: bool


@dataclass(frozen=True)
class ElementFee:
    """An amount per distinct value."""

    element: str
    amounts: Mapping[str, Decimal]
    spelling: Mapping[str, str]
    default: Decimal | None


@dataclass(frozen=True)
class Rule:
    """A condition and an amount for single transactions."""

    key: str
    priority: int
    order: int
    is_added: bool
    condition: Condition
    amount: Formula
    valid_from: datetime
    valid_to: datetime | None
    recorded_at: datetime


@dataclass(frozen=True)
class Terms:
    """A product version from an instant on."""

    product_id: str
    key: str
    name: str
    currency: str
    sources: frozenset[str]
    place: ZoneInfo
    every: clock.Interval
    grace: timedelta
    trial_days: int
    is_immediate: bool
    is_analytics_only: bool
    one_time: tuple[FixedCharge, ...]
    setup: SetupFee | None
    recurring: tuple[FixedCharge, ...]
    metrics: tuple[Metric, ...]
    fees: tuple[ElementFee, ...]
    most_transactions: Decimal | None
    rules: tuple[Rule, ...]
    valid_from: datetime
    recorded_at: datetime

    @property
    def digits(self) -> int:
        """Digits after the point of the currency."""
        return minor_units()[self.currency]


@dataclass(frozen=True)
class Row:
    """A row of a CSV file: its fields, and when it became known."""

    key: tuple[str, ...]
    fields: Mapping[str, str]
    recorded_at: datetime
    valid_from: datetime = BEGINNING
    valid_to: datetime | None = None

    def __getitem__(self, name: str) -> str:
        """Return a field; blank where there is none."""
        return self.fields.get(name) or ""


@dataclass(frozen=True)
class Catalog:
    """Everything that was entered, all versions of it."""

    terms: tuple[Terms, ...]
    organizations: tuple[Row, ...]
    subscribers: tuple[Row, ...]
    elements: tuple[Row, ...]
    subscriptions: tuple[Row, ...]
    cancellations: tuple[Row, ...]
    upgrades: tuple[Row, ...]
    credentials: tuple[Row, ...]
    ai_prices: tuple[Row, ...]
    exchange_rates: tuple[Row, ...]

    def instants(self) -> set[datetime]:
        """Return when anything of it became known or was taken back."""
        known = {terms.recorded_at for terms in self.terms}
        known |= {rule.recorded_at for terms in self.terms for rule in terms.rules}
        known |= {
            clock.instant(row["withdrawn_at"]) for row in self.cancellations if row["withdrawn_at"]
        }
        lists = (self.organizations, self.subscribers, self.elements, self.subscriptions)
        more = (self.cancellations, self.upgrades, self.credentials, self.ai_prices)
        for rows in (*lists, *more, self.exchange_rates):
            known |= {row.recorded_at for row in rows}
        return known


def read(raw: Mapping[str, Iterable[Raw]], rules: RuleCode) -> Catalog:
    """Return a catalogue from its files' content: `products` and one list of rows per CSV file."""
    terms = tuple(_terms(product, rules) for product in raw["products"])
    places = {each.product_id: each.place for each in terms}
    utc = clock.zone("UTC")

    def rows(name: str, *keys: str) -> tuple[Row, ...]:
        return tuple(_row(each, keys, utc, "") for each in raw.get(name, ()))

    subscriptions = tuple(
        _row(
            each, ("subscription_id",), places[f"{each['product']}@{each['version']}"], "started_at"
        )
        for each in raw["subscriptions"]
    )
    owner = {row["subscription_id"]: row for row in subscriptions}

    def dated(name: str, column: str, *keys: str) -> tuple[Row, ...]:
        made = []
        for each in raw.get(name, ()):
            subscription = owner[each["subscription_id"]]
            place = places[f"{subscription['product']}@{subscription['version']}"]
            content = {column: subscription["started_at"], **{k: v for k, v in each.items() if v}}
            made.append(_row(content, keys, place, column))
        return tuple(made)

    return Catalog(
        terms=terms,
        organizations=rows("organizations", "organization_id"),
        subscribers=rows("subscribers", "subscriber_id"),
        elements=rows("metering_elements", "element"),
        subscriptions=subscriptions,
        cancellations=dated("cancellations", "cancelled_at", "subscription_id", "cancelled_at"),
        upgrades=dated("upgrades", "valid_from", "subscription_id", "valid_from"),
        credentials=dated("credentials", "valid_from", "value", "subscription_id", "valid_from"),
        ai_prices=tuple(
            _row(each, ("provider", "model", "min_input_tokens", "valid_from"), utc, "valid_from")
            for each in raw.get("ai_prices", ())
        ),
        exchange_rates=tuple(
            _row(each, ("currency", "valid_from"), utc, "valid_from")
            for each in raw.get("exchange_rates", ())
        ),
    )


def _row(fields: Raw, keys: tuple[str, ...], place: ZoneInfo, since: str) -> Row:
    texts = {name: str(value) for name, value in fields.items() if value not in {None, ""}}
    begins = texts.get(since)
    valid_from = clock.start(begins, place) if begins else BEGINNING
    return Row(
        key=tuple(texts.get(name, "") for name in keys),
        fields=texts,
        recorded_at=clock.instant(texts["recorded_at"]) if "recorded_at" in texts else valid_from,
        valid_from=valid_from,
        valid_to=clock.end(texts["valid_to"], place) if "valid_to" in texts else None,
    )


def _is_yes(value: object) -> bool:
    return str(value).lower() == "true"


def _terms(raw: Raw, rules: RuleCode) -> Terms:
    product = {**raw, **_preset(raw.get("pricing_model") or {})}
    settlement = product["settlement"]
    every = clock.interval(str(settlement["every"]), str(settlement.get("align", "anniversary")))
    place = clock.zone(str(settlement.get("timezone", "UTC")))
    valid_from = clock.start(str(product["effective_from"]), place)
    recorded = product.get("recorded_at")
    recorded_at = clock.instant(str(recorded)) if recorded else valid_from
    quota = product.get("quota") or {}
    cap = Decimal(quota["units"]) if _is_blocking(quota) else None
    fee = product.get("setup_fee")
    drafts = (
        _rule(product, each, number, rules)
        for number, each in enumerate(_list(product, "pricing_rules"))
    )
    return Terms(
        product_id=f"{product['key']}@{product['version']}",
        key=str(product["key"]),
        name=str(product["name"]),
        currency=str(product["currency"]),
        sources=frozenset(product["sources"]),
        place=place,
        every=every,
        grace=timedelta() if every.is_test else _duration(str(settlement.get("grace", "1h"))),
        trial_days=int(product.get("trial_days") or 0),
        is_immediate=_is_yes(product.get("immediate_cancellation")),
        is_analytics_only=bool(product.get("is_analytics_only")),
        one_time=tuple(_fixed(each) for each in _list(product, "one_time_charges")),
        setup=_setup(fee) if fee else None,
        recurring=tuple(_fixed(each) for each in _list(product, "recurring_charges")),
        metrics=_metrics(product, quota),
        fees=tuple(_element_fee(each) for each in _list(product, "element_fees")),
        most_transactions=cap if cap is not None and "metric" not in quota else None,
        rules=tuple(
            Rule(**draft, recorded_at=recorded_at if recorded else draft["valid_from"])
            for draft in drafts
        ),
        valid_from=valid_from,
        recorded_at=recorded_at,
    )


def _list(product: Raw, name: str) -> list[Raw]:
    return list(product.get(name) or ())


def _duration(text: str) -> timedelta:
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[text[-1]]
    return timedelta(**{unit: int(text[:-1])})


def _preset(model: Raw) -> dict[str, Any]:
    """Return the keys that a pricing model stands for."""
    kind = model.get("type")
    produced: dict[str, Any] = {}
    if kind == "analytics_only":
        produced["is_analytics_only"] = True
    elif kind == "one_time_charge":
        produced["one_time_charges"] = [{"key": "one-time", "amount": model["amount"]}]
    elif model.get("amount") is not None:
        charge = {"key": "subscription", "amount": model["amount"], "bill": "in_arrears"}
        produced["recurring_charges"] = [charge]
    prices = _preset_prices(model)
    if prices:
        metric = {"key": "transactions", "element": TRANSACTIONS, "aggregation": "count"}
        produced["pricing_metrics"] = [metric | prices]
    return produced


def _preset_prices(model: Raw) -> dict[str, Any]:
    kind = model.get("type")
    if kind == "transactional":
        only = {"name": "Transactions", "up_to": "unlimited", "unit_rate": model["rate"]}
        return {"tiers": [only]}
    if kind == "subscription_and_overage":
        return {name: model[name] for name in ("included", "overage_rate")}
    if kind == "volume_based":
        return {"pricing": model.get("pricing", "graduated"), "tiers": model["tiers"]}
    return {}


def _fixed(raw: Raw) -> FixedCharge:
    is_in_advance = raw.get("bill") == "in_advance"
    return FixedCharge(str(raw["key"]), Decimal(raw["amount"]), is_in_advance)


def _setup(raw: Raw) -> SetupFee:
    is_per_client, is_immediate = raw["per"] == "client", raw["bill"] == "immediate"
    return SetupFee(Decimal(raw["amount"]), is_per_client, is_immediate)


def _is_blocking(quota: Raw) -> bool:
    if not quota:
        return False
    return bool(
        quota.get("when_reached", "overage" if "overage_rate" in quota else "block") == "block"
    )


def _metrics(product: Raw, quota: Raw) -> tuple[Metric, ...]:
    metrics = [_metric(each) for each in _list(product, "pricing_metrics")]
    if not quota:
        return tuple(metrics)
    units = Decimal(quota["units"])
    limited = quota.get("metric") or _counter_of_transactions(metrics)
    if _is_blocking(quota):
        limited = quota.get("metric")
        return tuple(
            _replaced(each, cap=units) if each.key == limited else each for each in metrics
        )
    above = Tier("Overage", units, None, Decimal(quota["overage_rate"]), is_overage=True)
    if limited is None:
        tiers = (Tier("Included", ZERO, units, ZERO), above)
        quota_metric = Metric("quota", TRANSACTIONS, "count", tiers, is_quota_of_transactions=True)
        return (*metrics, quota_metric)
    changes = {"is_quota_of_transactions": "metric" not in quota}
    return tuple(
        _replaced(each, tiers=(*_cut(each.tiers, units), above), **changes)
        if each.key == limited
        else each
        for each in metrics
    )


def _counter_of_transactions(metrics: list[Metric]) -> str | None:
    for each in metrics:
        if (each.element, each.aggregation) == (TRANSACTIONS, "count") and not each.filters:
            return each.key
    return None


def _replaced(metric: Metric, **changes: Any) -> Metric:  # fields of any type
    return Metric(**{**metric.__dict__, **changes})


def _cut(tiers: tuple[Tier, ...], units: Decimal) -> tuple[Tier, ...]:
    """Return the tiers up to a quota; the one that it falls in ends there."""
    return tuple(
        Tier(each.name, each.lower, min(each.upper or units, units), each.rate, each.fixed)
        for each in tiers
        if each.lower < units
    )


def _metric(raw: Raw) -> Metric:
    target = raw.get("value")
    filters = {
        element: frozenset(
            normal(str(each)) for each in (value if isinstance(value, list) else [value])
        )
        for element, value in (raw.get("filters") or {}).items()
    }
    return Metric(
        key=str(raw["key"]),
        element=str(raw["element"]),
        aggregation=str(raw["aggregation"]),
        tiers=_tiers(raw),
        target=None if target is None else normal(str(target)),
        filters=filters,
        is_volume=raw.get("pricing") == "volume",
    )


def _tiers(raw: Raw) -> tuple[Tier, ...]:
    if raw.get("markup") is not None:
        percent = Decimal(str(raw["markup"]).removesuffix("%"))
        return (Tier(f"Cost + {percent} %", ZERO, None, 1 + percent / 100),)
    if raw.get("included") is not None:
        included = Decimal(raw["included"])
        overage = Tier("Overage", included, None, Decimal(raw["overage_rate"]))
        return (Tier("Included", ZERO, included, ZERO), overage)
    tiers, lower = [], ZERO
    for each in raw["tiers"]:
        upper = None if str(each["up_to"]) == "unlimited" else Decimal(each["up_to"])
        rate, fixed = Decimal(each["unit_rate"]), Decimal(each.get("fixed_cost") or 0)
        tiers.append(Tier(str(each["name"]), lower, upper, rate, fixed))
        lower = lower if upper is None else upper
    return tuple(tiers)


def _element_fee(raw: Raw) -> ElementFee:
    amounts = raw.get("amounts") or {}
    default = raw.get("default")
    return ElementFee(
        element=str(raw["element"]),
        amounts={normal(value): Decimal(amount) for value, amount in amounts.items()},
        spelling={normal(value): value for value in amounts},
        default=None if default is None else Decimal(default),
    )


def _rule(product: Raw, raw: Raw, order: int, rules: RuleCode) -> dict[str, Any]:
    condition, amount = rules[str(product["key"]), str(raw["key"])]
    place = clock.zone(str(product["settlement"].get("timezone", "UTC")))
    since = str(raw.get("effective_from") or product["effective_from"])
    until = raw.get("effective_to")
    return {
        "key": str(raw["key"]),
        "priority": int(raw.get("priority") or 100),
        "order": order,
        "is_added": raw.get("mode") == "add",
        "condition": condition,
        "amount": amount,
        "valid_from": clock.start(since, place),
        "valid_to": clock.end(str(until), place) if until else None,
    }
