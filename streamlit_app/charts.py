"""Altair charts, legible on both light and dark pages.

A name has the same colour under every filter: the charts take all names, of which they draw some.
Names beyond the colours begin with the first again.

A bar's length is a float, which is exact enough for a pixel. What is read, the tooltip, is text
made from the decimal.
"""

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import altair as alt
import polars as pl

from streamlit_app import formats

HEIGHT = 280
HEIGHT_WITH_LEGEND_BELOW = 360
# The theme's colours, after Okabe and Ito, then others that keep apart from them.
COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#882255",
    "#999933",
    "#AA4499",
    "#117733",
    "#A5744F",
)
LEFT_OVER = {"Other": "#999999", "No model": "#666666", "Unattributed": "#666666"}
BILLING = ("Billable", "Not billable")


def revenue_by_product(
    rows: pl.DataFrame, *, products: Sequence[str], currency: str, minor_unit: int
) -> alt.Chart:
    """Stack revenue by product per month; accrued revenue is paler than invoiced."""
    data = _drawn(rows, "amount", lambda amount: formats.money(amount, minor_unit)).with_columns(
        pl.col("month").map_elements(formats.month, return_dtype=pl.String).alias("label")
    )
    chart: alt.Chart = (
        alt.Chart(data, height=HEIGHT)
        .mark_bar(size=36)
        .encode(
            x=alt.X(
                "label:N",
                title="Settlement period began in",
                sort=None,
                axis=alt.Axis(labelAngle=0),
            ),
            y=alt.Y("length:Q", title=f"Revenue ({currency})"),
            color=alt.Color(
                "product:N", title="Product", scale=_coloured(products, shown=rows["product"])
            ),
            opacity=alt.Opacity(
                "state:O",
                title="State",
                scale=alt.Scale(domain=["Invoiced", "Accrued"], range=[1, 0.45]),
                # The default is black, which a dark page swallows.
                legend=alt.Legend(symbolFillColor="#888888", symbolStrokeColor="#888888"),
            ),
            order=alt.Order("state:N", sort="descending"),
            tooltip=[
                alt.Tooltip("label:N", title="Period began in"),
                alt.Tooltip("product:N", title="Product"),
                alt.Tooltip("state:N", title="State"),
                alt.Tooltip("text:N", title=f"Revenue ({currency})"),
            ],
        )
    )
    return chart


def cost_by_day(rows: pl.DataFrame, *, part: str, names: Sequence[str]) -> alt.Chart:
    """Stack cost by model or product per day."""
    title = f"Cost ({formats.COST_CURRENCY})"
    colours = _coloured(names, shown=rows["part"])
    return _daily(_drawn(rows, "cost_amount", formats.cost), "part", part, title, colours)


def usage_by_day(rows: pl.DataFrame, *, measure: str, title: str) -> alt.Chart:
    """Stack events or tokens per day by whether they are billable."""
    colours = _coloured(BILLING, shown=rows["billing"])
    return _daily(_drawn(rows, measure, formats.count), "billing", "Billing", title, colours)


def _coloured(names: Sequence[str], *, shown: pl.Series) -> alt.Scale:
    colours = dict(zip(names, cycle(COLOURS), strict=False)) | LEFT_OVER
    domain = [name for name in colours if name in shown]
    return alt.Scale(domain=domain, range=[colours[name] for name in domain])


def _daily(
    data: pl.DataFrame, part: str, part_title: str, title: str, colours: alt.Scale
) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(data, height=HEIGHT_WITH_LEGEND_BELOW)
        .mark_bar()
        .encode(
            # A day is midnight UTC; local time would draw it a day early west of Greenwich.
            x=alt.X("utcyearmonthdate(usage_date):T", title="Day (UTC)"),
            y=alt.Y("length:Q", title=title),
            color=alt.Color(
                f"{part}:N",
                title=None,
                scale=colours,
                legend=alt.Legend(orient="bottom", columns=2, labelLimit=220),
            ),
            tooltip=[
                alt.Tooltip("utcyearmonthdate(usage_date):T", title="Day", format="%d %b %Y"),
                alt.Tooltip(f"{part}:N", title=part_title),
                alt.Tooltip("text:N", title=title),
            ],
        )
    )
    return chart


def _drawn(rows: pl.DataFrame, measure: str, write: Callable[[Any], str]) -> pl.DataFrame:
    return rows.with_columns(
        pl.col(measure).cast(pl.Float64).alias("length"),
        pl.Series("text", [write(value) for value in rows[measure]], dtype=pl.String),
    ).drop(measure)
