"""How amounts, counts, rates and instants are written on the pages."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal

import polars as pl

# the dash that finance tables print for "no value"
NOTHING = "\N{EN DASH}"
COST_CURRENCY = "USD"
COST_DIGITS = 2


def money(amount: Decimal | None, minor_unit: int) -> str:
    """Write an amount with its currency's digits; the currency stands on the label."""
    return NOTHING if amount is None else f"{amount:,.{minor_unit}f}"


def difference(amount: Decimal, minor_unit: int) -> str:
    """Write the difference of two amounts with its sign."""
    return f"{amount:+,.{minor_unit}f}"


def cost(amount: Decimal | None) -> str:
    """Write a cost in USD; below one cent with all its digits, so that it does not read as zero."""
    if amount is not None and 0 < abs(amount) < Decimal("0.01"):
        return number(amount)
    return money(amount, COST_DIGITS)


def number(value: Decimal | None) -> str:
    """Write a quantity or a rate with all its significant digits and no others."""
    if value is None:
        return NOTHING
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(value: int | None) -> str:
    """Write a whole number."""
    return NOTHING if value is None else f"{value:,}"


def percent(ratio: Decimal | None) -> str:
    """Write a ratio in percent; one too small for a digit does not read as zero."""
    if ratio is None:
        return NOTHING
    return "< 0.1%" if 0 < ratio < Decimal("0.0005") else f"{ratio:.1%}"


def change(ratio: Decimal | None) -> str | None:
    """Write a relative change with its sign."""
    return None if ratio is None else f"{ratio:+.1%}"


def points(difference: Decimal | None) -> str | None:
    """Write the difference of two ratios in percentage points."""
    return None if difference is None else f"{difference * 100:+.1f} pp"


def day(value: date) -> str:
    """Write a day."""
    return f"{value:%d %b %Y}"


def month(value: str) -> str:
    """Write a month, given as `2026-02`."""
    return f"{date.fromisoformat(f'{value}-01'):%b %Y}"


def instant(value: datetime) -> str:
    """Write an instant that is stored in UTC; seconds only where there are any."""
    return f"{_time(value)} UTC"


def period(started_at: datetime, ended_at: datetime) -> str:
    """Write a half-open period; one of whole days by its first and its last included day.

    One without length is written as its instant. The zone stands on the label.
    """
    if started_at == ended_at:
        return _time(started_at)
    midnight = started_at.replace(hour=0, minute=0, second=0, microsecond=0)
    if started_at == midnight and (ended_at - midnight) % timedelta(days=1) == timedelta():
        return f"{day(started_at)} to {day(last_day(ended_at))}"
    return f"{_time(started_at)} until before {_time(ended_at)}"


def last_day(ended_at: datetime) -> date:
    """Return the last day that a period with this exclusive end includes."""
    return (ended_at - timedelta(microseconds=1)).date()


def share(part: int | None, whole: int | None) -> str:
    """Write the share of a period that is charged or given back: its seconds of all of them."""
    return NOTHING if part is None or whole is None else f"{part:,} of {whole:,} s"


def tier_range(lower_bound: Decimal, upper_bound: Decimal | None) -> str:
    """Write the units of a tier: above its lower bound, up to its upper bound."""
    bounds = [f"over {number(lower_bound)}"] if lower_bound else []
    if upper_bound is not None:
        bounds.append(f"up to {number(upper_bound)}")
    return " ".join(bounds) or "all"


def csv(rows: pl.DataFrame) -> bytes:
    """Write rows as CSV: decimals with all their digits, dates and instants (UTC) in ISO form.

    Text that a spreadsheet would run as a formula is led by an apostrophe.
    """
    guarded = rows.with_columns(pl.col(pl.String).str.replace(r"^([=+\-@\t\r])", "'${1}"))
    return guarded.write_csv(datetime_format="%Y-%m-%dT%H:%M:%S%.fZ").encode()


def verdict(holds: bool | None) -> str:  # noqa: FBT001 the truth itself is the argument
    """Write whether an equality holds, by sign and word, to be followed by the other side."""
    if holds is None:
        return "not compared with"
    return "✓ equal to" if holds else "✗ differs from"


def literal(text: str) -> str:
    """Return text from data so that Markdown prints it as it is."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:])", r"\\\1", text)


def without_colours(text: str) -> str:
    """Return what a program printed for a terminal without the terminal's colour codes."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _time(value: datetime) -> str:
    return f"{value:%d %b %Y %H:%M:%S}".removesuffix(":00")
