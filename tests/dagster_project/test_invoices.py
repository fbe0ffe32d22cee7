"""The command `meterhouse invoices verify`."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from dagster_project.cli import app
from ingest.paths import DataPaths
from ingest.serving import Checks, publish, record_proof

PUBLISHED_AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
MARTS = """
create schema marts;
create table marts.rpt_settlement as select
    timestamp '2026-03-01 01:00:00' as as_of,
    'b-1' as build_id,
    'c-1' as catalog_version,
    7 as event_count,
    2 as invoice_count;
create table marts.fct_invoices as
select
    name as invoice_id,
    'period' as kind,
    'S' as subscription_id,
    'P@1.0.0' as product_id,
    'USD' as currency,
    timestamp '2026-02-01' as period_started_at,
    timestamp '2026-03-01' as period_ended_at,
    timestamp '2026-03-01 01:00:00' as cut_off_at,
    10.5::decimal(28, 4) as total_amount,
    'text of ' || name as invoice_text,
    'hash of ' || name as content_hash,
    'issued' as status
from (values ('S-0001'), ('S-0002')) as given (name)
"""


@pytest.fixture
def paths(tmp_path, monkeypatch) -> DataPaths:
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return DataPaths(tmp_path)


@pytest.fixture
def published(paths) -> Path:
    """The file of a snapshot in which two invoices went out."""
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute(MARTS)
    record_proof(paths.warehouse, build_id="b-1", checks=Checks(total=1, passed=1))
    snapshot = publish(paths, published_at=PUBLISHED_AT, code_version="code-1")
    return paths.serving / snapshot.file


def verify(*ids: str) -> int:
    with pytest.raises(SystemExit) as left:
        app(["invoices", "verify", *ids])
    return left.value.code or 0


@pytest.mark.usefixtures("published")
def test_invoices_that_are_as_they_went_out_are_counted(capsys):
    assert verify() == 0
    assert verify("S-0002") == 0
    assert capsys.readouterr().err.splitlines() == [
        "2 of 2 invoices are as they went out.",
        "1 of 1 invoices are as they went out.",
    ]


def test_an_invoice_that_is_otherwise_now_is_named(published, capsys):
    published.chmod(0o644)
    with duckdb.connect(str(published)) as connection:
        connection.execute(
            "update marts.fct_invoices set content_hash = 'x', total_amount = 9"
            " where invoice_id = 'S-0001'"
        )
    assert verify() == 5
    assert capsys.readouterr().err.splitlines() == [
        "differs: S-0001 (USD 10.50 -> 9.00)",
        "1 of 2 invoices are as they went out.",
    ]
    assert verify("S-0002") == 0


@pytest.mark.usefixtures("published")
def test_an_invoice_that_never_went_out_is_a_mistake_of_the_call(capsys):
    assert verify("S-0001", "S-0009") == 2
    assert "never issued: S-0009" in capsys.readouterr().err


@pytest.mark.usefixtures("paths")
def test_there_is_nothing_to_verify_before_the_first_publication(capsys):
    assert verify() == 6
    assert "run `meterhouse settle` first" in capsys.readouterr().err
