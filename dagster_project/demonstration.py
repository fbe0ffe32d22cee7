"""The demonstration: real events to issued invoices, as a finance person reads them."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from dagster_project.clock import now
from dagster_project.progress import reading
from ingest.landing import LandingRules, land_file
from ingest.paths import PROJECT_ROOT, data_paths

AS_OF = "2026-03-01T01:00:00Z"
DEMO = PROJECT_ROOT / "seeds" / "demo"
# Amounts are cast to two decimals; everything else is a quantity or a rate.
_MINOR = -2
SHOWN_INVOICE = "CA-031-0002"


def run(console: Console) -> None:
    """Load the catalogue, land the events, settle, and print what came of it."""
    from dagster_project.settling import settle_in_process
    from ingest.catalog.load import load_catalog
    from ingest.prices import import_ai_prices
    from ingest.settlements import SettlementError, format_as_of, parse_as_of, watermark

    paths = data_paths()
    settled_until = watermark(paths.lake)
    if settled_until and settled_until > parse_as_of(AS_OF):
        raise SettlementError(
            f"{paths.root} is settled until {format_as_of(settled_until)}, later than the"
            " demonstration. Run it in a folder of its own: METERHOUSE_DATA=… make demo"
        )
    console.print("[bold]1. Catalogue[/bold] from seeds/catalog")
    report = load_catalog(
        PROJECT_ROOT / "seeds" / "catalog", paths.lake, recorded_at=None, watermark=settled_until
    )
    console.print(f"   {sum(report.rows_new.values()):,} new rows, catalogue {report.version}")
    console.print("[bold]2. Events[/bold] from seeds/demo")
    for file in sorted(DEMO.glob("*.[nc][ds]*")):
        with reading(console, file.name) as progress:
            landed = land_file(
                file,
                paths.lake,
                now=now(),
                rules=LandingRules(received_at="receivedAt"),
                progress=progress,
            )
        what = "already landed" if landed.was_landed_before else f"{landed.read_count:,} read"
        console.print(f"   {file.name}: {what}")
    import_ai_prices(paths.lake, now=now())
    console.print(f"[bold]3. Settlement[/bold] as of {AS_OF}, by the Dagster job")
    snapshot, is_new = settle_in_process(AS_OF, console)
    show(paths.serving / snapshot.file)
    if not is_new:
        console.print("\nNothing had changed since the last run: this was a no-op.")


def show(snapshot: Path) -> None:
    """Print accounting, invoices, one invoice in full and the reconciliation of a snapshot."""
    out = Console(highlight=False, width=110)
    with duckdb.connect(str(snapshot), read_only=True) as connection:
        out.print("\n[bold]Events[/bold]")
        _print(
            out,
            connection,
            "select fate, coalesce(reason, '') as reason, event_count as events, cost_amount"
            ' as "cost USD" from marts.rpt_event_accounting order by event_count desc',
        )
        out.print("[bold]Invoices[/bold], issued")
        _print(
            out,
            connection,
            "select product_name as product, count(*) as invoices, currency,"
            " sum(total_amount)::decimal(28, 2) as total from marts.fct_invoices"
            " where status = 'issued' group by all order by all",
        )
        _show_invoice(out, connection, SHOWN_INVOICE)
        out.print("[bold]Reconciliation[/bold]")
        _print(
            out,
            connection,
            "select replace(reconciliation, '_', ' ') as truth, sum(checked_count)::int as checked,"
            ' sum(break_count)::int as breaks, max(abs(difference)) as "largest difference"'
            " from marts.rpt_reconciliation group by all order by all",
        )
    out.print("Next: [bold]make dashboard[/bold]   the numbers, down to the events of a line")
    out.print("      [bold]make dagster[/bold]     the runs, the assets and their checks")
    out.print("      [bold]make help[/bold]        everything else")


def _show_invoice(out: Console, connection: duckdb.DuckDBPyConnection, invoice_id: str) -> None:
    head = connection.execute(
        "select organization_name, product_name, period_started_at, period_ended_at, cut_off_at,"
        " due_date, currency, total_amount::decimal(28, 2), content_hash"
        " from marts.fct_invoices where invoice_id = ?",
        [invoice_id],
    ).fetchall()[0]
    out.print(
        f"[bold]Invoice {invoice_id}[/bold]  {head[0]} · {head[1]}\n"
        f"period {head[2]} to {head[3]} UTC (exclusive) · everything known before {head[4]} UTC"
        f" · due {head[5]}"
    )
    _print(
        out,
        connection,
        "select line_number as no, description, quantity, unit_rate as rate,"
        " fixed_amount::decimal(28, 2) as fixed, amount::decimal(28, 2) as amount"
        " from marts.fct_invoice_lines where invoice_id = ? order by line_number",
        [invoice_id],
    )
    out.print(f"[bold]total {head[6]} {head[7]:,}[/bold]   sha256 {head[8]}\n")


def _print(
    out: Console,
    connection: duckdb.DuckDBPyConnection,
    query: str,
    parameters: Sequence[object] = (),
) -> None:
    """Print the rows of a query as a table, numbers to the right."""
    result = connection.execute(query, parameters)
    names = [column[0] for column in result.description or []]
    rows = result.fetchall()
    table = Table(box=None, header_style="dim", pad_edge=False)
    for place, name in enumerate(names):
        is_number = any(isinstance(row[place], int | Decimal) for row in rows)
        table.add_column(name, justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*[_text(value) for value in row])
    out.print(table)
    out.print()


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:,}" if value.as_tuple().exponent == _MINOR else _plain(value)
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def _plain(value: Decimal) -> str:
    """Return every significant digit of a quantity or rate, without trailing zeros."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
