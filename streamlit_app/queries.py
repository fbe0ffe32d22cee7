"""Every query of the dashboard: on the marts of one snapshot, with bound parameters.

Sums, ratios and comparisons are made here, in decimals; pages only write them down. Amounts of
different currencies are never added: what adds revenue takes one currency.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import polars as pl

from streamlit_app.snapshot import Parameter, fetch

Row: TypeAlias = dict[str, Any]

ROW_LIMIT = 10_000


@dataclass(frozen=True)
class Scope:
    """What the overview counts: a currency, whole months as `2026-02`, both ends included.

    Products and customers are names; none means all of them.
    """

    currency: str
    first_month: str
    last_month: str
    products: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()

    @property
    def usage(self) -> dict[str, Parameter]:
        """Parameters of queries on usage, which has no currency."""
        return {
            "first_day": f"{self.first_month}-01",
            "last_month_day": f"{self.last_month}-01",
            "products": list(self.products) or None,
            "customers": list(self.customers) or None,
        }

    @property
    def revenue(self) -> dict[str, Parameter]:
        """Parameters of queries on revenue."""
        return {"currency": self.currency, **self.usage}


@dataclass(frozen=True)
class InvoiceScope:
    """Which invoices are listed; none of a kind means all of it."""

    currency: str
    statuses: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    month: str | None = None
    search: str = ""
    hide_zero: bool = False

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Parameters of queries on invoices."""
        return {
            "currency": self.currency,
            "statuses": list(self.statuses) or None,
            "products": list(self.products) or None,
            "customers": list(self.customers) or None,
            "month": self.month,
            "search": self.search.strip().lower(),
            "hide_zero": self.hide_zero,
        }


def build(file: str) -> Row:
    """Return the build: its id, instants and checks."""
    return _one(file, "select * from meta.build")


def currencies(file: str) -> dict[str, int]:
    """Return the currencies that are invoiced and their digits after the point, USD first."""
    rows = fetch(
        file,
        """
        select currency, max(minor_unit) as minor_unit
        from (
            select currency, minor_unit from marts.fct_invoices
            union all
            select currency, minor_unit from marts.dim_products where currency is not null
        )
        group by currency
        order by currency <> 'USD', currency
        """,
        {},
    )
    return dict(rows.iter_rows())


def months(file: str) -> list[str]:
    """Return the months that have revenue or usage, as `2026-02`, oldest first."""
    return _column(
        file,
        """
        select strftime(period_month, '%Y-%m') as month from marts.rpt_margin_by_customer
        union
        select strftime(usage_date, '%Y-%m') from marts.rpt_usage_daily
        order by month
        """,
    )


def invoice_months(file: str) -> list[str]:
    """Return the months in whose billing zone an invoiced period began, newest first."""
    return _column(
        file,
        """
        select distinct
            strftime(timezone(billing_zone, timezone('UTC', period_started_at)), '%Y-%m') as month
        from marts.fct_invoices
        order by month desc
        """,
    )


def products(file: str) -> list[str]:
    """Return the names of the products that have subscriptions."""
    return _column(
        file, "select distinct product_name from marts.dim_subscriptions order by product_name"
    )


def customers(file: str) -> list[str]:
    """Return the names of the customers that have subscriptions."""
    return _column(
        file,
        """
        select distinct organization_name
        from marts.dim_subscriptions
        order by organization_name
        """,
    )


def drawn_products(file: str) -> list[str]:
    """Return the names of all products that have revenue or usage, whatever the scope."""
    return _column(
        file,
        """
        select product_name from marts.rpt_margin_by_customer
        union
        select product_name from marts.rpt_usage_daily where product_id is not null
        order by product_name
        """,
    )


def drawn_models(file: str) -> list[str]:
    """Return the names of all models that were called, whatever the scope."""
    return _column(file, "select distinct model from marts.rpt_usage_daily order by model")


def revenue_totals(file: str, scope: Scope) -> Row:
    """Return revenue, its cost and margin, and their change from as many months before.

    Cost is rounded to the cent before it is taken from revenue, so that what is shown adds up. A
    change is null where the months before had nothing; all but revenue means nothing unless
    revenue is in USD.
    """
    return _one(
        file,
        """
        with

        months as (
            select
                $first_day::date as first_day,
                $last_month_day::date as last_day,
                date_diff('month', $first_day::date, $last_month_day::date) + 1 as month_count
        ),

        scoped as (
            select
                margins.*,
                margins.invoiced_amount + margins.accrued_amount as revenue_amount,
                margins.period_month >= months.first_day as is_now
            from marts.rpt_margin_by_customer as margins
            cross join months
            where
                margins.currency = $currency
                and margins.period_month <= months.last_day
                and margins.period_month >= months.first_day - to_months(months.month_count::int)
                and ($products is null or margins.product_name in $products)
                and ($customers is null or margins.organization_name in $customers)
        ),

        summed as (
            select
                coalesce(sum(invoiced_amount) filter (is_now), 0) as invoiced_amount,
                coalesce(sum(accrued_amount) filter (is_now), 0) as accrued_amount,
                coalesce(sum(revenue_amount) filter (is_now), 0) as revenue_amount,
                coalesce(sum(cost_amount) filter (is_now), 0) as exact_cost_amount,
                coalesce(round(sum(cost_amount) filter (is_now), 2), 0) as cost_amount,
                sum(margin_amount) filter (is_now) as exact_margin_amount,
                sum(invoiced_amount) filter (not is_now) as earlier_invoiced_amount,
                sum(revenue_amount) filter (not is_now) as earlier_revenue_amount,
                sum(cost_amount) filter (not is_now) as earlier_cost_amount,
                sum(margin_amount) filter (not is_now) as earlier_margin_amount
            from scoped
        ),

        rated as (
            select
                *,
                revenue_amount - cost_amount as margin_amount,
                (exact_margin_amount / nullif(revenue_amount, 0))::decimal(18, 6) as margin_ratio,
                (earlier_margin_amount / nullif(earlier_revenue_amount, 0))::decimal(18, 6)
                    as earlier_margin_ratio
            from summed
        )

        select
            *,
            (invoiced_amount / nullif(earlier_invoiced_amount, 0) - 1)::decimal(18, 6)
                as invoiced_change,
            (exact_cost_amount / nullif(earlier_cost_amount, 0) - 1)::decimal(18, 6)
                as cost_change,
            margin_ratio - earlier_margin_ratio as margin_ratio_change
        from rated
        """,
        scope.revenue,
    )


def usage_totals(file: str, scope: Scope) -> Row:
    """Return events, tokens and cost of the scope's days, and the change of events as above."""
    return _one(
        file,
        """
        with

        months as (
            select
                $first_day::date as first_day,
                $last_month_day::date + to_months(1) as end_day,
                date_diff('month', $first_day::date, $last_month_day::date) + 1 as month_count
        ),

        scoped as (
            select usage.*, usage.usage_date >= months.first_day as is_now
            from marts.rpt_usage_daily as usage
            cross join months
            where
                usage.usage_date < months.end_day
                and usage.usage_date >= months.first_day - to_months(months.month_count::int)
                and ($products is null or usage.product_name in $products)
                and ($customers is null or usage.organization_name in $customers)
        ),

        summed as (
            select
                coalesce(sum(event_count) filter (is_now), 0)::bigint as event_count,
                coalesce(sum(total_tokens) filter (is_now), 0)::bigint as total_tokens,
                coalesce(sum(unpriced_event_count) filter (is_now), 0)::bigint
                    as unpriced_event_count,
                coalesce(sum(cost_amount) filter (is_now), 0) as cost_amount,
                coalesce(sum(cost_amount) filter (is_now and product_id is null), 0)
                    as unattributed_cost_amount,
                sum(event_count) filter (not is_now) as earlier_event_count
            from scoped
        )

        select
            *,
            (unattributed_cost_amount / nullif(cost_amount, 0))::decimal(18, 6)
                as unattributed_ratio,
            (event_count / nullif(earlier_event_count, 0) - 1)::decimal(18, 6) as event_change
        from summed
        """,
        scope.usage,
    )


def revenue_by_month(file: str, scope: Scope) -> pl.DataFrame:
    """Return one row per month of the scope, also without revenue."""
    return fetch(
        file,
        """
        with

        months as (
            select unnest(
                generate_series($first_day::date, $last_month_day::date, interval 1 month)
            )::date as period_month
        ),

        scoped as (
            select *
            from marts.rpt_margin_by_customer
            where
                currency = $currency
                and ($products is null or product_name in $products)
                and ($customers is null or organization_name in $customers)
        )

        select
            strftime(months.period_month, '%Y-%m') as month,
            coalesce(sum(scoped.invoiced_amount), 0) as invoiced_amount,
            coalesce(sum(scoped.accrued_amount), 0) as accrued_amount,
            coalesce(sum(scoped.cost_amount), 0) as cost_amount,
            coalesce(sum(scoped.margin_amount), 0) as margin_amount,
            coalesce(
                sum(scoped.margin_amount)
                / nullif(sum(scoped.invoiced_amount + scoped.accrued_amount), 0),
                0
            )::decimal(18, 6) as margin_ratio
        from months
        left join scoped on months.period_month = scoped.period_month
        group by months.period_month
        order by months.period_month
        """,
        scope.revenue,
    )


def revenue_by_product(file: str, scope: Scope) -> pl.DataFrame:
    """Return one row per month, product and state; products below the largest seven as `Other`."""
    return fetch(
        file,
        """
        with

        scoped as (
            select
                strftime(period_month, '%Y-%m') as month,
                product_name,
                sum(invoiced_amount) as "Invoiced",
                sum(accrued_amount) as "Accrued"
            from marts.rpt_margin_by_customer
            where
                currency = $currency
                and period_month between $first_day::date and $last_month_day::date
                and ($products is null or product_name in $products)
                and ($customers is null or organization_name in $customers)
            group by month, product_name
        ),

        stated as (
            select * from scoped unpivot (amount for state in ("Invoiced", "Accrued"))
            where amount <> 0
        ),

        ranked as (
            select
                product_name,
                row_number() over (order by sum(amount) desc, product_name) as place
            from stated
            group by product_name
        )

        select
            stated.month,
            case when ranked.place <= 7 then stated.product_name else 'Other' end as product,
            stated.state,
            sum(stated.amount) as amount
        from stated
        inner join ranked on stated.product_name = ranked.product_name
        group by all
        order by stated.month, min(ranked.place), stated.state desc
        """,
        scope.revenue,
    )


def cost_by_day(file: str, scope: Scope, *, by_model: bool) -> pl.DataFrame:
    """Return one row per day and model, or product; those below the largest seven as `Other`."""
    return fetch(
        file,
        """
        with

        scoped as (
            select
                usage_date,
                case
                    when $by_model = 1 then coalesce(model, 'No model')
                    when product_id is null then 'Unattributed'
                    else product_name
                end as part,
                sum(cost_amount) as cost_amount
            from marts.rpt_usage_daily
            where
                usage_date >= $first_day::date
                and usage_date < $last_month_day::date + to_months(1)
                and ($products is null or product_name in $products)
                and ($customers is null or organization_name in $customers)
            group by usage_date, part
            having sum(cost_amount) <> 0
        ),

        ranked as (
            select part, row_number() over (order by sum(cost_amount) desc, part) as place
            from scoped
            group by part
        )

        select
            scoped.usage_date,
            case when ranked.place <= 7 then scoped.part else 'Other' end as part,
            sum(scoped.cost_amount) as cost_amount
        from scoped
        inner join ranked on scoped.part = ranked.part
        group by all
        order by scoped.usage_date, min(ranked.place)
        """,
        {**scope.usage, "by_model": int(by_model)},
    )


def usage_by_day(file: str, scope: Scope) -> pl.DataFrame:
    """Return one row per day and whether the events are billable."""
    return fetch(
        file,
        """
        select
            usage_date,
            case when status = 'billable' then 'Billable' else 'Not billable' end as billing,
            sum(event_count)::bigint as event_count,
            sum(total_tokens)::bigint as total_tokens
        from marts.rpt_usage_daily
        where
            usage_date >= $first_day::date
            and usage_date < $last_month_day::date + to_months(1)
            and ($products is null or product_name in $products)
            and ($customers is null or organization_name in $customers)
        group by usage_date, billing
        order by usage_date, billing
        """,
        scope.usage,
    )


def usage_by_month(file: str, scope: Scope) -> pl.DataFrame:
    """Return one row per month of the scope, also without usage."""
    return fetch(
        file,
        """
        with

        months as (
            select unnest(
                generate_series($first_day::date, $last_month_day::date, interval 1 month)
            )::date as usage_month
        ),

        scoped as (
            select date_trunc('month', usage_date)::date as usage_month, usage.*
            from marts.rpt_usage_daily as usage
            where
                ($products is null or product_name in $products)
                and ($customers is null or organization_name in $customers)
        )

        select
            strftime(months.usage_month, '%Y-%m') as month,
            coalesce(sum(scoped.event_count), 0)::bigint as event_count,
            coalesce(sum(scoped.cost_amount) filter (scoped.product_id is null), 0)
                as unattributed_cost_amount,
            coalesce(sum(scoped.unpriced_event_count), 0)::bigint as unpriced_event_count
        from months
        left join scoped on months.usage_month = scoped.usage_month
        group by months.usage_month
        order by months.usage_month
        """,
        scope.usage,
    )


def margin_by_customer(file: str, scope: Scope) -> pl.DataFrame:
    """Return one row per customer, and the address of its invoices, largest revenue first."""
    return fetch(
        file,
        """
        with

        summed as (
            select
                organization_name,
                sum(invoiced_amount) as invoiced_amount,
                sum(accrued_amount) as accrued_amount,
                sum(invoiced_amount + accrued_amount) as revenue_amount,
                sum(cost_amount) as cost_amount,
                sum(margin_amount) as margin_amount
            from marts.rpt_margin_by_customer
            where
                currency = $currency
                and period_month between $first_day::date and $last_month_day::date
                and ($products is null or product_name in $products)
                and ($customers is null or organization_name in $customers)
            group by organization_name
        )

        select
            organization_name,
            invoiced_amount,
            accrued_amount,
            revenue_amount,
            cost_amount,
            margin_amount,
            (100 * margin_amount / nullif(revenue_amount, 0))::decimal(18, 1) as margin_percent,
            'invoices?customer=' || url_encode(organization_name)
                || '&currency=' || url_encode($currency) as invoices
        from summed
        order by revenue_amount desc, organization_name
        """,
        scope.revenue,
    )


def reconciliation(file: str) -> pl.DataFrame:
    """Return the truths that the settlement proved, breaks first."""
    return fetch(
        file,
        """
        select
            break_count = 0 and difference = 0 as holds,
            replace(reconciliation, '_', ' ') as truth,
            unit,
            checked_count,
            break_count,
            left_amount,
            right_amount,
            difference
        from marts.rpt_reconciliation
        order by holds, truth, unit
        """,
        {},
    )


def event_accounting(file: str) -> pl.DataFrame:
    """Return what became of every record read."""
    return fetch(
        file,
        """
        select fate, reason, event_count, cost_amount
        from marts.rpt_event_accounting
        order by
            array_position(
                ['billable', 'joined', 'unattributed', 'duplicate', 'conflict', 'quarantined'],
                fate
            ) nulls last,
            event_count desc,
            reason
        """,
        {},
    )


def unpriced_models(file: str) -> pl.DataFrame:
    """Return the models whose events have no cost and why, most events first."""
    return fetch(
        file,
        """
        select provider, model, reason, event_count, total_tokens
        from marts.rpt_unpriced_models
        order by event_count desc, provider, model, reason
        """,
        {},
    )


def unread_elements(file: str) -> pl.DataFrame:
    """Return the metrics to which billable events add nothing, most events first."""
    return fetch(
        file,
        """
        select
            product_name,
            metric_name,
            element,
            source_id,
            absent_event_count,
            unreadable_event_count
        from marts.rpt_unread_elements
        order by
            absent_event_count + unreadable_event_count desc,
            product_name,
            metric_name,
            source_id
        """,
        {},
    )


def invoice_sums(file: str, scope: InvoiceScope) -> list[Row]:
    """Return number and sum of the invoices per status, issued first, and of all together."""
    return _rows(
        file,
        """
        with

        statuses as (
            select unnest(['issued', 'draft', 'void']) as status
        ),

        scoped as (
            select status, total_amount
            from marts.fct_invoices
            where
                currency = $currency
                and ($statuses is null or status in $statuses)
                and ($products is null or product_name in $products)
                and ($customers is null or organization_name in $customers)
                and (
                    $month is null
                    or strftime(
                        timezone(billing_zone, timezone('UTC', period_started_at)), '%Y-%m'
                    ) = $month
                )
                and contains(lower(invoice_id), $search)
                and (not $hide_zero or total_amount <> 0)
        )

        select
            statuses.status,
            count(scoped.status) as invoice_count,
            coalesce(sum(scoped.total_amount), 0) as total_amount,
            (sum(count(scoped.status)) over ())::bigint as all_invoice_count,
            coalesce(sum(sum(scoped.total_amount)) over (), 0) as all_total_amount
        from statuses
        left join scoped on statuses.status = scoped.status
        group by statuses.status
        having statuses.status <> 'void' or count(scoped.status) > 0
        order by list_position(['issued', 'draft', 'void'], statuses.status)
        """,
        scope.parameters,
    )


def other_currencies(file: str, scope: InvoiceScope) -> list[Row]:
    """Return how many invoices in other currencies the same filters would list."""
    return _rows(
        file,
        """
        select currency, count(*) as invoice_count
        from marts.fct_invoices
        where
            currency <> $currency
            and ($statuses is null or status in $statuses)
            and ($products is null or product_name in $products)
            and ($customers is null or organization_name in $customers)
            and (
                $month is null
                or strftime(
                    timezone(billing_zone, timezone('UTC', period_started_at)), '%Y-%m'
                ) = $month
            )
            and contains(lower(invoice_id), $search)
            and (not $hide_zero or total_amount <> 0)
        group by currency
        order by currency
        """,
        scope.parameters,
    )


def invoices(file: str, scope: InvoiceScope) -> pl.DataFrame:
    """Return the newest invoices first, at most `ROW_LIMIT`, each with the sum of these rows."""
    return fetch(
        file,
        """
        with

        listed as (
            select
                invoice_id,
                organization_name,
                product_name,
                timezone(billing_zone, timezone('UTC', period_started_at))::date as first_day,
                timezone(
                    billing_zone, timezone('UTC', period_ended_at - interval 1 microsecond)
                )::date as last_day,
                due_date,
                status,
                currency,
                total_amount,
                amount_due,
                payment_status,
                line_count,
                subscription_name
            from marts.fct_invoices
            where
                currency = $currency
                and ($statuses is null or status in $statuses)
                and ($products is null or product_name in $products)
                and ($customers is null or organization_name in $customers)
                and (
                    $month is null
                    or strftime(
                        timezone(billing_zone, timezone('UTC', period_started_at)), '%Y-%m'
                    ) = $month
                )
                and contains(lower(invoice_id), $search)
                and (not $hide_zero or total_amount <> 0)
            order by period_ended_at desc, invoice_id
            limit $row_limit
        )

        select *, sum(total_amount) over () as listed_amount
        from listed
        order by last_day desc, invoice_id
        """,
        {**scope.parameters, "row_limit": ROW_LIMIT},
    )


def invoice(file: str, invoice_id: str) -> Row | None:
    """Return an invoice and whether its lines sum to its total; None if this build has none.

    What is called local is the wall time of its billing zone.
    """
    rows = _rows(
        file,
        """
        with

        summed as (
            select invoice_id, sum(amount) as line_amount
            from marts.fct_invoice_lines
            where invoice_id = $invoice_id
            group by invoice_id
        )

        select
            invoices.*,
            timezone(billing_zone, timezone('UTC', period_started_at)) as local_started_at,
            timezone(billing_zone, timezone('UTC', period_ended_at)) as local_ended_at,
            timezone(billing_zone, timezone('UTC', cut_off_at)) as local_cut_off_at,
            coalesce(summed.line_amount, 0) as line_amount,
            coalesce(summed.line_amount, 0) = invoices.total_amount as lines_sum_to_total
        from marts.fct_invoices as invoices
        left join summed on invoices.invoice_id = summed.invoice_id
        where invoices.invoice_id = $invoice_id
        """,
        {"invoice_id": invoice_id},
    )
    return rows[0] if rows else None


def lines(file: str, invoice_id: str) -> pl.DataFrame:
    """Return the lines of an invoice as they are printed; an adjustment with what is new by it."""
    return fetch(
        file,
        """
        select
            *,
            previous_quantity + quantity as new_quantity,
            previous_amount + amount as new_amount
        from marts.fct_invoice_lines
        where invoice_id = $invoice_id
        order by line_number
        """,
        {"invoice_id": invoice_id},
    )


def line_origins(file: str, invoice_id: str) -> list[Row]:
    """Return what stands behind the lines of an invoice beside events, in their order.

    That is the local period, the terms, and of a correction whether what it corrects is void.
    """
    return _rows(
        file,
        """
        select
            timezone(invoices.billing_zone, timezone('UTC', lines.period_started_at))
                as local_started_at,
            timezone(invoices.billing_zone, timezone('UTC', lines.period_ended_at))
                as local_ended_at,
            products.product_id,
            timezone(invoices.billing_zone, timezone('UTC', products.valid_from))
                as local_terms_from,
            coalesce(adjusted.status = 'void', false) as corrects_void
        from marts.fct_invoice_lines as lines
        inner join marts.fct_invoices as invoices on lines.invoice_id = invoices.invoice_id
        left join marts.dim_products as products on lines.terms_id = products.terms_id
        left join marts.fct_invoices as adjusted on lines.adjusts_invoice_id = adjusted.invoice_id
        where lines.invoice_id = $invoice_id
        order by lines.line_number
        """,
        {"invoice_id": invoice_id},
    )


def rated_metrics(file: str, invoice_id: str, minor_unit: int) -> list[Row]:
    """Return one row per metric of an invoice: its tiers' sums against the metric itself.

    The tiers are rated again: quantity times rate is exact in 37 digits either as (19, 6) by
    (18, 12) or, for costs, as (25, 12) by (12, 6); a line has one of the two forms.
    """
    return _rows(
        file,
        """
        with

        rated as (
            select
                *,
                case
                    when quantity = quantity::decimal(19, 6)
                        then
                            (quantity::decimal(19, 6) * unit_rate)::decimal(37, 18)
                            + coalesce(fixed_amount, 0)
                    else
                        (quantity * unit_rate::decimal(12, 6))::decimal(37, 18)
                        + coalesce(fixed_amount, 0)
                end as exact_amount
            from marts.fct_invoice_lines
            where invoice_id = $invoice_id and kind = 'usage'
        )

        select
            metric_key,
            metric_name,
            sum(quantity) as quantity,
            max(usage_quantity) as usage_quantity,
            sum(quantity) = max(usage_quantity) as quantities_agree,
            sum(amount) as amount,
            sum(round(exact_amount, $minor_unit)) as rated_amount,
            sum(round(exact_amount, $minor_unit)) = sum(amount) as amounts_agree
        from rated
        group by metric_key, metric_name
        order by min(line_number)
        """,
        {"invoice_id": invoice_id, "minor_unit": minor_unit},
    )


def line_evidence(file: str, invoice_line_id: str, minor_unit: int) -> Row:
    """Return what the events of a line add up to, against the line.

    The comparisons are null where a line does not claim that, as a charge or an adjustment.
    """
    return _one(
        file,
        """
        with

        summed as (
            select
                count(*) as event_count,
                coalesce(sum(quantity), 0) as quantity,
                coalesce(sum(rule_amount), 0) as rule_amount
            from marts.fct_line_events
            where invoice_line_id = $invoice_line_id
        )

        select
            summed.event_count,
            summed.quantity,
            summed.rule_amount,
            case
                when lines.kind in ('usage', 'rule')
                    then summed.event_count = lines.usage_event_count
            end as counts_agree,
            case when lines.kind = 'usage' then summed.quantity = lines.usage_quantity end
                as quantities_agree,
            case
                when lines.kind = 'rule'
                    then round(summed.rule_amount, $minor_unit) = lines.amount
            end as amounts_agree
        from marts.fct_invoice_lines as lines
        cross join summed
        where lines.invoice_line_id = $invoice_line_id
        """,
        {"invoice_line_id": invoice_line_id, "minor_unit": minor_unit},
    )


def line_events(file: str, invoice_line_id: str) -> pl.DataFrame:
    """Return the events that a line was computed from, at most `ROW_LIMIT`, oldest first."""
    return fetch(
        file,
        """
        select
            events.occurred_at,
            events.known_at,
            events.source_id,
            events.event_id,
            events.credential_name,
            events.model,
            line_events.quantity,
            line_events.rule_amount,
            events.cost_amount
        from marts.fct_line_events as line_events
        inner join marts.fct_events as events on line_events.event_key = events.event_key
        where line_events.invoice_line_id = $invoice_line_id
        order by events.occurred_at, events.source_id, events.event_id
        limit $row_limit
        """,
        {"invoice_line_id": invoice_line_id, "row_limit": ROW_LIMIT},
    )


def credential_usage(file: str, invoice_id: str) -> pl.DataFrame:
    """Return the usage of the invoice's own period per metric and credential."""
    return fetch(
        file,
        """
        select
            usage.metric_name,
            usage.credential_name,
            usage.event_count,
            usage.quantity
        from marts.rpt_usage_by_credential as usage
        inner join marts.fct_invoices as invoices
            on
                usage.subscription_id = invoices.subscription_id
                and usage.period_ordinal = invoices.closing_ordinal
        where invoices.invoice_id = $invoice_id
        order by usage.metric_name, usage.quantity desc, usage.credential_name
        """,
        {"invoice_id": invoice_id},
    )


def credential_sums(file: str, invoice_id: str) -> list[Row]:
    """Return what the credentials add up to per metric, against what this invoice metered."""
    return _rows(
        file,
        """
        with

        credentials as (
            select
                usage.metric_key,
                usage.metric_name,
                sum(usage.event_count)::bigint as event_count,
                sum(usage.quantity) as quantity
            from marts.rpt_usage_by_credential as usage
            inner join marts.fct_invoices as invoices
                on
                    usage.subscription_id = invoices.subscription_id
                    and usage.period_ordinal = invoices.closing_ordinal
            where invoices.invoice_id = $invoice_id
            group by usage.metric_key, usage.metric_name
        ),

        metered as (
            select metric_key, max(usage_quantity) as usage_quantity
            from marts.fct_invoice_lines
            where invoice_id = $invoice_id and kind = 'usage'
            group by metric_key
        )

        select
            credentials.metric_name,
            credentials.event_count,
            credentials.quantity,
            metered.usage_quantity,
            credentials.quantity = metered.usage_quantity as quantities_agree
        from credentials
        left join metered on credentials.metric_key = metered.metric_key
        order by credentials.metric_name
        """,
        {"invoice_id": invoice_id},
    )


def _rows(file: str, query: str, parameters: dict[str, Parameter]) -> list[Row]:
    return fetch(file, query, parameters).to_dicts()


def _one(file: str, query: str, parameters: dict[str, Parameter] | None = None) -> Row:
    return fetch(file, query, parameters or {}).row(0, named=True)


def _column(file: str, query: str) -> list[str]:
    return fetch(file, query, {}).to_series().drop_nulls().to_list()
