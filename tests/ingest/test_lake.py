from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest import lake

ROW = pa.table({"a": [1]})


def test_every_table_can_be_read_before_it_has_rows(tmp_path: Path) -> None:
    lake.prepare(tmp_path)
    lake.prepare(tmp_path)
    with duckdb.connect() as connection:
        for name, schema in lake.TABLES.items():
            glob = f"{tmp_path}/{name}/**/[!_]*.parquet"
            found = connection.execute(f"from read_parquet('{glob}', hive_partitioning = false)")
            assert [column[0] for column in found.description or ()] == schema.names
            assert found.fetchall() == []


def test_preparing_leaves_what_is_there(tmp_path: Path) -> None:
    lake.prepare(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    lake.prepare(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before
    assert len(before) == len(lake.TABLES)


def test_only_its_owner_reads_what_could_not_be_understood(tmp_path: Path) -> None:
    staged = lake.stage(ROW, tmp_path / "quarantine" / "one.parquet")
    staged.chmod(0o644)
    path = tmp_path / "quarantine" / "one.parquet"
    lake.commit(lake.stage(ROW, path), path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_staged_is_not_read_until_it_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "table" / "one.parquet"
    staged = lake.stage(ROW, path)
    assert staged.name.startswith("_")
    assert list(path.parent.glob("*.parquet")) == []

    lake.commit(staged, path)
    assert lake.read(path) == ROW
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.parquet"
    lake.write(ROW, path)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OSError, match="No space left"):
        lake.write(pa.table({"a": [2]}), path)
    monkeypatch.undo()
    assert lake.read(path) == ROW


def test_files_that_begin_with_an_underscore_are_no_rows(tmp_path: Path) -> None:
    lake.write(ROW, tmp_path / "one.parquet")
    lake.write(ROW, tmp_path / "two.parquet")
    pq.write_table(ROW, tmp_path / "_three.parquet")
    assert lake.read_all(tmp_path).to_pylist() == [{"a": 1}, {"a": 1}]


def test_names_of_folders_are_not_taken_for_columns(tmp_path: Path) -> None:
    path = tmp_path / "received_date=2026-01-01" / "one.parquet"
    lake.write(ROW, path)
    assert lake.read(path).column_names == ["a"]


def test_money_and_quantities_are_decimals_and_instants_are_utc() -> None:
    types = {str(field.type) for schema in lake.TABLES.values() for field in schema}
    assert not {kind for kind in types if "float" in kind or "double" in kind}
    assert {kind for kind in types if "timestamp" in kind} == {"timestamp[us, tz=UTC]"}
