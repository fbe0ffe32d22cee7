"""Rated invoices as a finance person reads them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_REPORTS = {
    "unattributed": "Events that belong to nobody",
    "disagreeing_identifiers": "Events that name two subscriptions; the first counts",
    "unread_elements": "Elements that could not be read, not billed",
    "unpriced_models": "AI models without a price, not billed",
    "unlisted_element_values": "Element values without an amount, not billed",
    "unbilled_usage": "Usage that is not billed",
    "quotas": "Quotas",
    "trial_usage": "What trials would have cost",
    "unapplied_facts": "Facts that name nothing that is there",
}


def show(document: Mapping[str, Any], console: Console) -> None:
    """Print every invoice with its lines, and below what was not billed."""
    if not document["invoices"]:
        console.print(f"No invoice as of {document['as_of']}.")
    for invoice in document["invoices"]:
        _show_invoice(invoice, console)
    for name, title in _REPORTS.items():
        rows = document["reports"][name]
        if rows:
            console.print(f"[bold]{title}[/bold]")
            texts = (["" if cell is None else str(cell) for cell in row.values()] for row in rows)
            _print_table(console, [(key.replace("_", " "), "left") for key in rows[0]], texts)


def _show_invoice(invoice: Mapping[str, Any], console: Console) -> None:
    kind = "" if invoice["kind"] == "period" else f", {invoice['kind']}"
    console.print(
        f"[bold]Invoice {escape(invoice['invoice_id'])}[/bold] ({invoice['status']}{kind})"
        f"  {escape(invoice['product'])}\n"
        f"period {_day(invoice['period_started_at'])} to {_day(invoice['period_ended_at'])}"
        f" (exclusive), known before {_day(invoice['cut_off_at'])}"
    )
    share = ["share"] if any(line["fraction"] for line in invoice["lines"]) else []
    names = ["no", "description", "quantity", "rate", "fixed", *share, invoice["currency"]]
    sides = [(name, "left" if name == "description" else "right") for name in names]
    _print_table(console, sides, (_line(line, has_share=bool(share)) for line in invoice["lines"]))
    due = invoice["amount_due"]
    shown = f"   due {invoice['currency']} {_grouped(due)}" if due is not None else ""
    total = f"total {invoice['currency']} {_grouped(invoice['total_amount'])}"
    console.print(f"[bold]{total}[/bold]{shown}\n")


def _line(line: Mapping[str, Any], *, has_share: bool) -> list[str]:
    share = ["fraction"] if has_share else []
    numbers = ["quantity", "unit_rate", "fixed_amount", *share, "amount"]
    return [
        str(line["line_number"]),
        escape(line["description"]),
        *(_grouped(line[name]) for name in numbers),
    ]


def _print_table(
    console: Console, columns: Iterable[tuple[str, Any]], rows: Iterable[Iterable[str]]
) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name, side in columns:
        table.add_column(name, justify=side, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _grouped(number: str | None) -> str:
    return "" if number is None else f"{Decimal(number):,f}"


def _day(instant: str | None) -> str:
    """Return a UTC instant as a day, with its time only where it is not midnight."""
    text = (instant or "").removesuffix("Z").removesuffix(":00")
    return text.removesuffix("T00:00").replace("T", " ")
