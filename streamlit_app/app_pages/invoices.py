"""Invoices, and how each came about: lines, tiers, events and credentials."""

import polars as pl
import streamlit as st

from streamlit_app import evidence, filters, formats, queries
from streamlit_app.evidence import counted

SNAPSHOT: str = st.session_state["snapshot"]
EXACT = ("quantity", "rule_amount", "cost_amount")


def choose_scope(currencies: list[str]) -> queries.InvoiceScope:
    """Ask in the sidebar which invoices to list; the address carries the answer."""
    with st.sidebar:
        currency = st.selectbox("Currency", currencies, key="currency", bind="query-params")
        statuses = st.multiselect(
            "Status",
            ["issued", "draft", "void"],
            key="status",
            bind="query-params",
            placeholder="Issued, drafts and void",
        )
        month = st.selectbox(
            "Period began in",
            queries.invoice_months(SNAPSHOT),
            index=None,
            key="month",
            bind="query-params",
            placeholder="Any month",
        )
        products, customers = filters.choose_products_and_customers(SNAPSHOT)
        search = st.text_input(
            "Invoice number contains", key="search", bind="query-params", type="search"
        )
        hide_zero = st.toggle("Hide invoices of 0", key="hide_zero", bind="query-params")
    return queries.InvoiceScope(
        currency, tuple(statuses), products, customers, month, search or "", hide_zero
    )


def show_tiles(scope: queries.InvoiceScope, minor_unit: int) -> None:
    """Show number and sum of the issued invoices, of the drafts and of the void ones, if any."""
    grid = st.grid(min_column_width=215)
    for row in queries.invoice_sums(SNAPSHOT, scope):
        grid.metric(
            f"{row['status'].capitalize()} ({scope.currency})",
            formats.money(row["total_amount"], minor_unit),
            delta=counted(row["invoice_count"], "invoice"),
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
    others = [
        f"{counted(row['invoice_count'], 'invoice')} in {row['currency']}"
        for row in queries.other_currencies(SNAPSHOT, scope)
    ]
    if others:
        st.caption(f"The same filters also find {', '.join(others)}; currencies are not added.")


def show_list(scope: queries.InvoiceScope, minor_unit: int) -> None:
    """Show the invoices; selecting one puts its number into the address."""
    rows = queries.invoices(SNAPSHOT, scope)
    if rows.is_empty():
        st.info("No invoice matches. Clear a filter, or choose another currency.")
        return
    numbers = rows["invoice_id"].to_list()

    def open_selected() -> None:
        selected = st.session_state["invoices"]["selection"]["rows"]
        if selected:
            st.query_params["invoice"] = numbers[selected[0]]
        else:
            st.query_params.pop("invoice", None)

    opened = st.query_params.get("invoice")
    st.dataframe(
        rows.drop("listed_amount", "currency"),
        key="invoices",
        hide_index=True,
        height=min(390, 38 + 35 * rows.height),
        on_select=open_selected,
        selection_mode="single-row",
        selection_default={
            "selection": {"rows": [numbers.index(opened)] if opened in numbers else []}
        },
        placeholder=formats.NOTHING,
        alt=f"Invoices in {scope.currency}",
        column_config={
            "invoice_id": st.column_config.TextColumn("Invoice", pinned=True),
            "organization_name": "Customer",
            "product_name": "Product",
            "subscription_name": "Subscription",
            "first_day": st.column_config.DateColumn("First day", format="DD MMM YYYY"),
            "last_day": st.column_config.DateColumn("Last day", format="DD MMM YYYY"),
            "due_date": st.column_config.DateColumn("Due", format="DD MMM YYYY"),
            "status": "Status",
            "line_count": st.column_config.NumberColumn("Lines"),
            "total_amount": st.column_config.NumberColumn(
                f"Total ({scope.currency})", format=f"%,.{minor_unit}f"
            ),
            "amount_due": st.column_config.NumberColumn(
                f"To pay ({scope.currency})", format=f"%,.{minor_unit}f"
            ),
            "payment_status": "Payment",
        },
    )
    _show_sum(rows, queries.invoice_sums(SNAPSHOT, scope)[0], scope.currency, minor_unit)
    _offer(rows.drop("listed_amount"), f"invoices-{scope.currency}")


def show_header(invoice: queries.Row) -> None:
    """Show what stands at the head of an invoice."""
    st.header(f"Invoice {formats.literal(invoice['invoice_id'])}")
    is_draft, zone = invoice["status"] == "draft", invoice["billing_zone"]
    issue_date = formats.day(invoice["local_cut_off_at"])
    fields = {
        "Customer": invoice["organization_name"],
        "Product": f"{invoice['product_name']} ({invoice['product_id']})",
        "Subscription": invoice["subscription_name"],
        "Status": invoice["status"],
        **_totals(invoice),
        f"Period ({zone})": formats.period(invoice["local_started_at"], invoice["local_ended_at"]),
        "Will be issued on" if is_draft else "Issue date": issue_date,
        "Will count what is known before"
        if is_draft
        else "Counts what was known before": formats.instant(invoice["cut_off_at"]),
        **({} if invoice["status"] == "void" else {"Due": formats.day(invoice["due_date"])}),
    }
    grid = st.grid(min_column_width=230)
    for label, value in fields.items():
        with grid.cell(), st.container(gap=None):
            st.caption(label)
            st.text(value)
    st.caption("SHA-256 over the invoice and its lines")
    st.code(invoice["content_hash"], language=None)


def show_lines(invoice: queries.Row, lines: list[queries.Row], origins: list[queries.Row]) -> None:
    """Show the lines as they are printed, and that they sum to the total."""
    currency, minor_unit = invoice["currency"], invoice["minor_unit"]
    period = f"Period ({invoice['billing_zone']})"
    shares = [formats.share(line["share_seconds"], line["full_seconds"]) for line in lines]
    _show_table(
        {
            "Line": [str(line["line_number"]) for line in lines],
            "Kind": [_kind(line) for line in lines],
            "Description": [line["description"] for line in lines],
            period: [
                formats.period(origin["local_started_at"], origin["local_ended_at"])
                for origin in origins
            ],
            "Quantity": [formats.number(line["quantity"]) for line in lines],
            f"Unit rate ({currency})": [formats.number(line["unit_rate"]) for line in lines],
            f"Fixed ({currency})": [
                formats.money(line["fixed_amount"], minor_unit) for line in lines
            ],
            f"Amount ({currency})": [formats.money(line["amount"], minor_unit) for line in lines],
            # Most invoices have nothing that is prorated.
            **({"Share of period": shares} if {*shares} != {formats.NOTHING} else {}),
        },
        words=("Kind", "Description", period),
        alternative=f"Lines of invoice {invoice['invoice_id']}",
    )
    st.markdown(
        f"**Total {formats.money(invoice['line_amount'], minor_unit)} {currency}**: "
        f"{formats.verdict(invoice['lines_sum_to_total'])} the invoice's total, "
        f"{formats.money(invoice['total_amount'], minor_unit)}"
    )


def show_tiers(invoice: queries.Row, lines: list[queries.Row]) -> None:
    """Show per metric how its quantity was cut into tiers and rated."""
    currency, minor_unit = invoice["currency"], invoice["minor_unit"]
    metrics = queries.rated_metrics(SNAPSHOT, invoice["invoice_id"], minor_unit)
    adjustments = [line for line in lines if line["adjusts_invoice_id"]]
    if not metrics and not adjustments:
        st.caption("No line of this invoice has a metric, so that there is nothing to slice.")
    for metric in metrics:
        st.markdown(f"**{formats.literal(metric['metric_name'])}**")
        slices = [
            line
            for line in lines
            if line["kind"] == "usage" and line["metric_key"] == metric["metric_key"]
        ]
        _show_table(
            {
                "Tier": [line["tier_name"] or str(line["tier_number"]) for line in slices],
                "Units of the tier": [
                    formats.tier_range(line["tier_lower_bound"], line["tier_upper_bound"])
                    for line in slices
                ],
                "Units": [formats.number(line["quantity"]) for line in slices],
                f"\N{MULTIPLICATION SIGN} rate ({currency})": [
                    formats.number(line["unit_rate"]) for line in slices
                ],
                f"+ fixed ({currency})": [
                    formats.money(line["fixed_amount"], minor_unit) for line in slices
                ],
                f"= amount ({currency})": [
                    formats.money(line["amount"], minor_unit) for line in slices
                ],
            },
            words=("Tier",),
            alternative=f"Tiers of {metric['metric_name']}",
        )
        st.markdown(
            f"Σ units {formats.number(metric['quantity'])}: "
            f"{formats.verdict(metric['quantities_agree'])} the "
            f"{formats.number(metric['usage_quantity'])} metered  \n"
            f"Σ amounts {formats.money(metric['amount'], minor_unit)} {currency}: "
            f"{formats.verdict(metric['amounts_agree'])} the tiers rated again, "
            f"{formats.money(metric['rated_amount'], minor_unit)}"
        )
    if adjustments:
        show_adjustments(invoice, adjustments)


def show_adjustments(invoice: queries.Row, adjustments: list[queries.Row]) -> None:
    """Show what adjustments and credits change: before, after and the difference."""
    currency, minor_unit = invoice["currency"], invoice["minor_unit"]
    st.markdown("**Adjustments and credits of earlier invoices**")
    _show_table(
        {
            "Line": [str(line["line_number"]) for line in adjustments],
            "Description": [line["description"] for line in adjustments],
            "Adjusts": [line["adjusts_invoice_id"] for line in adjustments],
            "Units before": [formats.number(line["previous_quantity"]) for line in adjustments],
            "Units added": [formats.number(line["quantity"]) for line in adjustments],
            "Units after": [formats.number(line["new_quantity"]) for line in adjustments],
            f"Before ({currency})": [
                formats.money(line["previous_amount"], minor_unit) for line in adjustments
            ],
            f"After ({currency})": [
                formats.money(line["new_amount"], minor_unit) for line in adjustments
            ],
            f"Difference ({currency})": [
                formats.difference(line["amount"], minor_unit) for line in adjustments
            ],
        },
        words=("Description", "Adjusts"),
        alternative=f"Adjustments on invoice {invoice['invoice_id']}",
    )


def show_events(invoice: queries.Row, lines: list[queries.Row], origins: list[queries.Row]) -> None:
    """Show what one line was made of: its events, and that they add up to it."""
    by_number = {
        line["line_number"]: (line, origin) for line, origin in zip(lines, origins, strict=True)
    }
    number = st.selectbox("Line number", list(by_number), key="line", bind="query-params")
    if number is None:
        st.caption("The invoice has no lines.")
        return
    line, origin = by_number[number]
    summed = queries.line_evidence(SNAPSHOT, line["invoice_line_id"], invoice["minor_unit"])
    amount = formats.money(line["amount"], invoice["minor_unit"])
    st.markdown(
        f"**{formats.literal(line['description'])}**, {amount} {invoice['currency']}  \n"
        f"{evidence.text(invoice, line, origin, summed)}"
    )
    events = queries.line_events(SNAPSHOT, line["invoice_line_id"])
    if events.is_empty():
        return
    if summed["event_count"] > events.height:
        st.caption(
            f"The first {events.height:,} of {summed['event_count']:,} events; "
            "the sums above count all."
        )
    instant = "YYYY-MM-DD HH:mm:ss"
    if line["rule_key"] is None:
        events = events.drop("rule_amount")
    st.dataframe(
        _exact(events, [name for name in EXACT if name in events.columns]),
        hide_index=True,
        placeholder=formats.NOTHING,
        alt=f"Events of line {number} of invoice {invoice['invoice_id']}",
        column_config={
            "occurred_at": st.column_config.DatetimeColumn("Occurred (UTC)", format=instant),
            "known_at": st.column_config.DatetimeColumn("Known (UTC)", format=instant),
            "source_id": "Source",
            "event_id": "Event",
            "credential_name": "Credential",
            "model": "Model",
            "quantity": st.column_config.TextColumn("Adds", alignment="right"),
            "rule_amount": st.column_config.TextColumn(
                f"Charged ({invoice['currency']})", alignment="right"
            ),
            "cost_amount": st.column_config.TextColumn(
                f"Cost ({formats.COST_CURRENCY})", alignment="right"
            ),
        },
    )


def show_credentials(invoice: queries.Row) -> None:
    """Show the period's usage by credential, and that the credentials add up."""
    rows = queries.credential_usage(SNAPSHOT, invoice["invoice_id"])
    if rows.is_empty():
        st.caption("No credential reported usage in this period.")
        return
    st.dataframe(
        _exact(rows, ["quantity"]),
        hide_index=True,
        placeholder=formats.NOTHING,
        alt=f"Usage by credential in the period of invoice {invoice['invoice_id']}",
        column_config={
            "metric_name": "Metric",
            "credential_name": "Credential",
            "event_count": st.column_config.NumberColumn("Events", format="localized"),
            "quantity": st.column_config.TextColumn("Units", alignment="right"),
        },
    )
    for row in queries.credential_sums(SNAPSHOT, invoice["invoice_id"]):
        claim = f"Σ {formats.literal(row['metric_name'])} {formats.number(row['quantity'])}"
        if row["quantities_agree"]:
            st.markdown(f"{claim}: ✓ equal to what this invoice metered")
        elif row["usage_quantity"] is None:
            st.markdown(f"{claim}: not on this invoice")
        else:
            st.markdown(
                f"{claim}: this invoice metered {formats.number(row['usage_quantity'])}; "
                "what came late is on a later one"
            )


def show_invoice(invoice_id: str) -> None:
    """Show one invoice, or that this build does not have it."""
    invoice = queries.invoice(SNAPSHOT, invoice_id)
    if invoice is None:
        st.warning(
            f"This build has no invoice {formats.literal(invoice_id)}. "
            "Look for it in the list above; a draft may have given way to an issued invoice."
        )
        return
    show_header(invoice)
    listed = queries.lines(SNAPSHOT, invoice_id)
    lines, origins = listed.to_dicts(), queries.line_origins(SNAPSHOT, invoice_id)
    # Only the open tab asks the snapshot.
    in_lines, in_tiers, in_events, in_credentials = st.tabs(
        ["Lines", "Tiers", "Events", "Credentials"], key="tab", bind="query-params"
    )
    if in_lines.open:
        with in_lines:
            show_lines(invoice, lines, origins)
            _offer(listed, f"invoice-{invoice_id}")
    if in_tiers.open:
        with in_tiers:
            show_tiers(invoice, lines)
    if in_events.open:
        with in_events:
            show_events(invoice, lines, origins)
    if in_credentials.open:
        with in_credentials:
            show_credentials(invoice)


def _show_sum(rows: pl.DataFrame, sums: queries.Row, currency: str, minor_unit: int) -> None:
    if sums["all_invoice_count"] > rows.height:
        st.caption(
            f"The {rows.height:,} newest of {sums['all_invoice_count']:,} invoices; "
            "the sums above count all."
        )
        return
    listed_amount = rows["listed_amount"][0]
    agrees = formats.verdict(listed_amount == sums["all_total_amount"])
    st.markdown(
        f"**Σ {counted(rows.height, 'invoice')} "
        f"{formats.money(listed_amount, minor_unit)} {currency}**: "
        f"{agrees} all of the above together, "
        f"{formats.money(sums['all_total_amount'], minor_unit)}"
    )


def _totals(invoice: queries.Row) -> dict[str, str]:
    currency, minor_unit = invoice["currency"], invoice["minor_unit"]
    total = formats.money(invoice["total_amount"], minor_unit)
    if invoice["status"] == "void":
        return {f"Total, void and not due ({currency})": total}
    if invoice["status"] != "draft":
        credit, refund = invoice["applied_credit_amount"], invoice["refunded_amount"]
        return {
            f"Total ({currency})": total,
            **({f"Credit used ({currency})": formats.money(credit, minor_unit)} if credit else {}),
            f"To pay ({currency})": _payment(invoice),
            **({f"Refunded ({currency})": formats.money(refund, minor_unit)} if refund else {}),
        }
    return {
        f"Accrued so far ({currency})": formats.money(invoice["accrued_amount"], minor_unit),
        f"Total if nothing more comes ({currency})": total,
    }


def _kind(line: queries.Row) -> str:
    if line["adjusts_invoice_id"] is None:
        return str(line["kind"]).replace("_", " ")
    verb = "credits" if line["kind"] == "credit" else "adjusts"
    return f"{verb} {line['adjusts_invoice_id']}"


def _payment(invoice: queries.Row) -> str:
    due = formats.money(invoice["amount_due"], invoice["minor_unit"])
    if invoice["total_amount"] < 0:
        return f"{due}, the total is credit of the payer"
    paid = f" on {formats.day(invoice['paid_at'])}" if invoice["paid_at"] else ""
    return f"{due}, {invoice['payment_status']}{paid}"


def _offer(rows: pl.DataFrame, name: str) -> None:
    st.download_button(
        "Download as CSV",
        lambda: formats.csv(rows),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"download {name}",
        on_click="ignore",
    )


def _exact(rows: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    # The browser's numbers would cut what a decimal has; text keeps every digit.
    return rows.with_columns(
        pl.Series(name, [formats.number(value) for value in rows[name]], dtype=pl.String)
        for name in columns
    )


def _show_table(columns: dict[str, list[str]], *, words: tuple[str, ...], alternative: str) -> None:
    st.dataframe(
        pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)),
        hide_index=True,
        alt=alternative,
        column_config={
            name: st.column_config.TextColumn(alignment="left" if name in words else "right")
            for name in columns
        },
    )


st.title("Invoices")
digits = queries.currencies(SNAPSHOT)
if digits:
    chosen = choose_scope(list(digits))
    show_tiles(chosen, digits[chosen.currency])
    show_list(chosen, digits[chosen.currency])
else:
    st.info("This build has no products and no invoices. Enter a catalogue and settle again.")
if "invoice" in st.query_params:
    show_invoice(st.query_params["invoice"])
elif digits:
    st.caption("Select an invoice to see its lines, tiers, events and credentials.")
