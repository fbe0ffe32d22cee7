"""Rated invoices as a finance person reads them."""

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ingest.zones import zone

_REPORTS = {
    "records": "What became of the records read",
    "disagreeing_identifiers": "Events that name two subscriptions; the first counts",
    "unread_elements": "Elements that could not be read, not billed",
    "unpriced_models": "AI models without a price, not billed",
    "unlisted_element_values": "Element values without an amount, not billed",
    "unbilled_usage": "Usage that is not billed",
    "quotas": "Quotas",
    "clamped_quantities": "Quantities below zero, which count as zero",
    "trial_usage": "What trials would have cost",
    "unapplied_facts": "Facts that do nothing",
}
_WORDS = frozenset({"description", "period"})


def show(document: Mapping[str, Any], console: Console) -> None:
    """Print every invoice with its lines, and below what was not billed; days are local."""
    if not document["invoices"]:
        console.print(f"No invoice as of {document['as_of']}.")
    dues = {due["invoice_id"]: due for due in document["reports"]["dues"]}
    for invoice in document["invoices"]:
        _show_invoice(invoice, dues[invoice["invoice_id"]], console)
    for name, title in _REPORTS.items():
        rows = document["reports"][name]
        if rows:
            console.print(f"[bold]{title}[/bold]")
            texts = (["" if cell is None else str(cell) for cell in row.values()] for row in rows)
            _print_table(console, [(key.replace("_", " "), "left") for key in rows[0]], texts)


def _show_invoice(invoice: Mapping[str, Any], due: Mapping[str, Any], console: Console) -> None:
    kind = "" if invoice["kind"] == "period" else f", {invoice['kind']}"
    local = zone(due["billing_zone"])
    console.print(
        f"[bold]Invoice {escape(invoice['invoice_id'])}[/bold] ({invoice['status']}{kind})"
        f"  {escape(invoice['product'])}\n"
        f"period {_period(invoice, local)} (exclusive), known before"
        f" {_day(invoice['cut_off_at'], local)}, {due['billing_zone']}"
    )
    share = ["share"] if any(line["fraction"] for line in invoice["lines"]) else []
    names = ["no", "description", "quantity", "rate", "fixed", *share, invoice["currency"]]
    sides = [(name, "left" if name in _WORDS else "right") for name in [*names, "period"]]
    lines = (_line(line, local, has_share=bool(share)) for line in invoice["lines"])
    _print_table(console, sides, lines)
    total = f"total {invoice['currency']} {_grouped(invoice['total_amount'])}"
    console.print(f"[bold]{total}[/bold]   {_payment(invoice, due, local)}\n")


def _payment(invoice: Mapping[str, Any], due: Mapping[str, Any], local: tzinfo) -> str:
    if invoice["status"] == "void":
        return "void: nothing is due"
    if invoice["status"] == "draft":
        return f"to be paid by {due['due_date']}"
    total = Decimal(invoice["total_amount"])
    if total < 0:
        amount = _grouped(invoice["amount_due"])
        return f"due {invoice['currency']} {amount}, {-total:,f} to the payer's credit"
    paid = f" on {_day(due['paid_at'], local)}" if due["paid_at"] else ""
    used, refunded = (Decimal(due[name]) for name in ("applied_credit_amount", "refunded_amount"))
    credit = f" after {used:,f} of credit" if used else ""
    refund = f", {refunded:,f} refunded" if refunded else ""
    return (
        f"due {invoice['currency']} {_grouped(invoice['amount_due'])}{credit}"
        f" by {due['due_date']}, {invoice['payment_status']}{paid}{refund}"
    )


def _line(line: Mapping[str, Any], local: tzinfo, *, has_share: bool) -> list[str]:
    share = ["fraction"] if has_share else []
    numbers = ["quantity", "unit_rate", "fixed_amount", *share, "amount"]
    return [
        str(line["line_number"]),
        escape(line["description"]),
        *(_grouped(line[name]) for name in numbers),
        _period(line, local),
    ]


def _print_table(
    console: Console, columns: Iterable[tuple[str, Any]], rows: Iterable[Iterable[str]]
) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name, side in columns:
        # A figure that is broken over two lines would be read as two.
        table.add_column(name, justify=side, overflow="fold", no_wrap=side == "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _grouped(number: str | None) -> str:
    return "" if number is None else f"{Decimal(number):,f}"


def _period(row: Mapping[str, Any], local: tzinfo) -> str:
    return f"{_day(row['period_started_at'], local)} to {_day(row['period_ended_at'], local)}"


def _day(instant: str, local: tzinfo) -> str:
    """Return an instant as a local day, with its time only where it is not midnight."""
    text = f"{datetime.fromisoformat(instant).astimezone(local):%Y-%m-%d %H:%M:%S}"
    return text.removesuffix(":00").removesuffix(" 00:00")
