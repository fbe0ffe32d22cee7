"""Kinds of vectors that are about time: periods, trials, proration, changes of product."""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.vectors.given import Given
from tests.vectors.rated import Found, Line, Rated, amount_of
from tests.vectors.vector import Vector, as_instant

_UNITS = {
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "quarterly": "quarter",
    "annual": "year",
    "yearly": "year",
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_BILL = {"advance": "in_advance", "arrears": "in_arrears"}
_CHARGED = ("recurring", "credit")
_WHOLE_CHARGE = Decimal(10) ** 9  # shares of it show nine decimals and more


def recurring(vector: Vector, given: Given) -> Found:
    """What a period's recurring charge is, with or without a trial before."""
    inputs = vector.inputs
    unit = _UNITS[inputs["interval"]]
    start = date.fromisoformat(inputs["start"])
    stated = [date.fromisoformat(each) for each in inputs.get("period", ())]
    period = stated or [start, _later(start, unit)]
    is_calendar = all(_begins_calendar_period(each, unit) for each in period)
    product = given.product(
        currency=vector.currency,
        settlement=_settlement(unit, is_calendar=is_calendar),
        trial_days=inputs.get("trial_days", "0"),
        recurring_charges=[_charge(vector.price(inputs["plan_amount"]), inputs)],
    )
    subscription_id = given.subscription(product, start, expires_at=period[1] + timedelta(days=99))

    def found(rated: Rated) -> dict[str, Any]:
        lines = rated.lines(subscription_id, "recurring")
        return {"amount": vector.stated(amount_of(_of_period(lines, period)))}

    return found


def cancelled(vector: Vector, given: Given, *, timing: str = "arrears") -> Found:
    """What is charged, or given back, if a subscription is cancelled within its first period."""
    inputs: dict[str, Any] = {"timing": timing, "interval": "monthly"} | vector.inputs
    start = inputs.get("from") or inputs.get("start") or inputs["period"][0]
    product = given.product(
        currency=vector.currency,
        settlement=_settlement(
            _UNITS[inputs["interval"]], is_calendar=inputs.get("billing_day") == 1
        ),
        immediate_cancellation="true",
        recurring_charges=[_charge(_amount(vector), inputs)],
    )
    subscription_id = given.subscription(product, as_instant(start), expires_at="2028-01-01")
    given.cancel(subscription_id, _cancelled_at(vector))

    def found(rated: Rated) -> dict[str, Any]:
        charged = rated.lines(subscription_id, "recurring")
        repair = amount_of(rated.lines(subscription_id, "credit"))
        return {
            "amount": vector.stated(amount_of(charged)),
            "factor": _nine_decimals(charged[0]["fraction"] or Decimal(1)),
            "first_invoice": vector.stated(amount_of(charged[:1])),
            "repair": vector.stated(repair),
            "credit": vector.stated(-repair),
            "credit_subtotal": vector.stated(-repair),
        }

    return found


def _cancelled_at(vector: Vector) -> str:
    """Return when the subscription ends.

    Lago bills the day of the cancellation, so a date there means the midnight after it. For the
    others it is the first day that is not billed.
    """
    stated = str(vector.inputs.get("to") or vector.inputs["cancel"])
    if vector.source.startswith("getlago/") and "T" not in stated:
        return as_instant(date.fromisoformat(stated) + timedelta(days=1))
    return as_instant(stated)


def started(vector: Vector, given: Given) -> Found:
    """What is charged for the rest of a calendar period."""
    inputs: dict[str, Any] = {"interval": "monthly"} | vector.inputs
    product = given.product(
        currency=vector.currency,
        settlement=_settlement(_UNITS[inputs["interval"]], is_calendar=True),
        recurring_charges=[_charge(_amount(vector), inputs)],
    )
    start = date.fromisoformat(inputs.get("from") or inputs["start"])
    subscription_id = given.subscription(product, start, expires_at=start + timedelta(days=99))

    def found(rated: Rated) -> dict[str, Any]:
        lines = rated.lines(subscription_id, "recurring", period_started_at=as_instant(start))
        amount = vector.stated(amount_of(lines))
        return {"amount": amount, "total": amount}

    return found


def cycles(vector: Vector, given: Given) -> Found:
    """How many recurring charges are billed up to a date, and for which periods."""
    inputs, target = vector.inputs, date.fromisoformat(vector.inputs["target_date"])
    product = given.product(
        # Without grace, what is due on the target date is billed on it.
        settlement=_billed(inputs) | {"grace": "0s"},
        immediate_cancellation="true",
        recurring_charges=[_charge(_WHOLE_CHARGE, inputs)],
    )
    expires_at = inputs.get("end", target + timedelta(days=99))
    subscription_id = given.subscription(
        product, inputs["start"], expires_at=as_instant(expires_at)
    )

    def found(rated: Rated) -> dict[str, Any]:
        lines = [
            line
            for line in rated.lines(subscription_id, "recurring")
            if line["cut_off_at"] <= as_instant(target)
        ]
        periods = [(line["period_started_at"], line["period_ended_at"]) for line in lines]
        return {
            "cycles": _nine_decimals(amount_of(lines) / _WHOLE_CHARGE),
            "periods": [[_day(start), _day(end)] for start, end in periods],
        }

    return found


def next_boundary(vector: Vector, given: Given) -> Found:
    """Where the period ends that begins on a date, in a subscription with a given anchor day."""
    inputs = vector.inputs
    unit, begin = _UNITS[inputs["interval"]], date.fromisoformat(inputs["from"])
    month = begin
    while monthrange(month.year, month.month)[1] < inputs["anchor_day"]:
        month = _later(month, unit, -1)
    subscription_id = given.subscription(
        _with_one_charge(given, _settlement(unit)),
        month.replace(day=inputs["anchor_day"]),
        expires_at=begin + timedelta(days=99),
    )

    def found(rated: Rated) -> dict[str, Any]:
        ends = {
            invoice["period_started_at"]: invoice["period_ended_at"]
            for invoice in rated.invoices(subscription_id)
        }
        return {"to": _day(ends[as_instant(begin)])}

    return found


def days(vector: Vector, given: Given) -> Found:
    """How many days of a time zone begin after an instant and up to another."""
    begin, end = vector.inputs["from"], vector.inputs["to"]
    settlement = _settlement("day", is_calendar=True) | {"timezone": vector.inputs["timezone"]}
    expires_at = as_instant(_instant(end).date() + timedelta(days=2))
    subscription_id = given.subscription(
        _with_one_charge(given, settlement), begin, expires_at=expires_at
    )

    def found(rated: Rated) -> dict[str, Any]:
        starts = [each["period_started_at"] for each in rated.invoices(subscription_id)]
        return {"days": Decimal(sum(begin < each <= end for each in starts))}

    return found


def changed(vector: Vector, given: Given) -> Found:
    """A product is changed for another: what is given back of the one and charged for the other."""
    inputs = vector.inputs
    if "rates" in inputs:
        return _phases(vector, given)
    start, change, is_calendar = _change(inputs)
    expires_at = _instant(change).date() + timedelta(days=999)
    replaces = {}
    if "old" in inputs:
        old = _priced(vector, given, "old", is_calendar=is_calendar)
        replaced = given.subscription(old, start, expires_at=expires_at, name="old")
        replaces = {"replaces": replaced, "change": "now"}
    new = _priced(vector, given, "new", is_calendar=is_calendar)
    successor = given.subscription(new, change, expires_at=expires_at, name="new", **replaces)

    def found(rated: Rated) -> dict[str, Any]:
        credit = amount_of(rated.lines(f"{given.prefix}-old", "credit"))
        first, second = rated.lines(successor, "recurring")[:2]
        net = first["amount"] + credit
        is_negative = str(vector.expected.get("credit")).startswith("-")
        return {
            "credit": vector.stated(credit if is_negative else -credit),
            "charge": vector.stated(first["amount"]),
            "net": vector.stated(net),
            "next_invoice": vector.stated(net + second["amount"]),
        }

    return found


def _change(inputs: dict[str, Any]) -> tuple[str, str, bool]:
    """Return start and change, and whether both products keep to the calendar."""
    if "period_inclusive_end" in inputs:
        return inputs["period_inclusive_end"][0], as_instant(inputs["change"]), True
    if inputs["start"][0].isdigit():
        return inputs["start"], as_instant(inputs["change"]), False
    start, change = (
        f"{datetime.strptime(f'{inputs[name]} 2026 Z', '%B %d %Y %z'):%Y-%m-%dT%H:%M:%SZ}"
        for name in ("start", "change")
    )
    return start, change, True


def _priced(vector: Vector, given: Given, name: str, *, is_calendar: bool) -> str:
    amount, _, interval = vector.inputs[name].partition(" ")
    return given.product(
        name=name,
        currency=vector.currency,
        settlement=_settlement(_UNITS[interval or "monthly"], is_calendar=is_calendar),
        immediate_cancellation="true",
        recurring_charges=[_charge(vector.price(amount), vector.inputs)],
    )


def _phases(vector: Vector, given: Given) -> Found:
    """Products that follow one another, each change asked for before the boundary it holds from."""
    inputs = vector.inputs
    target = date.fromisoformat(inputs["target_date"])
    ids: list[str] = []
    for rate, begin in zip(inputs["rates"], [inputs["start"], *inputs["changes"]], strict=True):
        name = f"phase-{len(ids) + 1}"
        charge = _charge(vector.price(rate), inputs)
        asked_at = as_instant(date.fromisoformat(begin) - timedelta(days=9))
        replaces = {"replaces": ids[-1], "change": "now", "recorded_at": asked_at} if ids else {}
        each = given.subscription(
            given.product(name=name, recurring_charges=[charge]),
            begin,
            expires_at=target + timedelta(days=99),
            name=name,
            **replaces,
        )
        ids.append(each)

    def found(rated: Rated) -> dict[str, Any]:
        charged = (line for each in ids for line in rated.lines(each, *_CHARGED))
        due = (line for line in charged if line["cut_off_at"] <= as_instant(target))
        return {"amount": vector.stated(amount_of(due))}

    return found


def _amount(vector: Vector) -> Decimal:
    return vector.price(vector.inputs.get("rate") or vector.inputs.get("plan_amount") or "1000")


def _charge(amount: Decimal, inputs: dict[str, Any]) -> dict[str, Any]:
    bill = _BILL[inputs.get("timing", "arrears")]
    return {"key": "recurring", "name": "Recurring", "amount": amount, "bill": bill}


def _with_one_charge(given: Given, settlement: Mapping[str, str]) -> str:
    charge = _charge(Decimal(1), {})
    return given.product(settlement=settlement, recurring_charges=[charge])


def _settlement(unit: str, *, is_calendar: bool = False) -> dict[str, str]:
    return {"every": unit, "align": "calendar" if is_calendar else "anniversary"}


def _billed(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return the periods of a source that names a billing day: the first of a month, or our own."""
    return _settlement(_UNITS[inputs["interval"]], is_calendar=inputs.get("billing_day") == 1)


def _of_period(lines: Sequence[Line], period: Sequence[date]) -> list[Line]:
    start, end = map(as_instant, period)
    return [line for line in lines if start <= line["period_started_at"] < end]


def _begins_calendar_period(day: date, unit: str) -> bool:
    if unit == "week":
        return day.weekday() == 0
    return unit == "day" or (day.day == 1 and (day.month - 1) % _MONTHS[unit] == 0)


def _later(day: date, unit: str, count: int = 1) -> date:
    if unit in {"day", "week"}:
        return day + count * timedelta(days=7 if unit == "week" else 1)
    months = day.year * 12 + day.month - 1 + count * _MONTHS[unit]
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _nine_decimals(share: Decimal) -> Decimal:
    return share.quantize(Decimal("0.000000001"), ROUND_HALF_UP)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(as_instant(text))


def _day(instant: str) -> str:
    return instant.removesuffix("T00:00:00Z")
