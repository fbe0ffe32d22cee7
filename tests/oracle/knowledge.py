"""What is known at an instant: rows, facts and events, licences and whose event is whose."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

from tests.oracle import clock
from tests.oracle.catalog import (
    Catalog,
    Row,
    Rule,
    Terms,
    counts_cached_input,
    normal,
)
from tests.oracle.events import Event, Fact

CLOCK_SKEW = timedelta(minutes=5)
COST_LIMIT = Decimal(10) ** 13
BUILT_IN = frozenset(
    {
        "inputTokenCount",
        "outputTokenCount",
        "totalTokenCount",
        "cacheReadTokenCount",
        "cacheCreationTokenCount",
        "reasoningTokenCount",
        "requestDuration",
        "timeToFirstToken",
    }
)
_TOKENS = {
    "input": "inputTokenCount",
    "output": "outputTokenCount",
    "cache_read": "cacheReadTokenCount",
    "cache_write": "cacheCreationTokenCount",
}


@dataclass(frozen=True, order=True)
class End:
    """An instant from which a subscription is not live, and whether what it cuts is prorated.

    It was asked for at an instant that may lie before, inside a trial or a period. What expires
    with its trial never has a paid period (R49); what is cancelled at that instant has (R48).
    """

    at: datetime
    known_at: datetime
    asked_at: datetime
    is_prorated: bool
    is_expiration: bool = False


@dataclass(frozen=True)
class World:
    """Everything that ever became known."""

    catalog: Catalog
    events: tuple[Event, ...]
    facts: tuple[Fact, ...]

    @cached_property
    def instants(self) -> list[datetime]:
        """All instants at which something became known."""
        known = self.catalog.instants()
        known |= {each.known_at for each in self.events} | {each.known_at for each in self.facts}
        return sorted(known)

    @cached_property
    def _states(self) -> dict[int, "State"]:
        return {}

    def state(self, cut_off: datetime, floor: datetime) -> "State":
        """Return what is known before a cut-off, or no later than the floor."""
        count = max(bisect_left(self.instants, cut_off), bisect_right(self.instants, floor))
        if count not in self._states:
            self._states[count] = State(self, self.instants[count - 1])
        return self._states[count]

    @cached_property
    def subscription_ids(self) -> list[str]:
        """All subscriptions that were ever entered."""
        return sorted({row["subscription_id"] for row in self.catalog.subscriptions})

    def entered_at(self, subscription_id: str) -> datetime:
        """Return when a subscription first became known."""
        return min(row.recorded_at for row in self.versions(subscription_id))

    def versions(self, subscription_id: str) -> list[Row]:
        """Return all versions of a subscription's row, as they became known."""
        rows = self.catalog.subscriptions
        return sorted((row for row in rows if row.key == (subscription_id,)), key=_recorded)

    def taught(self, credential: str) -> Mapping[str, datetime]:
        """Return the subscriptions that records named with a credential, and since when."""
        found: dict[str, datetime] = {}
        for each in self.events:
            named = each.identifiers.get("subscription_id", "")
            if named not in self.subscription_ids or not credential or is_future(each):
                continue
            if each.identifiers.get("credential") == credential:
                known_at = max(each.known_at, self.entered_at(named))
                found[named] = min(found.get(named, known_at), known_at)
        return found


def is_future(event: Event) -> bool:
    """Whether an event is refused because it claims to be later than its receipt."""
    return event.occurred_at > event.known_at + CLOCK_SKEW


def _recorded(row: Row) -> datetime:
    return row.recorded_at


class State:
    """The world as known at an instant, that instant included."""

    def __init__(self, world: World, last: datetime) -> None:
        """Look at the world as of an instant."""
        self.world = world
        self.last = last
        self._licences: dict[str, Licence] = {}

    def sees(self, known_at: datetime) -> bool:
        """Whether something is known that became known then."""
        return known_at <= self.last

    def current(self, rows: Iterable[Row]) -> list[Row]:
        """Return the latest known version of each row."""
        latest: dict[tuple[str, ...], Row] = {}
        for row in sorted(rows, key=_recorded):
            if self.sees(row.recorded_at):
                latest[row.key] = row
        return list(latest.values())

    @cached_property
    def facts(self) -> list[Fact]:
        """The facts that are known, as they became known."""
        known = (each for each in self.world.facts if self.sees(each.known_at))
        return sorted(known, key=lambda each: each.known_at)

    def licences(self) -> list["Licence"]:
        """Return the subscriptions that are known."""
        ids = (each for each in self.world.subscription_ids if self.knows(each))
        return [self.licence(each) for each in ids]

    def knows(self, subscription_id: str) -> bool:
        """Whether a subscription of that id was entered."""
        versions = self.world.versions(subscription_id)
        return bool(versions) and self.sees(versions[0].recorded_at)

    def licence(self, subscription_id: str) -> "Licence":
        """Return a subscription as it is known."""
        if subscription_id not in self._licences:
            self._licences[subscription_id] = Licence(self, subscription_id)
        return self._licences[subscription_id]

    def void(self, invoice_id: str, since: datetime) -> Fact | None:
        """Return the first fact that says since an instant that an invoice is void."""
        said = (each for each in self.facts if (each.kind, each.invoice_id) == ("void", invoice_id))
        return next((each for each in said if each.known_at >= since), None)

    @cached_property
    def events(self) -> list[Event]:
        """What counts as sent: the first received of each identity, corrected (R9, R12)."""
        first: dict[tuple[str, str], Event] = {}
        for each in sorted(self.world.events, key=lambda each: each.known_at):
            if self.sees(each.known_at) and not is_future(each):
                first.setdefault(each.identity, each)
        now = dict(first)
        for fact in self.facts:
            if fact.kind == "void_event":
                now.pop(fact.identity, None)
            elif fact.kind == "amend_event" and fact.identity in first and fact.event:
                now[fact.identity] = fact.event
        return sorted(now.values(), key=lambda each: each.rank)

    @cached_property
    def usage(self) -> Mapping[str, Sequence[Event]]:
        """The events of each subscription."""
        owned = defaultdict(list)
        for each in self.events:
            owner = self.owner(each)
            if owner is not None:
                owned[owner].append(each)
        return owned

    def owner(self, event: Event) -> str | None:
        """Return the subscription of an event: the first identifier that is known decides (R18)."""
        named = event.identifiers
        if self.knows(named.get("subscription_id", "")):
            found = [named["subscription_id"]]
        elif mapped := self._mapped(named.get("credential"), event.occurred_at):
            found = [each for each in mapped if each]
        else:
            found = (
                self._of_the_owner(event)
                or self._of_the_organization(event)
                or self._of_the_taught(event)
            )
        live = [each for each in map(self.licence, dict.fromkeys(found)) if each.takes(event)]
        if len(live) > 1 and (mapped_name := named.get("product_name")):
            live = [each for each in live if each.product_name == mapped_name]
        return live[0].subscription_id if len(live) == 1 else None

    def _mapped(self, credential: str | None, at: datetime) -> list[str]:
        """Return what a credential maps to: blank where its mapping does not hold (R20, R44)."""
        rows = [row for row in self._credentials if row["value"] == credential]
        return [
            self._moved(row["subscription_id"], at) if _holds(row, at) else ""
            for row in rows
            if self.knows(row["subscription_id"])
        ]

    @cached_property
    def _credentials(self) -> list[Row]:
        return self.current(self.world.catalog.credentials)

    def _moved(self, subscription_id: str, at: datetime) -> str:
        """Return who has a subscription's credentials, which move with a plan change."""
        for successor in self.successors(subscription_id):
            begins_at = self.licence(successor).begins_at
            if begins_at is not None and begins_at <= at:
                return self._moved(successor, at)
        return subscription_id

    def successors(self, subscription_id: str) -> list[str]:
        """Return the subscriptions that took the place of another."""
        rows = self.current(self.world.catalog.subscriptions)
        return [row["subscription_id"] for row in rows if row["replaces"] == subscription_id]

    def _of_the_owner(self, event: Event) -> list[str]:
        keys = self._subscribers(event)
        product = event.identifiers.get("product_name")
        owned = [each for each in self.licences() if each.row["subscriber_id"] in keys]
        found = [each for each in owned if each.product_name == product]
        organization = event.identifiers.get("organization_name")
        if organization and found:
            of_it = [each for each in found if self.organization_name(each) == organization]
            return [each.subscription_id for each in of_it]
        return [each.subscription_id for each in found]

    def _subscribers(self, event: Event) -> list[str]:
        """Return the subscriber of an event: by its id, else by its e-mail address."""
        rows = self.current(self.world.catalog.subscribers)
        by_id = event.identifiers.get("subscriber_id")
        if any(row["subscriber_id"] == by_id for row in rows):
            return [str(by_id)]
        mail = event.identifiers.get("email", "").lower()
        return [row["subscriber_id"] for row in rows if mail and row["email"].lower() == mail]

    def organization_name(self, licence: "Licence") -> str:
        """Return the name of who pays for a subscription."""
        rows = self.current(self.world.catalog.organizations)
        names = {row["organization_id"]: row["name"] for row in rows}
        return names.get(licence.row["organization_id"], "")

    def _of_the_organization(self, event: Event) -> list[str]:
        """Return an organization's subscriptions of a product that are not one person's (R19).

        They are for everybody in it, or for the subscribers whom they name.
        """
        people = {"organization", *self._subscribers(event)}
        organization = event.identifiers.get("organization_name")
        product = event.identifiers.get("product_name")
        return [
            each.subscription_id
            for each in self.licences()
            if organization
            and self.organization_name(each) == organization
            and each.product_name == product
            and people & {name.strip() for name in each.row["audience"].split(";")}
        ]

    def _of_the_taught(self, event: Event) -> list[str]:
        """Return whose credential it is as other events taught, which named both (R5).

        What was taught of it first holds for every event, the rest for events from then on.
        """
        if "subscription_id" in event.identifiers:
            return []
        credential = event.identifiers.get("credential", "")
        entered = [
            row.recorded_at for row in self.world.catalog.credentials if row["value"] == credential
        ]
        taught = {
            subscription: at
            for subscription, at in self.world.taught(credential).items()
            if self.sees(at) and not any(recorded_at <= at for recorded_at in entered)
        }
        first = min(taught.values(), default=event.known_at)
        return [
            self._moved(subscription, event.occurred_at)
            for subscription, at in taught.items()
            if at == first or at <= event.known_at
        ]

    def carries(self, event: Event, element: str) -> bool:
        """Whether an event has an element that its source may carry (R16)."""
        if element not in event.elements:
            return False
        return element in BUILT_IN or (element, event.source) in self._attached

    @cached_property
    def _attached(self) -> frozenset[tuple[str, str]]:
        rows = self.current(self.world.catalog.elements)
        return frozenset(
            (row["element"], source.strip()) for row in rows for source in row["sources"].split(";")
        )

    @cached_property
    def number_elements(self) -> frozenset[str]:
        """The elements whose values are numbers."""
        rows = self.current(self.world.catalog.elements)
        return frozenset(row["element"] for row in rows if row["type"] == "number") | BUILT_IN

    def cost(self, event: Event) -> Decimal | None:
        """Return what an event cost in USD: as sent, else by its tokens and the price list."""
        if event.sent_cost is not None:
            return event.sent_cost
        price = self._price(event)
        if price is None:
            return None
        counts = {unit: event.tokens.get(name, 0) for unit, name in _TOKENS.items()}
        if counts_cached_input(event.provider or ""):
            counts["input"] -= counts["cache_read"]
        default = {"cache_read": price["input"], "cache_write": price["input"]}
        cost = sum(
            (
                Decimal(price[unit] or default[unit]) * count / 1_000_000
                for unit, count in counts.items()
            ),
            Decimal(0),
        )
        return cost if cost < COST_LIMIT else None

    def _price(self, event: Event) -> Row | None:
        candidates = [
            row
            for row in self.current(self.world.catalog.ai_prices)
            if (row["provider"].lower(), row["model"]) == (event.provider, event.model)
            and row.valid_from <= event.occurred_at
            and int(row["min_input_tokens"] or 0) <= _prompt_tokens(event)
        ]
        order = [(row.valid_from, int(row["min_input_tokens"] or 0)) for row in candidates]
        return candidates[order.index(max(order))] if candidates else None

    def exchange_rate(self, currency: str, at: datetime) -> Decimal | None:
        """Return how much of a currency one USD is at an instant (R37)."""
        if currency == "USD":
            return Decimal(1)
        rows = [
            row
            for row in self.current(self.world.catalog.exchange_rates)
            if row["currency"] == currency and row.valid_from <= at
        ]
        latest = max(rows, key=lambda row: row.valid_from, default=None)
        return None if latest is None else Decimal(latest["per_usd"])

    def rules(self, terms: Terms, at: datetime) -> list[Rule]:
        """Return a product's rules that hold at an instant, in their priority (R40)."""
        versions = [
            rule
            for each in self.world.catalog.terms
            if each.product_id == terms.product_id
            for rule in each.rules
            if rule.valid_from <= at and self.sees(rule.recorded_at)
        ]
        latest = {rule.key: rule for rule in sorted(versions, key=lambda rule: rule.valid_from)}
        live = [each for each in latest.values() if each.valid_to is None or at < each.valid_to]
        return sorted(live, key=lambda rule: (rule.priority, rule.order, rule.key))

    def view(self, event: Event, subscription_id: str) -> dict[str, object]:
        """Return an event as a pricing rule sees it."""
        columns: dict[str, object] = {
            "source": event.source,
            "provider": event.provider,
            "model": event.model,
            "subscription": subscription_id,
            "occurred_at": event.occurred_at,
        }
        return columns | {
            name: text for name, text in event.elements.items() if self.carries(event, name)
        }

    def matches(self, event: Event, filters: Mapping[str, frozenset[str]]) -> bool:
        """Whether an event has one of the wanted values of every filtered element."""
        return all(self._filtered(event, name) in wanted for name, wanted in filters.items())

    def _filtered(self, event: Event, name: str) -> str | None:
        columns = {"provider": event.provider, "model": event.model, "source": event.source}
        text = columns[name] if name in columns else event.elements.get(name)
        if text is None or (name not in columns and not self.carries(event, name)):
            return None
        return normal(text)


def _prompt_tokens(event: Event) -> int:
    """Return all that a call was given, also where its input count leaves out what was cached."""
    counted = ["inputTokenCount"]
    if not counts_cached_input(event.provider or ""):
        counted += ["cacheReadTokenCount", "cacheCreationTokenCount"]
    return sum(event.tokens.get(name, 0) for name in counted)


def _holds(row: Row, at: datetime) -> bool:
    return row.valid_from <= at and (row.valid_to is None or at < row.valid_to)


class Licence:
    """A subscription as it is known: when it begins, its periods, and when it ends."""

    def __init__(self, state: State, subscription_id: str) -> None:
        """Look at a subscription in a state of knowledge."""
        self.state = state
        self.subscription_id = subscription_id
        self.first = state.world.versions(subscription_id)[0]
        self.row = state.current(state.world.versions(subscription_id))[0]

    @cached_property
    def first_terms(self) -> Terms:
        """The terms in force when it starts."""
        return self._terms_of(
            f"{self.first['product']}@{self.first['version']}", self.first.valid_from
        )

    @property
    def product_name(self) -> str:
        """The name of its product."""
        return self.first_terms.name

    def terms_at(self, moment: datetime) -> Terms:
        """Return the terms of the period that an instant lies in: those at its start (R25, R45)."""
        period_started_at = self._started_at(moment)
        product_id = self.first_terms.product_id
        upgrades = [
            row
            for row in self.state.current(self.state.world.catalog.upgrades)
            if row["subscription_id"] == self.subscription_id
            and row.valid_from <= period_started_at
        ]
        if upgrades:
            latest = max(upgrades, key=lambda row: row.valid_from)
            product_id = f"{self.first['product']}@{latest['version']}"
        return self._terms_of(product_id, period_started_at)

    def _started_at(self, moment: datetime) -> datetime:
        begins_at = self.begins_at or self.first.valid_from
        if moment < self.grid.anchor:
            return min(begins_at, moment)
        number = 0
        while self.grid.boundary(number + 1) <= moment:
            number += 1
        return self.grid.boundary(number)

    def _terms_of(self, product_id: str, at: datetime) -> Terms:
        versions = [
            each for each in self.state.world.catalog.terms if each.product_id == product_id
        ]
        # Terms that are recorded at the very start of a period are those of the period.
        known = [
            each for each in versions if each.recorded_at <= at or self.state.sees(each.recorded_at)
        ] or versions
        past = [each for each in known if each.valid_from <= at]
        if not past:
            return min(known, key=lambda each: each.valid_from)
        return max(past, key=lambda each: each.valid_from)

    @property
    def replaces(self) -> str:
        """The subscription that it took the place of, if any."""
        return self.first["replaces"]

    @cached_property
    def is_immediate(self) -> bool:
        """Whether a cancellation ends it at once."""
        own = self.row["immediate_cancellation"].lower()
        return own == "true" if own else self.first_terms.is_immediate

    @cached_property
    def opening(self) -> Fact | None:
        """The first known payment or waiver of the setup invoice."""
        entered_at = self.state.world.entered_at(self.subscription_id)
        for fact in self.state.facts:
            is_ours = fact.invoice_id == f"{self.subscription_id}-setup"
            is_paid = (fact.kind, fact.status) == ("payment", "paid")
            is_waived = (fact.kind, fact.mode) == ("void", "waive") and fact.known_at >= entered_at
            if is_ours and (is_paid or is_waived):
                return fact
        return None

    @cached_property
    def settles_from(self) -> datetime:
        """When its beginning was known: its entry, or the answer to its setup invoice if later."""
        entered_at = self.state.world.entered_at(self.subscription_id)
        if self.waits_for_payment and self.opening:
            return max(entered_at, self.opening.known_at)
        return entered_at

    def void(self, suffix: str, cut_off: datetime) -> Fact | None:
        """Return what made one of its invoices void: the first said of it since it was cut (R51).

        A setup fee that has to be paid first is not billed again before it was.
        """
        is_setup = suffix == "setup"
        if is_setup and not self.opening:
            return None
        since = self.settles_from if is_setup else cut_off
        return self.state.void(f"{self.subscription_id}-{suffix}", since)

    @cached_property
    def waits_for_payment(self) -> bool:
        """Whether it is not live before its setup fee is paid (R46)."""
        fee = self.first_terms.setup
        if fee is None or not fee.is_immediate or self.replaces:
            return False
        if not fee.is_per_client:
            return True
        entered_at = self.state.world.entered_at(self.subscription_id)
        entry = self.state.world.state(entered_at, entered_at)
        return entry.licence(self.subscription_id).pays_for_client()

    def pays_for_client(self, due: datetime | None = None) -> bool:
        """Whether all of its client's subscriptions that come before it pass the fee on.

        A closing that is cut by an end that becomes known then has its fee `due` at that instant.
        """
        order = (due or self.setup_order[0], *self.setup_order[1:])
        return all(
            each.is_passed_on
            for each in self.state.licences()
            if each.client == self.client
            and each.owes_per_client
            and each.setup_order < order
            and each is not self
        )

    @property
    def owes_per_client(self) -> bool:
        """Whether its terms have a setup fee that a client pays once."""
        fee = self.first_terms.setup
        return fee is not None and fee.is_per_client and not self.replaces

    @property
    def client(self) -> tuple[str, str]:
        """Who pays once however often it subscribes: organization or subscriber, and product."""
        payer = self.first["organization_id"] or f"subscriber {self.first['subscriber_id']}"
        return payer, self.product_name

    @cached_property
    def setup_order(self) -> tuple[datetime, datetime, str]:
        """When the setup fee is due, when it became known, and its id (R46)."""
        entered_at = self.state.world.entered_at(self.subscription_id)
        fee = self.first_terms.setup
        due = entered_at
        if fee is not None and not fee.is_immediate:
            grace = self.grace(self.anchor)
            due = max(self.grid.boundary(1) + grace, entered_at)
            if self.end is not None:
                due = min(due, max(self.end.at + grace, self.end.known_at, entered_at))
        return due, entered_at, self.subscription_id

    @cached_property
    def is_setup_void(self) -> bool:
        """Whether the invoice is void that charged its setup fee, and counts as billed."""
        cut_off = self.setup_order[0]
        void = self.void("setup" if self.waits_for_payment else "0001", cut_off)
        if void is None or void.mode == "reissue":
            return False
        if self.waits_for_payment or not self.owes_per_client:
            return True
        entered_at = self.state.world.entered_at(self.subscription_id)
        then = self.state.world.state(cut_off, entered_at)
        return then.licence(self.subscription_id).pays_for_client()

    @property
    def is_passed_on(self) -> bool:
        """Whether its setup fee is another one's: the trial is cancelled, or the invoice void."""
        is_cancelled = self.is_cancelled_in_trial and not self.waits_for_payment
        return is_cancelled or self.is_setup_void

    @cached_property
    def begins_at(self) -> datetime | None:
        """From when it is live; None while it waits for its setup payment."""
        if self.replaces:
            return self._change_at
        if self.waits_for_payment:
            if self.opening is None:
                return None
            return max(self.first.valid_from, self.opening.paid_at or self.opening.known_at)
        return self.first.valid_from

    @property
    def _change_at(self) -> datetime:
        """When it took the place of another: at once, or at the boundary that comes first."""
        replaced = self.state.licence(self.replaces)
        if self.is_change_at_once:
            return self.first.valid_from
        return replaced.boundary_after(self.first.valid_from)

    @property
    def is_change_at_once(self) -> bool:
        """Whether the plan change does not wait for the end of a period (R44)."""
        change = self.first["change"]
        return change == "now" or (not change and self.state.licence(self.replaces).is_immediate)

    @property
    def every(self) -> clock.Interval:
        """The length of its periods."""
        test = self.first["settlement"]
        return clock.interval(test) if test else self.first_terms.every

    @property
    def trial_days(self) -> int:
        """The days of its free trial."""
        own = self.first["trial_days"]
        return 0 if self.replaces else int(own) if own else self.first_terms.trial_days

    @cached_property
    def grid(self) -> clock.Grid:
        """Its boundaries: the first is the end of its trial."""
        place = self.first_terms.place
        begins_at = self.begins_at or self.first.valid_from
        if not self.trial_days:
            return clock.Grid(begins_at, self.every, place)
        if self.every.is_test:
            trial = timedelta(minutes=clock.MINUTES_OF_A_TEST_PERIOD)
            return clock.Grid(begins_at + trial, self.every, place)
        return clock.Grid(clock.add_days(begins_at, self.trial_days, place), self.every, place)

    @property
    def anchor(self) -> datetime:
        """Where its first paid period begins."""
        return self.grid.anchor

    def grace(self, period_started_at: datetime) -> timedelta:
        """Return how long a period takes events after its end."""
        return timedelta() if self.every.is_test else self.terms_at(period_started_at).grace

    def boundary_after(self, moment: datetime) -> datetime:
        """Return where the period ends in which something is cancelled (R48)."""
        is_begun = moment == self.anchor
        return self.grid.boundary(1) if is_begun else self.grid.next_boundary(moment)

    @cached_property
    def is_cancelled_in_trial(self) -> bool:
        """Whether no paid period ever begins."""
        if self.end is None:
            return False
        if self.end.is_expiration:
            return self.end.at <= self.anchor
        return self.end.asked_at < self.anchor

    @cached_property
    def end(self) -> End | None:
        """The end that is known, the earliest if there are several."""
        return min(self._ends(), default=None)

    def _ends(self) -> Iterator[End]:
        if self.row["expires_at"]:
            at = clock.end(self.row["expires_at"], self.first_terms.place)
            known_at = self._known_since("expires_at")
            yield End(at, known_at, at, self.is_immediate, is_expiration=True)
        if self.every.is_test and self.begins_at:
            at = self.begins_at + timedelta(minutes=clock.MINUTES_OF_A_TEST)
            yield End(at, self.first.recorded_at, at, is_prorated=False)
        for row in self.state.current(self.state.world.catalog.cancellations):
            is_ours = row["subscription_id"] == self.subscription_id
            withdrawn = row["withdrawn_at"]
            if is_ours and not (withdrawn and self.state.sees(clock.instant(withdrawn))):
                yield self._cancelled(row)
        for successor in self.state.successors(self.subscription_id):
            other = self.state.licence(successor)
            known_at = self.state.world.entered_at(successor)
            if other.begins_at is not None:
                asked_at = other.first.valid_from
                yield End(other.begins_at, known_at, asked_at, other.is_change_at_once)

    def _known_since(self, field: str) -> datetime:
        versions = self.state.world.versions(self.subscription_id)
        return min(each.recorded_at for each in versions if each[field] == self.row[field])

    def _cancelled(self, row: Row) -> End:
        if self.is_immediate:
            return End(row.valid_from, row.recorded_at, row.valid_from, is_prorated=True)
        at = self.boundary_after(row.valid_from)
        return End(at, row.recorded_at, row.valid_from, is_prorated=False)

    def takes(self, event: Event) -> bool:
        """Whether it is live when an event occurs, and its product includes the source."""
        if self.begins_at is None or event.occurred_at < self.begins_at:
            return False
        is_over = self.end is not None and event.occurred_at >= self.end.at
        return not is_over and event.source in self.terms_at(event.occurred_at).sources

    @property
    def payer(self) -> str:
        """Who pays: the organization, else the subscriber (R22)."""
        return self.first["organization_id"] or f"subscriber {self.first['subscriber_id']}"
