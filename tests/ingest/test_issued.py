from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from ingest import lake
from ingest.issued import Difference, differences, freeze, issued_ids
from ingest.settlements import lake_fingerprint

MARTS = """
create schema marts;
create table marts.rpt_settlement as
    select timestamp '2026-03-01 01:00:00' as as_of, 'b-1' as build_id, 'c-1' as catalog_version;
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
    sha256('text of ' || name) as content_hash,
    status
from (values ('S-0001', 'issued'), ('S-0002', 'void'), ('S-0003', 'draft')) as given (name, status)
"""


@pytest.fixture
def build() -> duckdb.DuckDBPyConnection:
    """The marts of a build: one invoice is out, one is out and void, one is a draft."""
    connection = duckdb.connect()
    connection.execute(MARTS)
    return connection


def frozen(folder: Path, build: duckdb.DuckDBPyConnection, name: str = "one.duckdb") -> None:
    freeze(folder, build, code_version="code-1", issued_in=name)


def test_what_is_issued_is_kept_with_all_that_it_depended_on(
    tmp_path: Path, build: duckdb.DuckDBPyConnection
) -> None:
    frozen(tmp_path, build)
    assert issued_ids(tmp_path) == ["S-0001", "S-0002"]
    row = lake.read(tmp_path / "issued_invoices" / "one.parquet").to_pylist()[0]
    assert row == {
        "invoice_id": "S-0001",
        "kind": "period",
        "subscription_id": "S",
        "product_id": "P@1.0.0",
        "currency": "USD",
        "period_started_at": datetime(2026, 2, 1, tzinfo=UTC),
        "period_ended_at": datetime(2026, 3, 1, tzinfo=UTC),
        "cut_off_at": datetime(2026, 3, 1, 1, tzinfo=UTC),
        "total_amount": Decimal("10.5000"),
        "content_hash": row["content_hash"],
        "invoice_text": "text of S-0001",
        "as_of": datetime(2026, 3, 1, 1, tzinfo=UTC),
        "build_id": "b-1",
        "catalog_version": "c-1",
        "code_version": "code-1",
        "issued_in": "one.duckdb",
    }


def test_only_what_is_new_is_added_and_the_file_before_stays(
    tmp_path: Path, build: duckdb.DuckDBPyConnection
) -> None:
    frozen(tmp_path, build)
    before = (tmp_path / "issued_invoices" / "one.parquet").read_bytes()
    frozen(tmp_path, build, "again.duckdb")
    assert not (tmp_path / "issued_invoices" / "again.parquet").exists()
    build.execute("update marts.fct_invoices set status = 'issued' where status = 'draft'")
    frozen(tmp_path, build, "two.duckdb")
    assert lake.read(tmp_path / "issued_invoices" / "two.parquet")["invoice_id"].to_pylist() == [
        "S-0003"
    ]
    assert (tmp_path / "issued_invoices" / "one.parquet").read_bytes() == before


def test_a_build_that_has_an_issued_invoice_otherwise_is_told(
    tmp_path: Path, build: duckdb.DuckDBPyConnection
) -> None:
    assert differences(tmp_path, build) == []
    frozen(tmp_path, build)
    assert differences(tmp_path, build) == []
    build.execute("update marts.fct_invoices set content_hash = 'x', total_amount = 1.234")
    build.execute("delete from marts.fct_invoices where invoice_id = 'S-0002'")
    told = differences(tmp_path, build)
    assert told == [
        Difference("S-0001", "USD", Decimal("10.5000"), Decimal("1.2340")),
        Difference("S-0002", "USD", Decimal("10.5000"), None),
    ]
    assert [str(each) for each in told] == [
        "S-0001 (USD 10.50 -> 1.234)",
        "S-0002 (USD 10.50 -> gone)",
    ]


def test_a_void_invoice_is_still_the_one_that_went_out(
    tmp_path: Path, build: duckdb.DuckDBPyConnection
) -> None:
    frozen(tmp_path, build)
    build.execute("update marts.fct_invoices set status = 'void' where invoice_id = 'S-0001'")
    assert differences(tmp_path, build) == []
    build.execute("update marts.fct_invoices set status = 'draft' where invoice_id = 'S-0001'")
    assert [each.invoice_id for each in differences(tmp_path, build)] == ["S-0001"]


def test_what_was_issued_leaves_the_lake_s_fingerprint_as_it_was(
    tmp_path: Path, build: duckdb.DuckDBPyConnection
) -> None:
    lake.prepare(tmp_path)
    before = lake_fingerprint(tmp_path)
    frozen(tmp_path, build)
    assert lake_fingerprint(tmp_path) == before
