import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest import serving
from ingest.paths import DataPaths
from ingest.serving import (
    KEPT_SNAPSHOTS,
    Checks,
    PublicationError,
    Snapshot,
    current_snapshot,
    mark_stale,
    publish,
    record_proof,
)

PUBLISHED_AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
AS_OF = datetime(2026, 3, 1, 1, tzinfo=UTC)
WAREHOUSE = """
create schema marts;
create schema intermediate;
create table intermediate.int_secret as select 1 as secret;
create table marts.fct_invoices (
    invoice_id varchar,
    total decimal(38, 2),
    currency varchar,
    status varchar,
    total_amount decimal(38, 2),
    content_hash varchar,
    invoice_text varchar,
    kind varchar default 'period',
    subscription_id varchar default 's',
    product_id varchar default 'p@1.0.0',
    period_started_at timestamp default '2026-02-01',
    period_ended_at timestamp default '2026-03-01',
    cut_off_at timestamp default '2026-03-01 01:00:00'
);
insert into marts.fct_invoices
    (invoice_id, total, currency, status, total_amount, content_hash, invoice_text)
values
    ('a', 10.10, 'USD', 'draft', 10.10, 'hash of a', 'a'),
    ('b', 5.05, 'USD', 'issued', 5.05, 'hash of b', 'b');
comment on table marts.fct_invoices is 'One row per invoice, the customer''s own.';
comment on column marts.fct_invoices.total is 'Sum of the invoice''s lines.';
create view marts.rpt_totals as select sum(total) as total from marts.fct_invoices;
comment on view marts.rpt_totals is 'One row.';
create view marts.rpt_twice as select sum(total) * 2 as twice from warehouse.marts.fct_invoices;
create table marts.rpt_settlement as select
    timestamp '2026-03-01 01:00:00' as as_of,
    'build-0' as build_id,
    'catalog-1' as catalog_version,
    7 as event_count,
    2 as invoice_count;
"""


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    """A deployment in a folder with a quote in its name, and the marts of a tiny warehouse."""
    made = DataPaths(tmp_path / "anna's data")
    made.root.mkdir()
    with duckdb.connect(str(made.warehouse)) as connection:
        connection.execute(WAREHOUSE)
    return made


def published(
    paths: DataPaths, build_id: str = "build-1", published_at: datetime = PUBLISHED_AT
) -> Snapshot:
    """Publish what a settlement left in the warehouse as its build."""
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("update marts.rpt_settlement set build_id = ?", [build_id])
    record_proof(paths.warehouse, build_id=build_id, checks=Checks(total=42, passed=42))
    return publish(paths, published_at=published_at, code_version="code-1")


def asked(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def change_an_invoice(paths: DataPaths) -> None:
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("update marts.fct_invoices set total = 20 where invoice_id = 'a'")


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ("update marts.fct_invoices set content_hash = 'x', total_amount = 9", "9.00"),
        ("update marts.fct_invoices set status = 'draft'", "gone"),
        ("delete from marts.fct_invoices", "gone"),
    ],
)
def test_a_build_that_changes_an_issued_invoice_is_not_published(
    paths: DataPaths, change: str, after: str
) -> None:
    before = published(paths)
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute(change)
    with pytest.raises(PublicationError, match=rf"1 issued invoices .* b \(USD 5.05 -> {after}\)"):
        published(paths, "build-2", PUBLISHED_AT + timedelta(hours=1))
    assert current_snapshot(paths.serving) == before


def test_a_build_that_has_not_passed_its_checks_is_not_published(paths: DataPaths) -> None:
    with pytest.raises(PublicationError, match=r"build-0 .* has not passed"):
        publish(paths, published_at=PUBLISHED_AT, code_version="code-1")
    record_proof(paths.warehouse, build_id="build-0", checks=Checks(total=42, passed=41))
    with pytest.raises(PublicationError, match=r"build-0 .* has not passed"):
        publish(paths, published_at=PUBLISHED_AT, code_version="code-1")
    record_proof(paths.warehouse, build_id="another", checks=Checks(total=42, passed=42))
    with pytest.raises(PublicationError, match=r"build-0 .* has not passed"):
        publish(paths, published_at=PUBLISHED_AT, code_version="code-1")


def test_nothing_is_published_before_the_first_publication(tmp_path: Path) -> None:
    assert current_snapshot(tmp_path / "serving") is None


def test_a_snapshot_holds_the_marts_and_nothing_else(paths: DataPaths) -> None:
    snapshot = published(paths)
    path = paths.serving / snapshot.file
    tables = asked(path, "select schema_name, table_name from duckdb_tables() order by all")
    assert tables == [("marts", "fct_invoices"), ("marts", "rpt_settlement"), ("meta", "build")]
    total = asked(path, "select sum(total)::varchar, typeof(sum(total)) from marts.fct_invoices")
    assert total == [("15.15", "DECIMAL(38,2)")]


def test_a_snapshot_says_what_it_was_built_from(paths: DataPaths) -> None:
    path = paths.serving / published(paths).file
    assert asked(path, "from meta.build") == [
        (
            *("build-1", AS_OF.replace(tzinfo=None), PUBLISHED_AT.replace(tzinfo=None)),
            *("catalog-1", 42, 42, 7, 2),
        )
    ]


def test_current_names_the_newest_snapshot(paths: DataPaths) -> None:
    first = published(paths)
    assert current_snapshot(paths.serving) == first
    assert (first.as_of, first.published_at) == (AS_OF, PUBLISHED_AT)
    second = published(paths, "build-2", PUBLISHED_AT + timedelta(hours=1))
    assert current_snapshot(paths.serving) == second
    assert first.file != second.file


def test_views_work_inside_the_snapshot_without_the_warehouse(paths: DataPaths) -> None:
    path = paths.serving / published(paths).file
    paths.warehouse.unlink()
    totals = asked(path, "select total, twice from marts.rpt_totals, marts.rpt_twice")
    assert [[str(value) for value in row] for row in totals] == [["15.15", "30.30"]]


def test_comments_survive(paths: DataPaths) -> None:
    path = paths.serving / published(paths).file
    tables = "select comment from duckdb_tables() where table_name = 'fct_invoices'"
    views = "select comment from duckdb_views() where view_name = 'rpt_totals'"
    columns = "select comment from duckdb_columns() where column_name = 'total' and comment <> ''"
    assert asked(path, tables) == [("One row per invoice, the customer's own.",)]
    assert asked(path, views) == [("One row.",)]
    assert asked(path, columns) == [("Sum of the invoice's lines.",)]


def test_a_snapshot_is_a_read_only_file_and_nothing_unfinished_is_left(paths: DataPaths) -> None:
    path = paths.serving / published(paths).file
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert sorted(file.name for file in paths.serving.iterdir()) == sorted(["CURRENT", path.name])


def test_a_reader_of_the_old_file_goes_on_reading_it(paths: DataPaths) -> None:
    old = paths.serving / published(paths).file
    invoices = "select sum(total)::varchar from marts.fct_invoices"
    with duckdb.connect(str(old), read_only=True) as reader:
        assert reader.execute(invoices).fetchall() == [("15.15",)]
        change_an_invoice(paths)
        new = published(paths, "build-2", PUBLISHED_AT + timedelta(hours=1))
        assert reader.execute(invoices).fetchall() == [("15.15",)]
    assert asked(old, invoices) == [("15.15",)]
    assert asked(paths.serving / new.file, invoices) == [("25.05",)]


def test_the_pointer_flips_last(paths: DataPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    first = published(paths)
    replace = Path.replace
    moved: list[str] = []

    def noted(self: Path, target: Path) -> Path:
        moved.append(target.name)
        if target.name == "CURRENT":
            newest = max(paths.serving.glob("serving-build-2-*.duckdb"))
            assert asked(newest, "select build_id from meta.build") == [("build-2",)]
            assert current_snapshot(paths.serving) == first
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", noted)
    second = published(paths, "build-2", PUBLISHED_AT + timedelta(hours=1))
    assert moved == ["warehouse.proof.json", second.file, "CURRENT"]


@pytest.mark.parametrize("step", ["_copy_marts", "_point_to"])
def test_a_publication_that_is_cut_short_leaves_current_and_can_be_repeated(
    step: str, paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = published(paths)

    def die(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(serving, step, die)
    with pytest.raises(InterruptedError):
        published(paths, "build-2")
    assert current_snapshot(paths.serving) == first
    monkeypatch.undo()
    assert published(paths, "build-2") == current_snapshot(paths.serving)


def test_a_warehouse_without_its_settlement_is_not_published(paths: DataPaths) -> None:
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("drop table marts.rpt_settlement")
    with pytest.raises(duckdb.CatalogException, match="rpt_settlement"):
        publish(paths, published_at=PUBLISHED_AT, code_version="code-1")
    assert current_snapshot(paths.serving) is None


def test_a_publication_ends_a_stale_mark(paths: DataPaths) -> None:
    mark_stale(paths.serving, reason="a check failed", as_of="2026", failed_at=PUBLISHED_AT)
    stale = paths.serving / "STALE"
    assert json.loads(stale.read_text(encoding="utf-8")) == {
        "reason": "a check failed",
        "as_of": "2026",
        "failed_at": "2026-03-01T02:00:00+00:00",
    }
    published(paths)
    assert not stale.exists()


def test_old_snapshots_go_after_a_day_but_never_the_last_three(paths: DataPaths) -> None:
    def publish_at(hours: int) -> str:
        at = PUBLISHED_AT + timedelta(hours=hours)
        file = published(paths, f"build-{hours}", at).file
        os.utime(paths.serving / file, (at.timestamp(), at.timestamp()))
        return file

    def kept() -> list[str]:
        return sorted(path.name for path in paths.serving.glob("serving-*.duckdb"))

    files = [publish_at(hours) for hours in range(5)]
    assert kept() == sorted(files)
    files.append(publish_at(26))
    assert kept() == sorted(files[2:])
    files.append(publish_at(26 + 30))
    assert kept() == sorted(files[-KEPT_SNAPSHOTS:])
    files.append(publish_at(1_000))
    assert kept() == sorted(files[-KEPT_SNAPSHOTS:])
