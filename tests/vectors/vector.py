"""Numeric cases from other systems' tests and documentation, with their units."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any

from ingest.catalog.currencies import minor_units

_RATE_DECIMALS = 12
_CURRENCY_OF_DECIMALS = {"0": "JPY", "2": "USD", "3": "KWD", "4": "CLF"}


@dataclass(frozen=True)
class Vector:
    """Inputs and the figures that they must give, as the source states them."""

    number: int
    id: str
    source: str
    kind: str
    inputs: dict[str, Any]
    expected: dict[str, Any]
    seed_relevant: bool

    @cached_property
    def currency(self) -> str:
        """The currency to bill in; USD if the source leaves it open.

        A rate that is too fine for a major unit is billed in a currency that has no minor one:
        the arithmetic in minor units is the same.
        """
        if "decimals" in self.inputs:
            return _CURRENCY_OF_DECIMALS[self.inputs["decimals"]]
        rate = Decimal(self.inputs.get("unit_rate", 0))
        if self._is_minor("rate_unit") and rate != round(rate, _RATE_DECIMALS - 2):
            return "JPY"
        return str(self.inputs.get("currency", "USD"))

    def price(self, stated: str | None) -> Decimal:
        """Return a stated price in the currency's major unit; none stated is 0."""
        price = Decimal(stated or 0)
        return price.scaleb(-self._digits) if self._is_minor("rate_unit") else price

    def stated(self, amount: Decimal) -> Decimal:
        """Return a billed amount in the unit in which the source states amounts."""
        return amount.scaleb(self._digits) if self._is_minor("amount_unit") else amount

    def _is_minor(self, unit: str) -> bool:
        return self.inputs.get(unit) == "minor"

    @property
    def _digits(self) -> int:
        return minor_units()[self.currency]


def read_vectors(path: Path) -> list[Vector]:
    """Return the vectors of a file, numbered by their lines."""
    names = ("id", "source", "kind", "inputs", "expected", "seed_relevant")
    lines = path.read_text(encoding="utf-8").splitlines()
    records = (json.loads(line) for line in lines)
    return [
        Vector(number, *(record[name] for name in names))
        for number, record in enumerate(records, start=1)
    ]


def figures(stated: Any) -> Any:
    """Return what a source states with its numbers as decimals."""
    if isinstance(stated, Mapping):
        return {key: figures(value) for key, value in stated.items()}
    if isinstance(stated, Sequence) and not isinstance(stated, str):
        return [figures(value) for value in stated]
    try:
        return Decimal(stated)
    except InvalidOperation:
        return stated


def as_instant(stated: str | date) -> str:
    """Return a stated date as its midnight in UTC, and an instant as it is."""
    text = str(stated)
    return text if "T" in text else f"{text}T00:00:00Z"
