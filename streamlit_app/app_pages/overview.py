"""Revenue, cost, margin and usage of some months, and whether the settlement adds up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import altair as alt
import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from streamlit_app import charts, filters, formats, queries

SNAPSHOT: str = st.session_state["snapshot"]

NO_MARGIN = "No margin: cost is in USD, revenue in {currency}, and no rate is assumed between them."


def choose_scope(currencies: list[str], months: list[str]) -> queries.Scope:
    """Ask in the sidebar what to count; the address carries the answer."""
    with st.sidebar:
        currency = st.selectbox(
            "Currency",
            currencies,
            key="currency",
            bind="query-params",
            help="Of revenue. Amounts of different currencies are never added. Cost is in USD.",
        )
        first_month = st.selectbox(
            "From month",
            months,
            index=max(0, len(months) - 12),
            key="from",
            bind="query-params",
            help="Revenue counts in the month in which its settlement period began, usage and cost "
            "on the day (UTC) on which it occurred. Changes compare with as many months before.",
        )
        later_months = months[months.index(first_month) :]
        last_month = st.selectbox(
            "To month",
            later_months,
            index=len(later_months) - 1,
            key="to",
            bind="query-params",
        )
        products, customers = filters.choose_products_and_customers(SNAPSHOT)
    return queries.Scope(currency, first_month, last_month, products, customers)


@dataclass(frozen=True)
class Tile:
    """A figure, what it means, and its course over the months."""

    label: str
    value: str
    note: str
    course: pl.Series | None = None
    delta: str | None = None
    delta_description: str | None = None
    delta_color: Literal["normal", "inverse", "off"] = "off"
    delta_arrow: Literal["auto", "off"] = "auto"

    def show(self, grid: DeltaGenerator) -> None:
        """Show the tile; one month alone has no course, and no change nothing to describe."""
        grid.metric(
            self.label,
            self.value,
            self.delta,
            delta_color=self.delta_color,
            delta_arrow=self.delta_arrow,
            delta_description=self.delta_description if self.delta else None,
            help=self.note,
            chart_data=self.course if self.course is not None and len(self.course) > 1 else None,
            chart_type="bar",
            border=True,
            height="stretch",
        )


def revenue_tiles(scope: queries.Scope, minor_unit: int) -> list[Tile]:
    """Return the figures that have a currency."""
    totals = queries.revenue_totals(SNAPSHOT, scope)
    months = queries.revenue_by_month(SNAPSHOT, scope)
    return [
        Tile(
            f"Invoiced revenue ({scope.currency})",
            formats.money(totals["invoiced_amount"], minor_unit),
            "Totals of issued invoices whose period began in these months.",
            months["invoiced_amount"],
            delta=formats.change(totals["invoiced_change"]),
            delta_description=_since(months),
            delta_color="normal",
        ),
        Tile(
            f"Accrued revenue ({scope.currency})",
            formats.money(totals["accrued_amount"], minor_unit),
            "What is earned of drafts: periods that have not closed yet. It changes until they are "
            "issued.",
            months["accrued_amount"],
        ),
        *margin_tiles(scope, totals, months),
    ]


def margin_tiles(scope: queries.Scope, totals: queries.Row, months: pl.DataFrame) -> list[Tile]:
    """Return cost, margin and its ratio, or why there are none; margin is revenue less cost."""
    labels = (
        f"Cost of revenue ({formats.COST_CURRENCY})",
        f"Margin ({scope.currency})",
        "Margin of revenue",
    )
    if scope.currency != formats.COST_CURRENCY:
        reason = NO_MARGIN.format(currency=scope.currency)
        return [
            Tile(label, formats.NOTHING, reason, delta="cost is in USD", delta_arrow="off")
            for label in labels
        ]
    return [
        Tile(
            labels[0],
            formats.money(totals["cost_amount"], formats.COST_DIGITS),
            "What the events metered in the periods of this revenue cost, exactly "
            f"{formats.number(totals['exact_cost_amount'])}. Events without a price are not in it.",
            months["cost_amount"],
            delta=formats.change(totals["cost_change"]),
            delta_description=_since(months),
            delta_color="inverse",
        ),
        Tile(
            labels[1],
            formats.money(totals["margin_amount"], formats.COST_DIGITS),
            "Invoiced and accrued revenue less its cost.",
            months["margin_amount"],
        ),
        Tile(
            labels[2],
            formats.percent(totals["margin_ratio"]),
            "Margin by invoiced and accrued revenue; its change is in percentage points.",
            months["margin_ratio"],
            delta=formats.points(totals["margin_ratio_change"]),
            delta_description=_since(months),
            delta_color="normal",
        ),
    ]


def usage_tiles(scope: queries.Scope) -> list[Tile]:
    """Return the figures of usage, which has no currency of revenue."""
    totals = queries.usage_totals(SNAPSHOT, scope)
    months = queries.usage_by_month(SNAPSHOT, scope)
    share = formats.percent(totals["unattributed_ratio"])
    all_cost = f"{formats.cost(totals['cost_amount'])} {formats.COST_CURRENCY}"
    return [
        Tile(
            "Events metered",
            formats.count(totals["event_count"]),
            "Events that occurred on these days, duplicates not counted; "
            f"{formats.count(totals['total_tokens'])} tokens.",
            months["event_count"],
            delta=formats.change(totals["event_change"]),
            delta_description=_since(months),
            delta_color="normal",
        ),
        Tile(
            f"Unattributed cost ({formats.COST_CURRENCY})",
            formats.cost(totals["unattributed_cost_amount"]),
            f"Of the {all_cost} that all events of these days cost, what belongs to events for "
            "which no subscription was found: nobody's, in no margin and of no currency of "
            "revenue.",
            months["unattributed_cost_amount"],
            delta=f"{share} of all cost",
            delta_arrow="off",
        ),
        Tile(
            "Unpriced events",
            formats.count(totals["unpriced_event_count"]),
            "AI events whose model has no known price: their cost is unknown, not zero.",
            months["unpriced_event_count"],
        ),
    ]


def show_tiles(scope: queries.Scope, minor_unit: int) -> None:
    """Show the figures of the scope."""
    grid = st.grid(min_column_width=215)
    for tile in revenue_tiles(scope, minor_unit) + usage_tiles(scope):
        tile.show(grid)


def show_chart(
    rows: pl.DataFrame, chart: alt.Chart, *, alternative: str, labels: dict[str, str]
) -> None:
    """Show a chart with its table beneath, or why there is none."""
    if rows.is_empty():
        st.caption("Nothing in these months. Widen the months or clear a filter.")
        return
    st.altair_chart(chart, alt=alternative)
    with st.expander("As a table"):
        st.dataframe(rows.rename(labels), hide_index=True, alt=f"{alternative}, as a table")


def show_revenue(scope: queries.Scope, minor_unit: int) -> None:
    """Show revenue by product per month in which its settlement period began."""
    st.header("Revenue by start of period")
    rows = queries.revenue_by_product(SNAPSHOT, scope)
    show_chart(
        rows,
        charts.revenue_by_product(
            rows,
            products=queries.drawn_products(SNAPSHOT),
            currency=scope.currency,
            minor_unit=minor_unit,
        ),
        alternative=f"Revenue in {scope.currency} by product and start of period, {_span(scope)}",
        labels={
            "month": "Settlement period began in",
            "product": "Product",
            "state": "State",
            "amount": f"Revenue ({scope.currency})",
        },
    )


def show_cost(scope: queries.Scope) -> None:
    """Show cost per day by model or product."""
    st.header("Cost")
    st.caption("All events of these days, attributed or not, whatever the currency of revenue.")
    part = _choose("Cost by", ["Model", "Product"], key="cost_by")
    by_model = part == "Model"
    names = queries.drawn_models(SNAPSHOT) if by_model else queries.drawn_products(SNAPSHOT)
    rows = queries.cost_by_day(SNAPSHOT, scope, by_model=by_model)
    show_chart(
        rows,
        charts.cost_by_day(rows, part=part, names=names),
        alternative=f"Cost in {formats.COST_CURRENCY} by {part.lower()} per day, {_span(scope)}",
        labels={
            "usage_date": "Day (UTC)",
            "part": part,
            "cost_amount": f"Cost ({formats.COST_CURRENCY})",
        },
    )


def show_usage(scope: queries.Scope) -> None:
    """Show events or tokens per day."""
    st.header("Usage")
    title = _choose("Usage in", ["Events", "Tokens"], key="usage_in")
    measure = "event_count" if title == "Events" else "total_tokens"
    rows = queries.usage_by_day(SNAPSHOT, scope).select("usage_date", "billing", measure)
    show_chart(
        rows,
        charts.usage_by_day(rows, measure=measure, title=title),
        alternative=f"{title} per day, billable or not, {_span(scope)}",
        labels={"usage_date": "Day (UTC)", "billing": "Billing", measure: title},
    )


def show_customers(scope: queries.Scope, minor_unit: int) -> None:
    """Show revenue per customer by start of period; in USD also cost and margin."""
    st.header("Customers")
    rows = queries.margin_by_customer(SNAPSHOT, scope)
    if rows.is_empty():
        st.caption(f"No revenue in {scope.currency} in these months.")
        return
    revenue = st.column_config.NumberColumn(format=f"%,.{minor_unit}f")
    has_margin = scope.currency == formats.COST_CURRENCY
    in_usd = ["cost_amount", "margin_amount", "margin_percent"]
    st.dataframe(
        rows if has_margin else rows.drop(in_usd),
        hide_index=True,
        placeholder=formats.NOTHING,
        alt=f"Revenue per customer by start of period in {scope.currency}",
        column_config={
            "organization_name": st.column_config.TextColumn("Customer", pinned=True),
            "invoiced_amount": {**revenue, "label": f"Invoiced ({scope.currency})"},
            "accrued_amount": {**revenue, "label": f"Accrued ({scope.currency})"},
            "revenue_amount": {**revenue, "label": f"Revenue ({scope.currency})"},
            "cost_amount": {**revenue, "label": f"Cost of revenue ({formats.COST_CURRENCY})"},
            "margin_amount": {**revenue, "label": f"Margin ({scope.currency})"},
            "margin_percent": st.column_config.NumberColumn("Margin %", format="%.1f%%"),
            "invoices": st.column_config.LinkColumn("Invoices", display_text="Open"),
        },
    )
    st.caption("Revenue by start of period; unattributed cost is in no row.")
    if not has_margin:
        st.caption(NO_MARGIN.format(currency=scope.currency))


def show_reconciliation() -> None:
    """Show what the settlement proved, both sides of it."""
    st.header("Reconciliation")
    rows = queries.reconciliation(SNAPSHOT)
    broken = rows.filter(~pl.col("holds")).height
    if broken:
        st.error(f"✗ {broken} of {rows.height} comparisons differ.")
    else:
        st.caption(f"✓ Both sides of all {rows.height} comparisons are equal to the last digit.")
    st.dataframe(
        _signed(rows),
        hide_index=True,
        alt="Truths that the settlement proved, with both sides and their difference",
        column_config={
            "holds": st.column_config.TextColumn("Holds", width="small"),
            "truth": "Truth",
            "unit": "Unit",
            "checked_count": st.column_config.NumberColumn("Compared", format="localized"),
            "break_count": st.column_config.NumberColumn("Breaks", format="localized"),
            "left_amount": st.column_config.TextColumn("Left", alignment="right"),
            "right_amount": st.column_config.TextColumn("Right", alignment="right"),
            "difference": st.column_config.TextColumn("Difference", alignment="right"),
        },
    )


def show_data_health() -> None:
    """Show what became of the records read, and what has no price or adds nothing."""
    st.header("Data health")
    left, right = st.columns(2)
    with left:
        st.markdown("**Every record read**")
        st.dataframe(
            queries.event_accounting(SNAPSHOT),
            hide_index=True,
            placeholder=formats.NOTHING,
            alt="Records read by what became of them",
            column_config={
                "fate": "Fate",
                "reason": "Reason",
                "event_count": st.column_config.NumberColumn("Records", format="localized"),
                "cost_amount": st.column_config.NumberColumn(
                    f"Cost at stake ({formats.COST_CURRENCY})",
                    format=f"%,.{formats.COST_DIGITS}f",
                ),
            },
        )
    with right:
        st.markdown("**Models without a price**")
        unpriced = queries.unpriced_models(SNAPSHOT)
        if unpriced.is_empty():
            st.caption("✓ Every call of a model has a cost.")
        else:
            st.dataframe(
                unpriced,
                hide_index=True,
                placeholder=formats.NOTHING,
                alt="Models whose calls have no cost, and why",
                column_config={
                    "provider": "Provider",
                    "model": "Model",
                    "reason": "Reason",
                    "event_count": st.column_config.NumberColumn("Events", format="localized"),
                    "total_tokens": st.column_config.NumberColumn("Tokens", format="localized"),
                },
            )
    show_unread_elements()


def show_unread_elements() -> None:
    """Show the metrics to which billable events add nothing."""
    st.markdown("**Events that add nothing to a metric**")
    rows = queries.unread_elements(SNAPSHOT)
    if rows.is_empty():
        st.caption("✓ No billable event lacks what a metric of its product adds up.")
        return
    st.caption("Billable events that lack the metric's element, or whose value is no number.")
    st.dataframe(
        rows,
        hide_index=True,
        placeholder=formats.NOTHING,
        alt="Billable events that add nothing to a metric",
        column_config={
            "product_name": "Product",
            "metric_name": "Metric",
            "element": "Element",
            "source_id": "Source",
            "absent_event_count": st.column_config.NumberColumn("Absent", format="localized"),
            "unreadable_event_count": st.column_config.NumberColumn(
                "Unreadable", format="localized"
            ),
        },
    )


def _choose(label: str, options: Sequence[str], *, key: str) -> str:
    return st.segmented_control(
        label,
        options,
        default=options[0],
        required=True,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
    )


def _since(months: pl.DataFrame) -> str:
    return f"vs. the {months.height} months before" if months.height > 1 else "vs. the month before"


def _span(scope: queries.Scope) -> str:
    return f"{formats.month(scope.first_month)} to {formats.month(scope.last_month)}"


def _signed(rows: pl.DataFrame) -> pl.DataFrame:
    amounts = ["left_amount", "right_amount", "difference"]
    return rows.with_columns(
        pl.Series("holds", ["✓" if holds else "✗" for holds in rows["holds"]], dtype=pl.String),
        *(
            pl.Series(name, [formats.number(value) for value in rows[name]], dtype=pl.String)
            for name in amounts
        ),
    )


st.title("Overview")
known_months = queries.months(SNAPSHOT)
digits = queries.currencies(SNAPSHOT)
if known_months and digits:
    chosen = choose_scope(list(digits), known_months)
    show_tiles(chosen, digits[chosen.currency])
    show_revenue(chosen, digits[chosen.currency])
    left, right = st.columns(2)
    with left:
        show_cost(chosen)
    with right:
        show_usage(chosen)
    show_customers(chosen, digits[chosen.currency])
else:
    st.info("This build has neither revenue nor usage. Land events and settle again.")
show_reconciliation()
show_data_health()
