"""The issued invoices of a rating, by subscription."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

Line = Mapping[str, Any]
Found = Callable[["Rated"], dict[str, Any]]
"""How a vector's figures are found in the answer to it."""

_FIGURES = ("quantity", "unit_rate", "fixed_amount", "fraction", "amount")
_OF_THE_INVOICE = ("invoice_id", "subscription_id", "cut_off_at")


class Rated:
    """The answer of a rating, with its figures as decimals."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._invoices = [each for each in document["invoices"] if each["status"] == "issued"]
        self._lines = [
            line
            | {name: invoice[name] for name in _OF_THE_INVOICE}
            | {"closed_period_started_at": invoice["period_started_at"]}
            | {name: Decimal(line[name]) for name in _FIGURES if line[name] is not None}
            for invoice in self._invoices
            for line in invoice["lines"]
        ]

    def invoices(self, subscription_id: str) -> list[Mapping[str, Any]]:
        """Return a subscription's invoices for periods, in their order."""
        return [
            invoice
            for invoice in self._invoices
            if (invoice["subscription_id"], invoice["kind"]) == (subscription_id, "period")
        ]

    def total(self, subscription_id: str, period_started_at: str) -> Decimal:
        """Return the total of the one invoice that closes a period."""
        (total,) = (
            Decimal(invoice["total_amount"])
            for invoice in self.invoices(subscription_id)
            if invoice["period_started_at"] == period_started_at
        )
        return total

    def lines(self, subscription_id: str, *kinds: str, **wanted: str) -> list[Line]:
        """Return a subscription's lines, of some kinds only and with the wanted values."""
        return [
            line
            for line in self._lines
            if line["subscription_id"] == subscription_id
            and (not kinds or line["kind"] in kinds)
            and all(line[name] == value for name, value in wanted.items())
        ]


def amount_of(lines: Iterable[Line]) -> Decimal:
    """Return the sum of lines' amounts."""
    return sum((line["amount"] for line in lines), Decimal(0))


def quantity_of(lines: Iterable[Line]) -> Decimal:
    """Return the sum of lines' quantities."""
    return sum((line["quantity"] for line in lines), Decimal(0))
