from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from streamlit_app import charts, queries, snapshot
from tests.streamlit_app.published import Publish


def colours(parts: list[str], names: list[str]) -> dict[str, str]:
    rows = pl.DataFrame(
        {
            "usage_date": [date(2026, 1, 5)] * len(parts),
            "part": parts,
            "cost_amount": [Decimal(1)] * len(parts),
        }
    )
    chart: dict[str, Any] = charts.cost_by_day(rows, part="Model", names=names).to_dict()
    scale = chart["encoding"]["color"]["scale"]
    return dict(zip(scale["domain"], scale["range"], strict=True))


def test_a_name_keeps_its_colour_whatever_else_is_drawn() -> None:
    names = ["alpha", "beta", "gamma"]
    every = colours(["gamma", "Other", "alpha", "beta"], names)
    assert list(every) == ["alpha", "beta", "gamma", "Other"]
    assert len(set(every.values())) == 4
    assert colours(["Other", "gamma"], names) == {k: every[k] for k in ("gamma", "Other")}


def test_the_colours_name_everything_in_the_snapshot(publish: Publish) -> None:
    publish()
    file = snapshot.find_snapshot()
    assert file is not None
    assert queries.drawn_products(file) == ["Summaries", "Tide tables"]
    assert queries.drawn_models(file) == ["gpt-5", "unheard-of"]


def test_revenue_stands_where_its_period_began() -> None:
    rows = pl.DataFrame(
        {
            "month": ["2026-01"],
            "product": ["Summaries"],
            "state": ["Invoiced"],
            "amount": [Decimal("4.50")],
        }
    )
    chart: dict[str, Any] = charts.revenue_by_product(
        rows, products=["Summaries"], currency="USD", minor_unit=2
    ).to_dict()
    assert chart["encoding"]["x"]["title"] == "Settlement period began in"
