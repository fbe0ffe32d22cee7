"""The `meterhouse` command. Data goes to standard output, everything else to standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import cyclopts
from rich.console import Console
from rich.markup import escape

from dagster_project import demonstration
from dagster_project.clock import now
from dagster_project.progress import reading
from ingest.forms.detection import Form
from ingest.landing import Identification, LandingReport
from ingest.paths import PROJECT_ROOT, data_paths

OK, INTERNAL, USAGE, INVALID, CHECKS_FAILED, CONFLICT = 0, 1, 2, 4, 5, 6
CATALOG = PROJECT_ROOT / "seeds" / "catalog"

app = cyclopts.App(
    name="meterhouse",
    help="Usage-based billing inside a data warehouse: events in, invoices out.",
    version_flags=["--version"],
)
catalog = cyclopts.App(name="catalog", help="Products, prices, subscriptions and credentials.")
prices = cyclopts.App(name="prices", help="The public price list of AI models.")
app.command(catalog)
app.command(prices)

console = Console(stderr=True, highlight=False)


def fail(error: Exception, code: int) -> None:
    """Print an error in full, on standard error, and leave with its exit code."""
    console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
    sys.exit(code)


@catalog.command(name="check")
def check(folder: Path = CATALOG) -> None:
    """Check a catalogue's folder; every problem is shown as `file:line:col: what, and the remedy`.

    Parameters
    ----------
    folder
        The folder with `products/*.yaml` and the CSV files.
    """
    from ingest.catalog.check import check_catalog
    from ingest.catalog.problems import CatalogError

    try:
        checked = check_catalog(folder)
    except CatalogError as error:
        console.print(escape(str(error)), soft_wrap=True)
        sys.exit(INVALID)
    console.print(
        f"The catalogue is sound: {len(checked.first_terms())} products,"
        f" {len(checked.subscriptions)} subscriptions, {len(checked.credentials)} credentials."
    )


@catalog.command(name="load")
def load(folder: Path = CATALOG, *, recorded_at: Literal["now", "as-valid"] = "now") -> None:
    """Add what is new in a catalogue to the lake; nothing that is there is ever changed.

    Parameters
    ----------
    folder
        The folder with `products/*.yaml` and the CSV files.
    recorded_at
        When the rows became known: `now`, or each when it begins to hold (for a first load of
        history). A load that would alter what is settled is refused.
    """
    from ingest.catalog.load import load_catalog
    from ingest.catalog.problems import CatalogError
    from ingest.lake import locked
    from ingest.settlements import watermark

    lake = data_paths().lake
    try:
        with locked(lake):
            report = load_catalog(
                folder,
                lake,
                recorded_at=now() if recorded_at == "now" else None,
                watermark=watermark(lake),
            )
    except CatalogError as error:
        console.print(escape(str(error)), soft_wrap=True)
        sys.exit(INVALID)
    new = sum(report.rows_new.values())
    console.print(
        f"Catalogue {report.version}: {new} new rows, {sum(report.rows_known.values())} known"
        + (
            f", {kept} no longer in the folder (they stay in force)"
            if (kept := sum(report.kept.values()))
            else ""
        )
        + "."
    )


@catalog.command(name="schema")
def schema(path: Path = PROJECT_ROOT / "docs" / "catalog.schema.json") -> None:
    """Write the JSON Schema of a product's YAML, for editors.

    Parameters
    ----------
    path
        Where to write it.
    """
    from ingest.catalog.models import write_schema

    write_schema(path)
    console.print(f"Wrote {path.name}.")


@app.command(name="land")
def land(
    files: list[Path],
    /,
    *,
    received_at: str = "now",
    form: Form | None = None,
    identity: Identification = "id",
) -> None:
    """Land files of events in the lake; landing a file again changes nothing.

    Parameters
    ----------
    files
        NDJSON (plain, gzip, zstd), CSV or Parquet.
    received_at
        `now`, `occurred` (each event was received when it occurred), or the field that says when.
    form
        The wire form of all records; by default each record's is recognised.
    identity
        Where ids come from if the records have no transactionId.
    """
    from ingest.landing import LandingError, LandingRules, land_file
    from ingest.records import FileFormatError

    rules = LandingRules(received_at, form, identity)
    reports = []
    for file in files:
        if not file.is_file():
            fail(FileNotFoundError(f"{file}: there is no such file"), USAGE)
        try:
            with reading(console, file.name) as progress:
                reports.append(
                    land_file(file, data_paths().lake, now=now(), rules=rules, progress=progress)
                )
        except (LandingError, FileFormatError) as error:
            fail(error, CONFLICT if isinstance(error, LandingError) else INVALID)
        show_landing(reports[-1])


def show_landing(report: LandingReport) -> None:
    """Print what became of one file."""
    if report.was_landed_before:
        console.print(f"{report.file_name}: already landed, nothing to do.")
        return
    console.print(
        f"{report.file_name}: {report.read_count:,} read = {report.landed_count:,} landed"
        f" + {report.duplicate_count:,} duplicate + {report.quarantined_count:,} quarantined"
    )
    for reason, count in sorted(report.reasons.items()):
        console.print(f"  [yellow]quarantined[/yellow] {reason}: {count:,}")


@prices.command(name="import")
def import_prices(*, accept_changes: bool = False) -> None:
    """Take over the installed price list for the AI models that events name.

    Parameters
    ----------
    accept_changes
        Take over another release although it prices models in use differently.
    """
    from ingest.prices import PriceListError, import_ai_prices

    try:
        found = import_ai_prices(data_paths().lake, now=now(), accept_changes=accept_changes)
    except PriceListError as error:
        fail(error, CONFLICT)
        return
    console.print(f"{found.price_list}: prices of {len(found.new_models)} models added.")
    for provider, model in found.unknown_models:
        console.print(f"  [yellow]unknown[/yellow] {provider}/{model}: add it to ai_prices.csv")


@app.command(name="settle")
def settle(*, as_of: str | None = None) -> None:
    """Rate what is known before an instant, prove it and publish it.

    Parameters
    ----------
    as_of
        The instant, with an offset, such as 2026-03-01T01:00:00Z; by default this one.
    """
    from dagster_project.settling import settle_in_process
    from ingest.settlements import format_as_of

    with settlement_errors():
        settle_in_process(as_of or format_as_of(now()), console)


@contextmanager
def settlement_errors() -> Iterator[None]:
    """Turn what a settlement refuses, or fails at, into a message and an exit code."""
    from dagster_project.settling import SettlementFailedError
    from ingest.settlements import SettlementError

    try:
        yield
    except SettlementError as error:
        fail(error, CONFLICT)
    except SettlementFailedError as error:
        fail(error, CHECKS_FAILED)


@app.command(name="quarantine")
def quarantine() -> None:
    """Print, as JSON lines, every record that could not be read: its place, why, and its text."""
    import json

    from ingest.landing import quarantined_records

    for record in quarantined_records(data_paths().lake):
        sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")


@app.command(name="demo")
def demo() -> None:
    """Take the real events of `seeds/demo` all the way to issued invoices, and show them."""
    with settlement_errors():
        demonstration.run(console)


def main() -> None:
    """Run the command line."""
    app()
