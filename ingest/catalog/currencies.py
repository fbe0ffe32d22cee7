"""Currencies and the places to which their amounts are rounded."""

import csv
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from ingest.paths import PROJECT_ROOT

_CURRENCIES = PROJECT_ROOT / "seeds" / "reference" / "currencies.csv"


@cache
def minor_units() -> Mapping[str, int]:
    """Return the number of decimal places per ISO 4217 code."""
    with _CURRENCIES.open(encoding="utf-8", newline="") as file:
        places = {row["currency"]: int(row["minor_unit"]) for row in csv.DictReader(file)}
    return MappingProxyType(places)
