"""Where our rules decide otherwise, with our own figures, and what the product does not have.

The reasons are in `docs/vectors.md`. A figure here is computed by the rule, never copied from an
answer of the product.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """The rule that decides a vector otherwise, and the figures by that rule."""

    rule: str
    figures: Mapping[str, Any]


DIFFERENCES = {
    "lago-graduated-0": Difference(
        "tiers: no usage enters no tier", {"amount": "0", "unit_amount": "0", "tiers": []}
    ),
    "lago-range-3": Difference(
        "tiers: no usage enters no tier",
        {"units": "0", "per_unit_total": "0", "total_with_flat": "0"},
    ),
    "om-vol-0": Difference("tiers: no usage enters no tier", {"amount": "0"}),
    # The trial ends on September 15, and a full month begins: 30.00.
    "lago-fee-anniv-31-trial15": Difference(
        "R24: the first period follows the trial", {"amount": "3000"}
    ),
    # A period of 92 days from May 20, 10:00, of which 31 were used: 910.00 x 31 / 92 = 306.630.
    "lago-term-quarter-1": Difference("R43: exact time; R44: a new anchor", {"amount": "30663"}),
    # 30 days from September 18, of which the first was used: 200.00 - 6.67 = 193.33.
    "lago-cn-round-20000": Difference("amounts are net", {"credit_subtotal": "19333"}),
    # January 8 to 31 of a calendar month: 50.00 x 24 / 31 = 38.709.
    "lago-minspend-advance": Difference("amounts are net", {"total": "3871"}),
    # January: 15 at 10. February has one unit of its own, at 10.
    "om-late-vol": Difference(
        "tiers: counted per period",
        {
            "invoice_totals": ["150", "10", "0"],
            "invoices": [
                [{"period": "1", "total": "150"}],
                [{"period": "2", "total": "10"}],
                [],
            ],
        },
    ),
    # 20 of the 28 days from February 23.
    "kb-fixed30-2023-02-23": Difference("R43: exact time", {"factor": "0.714285714"}),
    # One charge, for the month that begins at the start.
    "kb-cyc-14-31": Difference("R24: periods begin at the start", {"cycles": "1"}),
    "kb-cyc-lead-1": Difference("R24: periods begin at the start", {"cycles": "1"}),
    "kb-periods-bcd15": Difference(
        "R24: periods begin at the start",
        {
            "periods": [
                ["2012-07-16", "2012-08-16"],
                ["2012-08-16", "2012-09-16"],
                ["2012-09-16", "2012-10-16"],
                ["2012-10-16", "2012-11-16"],
            ]
        },
    ),
    # 199 of 365 days used: 1000.00 - 545.21 = 454.79 back; the successor's own year costs 3000.00.
    "polar-upg-yearly-nonleap": Difference(
        "R44: a new anchor", {"credit": "45479", "charge": "300000"}
    ),
    # 17 of 31 days: 20.00 for June + 10.97 - 5.48.
    "stripe-proration-15": Difference("R43: exact time", {"next_invoice": "25.49"}),
}

KINDS_BEYOND = {
    "package",
    "percentage",
    "graduated_package",
    "graduated_prorated",
    "aggregation_prorated",
    "bucketed_max",
    "min_commitment",
    "max_spend",
    "commitment_windowed",
    "credit_cap",
    "discount_percent",
    "unit_conversion",
    "latest_increments",
    "usage_at_cancellation",
}
"""Kinds of vectors that need what the product does not have."""

BEYOND = {
    "lago-cu-latest-3",
    "lago-agg-weighted",
    "lago-term-advance-refund",
    "om-delta-pkg-jump",
    "om-delta-pkg-zero",
}
"""Vectors of other kinds that do."""
