"""Vectors as cases: what the product is given, and what of its answer must equal which figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

from ingest.catalog.currencies import minor_units
from tests.vectors import terms, usage
from tests.vectors.differences import BEYOND, DIFFERENCES, KINDS_BEYOND
from tests.vectors.given import Given
from tests.vectors.rated import Found, Rated
from tests.vectors.vector import Vector, figures

AS_OF = "2029-01-01T00:00:00Z"
"""When the periods of all vectors are closed."""


KINDS: Mapping[str, Callable[[Vector, Given], Found]] = {
    "aggregation": usage.aggregation,
    "aggregation_windows": usage.windows,
    "billing_cycles": terms.cycles,
    "billing_periods": terms.cycles,
    "capacity": usage.capacity,
    "credit_note_rounding": partial(terms.cancelled, timing="advance"),
    "day_count": terms.days,
    "graduated": usage.tiered,
    "graduated_incremental": usage.incremental,
    "graduated_multi": usage.several_metrics,
    "graduated_plus_recurring": usage.tiered,
    "graduated_single_tier": usage.single_tier,
    "grouped_tiers": usage.grouped,
    "late_event_delta": usage.late_delta,
    "late_event_period_preserving": usage.late_snapshots,
    "negative_usage": usage.negative_usage,
    "per_unit": usage.per_unit,
    "period_boundary_next": terms.next_boundary,
    "plan_change": terms.changed,
    "proration_cancel": terms.cancelled,
    "proration_factor": terms.cancelled,
    "proration_start": terms.started,
    "quota_notification": usage.notification,
    "recurring": terms.recurring,
    "rounding": usage.rounding,
    "rounding_sum": usage.rounded_sum,
    "trial": terms.recurring,
    "volume": partial(usage.tiered, pricing="volume"),
    "volume_multi": partial(usage.several_metrics, pricing="volume"),
}

# How the figure was found, and the amount before it is rounded, which no invoice shows.
_NOT_BILLED = {"amount_derived", "precise_amount"}


@dataclass(frozen=True)
class Case:
    """What a vector gives the product, the figures to be billed, and where they are found."""

    vector: Vector
    given: Given
    expected: dict[str, Any]
    found: Found

    def told(self, rated: Rated) -> dict[str, Any]:
        """Return what the product says where the vector states a figure."""
        shown: dict[str, Any] = _shown(self.found(rated), self.expected)
        return shown


def is_beyond(vector: Vector) -> bool:
    """Whether a vector needs what the product does not have."""
    return vector.kind in KINDS_BEYOND or vector.id in BEYOND


def case_of(vector: Vector) -> Case:
    """Return the case that a vector makes; its ids begin with `v-` and the vector's number."""
    if vector.kind not in KINDS:
        raise LookupError(f"{vector.id}: {vector.kind} is no known kind. Add it to KINDS")
    given = Given(f"v-{vector.number}")
    found = KINDS[vector.kind](vector, given)
    return Case(vector, given, _expected(vector), found)


def _expected(vector: Vector) -> dict[str, Any]:
    if vector.id in DIFFERENCES:
        return dict(figures(DIFFERENCES[vector.id].figures))
    expected: dict[str, Any] = figures(vector.expected)
    for unbilled in _NOT_BILLED & expected.keys():
        del expected[unbilled]
    if "invoices" in expected:
        expected["invoices"] = [_merged(lines) for lines in expected["invoices"]]
    if "amount" in expected:
        expected["amount"] = _rounded(expected["amount"], vector)
    return expected


def _merged(lines: Sequence[dict[str, Any]]) -> list[dict[str, Decimal]]:
    """Return one line per period: a reversal and what takes its place are one adjustment here."""
    totals: dict[Decimal, Decimal] = {}
    for line in lines:
        totals[line["period"]] = totals.get(line["period"], Decimal(0)) + line["total"]
    return [{"period": period, "total": total} for period, total in totals.items()]


def _rounded(amount: Decimal, vector: Vector) -> Decimal:
    """Return an amount as a line would bill it, where the source stops before that."""
    unit = vector.stated(Decimal(1).scaleb(-minor_units()[vector.currency]))
    return amount.quantize(unit, ROUND_HALF_UP)


def _shown(found: Any, expected: Any) -> Any:
    """Return of what is found as much as is expected; a line stands for its amount."""
    if isinstance(expected, Mapping):
        return {key: _shown(found[key], value) for key, value in expected.items()}
    if isinstance(expected, list):
        if len(found) != len(expected):
            return found
        return [_shown(each, wanted) for each, wanted in zip(found, expected, strict=True)]
    if isinstance(found, list) and len(found) == 1:
        return _shown(found[0], expected)
    return found["amount"] if isinstance(found, Mapping) else found
