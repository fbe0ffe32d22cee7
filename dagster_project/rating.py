"""What a catalogue makes of events: invoices, in a folder that is thrown away afterwards.

The same landing, the same catalogue loader and the same dbt models as in a settlement; only what
is kept of the deployment (lake, warehouse, watermark) does not exist here.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stdout, suppress
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import ModelNode, SeedNode

from dagster_project.code_version import code_version
from ingest import lake
from ingest.catalog.load import load_catalog
from ingest.facts import land_facts
from ingest.landing import LandingRules, land_file, quarantined_records
from ingest.paths import PROJECT_ROOT
from ingest.prices import import_ai_prices
from ingest.settlements import format_as_of
from ingest.synthetic import land_synthetic

VERSION = 1
# Nothing that a file says lies after this, so nothing is refused for coming from the future.
_LANDED_AT = datetime(9999, 12, 31, tzinfo=UTC)
_RULES = LandingRules(received_at="received_at", is_receipt_optional=True)
_DBT = PROJECT_ROOT / "dbt_models"
_QUIET = ("--quiet", "--log-level-file", "none", "--no-write-json")

# The columns are the contract: docs/rate.schema.json names them in this order.
_INVOICES = """
    select
        invoice_id, kind, subscription_id, product_id as product, period_started_at,
        period_ended_at, cut_off_at, currency, status, payment_status, total_amount, amount_due,
        content_hash, minor_unit
    from marts.fct_invoices
    order by cut_off_at, invoice_id
"""
_LINES = """
    select
        invoice_id, line_number, kind, description,
        coalesce(metric_key, element, charge_key) as metric, tier_name as tier, element_value,
        rule_key as rule, quantity, unit_rate, fixed_amount, fraction, amount,
        period_started_at, period_ended_at, adjusts_invoice_id
    from marts.fct_invoice_lines
    order by invoice_id, line_number
"""
_REPORTS = {
    "dues": """
        select invoice_id, billing_zone, due_date::varchar as due_date, paid_at,
            applied_credit_amount, refunded_amount, minor_unit
        from marts.fct_invoices order by cut_off_at, invoice_id
    """,
    "records": """
        select fate, reason, event_count
        from marts.rpt_event_accounting order by all
    """,
    "unattributed": """
        select reason, event_count
        from marts.rpt_event_accounting where fate = 'unattributed' order by all
    """,
    "disagreeing_identifiers": """
        select subscription_id, other_subscription_id, source_id, event_count
        from marts.rpt_disagreeing_identifiers order by all
    """,
    "unread_elements": """
        select product_name, metric_name, element, source_id, absent_event_count,
            unreadable_event_count
        from marts.rpt_unread_elements order by all
    """,
    "unpriced_models": """
        select provider, model, reason, event_count from marts.rpt_unpriced_models order by all
    """,
    "unlisted_element_values": """
        select product_name, element, element_value, period_count
        from marts.rpt_unlisted_element_values order by all
    """,
    "unbilled_usage": """
        select subscription_id, period_ordinal, item_key, reason, event_count, quantity
        from marts.rpt_unbilled_usage order by all
    """,
    "quotas": """
        select subscription_id, period_started_at, period_ended_at, metric_key as metric, effect,
            units, used_quantity, is_exhausted, leaked_quantity
        from marts.rpt_quotas order by all
    """,
    "clamped_quantities": """
        select subscription_id, period_started_at, period_ended_at, metric_key as metric,
            metered_quantity
        from marts.rpt_clamped_quantities order by all
    """,
    "trial_usage": """
        select subscription_id, kind, item_key, item_name, currency, quantity, would_be_amount,
            minor_unit
        from marts.rpt_trial_usage join reference.currencies using (currency) order by all
    """,
    "unapplied_facts": """
        select fact, named_id, reason, known_at from marts.rpt_unapplied_facts order by all
    """,
}
# Everything that the queries above read, and so all that has to be built.
_MARTS = sorted(set(re.findall(r"marts\.(\w+)", " ".join([_INVOICES, _LINES, *_REPORTS.values()]))))
_MONEY = frozenset(
    {
        *("total_amount", "amount_due", "applied_credit_amount", "refunded_amount"),
        *("fixed_amount", "amount", "would_be_amount"),
    }
)


class RatingError(Exception):
    """The models could not be built on what was given."""


def rate(
    catalog: Path, events: Sequence[Path], *, facts: Sequence[Path] = (), as_of: datetime
) -> dict[str, Any]:
    """Return the invoices of a catalogue and events as of an instant, as docs/rate.md describes.

    Everything counts as known when it says so itself: a row by its `recorded_at`, else from when
    it holds; an event by its `received_at`, else from when it occurred; a fact by its own. Nothing
    is read from or left in a deployment.

    Raises:
        CatalogError: the catalogue is broken.
        FactsError: facts can't be read.
        FileFormatError: a file is damaged or of no known format.
        RatingError: a model failed.
    """
    with TemporaryDirectory(prefix="meterhouse-rate-") as folder:
        root = Path(folder)
        folder_of_lake = root / "lake"
        lake.prepare(folder_of_lake)
        load_catalog(catalog, folder_of_lake, recorded_at=None, watermark=None)
        for path in events:
            land_file(path, folder_of_lake, now=_LANDED_AT, rules=_RULES)
        land_facts(facts, folder_of_lake, now=_LANDED_AT)
        land_synthetic(folder_of_lake, now=as_of)
        import_ai_prices(folder_of_lake, now=_LANDED_AT)
        with duckdb.connect() as warehouse:
            _build(warehouse, root, as_of)
            return _document(warehouse, list(quarantined_records(folder_of_lake)), as_of)


def _build(warehouse: duckdb.DuckDBPyConnection, root: Path, as_of: datetime) -> None:
    """Build what the marts need: dbt writes the statements, and they are run here.

    That is the same text as in a settlement, in a third of the time: no renaming of tables, no
    comments, no checks.
    """
    selected = ["--select", *(f"+{mart}" for mart in _MARTS), "--indirect-selection", "empty"]
    variables = ["--vars", json.dumps({"as_of": format_as_of(as_of)})]
    with _dbt_told(root):
        compiled = _dbt(["compile", *selected, *variables], root, _parsed(root))
    if not compiled.success or not isinstance(compiled.result, RunExecutionResult):
        raise RatingError(f"the models can't be compiled: {compiled.exception or _told(compiled)}")
    warehouse.execute("set TimeZone = 'UTC'")
    # dbt is done with a node only after all that it refers to.
    for result in compiled.result.results:
        node = result.node
        try:
            warehouse.execute(f'create schema if not exists "{node.schema}"')
            if isinstance(node, SeedNode):
                _read_seed(warehouse, node)
            elif isinstance(node, ModelNode):
                kind = node.config.materialized
                warehouse.execute(f"create {kind} {node.relation_name} as {node.compiled_code}")
        except duckdb.Error as error:
            raise RatingError(f"{node.name}: {error}") from None


def _read_seed(warehouse: duckdb.DuckDBPyConnection, seed: SeedNode) -> None:
    warehouse.execute(
        f"create table {seed.relation_name} as from read_csv($path, header = true, types = $types)",
        {"path": str(_DBT / seed.original_file_path), "types": dict(seed.config.column_types)},
    )


def _told(failed: dbtRunnerResult) -> str:
    results = failed.result.results if isinstance(failed.result, RunExecutionResult) else []
    return "; ".join(f"{each.node.name}: {each.message}" for each in results if each.message)


@contextmanager
def _dbt_told(root: Path) -> Iterator[None]:
    """Tell dbt by the environment, as it wants, where things are; take it back afterwards.

    What it prints is no output of ours, and it moves into its project's folder.
    """
    told = {
        "LAKE_PATH": str(root / "lake"),
        "WAREHOUSE_PATH": ":memory:",
        "DBT_LOG_PATH": str(root / "logs"),
        "DO_NOT_TRACK": "1",
    }
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        with chdir(_DBT), redirect_stdout(StringIO()):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _dbt(arguments: Sequence[str], root: Path, manifest: Manifest | None) -> dbtRunnerResult:
    folders = ["--project-dir", str(_DBT), "--profiles-dir", str(_DBT)]
    target = ["--target", "duckdb", "--target-path", str(root / "target")]
    return dbtRunner(manifest=manifest).invoke([*_QUIET, *arguments, *folders, *target])


def _parsed(root: Path) -> Manifest:
    """Return the parsed models: those of an earlier call as long as no model has changed.

    Parsing takes as long as all the rest, and nothing in it depends on data or `as_of`.
    """
    name = f"rate-{code_version()}-{version('dbt-core')}-{version('dbt-duckdb')}.msgpack"
    kept = _DBT / "target" / name
    with suppress(OSError):
        return Manifest.from_msgpack(kept.read_bytes())
    parsed = _dbt(["parse"], root, None)
    if not isinstance(parsed.result, Manifest):
        raise RatingError(f"the models can't be parsed: {parsed.exception}")
    # A folder that can't be written to costs the next call a second or two, no more.
    with suppress(OSError):
        kept.parent.mkdir(exist_ok=True)
        for outdated in kept.parent.glob("rate-*.msgpack"):
            outdated.unlink(missing_ok=True)
        staged = kept.with_name(f"_{root.name}-{name}")
        staged.write_bytes(parsed.result.to_msgpack())
        staged.replace(kept)
    return parsed.result


def _document(
    warehouse: duckdb.DuckDBPyConnection, quarantined: Sequence[object], as_of: datetime
) -> dict[str, Any]:
    invoices = {row["invoice_id"]: row | {"lines": []} for row in _rows(warehouse, _INVOICES)}
    for line in _rows(warehouse, _LINES):
        invoices[line.pop("invoice_id")]["lines"].append(line)
    reports = {name: _rows(warehouse, query) for name, query in _REPORTS.items()}
    return {
        "version": VERSION,
        "as_of": _said(as_of.astimezone(UTC)),
        "invoices": [_invoice(row) for row in invoices.values()],
        "reports": {"quarantined": quarantined}
        | {name: [_texts(row) for row in rows] for name, rows in reports.items()},
    }


def _rows(warehouse: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = warehouse.execute(query)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _invoice(row: Mapping[str, Any]) -> dict[str, Any]:
    digits = {"minor_unit": row["minor_unit"]}
    lines = [_texts(line | digits) for line in row["lines"]]
    return _texts({name: row[name] for name in row if name != "lines"}) | {"lines": lines}


def _texts(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as JSON has it, amounts with exactly the currency's digits."""
    return {
        name: f"{value:.{row['minor_unit']}f}"
        if name in _MONEY and isinstance(value, Decimal)
        else _said(value)
        for name, value in row.items()
        if name != "minor_unit"
    }


def _said(value: object) -> object:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return value
