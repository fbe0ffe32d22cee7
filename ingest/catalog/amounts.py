"""Whether numbers are within what the arithmetic of a bill takes exactly."""

from collections.abc import Iterator
from decimal import Decimal

from ingest.catalog.currencies import minor_units
from ingest.catalog.elements import TOTAL_COST
from ingest.catalog.problems import Finding, Location

_QUANTITY_LIMIT = Decimal(10) ** 13
_LARGEST_AMOUNT = Decimal(10) ** 13
_RATE_LIMIT = Decimal(10) ** 6
_QUANTITY_DECIMALS = 6
_RATE_DECIMALS = 12
# A cost has twelve decimals itself, and the product of both has to fit eighteen.
_RATE_ON_COST_DECIMALS = 6
_COST_DECIMALS = 12


def decimals(number: Decimal) -> int:
    """Return how many decimal places a number was written with."""
    return max(0, -int(number.as_tuple().exponent))


def wrong_amount(location: Location, amount: Decimal, currency: str) -> Iterator[Finding]:
    """Yield what is wrong with an amount of money that is charged."""
    places = minor_units()[currency]
    if amount < 0:
        yield location, f"{amount:f} is negative. Write what is charged, from 0 up"
    elif amount > _LARGEST_AMOUNT:
        yield location, f"{amount:f} is too large. At most {_LARGEST_AMOUNT:f} can be charged"
    elif decimals(amount) > places:
        text = f"{amount:f} has {decimals(amount)} decimals, {currency} has {places}. Round it"
        yield location, text


def wrong_bound(location: Location, bound: Decimal, lower: Decimal) -> Iterator[Finding]:
    """Yield what is wrong with the upper bound of a range of units that begins at `lower`."""
    if bound <= lower:
        text = f"{bound:f} is not above {lower:f}, where the tier begins. Let bounds ascend"
        yield location, text
    elif bound >= _QUANTITY_LIMIT:
        yield location, f"{bound:f} is too large. A bound is below {_QUANTITY_LIMIT:f}"
    elif decimals(bound) > _QUANTITY_DECIMALS:
        text = f"{bound:f} has {decimals(bound)} decimals. Quantities have {_QUANTITY_DECIMALS}"
        yield location, f"{text}: round it"


def wrong_rate(location: Location, rate: Decimal, element: str) -> Iterator[Finding]:
    """Yield what is wrong with the price of a unit of an element."""
    most = _RATE_ON_COST_DECIMALS if element == TOTAL_COST else _RATE_DECIMALS
    if rate < 0:
        yield location, f"{rate:f} is negative. Write a rate from 0 up"
    elif rate >= _RATE_LIMIT:
        yield location, f"{rate:f} is too large. A unit rate is below {_RATE_LIMIT:f}"
    elif decimals(rate) > most:
        text = f"{rate:f} has {decimals(rate)} decimals, a rate on {element} has {most}"
        yield location, f"{text}. Round it"


def wrong_quantity(location: Location, quantity: Decimal, element: str) -> Iterator[Finding]:
    """Yield what is wrong with the quantity of an element in a period."""
    most = _COST_DECIMALS if element == TOTAL_COST else _QUANTITY_DECIMALS
    if not 0 <= quantity < _QUANTITY_LIMIT or decimals(quantity) > most:
        text = f"{quantity:f} is no quantity. Write 0 or more, below {_QUANTITY_LIMIT:f}"
        yield location, f"{text} and with at most {most} decimals"


def wrong_exchange_rate(location: Location, rate: Decimal) -> Iterator[Finding]:
    """Yield what is wrong with how much of a currency one US dollar is."""
    if not 0 < rate < _RATE_LIMIT or decimals(rate) > _RATE_DECIMALS:
        text = f"{rate:f} is no exchange rate. Write more than 0, below {_RATE_LIMIT:f}"
        yield location, f"{text} and with at most {_RATE_DECIMALS} decimals"
