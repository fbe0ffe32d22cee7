"""Spark makes the same rows of the same lake as DuckDB.

Only `make test-spark` runs this, as it needs Java.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import copytree
from tempfile import mkdtemp
from typing import NamedTuple

import duckdb
import pytest

from ingest.catalog.load import load_catalog
from ingest.facts import land_facts
from ingest.landing import LandingRules, land_file
from ingest.paths import PROJECT_ROOT, DataPaths
from tests.deployment import LANDED_AT, Deployment
from tests.oracle import cases
from tests.test_scenarios import STORIES
from tests.vectors.given import write_catalog, write_events
from tests.vectors.test_vectors import CASES

pytestmark = pytest.mark.spark

AS_OF = "2027-01-01T00:00:00Z"
RULES = LandingRules(received_at="received_at", is_receipt_optional=True)
RANDOM_CASES = 300
MOST_SHOWN = 5
ON_SPARK = "dagster_project.spark"


class Given(NamedTuple):
    """A catalogue, events, and facts, which may be missing."""

    catalog: Path
    events: Path
    facts: Path


def stories() -> Iterator[Given]:
    for story in STORIES:
        given = story / "given"
        yield Given(given / "catalog", given / "events.csv", given / "facts.ndjson")


def vectors(folder: Path) -> Given:
    given = Given(folder / "catalog", folder / "events.ndjson", folder / "facts.ndjson")
    write_catalog([case.given for case in CASES], given.catalog)
    write_events([case.given for case in CASES], given.events)
    return given


def random_cases(folder: Path) -> Given:
    """Return cases of one instant; every third seed has it."""
    step = len(cases.AS_OFS)
    return Given(*cases.write([cases.draw(step * n) for n in range(RANDOM_CASES)], folder))


def land(given: Given, lake: Path) -> Path:
    load_catalog(given.catalog, lake, recorded_at=None, watermark=None)
    land_file(given.events, lake, now=LANDED_AT, rules=RULES)
    if given.facts.exists():
        land_facts([given.facts], lake, now=LANDED_AT)
    return lake


def call(
    root: Path, module: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Start a module in a process of its own, as Spark can't be ended within this one."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT_ROOT,
        env={**os.environ, "METERHOUSE_DATA": str(root), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def rate_on_spark(deployment: Deployment) -> None:
    """Build and test every model that the deployment has on DuckDB."""
    options = ["--quiet", "--exclude-resource-type", "unit_test"]
    variables = ["--vars", json.dumps({"as_of": AS_OF})]
    done = call(deployment.paths.root, ON_SPARK, "build", *options, *variables)
    assert done.returncode == 0, done.stdout + done.stderr


def tables(warehouse: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return warehouse.execute(
        "select table_schema, table_name from information_schema.tables"
        " where table_type = 'BASE TABLE' order by all"
    ).fetchall()


def types(warehouse: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Return columns and types; an instant of a Parquet file has a zone, ours are without."""
    described = warehouse.execute(f"describe from {relation}").fetchall()
    return {name: kind.removesuffix(" WITH TIME ZONE") for name, kind, *_ in described}


def differences(warehouse: duckdb.DuckDBPyConnection, table: str, files: Path) -> Sequence[str]:
    """Compare a table with the rows of Parquet files: columns, types, and each row as often."""
    on_spark = f"read_parquet('{files}/*.parquet')"
    columns = types(warehouse, table)
    if columns != types(warehouse, on_spark):
        return [
            f"{table} has other columns: {columns.items() ^ types(warehouse, on_spark).items()}"
        ]
    cast = ", ".join(f'{compared_as(name, kind)} as "{name}"' for name, kind in columns.items())
    wanted, found = f"select {cast} from {table}", f"select {cast} from {on_spark}"
    told = []
    for label, rows, others in (("lacks", wanted, found), ("has in excess", found, wanted)):
        query = f"select * from ({rows} except all {others}) limit {MOST_SHOWN}"
        told += [
            f"{table} on Spark {label} {dict(zip(columns, map(str, row), strict=True))}"
            for row in warehouse.execute(query).fetchall()
        ]
    return told


def compared_as(name: str, kind: str) -> str:
    """Return a column as it is compared: the entries of a map have no order."""
    cast = f'"{name}"::{kind}'
    return f"list_sort(map_entries({cast}))" if kind.startswith("MAP(") else cast


@pytest.fixture(scope="module")
def rated(tmp_path_factory) -> Iterator[Deployment]:
    """A deployment with everything that we know to be difficult, rated on both engines."""
    folder = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as environment:
        made = Deployment(DataPaths(folder / "data"), environment)
        for given in (*stories(), vectors(folder / "vectors"), random_cases(folder / "cases")):
            # A lake of its own for each, as their catalogues say the same of other things; no two
            # files of them have one name.
            landed = land(given, Path(mkdtemp(dir=folder)))
            copytree(landed, made.paths.lake, dirs_exist_ok=True)
        made.rate(AS_OF)
        rate_on_spark(made)
        yield made


def test_both_engines_have_the_same_rows(rated):
    folder = rated.paths.root / "spark" / "tables"
    with duckdb.connect(str(rated.paths.warehouse)) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        compared = tables(warehouse)
        told = [
            line
            for schema, name in compared
            for line in differences(warehouse, f"{schema}.{name}", folder / f"{schema}.db" / name)
        ]

    assert not told, "\n".join(told)
    assert {("marts", "fct_invoices"), ("marts", "fct_invoice_lines")} <= set(compared)


def test_a_row_that_differs_is_told(tmp_path):
    with duckdb.connect() as warehouse:
        warehouse.execute("create table lines as select 1 as id, 1.50 as amount")
        warehouse.execute(f"copy (select 1 as id, 1.51 as amount) to '{tmp_path}/1.parquet'")
        assert differences(warehouse, "lines", tmp_path) == [
            "lines on Spark lacks {'id': '1', 'amount': '1.50'}",
            "lines on Spark has in excess {'id': '1', 'amount': '1.51'}",
        ]
        warehouse.execute(f"copy (select 1 as id, 1.5 as amount) to '{tmp_path}/1.parquet'")
        (told,) = differences(warehouse, "lines", tmp_path)
        assert told.startswith("lines has other columns: ")


def test_an_error_of_arithmetic_is_no_null(tmp_path):
    done = call(tmp_path, ON_SPARK, "show", "--quiet", "--inline", "select 1 / 0")

    assert done.returncode != 0
    assert "DIVIDE_BY_ZERO" in done.stdout


def test_dbt_by_itself_reads_nothing_on_spark(tmp_path):
    folder = str(PROJECT_ROOT / "dbt_models")
    places = ["--project-dir", folder, "--profiles-dir", folder, "--target-path", str(tmp_path)]
    query = "select * from {{ source('metering', 'segments') }}"
    done = call(
        tmp_path,
        "dbt.cli.main",
        *("show", "--target", "spark", "--no-populate-cache", "--log-level-file", "none"),
        *("--inline", query, *places),
        LAKE_PATH=str(tmp_path),
    )

    assert done.returncode != 0
    assert "start dbt on Spark by python -m dagster_project.spark" in done.stdout
