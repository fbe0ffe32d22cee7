"""Random small cases: a product or two, a few subscriptions, their events and what goes wrong.

A case is a function of its seed and the instant that is settled. All of its names begin with its
own prefix, so that many cases are billed in one catalogue, each as if it were alone.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import strategies

from tests.oracle import clock, folder
from tests.oracle.catalog import RuleCode, minor_units, normal
from tests.oracle.rater import rate

Plain = dict[str, Any]

AS_OFS = ("2026-04-20T12:00:00Z", "2026-11-20T00:00:00Z", "2026-08-01T01:00:00Z")
"""After the changes of clocks in spring, after those in autumn, and at a closing itself."""
ZONES = (
    "UTC",
    "UTC",
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Beirut",
)
LENGTHS = {
    "day": (1, 9),
    "week": (7, 6),
    "month": (30, 7),
    "quarter": (91, 4),
    "year": (365, 3),
    "2 weeks": (14, 5),
    "10 days": (10, 6),
    "3 days": (3, 8),
    "2 months": (61, 4),
    "3 months": (91, 3),
    "5 minutes": (1, 1),
}
"""Days of a period, and how many of them a case has at most."""
EVERY = ("month",) * 8 + ("day", "week") * 2 + tuple(LENGTHS)
ALIGNED = ("day", "week", "month", "quarter", "year")
MODELS = (("Own", "small"), ("own", "large"), ("own", "late"), ("own", "new"), ("openai", "house"))
REGIONS = ("eu", "us", "Asia", " EU ", "Us", "north", "")
LATE_RATE, HELD = "CHF", timedelta(days=15)
"""The currency whose exchange rate became known that long before the settlement."""
_UNPRICED = ("key", "name", "version", "effective_from", "currency", "sources", "settlement")
MINUTE, SECOND, TICK = timedelta(minutes=1), timedelta(seconds=1), timedelta(microseconds=1)


@dataclass
class Case:
    """A case: what is entered, what is metered, what became known from outside."""

    seed: int
    as_of: str
    catalog: dict[str, list[Plain]]
    events: list[Plain] = field(default_factory=list)
    facts: list[Plain] = field(default_factory=list)
    rules: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """What all of its names begin with."""
        return f"c{self.seed}"

    def rated(self, as_of: str | None = None) -> Plain:
        """Return what the oracle says, shared rows of the catalogue included."""
        catalog = merged([shared(self.as_of), self.catalog])
        return rate(catalog, self.events, self.facts, as_of=as_of or self.as_of, rules=self.rules)


def cases() -> strategies.SearchStrategy[Case]:
    """Return a strategy of cases; it shrinks to a smaller seed, not to a smaller case."""
    return strategies.integers(0, 10**9).map(draw)


def draw(seed: int) -> Case:
    """Return the case of a seed."""
    return _Drawing(seed).case()


def shared(as_of: str) -> dict[str, list[Plain]]:
    """Return what all cases of a batch refer to."""
    until = clock.instant(as_of)
    late = {"element": "late", "type": "number", "sources": "meter;probe"}
    swiss = {"currency": LATE_RATE, "per_usd": "0.88", "valid_from": "2020-01-01"}
    changed = _text((until - timedelta(days=40)).replace(hour=0, minute=0, second=0))
    return {
        "products": [],
        "sources": [
            {"source_id": "meter", "kind": "event", "name": "Meter"},
            {"source_id": "probe", "kind": "event", "name": "Probe"},
            {"source_id": "assistant", "kind": "ai", "name": "Assistant"},
        ],
        "metering_elements": [
            {"element": "units", "type": "number", "sources": "meter;probe"},
            {"element": "size", "type": "number", "sources": "meter"},
            {"element": "region", "type": "string", "sources": "meter;probe"},
            {"element": "grade", "type": "string", "sources": "meter;probe"},
            {**late, "recorded_at": _text((until - timedelta(days=20)).replace(minute=0))},
        ],
        "exchange_rates": [
            {"currency": "EUR", "per_usd": "0.90", "valid_from": "2020-01-01"},
            {"currency": "EUR", "per_usd": "0.95", "valid_from": changed},
            {"currency": "JPY", "per_usd": "150.25", "valid_from": "2020-01-01"},
            {"currency": "KWD", "per_usd": "0.31", "valid_from": "2020-01-01"},
            {**swiss, "recorded_at": _text((until - HELD).replace(minute=0))},
        ],
        "ai_prices": [
            {"provider": "own", "model": "small", "input": "2", "output": "8"},
            {"provider": "own", "model": "large", "input": "10.5", "output": "31"},
            {
                "provider": "own",
                "model": "large",
                "input": "21",
                "output": "62.000001",
                "cache_write": "26.25",
                "min_input_tokens": "1000000",
            },
            {
                "provider": "openai",
                "model": "house",
                "input": "3",
                "output": "9",
                "cache_read": "0.5",
            },
            {
                "provider": "own",
                "model": "late",
                "input": "4",
                "output": "4",
                "valid_from": "2020-01-01",
                "recorded_at": _text((until - timedelta(days=18)).replace(minute=0)),
            },
        ],
    }


def merged(catalogs: Iterable[Mapping[str, Sequence[Plain]]]) -> dict[str, list[Plain]]:
    """Return several catalogues as one."""
    whole: dict[str, list[Plain]] = {}
    for each in catalogs:
        for name, rows in each.items():
            whole.setdefault(name, []).extend(rows)
    return whole


def write(batch: Sequence[Case], place: Path) -> tuple[Path, Path, Path]:
    """Write cases of one `as_of` as a catalogue folder, a file of events and one of facts."""
    folder.write_catalog(
        place / "catalog", merged([shared(batch[0].as_of), *(each.catalog for each in batch)])
    )
    events = [event for case in batch for event in case.events]
    random.Random(batch[0].seed).shuffle(events)
    facts = [fact for case in batch for fact in case.facts]
    return (
        place / "catalog",
        folder.write_records(place / "events.ndjson", events),
        folder.write_records(place / "facts.ndjson", facts),
    )


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


class _Drawing:
    """One case as it is drawn."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.until = clock.instant(AS_OFS[seed % len(AS_OFS)])
        self.case_ = Case(seed, AS_OFS[seed % len(AS_OFS)], {"products": []})
        self.prefix = self.case_.prefix
        self.every = self.random.choice(EVERY)
        self.zone = self.random.choice(ZONES)
        self.place = clock.zone(self.zone)
        self.currency = self.random.choice(("USD", "USD", "USD", "EUR", "JPY", "KWD", LATE_RATE))
        self.grace = self.random.choice(("1h", "1h", "1h", "15m", "1d", "0s"))
        self.is_ai = self.chance(20)
        self.began: dict[str, datetime] = {}
        self.edges: list[datetime] = []
        self.anchors: set[datetime] = set()
        self.number = 0

    # What is drawn from.

    def chance(self, percent: int) -> bool:
        return self.random.random() * 100 < percent

    def amount(self, most: int = 200) -> str:
        digits = minor_units()[self.currency]
        return f"{Decimal(self.random.randint(1, most * 10**digits)).scaleb(-digits):f}"

    def rate(self) -> str:
        return self.random.choice(("0.7", "1", "0.335", "0.001", "12.5", "0.000123456789", "2"))

    def between(self, low: datetime, high: datetime) -> datetime:
        """Return a whole second between two, the first included."""
        span = max(1, clock.seconds(low, high))
        return (low + timedelta(seconds=self.random.randrange(span))).replace(microsecond=0)

    def add(self, table: str, /, **fields: object) -> Plain:
        row = {key: value for key, value in fields.items() if value is not None}
        self.case_.catalog.setdefault(table, []).append(row)
        return row

    def case(self) -> Case:
        """Draw everything, what depends on other things last."""
        products = self._products()
        self._subscriptions(products)
        self._grid_edges()
        self._cancellations()
        self._credentials()
        self._events()
        self._payments()
        self._corrections()
        self._voids()
        return self.case_

    # Products.

    def _products(self) -> list[str]:
        keys = [self.prefix]
        first = self._product(keys[0])
        if self.chance(15) and self.grace != "0s":
            changed_at = self._dated(60)
            later = self._product(first["key"], first)
            self.case_.catalog["products"][-1] = later | {"effective_from": changed_at}
        if self.chance(10) and self.grace != "0s":
            later = self._product(first["key"], first)
            self.case_.catalog["products"][-1] = later | {"version": "2.0.0"}
        if self.chance(25):
            keys.append(f"{self.prefix}-b")
            self._product(keys[1])
        return keys

    def _dated(self, days: int) -> str:
        moment = self.between(self.until - timedelta(days=days), self.until - timedelta(days=3))
        return moment.date().isoformat()

    def _product(self, key: str, before: Plain | None = None) -> Plain:
        settlement: Plain = {"every": self.every, "timezone": self.zone}
        if self.every != "5 minutes":
            settlement["grace"] = self.grace
        if before:
            settlement = before["settlement"]
        elif self.every in ALIGNED and self.chance(30):
            settlement["align"] = "calendar"
        terms: Plain = {
            "key": key,
            "name": f"Product {key}",
            "version": "1.0.0",
            "effective_from": "2020-01-01",
            "currency": self.currency,
            "sources": ["meter", "probe", "assistant"]
            if self.chance(80)
            else ["meter", "assistant"],
            "settlement": settlement,
        }
        if before:
            kept = (
                "sources",
                "trial_days",
                "immediate_cancellation",
                "setup_fee",
                "one_time_charges",
            )
            terms |= {name: before[name] for name in kept if name in before}
        else:
            terms |= self._once()
        terms |= self._preset() if self.chance(12) else self._prices(key)
        if key.endswith("-b") and self.chance(12):
            terms = {name: terms[name] for name in _UNPRICED if name in terms}
            terms["pricing_model"] = {"type": "analytics_only"}
        self.case_.catalog["products"].append(terms)
        return terms

    def _once(self) -> Plain:
        terms: Plain = {"immediate_cancellation": self.random.choice(("true", "true", "false"))}
        if self.chance(25):
            terms["trial_days"] = str(self.random.choice((1, 2, 3, 7, 14)))
        if self.chance(20):
            charge = {"key": "purchase", "name": "Purchase", "amount": self.amount()}
            terms["one_time_charges"] = [charge]
        if self.chance(25):
            terms["setup_fee"] = {
                "name": "Setup",
                "amount": self.amount(),
                "per": self.random.choice(("subscription", "client")),
                "bill": self.random.choice(("immediate", "first_invoice")),
            }
        return terms

    def _preset(self) -> Plain:
        kind = self.random.choice(
            (
                "transactional",
                "subscription",
                "subscription_and_overage",
                "volume_based",
            )
        )
        model: Plain = {"type": kind}
        if kind == "transactional":
            model["rate"] = self.rate()
        else:
            model["amount"] = self.amount()
        if kind == "subscription_and_overage":
            model |= {"included": "5", "overage_rate": self.rate()}
        if kind == "volume_based":
            pricing = self.random.choice(("graduated", "volume"))
            model |= {"pricing": pricing, "tiers": self._tiers()}
        return {"pricing_model": model}

    def _prices(self, key: str) -> Plain:
        metrics = [self._metric(number) for number in range(self.random.choice((0, 1, 1, 2, 2, 3)))]
        terms: Plain = {"pricing_metrics": metrics}
        bills = ("in_advance", "in_advance", "in_arrears")
        terms["recurring_charges"] = [
            {
                "key": f"fee-{each}",
                "name": "Fee",
                "amount": self.amount(),
                "bill": self.random.choice(bills),
            }
            for each in range(self.random.choice((0, 1, 1, 2)))
        ]
        if self.chance(30):
            terms["element_fees"] = [self._element_fee()]
        if self.chance(35):
            terms |= self._quota(metrics)
        if self.chance(25):
            terms["pricing_rules"] = [
                self._rule(key, number) for number in range(self.random.choice((1, 2)))
            ]
        return {name: value for name, value in terms.items() if value}

    def _metric(self, number: int) -> Plain:
        metric: Plain = {"key": f"metric-{number}", "name": f"Metric {number}"}
        if self.is_ai and self.chance(50):
            if self.chance(60):
                priced = {"markup": self.random.choice(("20%", "0%", "12.5%"))}
                return metric | {"element": "totalCost", "aggregation": "sum", **priced}
            metric |= {
                "element": "inputTokenCount",
                "aggregation": self.random.choice(("sum", "maximum")),
            }
        else:
            metric |= self._counted()
        if self.chance(30):
            metric["filters"] = self._filters()
        if self.chance(20):
            return metric | {
                "included": self.random.choice(("3", "10.5")),
                "overage_rate": self.rate(),
            }
        if self.chance(35):
            metric["pricing"] = "volume"
        return metric | {"tiers": self._tiers()}

    def _counted(self) -> Plain:
        if self.chance(30):
            return {"element": "transactions", "aggregation": "count"}
        if self.chance(60):
            element = self.random.choice(("units", "units", "size", "late"))
            aggregation = self.random.choice(("sum", "sum", "average", "maximum", "count"))
            return {"element": element, "aggregation": aggregation}
        aggregation = self.random.choice(("count", "count_unique", "match_value"))
        value = {"value": self.random.choice(("EU", "us"))} if aggregation == "match_value" else {}
        # Whether a blank counts is nowhere said: only regions can be blank, and none counts them.
        element = "region" if value else "grade"
        return {"element": element, "aggregation": aggregation, **value}

    def _filters(self) -> Plain:
        wanted: Plain = self.random.choice(
            (
                {"region": ["eu", "US"]},
                {"region": "asia"},
                {"source": "Meter"},
                {"grade": "a"},
                {"region": ["eu", "us"], "grade": ["A", "b"]},
            )
        )
        return {"model": "Small"} if self.is_ai and self.chance(50) else wanted

    def _tiers(self) -> list[Plain]:
        bounds = sorted(self.random.sample((2, 5, 10, 20, 50), self.random.choice((0, 1, 2, 2, 3))))
        texts = [*(f"{each}.5" if self.chance(15) else str(each) for each in bounds), "unlimited"]
        return [
            {
                "name": f"Tier {number}",
                "up_to": up_to,
                "unit_rate": self.random.choice((self.rate(), self.rate(), "0")),
                "fixed_cost": self.amount(20) if self.chance(25) else "0",
            }
            for number, up_to in enumerate(texts, 1)
        ]

    def _element_fee(self) -> Plain:
        fee: Plain = {"element": self.random.choice(("region", "grade"))}
        fee["amounts"] = {
            value: self.amount() for value in self.random.sample(("EU", "us", "a", "b"), 2)
        }
        if self.chance(50):
            fee["default"] = self.amount()
        return fee

    def _quota(self, metrics: Sequence[Plain]) -> Plain:
        quota: Plain = {"units": str(self.random.choice((2, 4, 8, 15)))}
        limited = self.random.choice([None, *metrics])
        is_overage = self.chance(50)
        counters = [each for each in metrics if each["element"] == "transactions"]
        if limited is None and len(counters) > 1:
            return {}
        if limited is not None:
            if "markup" in limited or limited["aggregation"] == "average":
                return {}
            quota["metric"] = limited["key"]
        if is_overage:
            quota["overage_rate"] = self.rate()
            if limited and limited["element"] in {"totalCost", "inputTokenCount"}:
                quota["overage_rate"] = "0.5"
        elif self.chance(50):
            quota["when_reached"] = "block"
        return {"quota": quota}

    def _rule(self, key: str, number: int) -> Plain:
        condition, amount, code = self.random.choice(RULES)
        name = f"rule-{len(self.case_.rules)}"
        self.case_.rules[key, name] = code
        rule = {"key": name, "name": f"Rule {number}", "condition": condition, "amount": amount}
        rule |= {"mode": self.random.choice(("replace", "add")), "priority": str(9 - number)}
        if self.chance(30):
            rule["effective_from"] = self._dated(60)
        elif self.chance(20):
            rule["effective_from"] = "2020-01-01"
            rule["effective_to"] = self._dated(60)
        return rule

    # Subscriptions.

    def _subscriptions(self, keys: Sequence[str]) -> None:
        if self.chance(30):
            self.add("organizations", organization_id=self.prefix, name=f"House {self.prefix}")
        for number in range(self.random.choice((1, 1, 2, 3))):
            self._subscription(f"{self.prefix}-s{number}", self.random.choice(keys))
        self._plan_change(keys)
        self._upgrade()

    def _start(self) -> datetime:
        days, most = LENGTHS[self.every]
        if self.every == "month" and self.chance(5):
            most = 15
        length = timedelta(days=days)
        start = self.until - length * self.random.randint(1, most) - length * self.random.random()
        start = start.replace(microsecond=0)
        if self.chance(40):
            wall = clock.wall_at(start, self.place)
            day = self.random.choice((wall.day, wall.day, 1, 28, 31))
            month = wall.replace(day=1)
            while True:
                try:
                    wall = month.replace(day=day, hour=0, minute=0, second=0)
                    return clock.at_wall(wall, self.place)
                except ValueError:
                    day -= 1
        return start

    def _subscription(self, subscription_id: str, key: str) -> None:
        start = self._start()
        subscriber = f"{self.prefix}-u{self.random.choice((0, 0, 1))}"
        if all(
            row["subscriber_id"] != subscriber for row in self.case_.catalog.get("subscribers", ())
        ):
            self.add("subscribers", subscriber_id=subscriber, email=f"{subscriber}@example.com")
        organization = (
            self.prefix if "organizations" in self.case_.catalog and self.chance(70) else None
        )
        row = self.add(
            "subscriptions",
            subscription_id=subscription_id,
            name=subscription_id,
            subscriber_id=subscriber,
            organization_id=organization,
            product=key,
            version="1.0.0",
            started_at=self._moment(start),
            audience=self._audience() if organization and self.chance(40) else None,
            trial_days=self.random.choice(("0", "1", "5")) if self.chance(15) else None,
            immediate_cancellation=self.random.choice(("true", "false"))
            if self.chance(15)
            else None,
            settlement="5 minutes" if self.chance(3) and self.every != "5 minutes" else None,
        )
        self.began[subscription_id] = start
        if self.chance(15):
            row["recorded_at"] = _text(self._recorded(start))
        if self.chance(25):
            self._expire(row, start)

    def _audience(self) -> str:
        """Return an audience that is more than the owner: everybody, or some who are named."""
        people = [row["subscriber_id"] for row in self.case_.catalog["subscribers"]]
        named = ";".join(self.random.sample(people, self.random.randint(1, len(people))))
        return self.random.choice(("organization", named))

    def _moment(self, start: datetime) -> str:
        """Write an instant as a bare date where it is a local midnight, now and then."""
        wall = clock.wall_at(start, self.place)
        is_date = clock.start(wall.date().isoformat(), self.place) == start
        return wall.date().isoformat() if is_date and self.chance(70) else _text(start)

    def _recorded(self, since: datetime) -> datetime:
        return self.between(since, self.until - timedelta(minutes=5))

    def _expire(self, row: Plain, start: datetime) -> None:
        at = self.between(start + MINUTE, self.until + timedelta(days=20))
        row["expires_at"] = _text(at)
        self.edges.append(at)
        if (
            self.chance(30)
            and clock.wall_at(at, self.place).date() > clock.wall_at(start, self.place).date()
        ):
            row["expires_at"] = clock.wall_at(at, self.place).date().isoformat()
            self.edges.append(clock.end(row["expires_at"], self.place))
            return
        recorded = clock.instant(row["recorded_at"]) if "recorded_at" in row else start
        if self.chance(20) and recorded + MINUTE < at:
            moved = self.between(at, at + timedelta(days=20))
            told = self.between(recorded + SECOND, at)
            self.add(
                "subscriptions", **{**row, "expires_at": _text(moved), "recorded_at": _text(told)}
            )
            self.edges.append(moved)

    def _plan_change(self, keys: Sequence[str]) -> None:
        rows = self.case_.catalog["subscriptions"]
        old = self.random.choice(rows)
        product = self._product_of(old)
        is_plain = sum(row["subscription_id"] == old["subscription_id"] for row in rows) == 1
        waits = product.get("setup_fee", {}).get("bill") == "immediate"
        if not is_plain or waits or {"expires_at", "recorded_at"} & set(old) or not self.chance(25):
            return
        start = self.began[old["subscription_id"]]
        at = self.between(start + MINUTE, self.until)
        name = f"{old['subscription_id']}-next"
        kept = {key: old[key] for key in ("subscriber_id", "organization_id") if key in old}
        row = self.add(
            "subscriptions",
            subscription_id=name,
            name=name,
            **kept,
            product=self.random.choice(keys),
            version="1.0.0",
            started_at=_text(at),
            replaces=old["subscription_id"],
            change=self.random.choice((None, None, "now", "period_end")),
        )
        self.began[name] = at
        self.edges.append(at)
        if self.chance(30):
            row["recorded_at"] = _text(self._recorded(at))

    def _product_of(self, row: Plain) -> Plain:
        products: list[Plain] = self.case_.catalog["products"]
        return next(each for each in products if each["key"] == row["product"])

    def _upgrade(self) -> None:
        if not any(each["version"] == "2.0.0" for each in self.case_.catalog["products"]):
            return
        row = self.random.choice(self.case_.catalog["subscriptions"])
        start = self.began[row["subscription_id"]]
        if row["product"] == self.prefix and start + timedelta(days=15) < self.until:
            at = self.between(start + timedelta(days=15), self.until)
            self.add(
                "upgrades",
                subscription_id=row["subscription_id"],
                version="2.0.0",
                valid_from=_text(at),
            )

    def _grid_edges(self) -> None:
        """Note the instants at which something may go wrong by a microsecond."""
        for row in self.case_.catalog["subscriptions"]:
            settlement = self._product_of(row)["settlement"]
            every = clock.interval(
                row.get("settlement") or settlement["every"], settlement.get("align", "")
            )
            trial = int(row.get("trial_days") or self._product_of(row).get("trial_days") or 0)
            anchor = clock.add_days(self.began[row["subscription_id"]], trial, self.place)
            if every.is_test:
                anchor = self.began[row["subscription_id"]]
            grid = clock.Grid(anchor, every, self.place)
            self.edges += [grid.boundary(number) for number in range(5)]
            self.anchors.add(grid.anchor)

    def _cancellations(self) -> None:
        replaced = {row.get("replaces") for row in self.case_.catalog["subscriptions"]}
        names = sorted(set(self.began) - replaced)
        for name in names:
            if self.chance(35):
                self._cancellation(name)

    def _cancellation(self, name: str) -> None:
        start = self.began[name]
        at = self.between(start + MINUTE, self.until + timedelta(days=5))
        later = [each for each in self.edges if start + MINUTE < each < self.until]
        if later and self.chance(30):
            at = self.random.choice(later)
        if at in self.anchors:
            # What costs once is owed and has no period: nowhere is it said what becomes of it.
            at += SECOND
        row: Plain = {"subscription_id": name, "cancelled_at": _text(at)}
        recorded = at
        if self.chance(40):
            low = start if self.chance(40) else at
            recorded = self.between(min(low, self.until - MINUTE), self.until - MINUTE)
            row["recorded_at"] = _text(recorded)
        if self.chance(20) and recorded + MINUTE < at:
            taken_back = self.between(recorded + SECOND, at)
            row["withdrawn_at"] = _text(taken_back)
        else:
            self._withdraw_late(row, recorded)
        self.add("cancellations", **row)
        self.edges += [at, recorded]

    def _withdraw_late(self, row: Plain, recorded: datetime) -> None:
        """Take a cancellation back after it may have cut a period; no other draw hangs on it."""
        own = random.Random(f"{row['subscription_id']} goes on")
        span = clock.seconds(recorded, self.until)
        if own.random() < 0.15 and span > 1:
            taken_back = recorded + timedelta(seconds=own.randrange(1, span))
            row["withdrawn_at"] = _text(taken_back.replace(microsecond=0))

    def _credentials(self) -> None:
        for name in sorted(self.began):
            if self.chance(60):
                row = {"value": f"{name}-key", "credential_name": "Key", "subscription_id": name}
                if self.chance(25):
                    row["recorded_at"] = _text(self._recorded(self.began[name]))
                self.add("credentials", **row)
        rows = self.case_.catalog.get("credentials", [])
        names = [name for name in sorted(self.began) if rows and name != rows[0]["subscription_id"]]
        if rows and names and self.chance(30):
            self._reassign(rows[0], self.random.choice(names))

    def _reassign(self, row: Plain, other: str) -> None:
        """Let a credential belong to another subscription from some day on, known later."""
        start = self.began[row["subscription_id"]]
        known = clock.instant(row["recorded_at"]) if "recorded_at" in row else start
        first = start + timedelta(days=2)
        if first >= self.until or known + SECOND >= self.until - MINUTE:
            return
        at = self.between(first, self.until)
        recorded = _text(
            self.between(max(known + SECOND, min(at, self.until - MINUTE)), self.until)
        )
        self.add("credentials", **{**row, "valid_to": _text(at), "recorded_at": recorded})
        moved = {"subscription_id": other, "valid_from": _text(at), "recorded_at": recorded}
        self.add("credentials", **{**row, **moved})

    # Events.

    def _events(self) -> None:
        for _ in range(self.random.choice((5, 15, 25, 40))):
            event = self._event(self.random.choice(sorted(self.began)))
            self.case_.events.append(event)
            if self.chance(8):
                self._copy(event)

    def _event(self, name: str) -> Plain:
        start = self.began[name]
        occurred = self._occurred(start)
        self.number += 1
        is_ai = self.is_ai and self.chance(60)
        event: Plain = {
            "transactionId": f"{self.prefix}-{self.number}",
            "sourceId": "assistant" if is_ai else self.random.choice(("meter", "meter", "probe")),
            "requestTime": _text(occurred),
            "received_at": _text(self._received(occurred)),
            **self._identity(name),
        }
        return event | (self._completion() if is_ai else {"payload": self._payload()})

    def _occurred(self, start: datetime) -> datetime:
        if self.edges and self.chance(25):
            edge = self.random.choice(self.edges) - self.random.choice((timedelta(), TICK, SECOND))
            return min(edge, self.until - MINUTE)
        return self.between(
            min(start - timedelta(hours=8), self.until - MINUTE), self.until - MINUTE
        )

    def _received(self, occurred: datetime) -> datetime:
        """Return when an event came: mostly at once, else late or at the edge of a closing."""
        if self.chance(60):
            return occurred
        grace = timedelta(hours=1) if self.grace == "1h" else timedelta()
        after = [each + grace for each in self.edges if each + grace >= occurred]
        if after and self.chance(50):
            edge = self.random.choice(after) - self.random.choice((timedelta(), TICK))
            return min(max(edge, occurred), self.until)
        return self.between(occurred, self.until) if occurred < self.until else occurred

    def _identity(self, name: str) -> Plain:
        row = next(
            each for each in self.case_.catalog["subscriptions"] if each["subscription_id"] == name
        )
        product = f"Product {row['product']}"
        kind = self.random.choice(
            ("id", "id", "id", "id", "key", "key", "owner", "mail", "organization", "odd")
        )
        if kind == "key" and self._has_key(name):
            return {
                "subscriber": {"credential": {"value": f"{name}-key"}},
                "subscriptionId": "nobody",
            }
        if kind == "owner":
            return {"subscriber": {"id": row["subscriber_id"]}, "productName": product}
        if kind == "mail":
            mail = f"{row['subscriber_id']}@Example.com"
            return {"subscriber": {"id": "nobody", "email": mail}, "productName": product}
        if kind == "organization" and "organization_id" in row:
            return {"organizationName": f"House {self.prefix}", "productName": product}
        if kind == "odd":
            odd = {"subscriber": {"credential": {"value": f"{self.prefix}-odd"}}}
            # Every fourth event carries the key alone: it is whose the others taught that it is.
            return odd if self.number % 4 == 0 else {"subscriptionId": name, **odd}
        return {"subscriptionId": name}

    def _has_key(self, name: str) -> bool:
        rows = self.case_.catalog.get("credentials", [])
        return any(row["value"] == f"{name}-key" for row in rows)

    def _payload(self) -> Plain:
        payload: Plain = {}
        for element in ("units", "size", "late"):
            if self.chance(75):
                payload[element] = self.random.choice(
                    ("1", "1", "2", "3", "7", "0.5", "2.25", "40", "-3", "1e1", "0", "lots")
                )
        for element, values in (("region", REGIONS), ("grade", ("a", "A", "b", "c "))):
            if self.chance(60):
                payload[element] = self.random.choice(values)
        return payload

    def _completion(self) -> Plain:
        provider, model = self.random.choice(MODELS)
        call: Plain = {
            "provider": provider,
            "model": model,
            "inputTokenCount": self.random.randint(0, 5_000_000),
            "outputTokenCount": self.random.randint(0, 100_000),
        }
        if self.chance(30):
            call["cacheReadTokenCount"] = self.random.randint(0, call["inputTokenCount"])
            call["cacheCreationTokenCount"] = self.random.randint(0, 1000)
        if self.chance(40):
            call["totalCost"] = self.random.choice(("0.25", "3.5", "12.000001", "0"))
        if self.chance(10) and not self._has_quota():
            call["billingSkipped"] = True
        return call

    def _has_quota(self) -> bool:
        return any("quota" in each for each in self.case_.catalog["products"])

    def _copy(self, event: Plain) -> None:
        """Send an event once more, later: as it was, or with other content."""
        received = clock.instant(event["received_at"])
        again = {
            **event,
            "received_at": _text(self.between(received + SECOND, self.until + SECOND)),
        }
        if "payload" in event and self.chance(50):
            again["payload"] = {**event["payload"], "units": "99"}
        self.case_.events.append(again)

    # What becomes known from outside.

    def _payments(self) -> None:
        for row in self.case_.catalog["subscriptions"]:
            fee = self._product_of(row).get("setup_fee", {})
            is_first = (
                sum(f["invoice_id"] == f"{row['subscription_id']}-setup" for f in self.case_.facts)
                == 0
            )
            if fee.get("bill") == "immediate" and is_first and self.chance(85):
                start = self.began[row["subscription_id"]]
                paid_at = self.between(start, min(start + timedelta(days=9), self.until - MINUTE))
                fact = {"fact": "payment", "invoice_id": f"{row['subscription_id']}-setup"}
                if self.chance(30):
                    tried = _text(self.between(start, paid_at))
                    self.case_.facts.append({**fact, "status": "failed", "paid_at": tried})
                paid = {**fact, "status": "paid", "paid_at": _text(paid_at)}
                if self.chance(40):
                    paid["received_at"] = _text(self.between(paid_at, self.until))
                self.case_.facts.append(paid)

    def _corrections(self) -> None:
        for event in list(self.case_.events):
            received = clock.instant(event["received_at"])
            if not self.chance(4) or received + SECOND >= self.until:
                continue
            fact: Plain = {
                "fact": "void_event",
                "sourceId": event["sourceId"],
                "transactionId": event["transactionId"],
                "received_at": _text(self.between(received + SECOND, self.until)),
            }
            if self.chance(50) and "payload" in event:
                anew = {key: value for key, value in event.items() if key != "received_at"}
                anew["payload"] = self._payload()
                fact |= {"fact": "amend_event", "event": anew}
            self.case_.facts.append(fact)

    def _voids(self) -> None:
        """Void an invoice, and now and then another one, which may have billed the first again."""
        if self.chance(15) and self._void("period") and self.chance(30):
            self._void("period", "adjustment")

    def _void(self, *kinds: str) -> bool:
        """Void one of the invoices that are out; return whether there was one."""
        issued = [
            each
            for each in self.case_.rated()["invoices"]
            if each["kind"] in kinds and each["status"] != "void"
        ]
        if not issued:
            return False
        invoice = self.random.choice(issued)
        cut_off = clock.instant(invoice["cut_off_at"])
        if cut_off + SECOND < self.until:
            mode = self.random.choice(("waive", "reissue"))
            at = _text(self.between(cut_off + SECOND, self.until))
            fact = {"fact": "void", "invoice_id": invoice["invoice_id"], "mode": mode}
            self.case_.facts.append({**fact, "received_at": at})
        return True


def _units(row: Mapping[str, Any]) -> Decimal | None:
    value = row.get("units")
    return value if isinstance(value, Decimal) else None


def _region(row: Mapping[str, Any]) -> str:
    return normal(row.get("region") or "")


def _above(limit: str) -> Any:  # a condition
    return lambda row: (_units(row) or Decimal(0)) > Decimal(limit)


RULES: tuple[tuple[str, str, RuleCode | Any], ...] = (
    ("region = 'eu'", "0.25", (lambda row: _region(row) == "eu", lambda _: Decimal("0.25"))),
    (
        "units > 2",
        "units * 0.05",
        (_above("2"), lambda row: (_units(row) or 0) * Decimal("0.05")),
    ),
    (
        "source = 'probe'",
        "1.005",
        (lambda row: row["source"] == "probe", lambda _: Decimal("1.005")),
    ),
    (
        "region in ('eu', 'us') and units > 0.75",
        "units * 0.001 + 1.5",
        (
            lambda row: _region(row) in {"eu", "us"} and _above("0.75")(row),
            lambda row: (_units(row) or 0) * Decimal("0.001") + Decimal("1.5"),
        ),
    ),
    (
        "units is null",
        "2",
        (lambda row: _units(row) is None, lambda _: Decimal(2)),
    ),
)
"""Conditions and amounts in SQL, and the same in Python."""
