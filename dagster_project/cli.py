"""The `meterhouse` command. Data goes to standard output, everything else to standard error."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import cyclopts
from cyclopts import Parameter
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
    default_parameter=Parameter(negative=()),
)
catalog = cyclopts.App(name="catalog", help="Products, prices, subscriptions and credentials.")
prices = cyclopts.App(name="prices", help="The public price list of AI models.")
invoices = cyclopts.App(name="invoices", help="Invoices that went out.")
app.command(catalog)
app.command(prices)
app.command(invoices)
# Named, not imported: the modules need this one.
app.command(
    "dagster_project.rules_command:rules",
    name="rules",
    help="Pricing rules: charges on single transactions.",
)
app.command(
    "dagster_project.serve_command:serve",
    name="serve",
    help="Serve the metering API: events in, acknowledged once they are on the disk.",
)
app.command(
    "dagster_project.serve_command:keys",
    name="keys",
    help="API keys: who may send events, and read what became of them.",
)

console = Console(stderr=True, highlight=False)


def fail(error: Exception, code: int) -> NoReturn:
    """Print an error in full, on standard error, and leave with its exit code."""
    console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
    sys.exit(code)


def must_exist(file: Path) -> None:
    """Leave with a message if a file is not there."""
    if not file.is_file():
        fail(FileNotFoundError(f"{file}: there is no such file"), USAGE)


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
    files: list[Path] | None = None,
    /,
    *,
    received_at: str = "now",
    form: Form | None = None,
    identity: Identification = "id",
) -> None:
    """Land files of events, or what the server has accepted; landing again changes nothing.

    Parameters
    ----------
    files
        NDJSON (plain, gzip, zstd), CSV or Parquet; without any, the segments that the server has
        sealed.
    received_at
        `now`, `occurred` (each event was received when it occurred), or the field that says when.
    form
        The wire form of all records; by default each record's is recognised.
    identity
        Where ids come from if the records have no transactionId.
    """
    from ingest.landing import LandingError, LandingRules, land_file
    from ingest.records import FileFormatError

    if not files:
        land_sealed_segments()
        return
    rules = LandingRules(received_at, form, identity)
    reports = []
    for file in files:
        must_exist(file)
        try:
            with reading(console, file.name) as progress:
                reports.append(
                    land_file(file, data_paths().lake, now=now(), rules=rules, progress=progress)
                )
        except (LandingError, FileFormatError) as error:
            fail(error, CONFLICT if isinstance(error, LandingError) else INVALID)
        show_landing(reports[-1])


def land_sealed_segments() -> None:
    """Land what the server has accepted and sealed."""
    from ingest.landing import LandingError
    from ingest.paths import keeps_landed_segments
    from ingest.segment_landing import land_segments

    paths = data_paths()
    try:
        is_kept = keeps_landed_segments()
    except ValueError as error:
        fail(error, USAGE)
    try:
        reports = land_segments(paths.landing, paths.lake, now=now(), is_kept=is_kept)
    except LandingError as error:
        fail(error, CONFLICT)
    for report in reports:
        show_landing(report)
    if not reports:
        console.print("No segment waits to be landed.")


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


@app.command(name="land-facts")
def land_facts(files: list[Path], /) -> None:
    """Land payments, refunds, voids and corrections; landing one again changes nothing.

    Parameters
    ----------
    files
        One fact a line, as docs/rate.md says; all of them are landed, or none.
    """
    from ingest.facts import FactsError, land_facts
    from ingest.records import FileFormatError

    for file in files:
        must_exist(file)
    try:
        report = land_facts(files, data_paths().lake, now=now())
    except (FactsError, FileFormatError) as error:
        fail(error, INVALID)
    console.print(f"{report.landed_count:,} facts landed, {report.known_count:,} known already.")


@app.command(name="land-synthetic")
def land_synthetic() -> None:
    """Land the made-up transactions, up to now, of the test periods that ask for them."""
    from ingest.synthetic import land_synthetic

    landed = land_synthetic(data_paths().lake, now=now())
    console.print(f"{landed:,} synthetic transactions landed.")


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
    console.print(f"{found.price_list}: prices of {len(found.new_models)} models added.")
    for provider, model in found.unknown_models:
        console.print(f"  [yellow]unknown[/yellow] {provider}/{model}: add it to ai_prices.csv")


@app.command(name="rate")
def rate(
    *,
    as_of: str,
    catalog: Path = CATALOG,
    events: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    facts: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    form: Annotated[Literal["json", "table"], Parameter(name="--format")] = "table",
) -> None:
    """Rate events by a catalogue and print the invoices; no deployment is read or changed.

    Parameters
    ----------
    as_of
        The instant, with an offset, such as 2026-03-01T01:00:00Z.
    catalog
        The folder with `products/*.yaml` and the CSV files.
    events
        NDJSON (plain, gzip, zstd), CSV or Parquet. An event was received at its `received_at`,
        else when it occurred.
    facts
        Payments, refunds, voids and corrections, one a line.
    form
        `json` (docs/rate.md) or `table`.
    """
    from ingest.settlements import SettlementError, parse_as_of

    for file in [*(events or ()), *(facts or ())]:
        must_exist(file)
    try:
        instant = parse_as_of(as_of)
    except SettlementError as error:
        fail(error, USAGE)
    document = rated(catalog, events or (), facts or (), instant)
    for record in document["reports"]["quarantined"]:
        place = f"{record['file']}:{record['position']}"
        told = f"{place}: {record['reason']}: {record['detail']}"
        console.print(f"[yellow]not read:[/yellow] {escape(told)}", soft_wrap=True)
    if form == "json":
        import json

        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        from dagster_project.rating_tables import show

        show(document, Console(highlight=False))


def rated(
    catalog: Path, events: Sequence[Path], facts: Sequence[Path], as_of: datetime
) -> Mapping[str, Any]:
    """Rate, or leave with the reason why that is not possible and its exit code."""
    from dagster_project.rating import RatingError, rate
    from ingest.catalog.problems import CatalogError
    from ingest.facts import FactsError
    from ingest.records import FileFormatError

    try:
        return rate(catalog, events, facts=facts, as_of=as_of)
    except CatalogError as error:
        console.print(escape(str(error)), soft_wrap=True)
        sys.exit(INVALID)
    except (FactsError, FileFormatError) as error:
        fail(error, INVALID)
    except RatingError as error:
        fail(error, INTERNAL)


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


@invoices.command(name="verify")
def verify(ids: list[str] | None = None, /) -> None:
    """Compare invoices as they went out with what is published now; they never differ.

    Parameters
    ----------
    ids
        The invoices; by default all that went out.
    """
    import duckdb

    from ingest.issued import differences, issued_ids
    from ingest.serving import current_snapshot

    paths = data_paths()
    snapshot = current_snapshot(paths.serving)
    if snapshot is None:
        fail(LookupError("nothing is published yet; run `meterhouse settle` first"), CONFLICT)
    issued = set(issued_ids(paths.lake))
    asked = set(ids or issued)
    if unknown := sorted(asked - issued):
        fail(LookupError(f"never issued: {', '.join(unknown)}"), USAGE)
    with duckdb.connect(str(paths.serving / snapshot.file), read_only=True) as connection:
        changed = [each for each in differences(paths.lake, connection) if each.invoice_id in asked]
    for each in changed:
        console.print(f"[red]differs:[/red] {escape(str(each))}", soft_wrap=True)
    console.print(f"{len(asked) - len(changed):,} of {len(asked):,} invoices are as they went out.")
    if changed:
        sys.exit(CHECKS_FAILED)


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
