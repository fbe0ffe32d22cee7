"""The oracle: every closing rates all periods so far from nothing and bills the difference.

Slow and plain on purpose. It shares no code and no idea of order with what it judges: no
aggregate is carried from one closing to the next, only what was billed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from tests.oracle import catalog as catalogs
from tests.oracle import clock
from tests.oracle import events as wires
from tests.oracle.catalog import ZERO
from tests.oracle.events import Fact
from tests.oracle.knowledge import End, Licence, State, World
from tests.oracle.pricing import DIGITS, Charge, Key, Period, Piece, exact_share, recurring, usage

LOOK_BACK_MONTHS = 12
MINUTES_OF_A_TESTS_LAST_CLOSE = 65
KINDS = ("setup", "one_time", "recurring", "usage", "element_fee", "rule", "credit", "adjustment")


@dataclass(frozen=True)
class Closing:
    """An instant at which an invoice of a subscription is cut; `end` is what cut its period."""

    ordinal: int
    kind: str
    period: Period
    cut_off: datetime
    end: End | None = None


@dataclass(frozen=True)
class Line:
    """A line of an invoice, in the order of its kind, catalogue, tier, value and period."""

    kind: str
    charge: Charge
    piece: Piece
    period: Period
    tier_number: int = 0
    adjusts: str | None = None

    @property
    def order(self) -> tuple[int, int, int, bytes, datetime]:
        """Where it is printed (R54)."""
        value = "".join(self.charge.key[2:]).encode()
        kind = KINDS.index(self.kind)
        return kind, self.charge.order, self.tier_number, value, self.period.started_at


@dataclass
class Invoice:
    """An invoice and its lines."""

    invoice_id: str
    closing: Closing
    licence: Licence
    lines: list[Line]
    amount_due: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """The sum of its rounded lines."""
        return sum((line.piece.amount for line in self.lines), ZERO)

    def void(self, state: State) -> Fact | None:
        """Return what made it void, as far as that is known."""
        licence = state.licence(self.licence.subscription_id)
        return licence.void(_suffix(self.closing.ordinal), self.closing.cut_off)


@dataclass(frozen=True)
class Entry:
    """Something billed: on which invoice, for which period and charge."""

    invoice_id: str
    ordinal: int
    key: Key
    amount: Decimal
    quantity: Decimal | None
    used: int


@dataclass
class Ledger:
    """What a subscription was billed."""

    entries: list[Entry] = field(default_factory=list)

    def of(self, ordinal: int, key: Key, reissued: Iterable[str]) -> list[Entry]:
        """Return what counts as billed of a charge in a period."""
        return [
            each
            for each in self.entries
            if (each.ordinal, each.key) == (ordinal, key) and each.invoice_id not in reissued
        ]

    def keys(self, ordinal: int) -> list[Key]:
        """Return what was ever billed in a period."""
        return list(dict.fromkeys(each.key for each in self.entries if each.ordinal == ordinal))

    def first_invoice(self, ordinal: int, key: Key) -> str | None:
        """Return the invoice that first billed a charge."""
        found = (each.invoice_id for each in self.entries)
        keys = ((each.ordinal, each.key) for each in self.entries)
        return next(
            (name for name, each in zip(found, keys, strict=True) if each == (ordinal, key)), None
        )


def rate(  # the six things that an invoice is a function of
    catalog: Mapping[str, Iterable[catalogs.Raw]],
    events: Iterable[wires.Wire],
    facts: Iterable[wires.Wire] = (),
    *,
    as_of: str,
    rules: catalogs.RuleCode | None = None,
) -> dict[str, Any]:
    """Return the invoices that are issued as of an instant, in the form of `meterhouse rate`."""
    world = World(
        catalogs.read(catalog, rules or {}),
        tuple(wires.event(each) for each in events),
        tuple(wires.fact(each) for each in facts),
    )
    until = clock.instant(as_of)
    invoices = [
        invoice
        for subscription_id in world.subscription_ids
        if world.entered_at(subscription_id) <= until
        for invoice in Settlement(world, subscription_id, until).invoices()
    ]
    final = world.state(until, until)
    _pay_from_balances(invoices, final)
    shown = [_shown(each, final) for each in sorted(invoices, key=lambda each: each.invoice_id)]
    return {"version": 1, "as_of": _instant(until), "invoices": shown}


class Settlement:
    """The closings of one subscription, one after another."""

    def __init__(self, world: World, subscription_id: str, until: datetime) -> None:
        """Begin with nothing billed."""
        self.world = world
        self.subscription_id = subscription_id
        self.until = until
        self.ledger = Ledger()
        self.closed: list[Closing] = []
        self.names: dict[int, str] = {}
        self.seen: dict[int, State] = {}
        self.last_state: State | None = None
        self.final = world.state(until, until).licence(subscription_id)

    def invoices(self) -> Iterator[Invoice]:
        """Yield the subscription's invoices in the order of their closings."""
        if self.final.first_terms.is_analytics_only:
            return
        for closing in self._closings():
            state = self.state(closing)
            lines = sorted(self._lines(closing, state), key=lambda line: line.order)
            name = f"{self.subscription_id}-{_suffix(closing.ordinal)}"
            if closing.kind == "period" or lines:
                self.names[closing.ordinal] = name
                self._book(name, lines)
                yield Invoice(name, closing, state.licence(self.subscription_id), lines)
            self.closed.append(closing)
            self.seen[closing.period.ordinal] = state
            self.last_state = state

    def state(self, closing: Closing) -> State:
        """Return what is known at a closing."""
        entered_at = self.world.entered_at(self.subscription_id)
        floor = entered_at if closing.kind == "setup" else self.final.settles_from
        return self.world.state(closing.cut_off, floor)

    def _reissued(self, state: State) -> frozenset[str]:
        """Return its invoices of which nothing counts as billed any more (R51)."""
        licence = state.licence(self.subscription_id)
        voids = (
            (self.names[each.ordinal], licence.void(_suffix(each.ordinal), each.cut_off))
            for each in self.closed
            if each.ordinal in self.names
        )
        return frozenset(name for name, void in voids if void and void.mode == "reissue")

    def _book(self, name: str, lines: Sequence[Line]) -> None:
        for line in lines:
            charge, piece = line.charge, line.piece
            used = charge.used if charge.key[0] == "recurring" else 0
            self.ledger.entries.append(
                Entry(name, line.period.ordinal, charge.key, piece.amount, piece.quantity, used)
            )

    # When it closes.

    def _closings(self) -> Iterator[Closing]:
        entered_at = self.world.entered_at(self.subscription_id)
        yield from self._setup(entered_at)
        if self.final.begins_at is None:
            return
        anchor = self.final.anchor
        is_change_at_once = bool(self.final.replaces) and self.final.is_change_at_once
        waits = self.final.grace(anchor) if is_change_at_once else timedelta()
        opened_at = max(anchor + waits, self.final.settles_from)
        first = Period(0, 0, anchor, anchor, anchor)
        if opened_at <= self.until:
            yield Closing(0, "opening", first, opened_at)
        yield from self._regular()

    def _setup(self, entered_at: datetime) -> Iterator[Closing]:
        licence = self.world.state(entered_at, entered_at).licence(self.subscription_id)
        if licence.waits_for_payment:
            started_at = licence.first.valid_from
            period = Period(-1, 0, started_at, started_at, started_at)
            yield Closing(-1, "setup", period, entered_at)

    def _regular(self) -> Iterator[Closing]:
        ordinal, number = 1, 1
        started_at = self.final.anchor
        while (closing := self._closing(ordinal, number, started_at)) is not None:
            yield closing
            ordinal += 1
            started_at = closing.period.ended_at
            number += closing.period.ended_at == closing.period.regular_end
        if not self.final.every.is_test:
            yield from self._after_voids(ordinal, number)

    def _after_voids(self, ordinal: int, number: int) -> Iterator[Closing]:
        """Yield the next boundary after each void that bills again, however late (R51)."""
        floor = self.final.settles_from
        voids = [
            each.known_at
            for each in self.world.facts
            if (each.kind, each.mode) == ("void", "reissue")
            and each.invoice_id.rpartition("-")[0] == self.subscription_id
        ]
        before = max((each.cut_off for each in self.closed), default=floor)
        while True:
            start, end = self.final.grid.boundary(number - 1), self.final.grid.boundary(number)
            cut_off = max(end + self.final.grace(start), floor)
            if cut_off > self.until:
                return
            if any(before <= each < cut_off for each in voids):
                period = Period(ordinal, number, start, end, end)
                yield Closing(ordinal, "adjustment", period, cut_off)
            before, ordinal, number = cut_off, ordinal + 1, number + 1

    def _closing(self, ordinal: int, number: int, started_at: datetime) -> Closing | None:
        """Return the next closing: a period's regular one, or at an end inside it if known then."""
        regular_end = self.final.grid.boundary(number)
        floor = self.final.settles_from
        grace = self.final.grace(self.final.grid.boundary(number - 1))
        regular_cut = max(regular_end + grace, floor)
        period = Period(ordinal, number, started_at, regular_end, regular_end)
        is_rest = self._is_rest(period)
        for end in () if is_rest else self._ends_inside(period, regular_cut):
            cut_off = max(end.at + grace, end.known_at, floor)
            if cut_off <= self.until:
                cut = Period(ordinal, number, started_at, end.at, regular_end)
                return Closing(ordinal, "period", cut, cut_off, end)
        if regular_cut > self.until:
            return None
        licence = self.world.state(regular_cut, floor).licence(self.subscription_id)
        if licence.end is None or licence.end.at > started_at:
            return Closing(ordinal, "adjustment" if is_rest else "period", period, regular_cut)
        is_billed_ahead = bool(self.ledger.keys(ordinal)) or (
            is_rest and self._has_advance(self.closed[-1].period)
        )
        if regular_end > self._last_boundary(licence.end) and not is_billed_ahead:
            return None
        return Closing(ordinal, "adjustment", period, regular_cut)

    def _has_advance(self, period: Period) -> bool:
        """Whether something of a period was billed before it closed."""
        return any(self._is_in_advance(period, key) for key in self.ledger.keys(period.ordinal))

    def _is_rest(self, period: Period) -> bool:
        """Whether it is what an end left of a period, which is rated as one if it goes on (R33)."""
        grid = self.final.grid
        return period.started_at > max(grid.boundary(period.number - 1), grid.anchor)

    def _last_boundary(self, end: End) -> datetime:
        """Return until when late usage is looked at after an end (R28 to R30)."""
        if self.final.every.is_test and self.final.begins_at:
            return self.final.begins_at + timedelta(minutes=MINUTES_OF_A_TESTS_LAST_CLOSE)
        grid = self.final.grid
        return clock.add_months(grid.next_boundary(end.at), LOOK_BACK_MONTHS, grid.place)

    def _ends_inside(self, period: Period, regular_cut: datetime) -> list[End]:
        """Return the ends that cut a period, the one first closed at first."""
        floor = self.final.settles_from
        grace = self.final.grace(period.started_at)
        candidates: dict[datetime, End] = {}
        for known_at in self.world.instants:
            if known_at >= regular_cut and known_at > floor:
                break
            end = (
                self.world.state(known_at, known_at).licence(self.subscription_id).end
                if self._is_entered(known_at)
                else None
            )
            if end and period.started_at < end.at < period.ended_at:
                cut_off = max(end.at + grace, end.known_at, floor)
                if self._is_in_force(end, cut_off):
                    candidates.setdefault(cut_off, end)
        return [end for _, end in sorted(candidates.items())]

    def _is_entered(self, known_at: datetime) -> bool:
        return known_at >= self.world.entered_at(self.subscription_id)

    def _is_in_force(self, end: End, cut_off: datetime) -> bool:
        known = self.world.state(cut_off, max(self.final.settles_from, end.known_at))
        return known.licence(self.subscription_id).end == end

    # What it bills.

    def _lines(self, closing: Closing, state: State) -> Iterator[Line]:
        licence = state.licence(self.subscription_id)
        if closing.kind == "setup":
            yield from self._plain("setup", self._setup_fee(licence), closing.period)
            return
        if closing.kind == "opening":
            if not licence.is_cancelled_in_trial:
                first = _until(self._first_period(), licence.end)
                yield from self._plain("one_time", self._one_time(licence), first)
                yield from self._advance(licence, first, licence.end)
            return
        yield from self._own(closing, licence)
        if closing.end is None:
            following = _until(self._following(closing.period), licence.end)
            yield from self._advance(licence, following, licence.end)
        if state is not self.last_state:
            yield from self._changes(closing, state)

    def _plain(self, kind: str, charges: Iterable[Charge], period: Period) -> Iterator[Line]:
        for charge in charges:
            for number, piece in enumerate(charge.pieces, 1):
                yield Line(kind, charge, piece, period, number)

    def _first_period(self) -> Period:
        ends_at = self.final.grid.boundary(1)
        return Period(1, 1, self.final.anchor, ends_at, ends_at)

    def _following(self, period: Period) -> Period:
        number = period.number + 1
        ends_at = self.final.grid.boundary(number)
        return Period(period.ordinal + 1, number, period.ended_at, ends_at, ends_at)

    def _own(self, closing: Closing, licence: Licence) -> Iterator[Line]:
        """Yield what the closing period costs, and what comes back of its advance charges."""
        period, end = closing.period, closing.end or licence.end
        if self._is_rest(period):
            return
        is_live = closing.kind == "period"
        if period.ordinal == 1 and not licence.waits_for_payment:
            fee = self._setup_fee(licence, due=closing.cut_off)
            yield from self._plain("setup", fee, period)
        for fixed, charge in recurring(licence, period, end) if is_live else ():
            if not fixed.is_in_advance:
                yield from self._plain("recurring", [charge], period)
        for charge in usage(licence, period, end) if is_live else ():
            yield from self._plain(charge.key[0], [charge], period)
        yield from self._of_advance(closing, licence, end)

    def _of_advance(self, closing: Closing, licence: Licence, end: End | None) -> Iterator[Line]:
        """Yield what an advance charge is at the period's end, less what was billed (R43)."""
        period = closing.period
        billed_keys = [key for key in self.ledger.keys(period.ordinal) if key[0] == "recurring"]
        now = {
            charge.key: charge
            for fixed, charge in recurring(licence, period, end)
            if fixed.is_in_advance
        }
        for key in dict.fromkeys([*now, *billed_keys]):
            yield from self._difference(period, key, now.get(key), licence.state)

    def _advance(self, licence: Licence, period: Period, end: End | None) -> Iterator[Line]:
        """Yield the charges in advance of a period that is known to come (R42)."""
        for fixed, charge in recurring(licence, period, end):
            if fixed.is_in_advance:
                yield from self._plain("recurring", [charge], period)

    def _changes(self, closing: Closing, state: State) -> Iterator[Line]:
        """Yield what earlier periods cost otherwise than was billed (R33)."""
        licence = state.licence(self.subscription_id)
        yield from self._setup_changes(closing, licence)
        for earlier in self.closed:
            is_period = earlier.kind in {"period", "adjustment"}
            if is_period and self._looks_back(closing, earlier, state):
                period = earlier.period
                then = self.seen[period.ordinal].licence(self.subscription_id)
                now = {charge.key: charge for charge in self._all(then, earlier)}
                for key in dict.fromkeys([*now, *self.ledger.keys(period.ordinal)]):
                    if key[0] not in {"setup", "one_time"}:
                        yield from self._difference(period, key, now.get(key), state)

    def _looks_back(self, closing: Closing, earlier: Closing, state: State) -> bool:
        """Whether a period is rated again: within the look-back, or if it was billed in vain.

        What it costs is what was known at the last closing of the look-back.
        """
        ordinal, place = earlier.period.ordinal, self.final.grid.place
        until = clock.add_months(earlier.period.regular_end, LOOK_BACK_MONTHS, place)
        if closing.period.ended_at <= until:
            self.seen[ordinal] = state
            return True
        void = self._reissued(state)
        billed = (each for each in self.ledger.entries if each.ordinal == ordinal)
        return any(each.invoice_id in void for each in billed)

    def _all(self, licence: Licence, earlier: Closing) -> Iterator[Charge]:
        """Yield what a closed period costs by what is known now."""
        period, end = earlier.period, licence.end
        if not self._is_rest(period) and (end is None or end.at > period.started_at):
            yield from (charge for _, charge in recurring(licence, period, end))
            whole = replace(period, ended_at=period.regular_end)
            yield from usage(licence, whole, end)

    def _setup_changes(self, closing: Closing, licence: Licence) -> Iterator[Line]:
        periods = {each.ordinal: each.period for each in self.closed}
        one_time = [] if licence.is_cancelled_in_trial else list(self._one_time(licence))
        first = self._first_period()
        fee_period = periods.get(-1, first)
        is_due = closing.ordinal > 1 or licence.waits_for_payment
        fees = list(self._setup_fee(licence)) if is_due else []
        for period, charges, kind in ((first, one_time, "one_time"), (fee_period, fees, "setup")):
            now = {charge.key: charge for charge in charges}
            billed = [key for key in self.ledger.keys(period.ordinal) if key[0] == kind]
            for key in dict.fromkeys([*now, *billed]):
                if kind == "one_time" or not licence.is_setup_void:
                    yield from self._difference(period, key, now.get(key), licence.state)

    def _difference(
        self, period: Period, key: Key, now: Charge | None, state: State
    ) -> Iterator[Line]:
        entries = self.ledger.of(period.ordinal, key, self._reissued(state))
        amount = (now.amount if now else ZERO) - sum((each.amount for each in entries), ZERO)
        if not amount:
            return
        name = self._adjusted(period, key, state)
        charge = now or Charge(key, 0, ())
        is_again = len(entries) < len(self.ledger.of(period.ordinal, key, ()))
        if amount < 0 and not is_again and self._is_in_advance(period, key):
            used = sum(each.used for each in entries) - charge.used
            full = charge.full or self._full(state, period)
            piece = Piece(amount, fraction=exact_share(used, full))
            credited = Charge(key, charge.order, (piece,), used=-used, full=full)
            yield Line("credit", credited, piece, period, adjusts=name)
            return
        quantity = self._quantity_change(charge, entries)
        used = charge.used - sum(each.used for each in entries)
        changed = Charge(key, charge.order, (), quantity, used, charge.full, charge.shown)
        yield Line("adjustment", changed, Piece(amount, quantity), period, adjusts=name)

    def _is_in_advance(self, period: Period, key: Key) -> bool:
        """Whether a charge was billed before its period closed."""
        first = self.ledger.first_invoice(period.ordinal, key)
        own = f"{self.subscription_id}-{_suffix(period.ordinal)}"
        return key[0] == "recurring" and first is not None and first < own

    def _adjusted(self, period: Period, key: Key, state: State) -> str | None:
        """Return the invoice that is adjusted: the first that billed it, or should have."""
        kind, name = key[:2]
        if kind in {"setup", "one_time", "recurring"}:
            terms = state.licence(self.subscription_id).terms_at(period.started_at)
            ahead = {each.key for each in terms.recurring if each.is_in_advance}
            is_ahead = kind == "one_time" or (kind == "recurring" and name in ahead)
            return self.names.get(period.ordinal - is_ahead)
        return self.names.get(period.ordinal)

    def _full(self, state: State, period: Period) -> int:
        return state.licence(self.subscription_id).grid.full_seconds(period.number)

    def _quantity_change(self, charge: Charge, entries: Sequence[Entry]) -> Decimal | None:
        if charge.key[0] not in {"usage", "element_fee", "rule"}:
            return None
        billed = sum((each.quantity or ZERO for each in entries), ZERO)
        return (charge.quantity or ZERO) - billed

    def _setup_fee(self, licence: Licence, due: datetime | None = None) -> Iterator[Charge]:
        fee = licence.first_terms.setup
        if fee is None or licence.replaces:
            return
        cut_at = None if fee.is_immediate else due
        if fee.is_per_client and not licence.pays_for_client(cut_at):
            return
        if licence.waits_for_payment or not licence.is_cancelled_in_trial:
            yield Charge(("setup", "setup"), 0, (Piece(fee.amount),))

    def _one_time(self, licence: Licence) -> Iterator[Charge]:
        for order, each in enumerate(licence.first_terms.one_time):
            yield Charge(("one_time", each.key), order, (Piece(each.amount),))


def _until(period: Period, end: End | None) -> Period:
    """Return a period that is known to end early as what is left of it."""
    if end is None or end.at >= period.ended_at:
        return period
    return replace(period, ended_at=end.at)


def _suffix(ordinal: int) -> str:
    return "setup" if ordinal < 0 else f"{ordinal:04d}"


def _pay_from_balances(invoices: Sequence[Invoice], final: State) -> None:
    """Set what is due of each invoice: the total less the credit there is when it is cut (R43).

    A void undoes from when it is known what its invoice did to the balance, and nothing else:
    what was due on the others stays (R51).
    """
    balances: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    changed: dict[str, Decimal] = {}

    def order(each: tuple[datetime, bool, Invoice]) -> tuple[object, ...]:
        at, is_void, invoice = each
        ended_at = invoice.closing.period.ended_at
        return at, is_void, ended_at, invoice.total, invoice.invoice_id

    cut = [(each.closing.cut_off, False, each) for each in invoices]
    voids = [(void.known_at, True, each) for each in invoices if (void := each.void(final))]
    for _, is_void, each in sorted([*cut, *voids], key=order):
        account = (each.licence.payer, each.licence.first_terms.currency)
        if is_void:
            balances[account] -= changed[each.invoice_id]
            each.amount_due = ZERO
            continue
        used = min(max(balances[account], ZERO), each.total)
        changed[each.invoice_id] = -used
        balances[account] -= used
        each.amount_due = max(each.total, ZERO) - max(used, ZERO)


# How it is shown.


def _shown(invoice: Invoice, final: State) -> dict[str, Any]:
    closing, terms = invoice.closing, invoice.licence.first_terms
    status = "void" if invoice.void(final) else "issued"
    return {
        "invoice_id": invoice.invoice_id,
        "kind": closing.kind,
        "subscription_id": invoice.licence.subscription_id,
        "product": invoice.licence.terms_at(closing.period.started_at).product_id,
        "period_started_at": _instant(closing.period.started_at),
        "period_ended_at": _instant(closing.period.ended_at),
        "cut_off_at": _instant(closing.cut_off),
        "currency": terms.currency,
        "status": status,
        "total_amount": _money(invoice.total, terms.digits),
        "amount_due": _money(invoice.amount_due, terms.digits),
        "lines": [
            _shown_line(number, line, terms.digits) for number, line in enumerate(invoice.lines, 1)
        ],
    }


def _shown_line(number: int, line: Line, digits: int) -> dict[str, Any]:
    kind, *names = line.charge.key
    tier = line.piece.tier
    return {
        "line_number": number,
        "kind": line.kind,
        "metric": None if kind == "rule" else names[0],
        "tier": tier.name if tier else None,
        "element_value": line.charge.shown or names[1] if kind == "element_fee" else None,
        "rule": names[0] if kind == "rule" else None,
        "quantity": _plain(line.piece.quantity),
        "unit_rate": _plain(line.piece.rate),
        "fixed_amount": _plain(line.piece.fixed),
        "fraction": _plain(line.piece.fraction),
        "amount": _money(line.piece.amount, digits),
        "period_started_at": _instant(line.period.started_at),
        "period_ended_at": _instant(line.period.ended_at),
        "adjusts_invoice_id": line.adjusts,
    }


def _plain(value: Decimal | None) -> str | None:
    """Return a number without trailing zeros."""
    if value is None:
        return None
    with localcontext(prec=DIGITS):
        return f"{value.normalize() + 0:f}"


def _money(amount: Decimal, digits: int) -> str:
    return f"{amount:.{digits}f}"


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
