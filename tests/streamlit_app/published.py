"""Publishes snapshots that have exactly the tables of the marts' contract."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
from ruamel.yaml import YAML
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "dbt_models" / "models" / "marts" / "_marts__models.yml"
ROWS = Path(__file__).parent / "marts"

Publish = Callable[..., Path]
OpenPage = Callable[..., AppTest]


def publish_snapshot(serving: Path, build_id: str, changes: Sequence[str]) -> None:
    """Fill the contract's tables with the rows beside this file, change them, point to them."""
    serving.mkdir(parents=True, exist_ok=True)
    file = serving / f"serving-{build_id}.duckdb"
    with duckdb.connect(str(file)) as connection:
        create_marts(connection)
        connection.execute("create schema meta")
        connection.execute(
            "create table meta.build as select ? as build_id, "
            "timestamp '2026-03-01 01:00' as as_of, "
            "timestamp '2026-03-01 01:02' as published_at, '1' as catalog_version, "
            "212 as checks_total, 212 as checks_passed, "
            "13::bigint as event_count, 2::bigint as invoice_count",
            [build_id],
        )
        for change in changes:
            connection.execute(change)
    (serving / "CURRENT").write_text(json.dumps({"file": file.name}), encoding="utf-8")


def create_marts(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema marts")
    contract = YAML(typ="safe").load(CONTRACT.read_text(encoding="utf-8"))
    for model in contract["models"]:
        columns = ", ".join(f"{c['name']} {c['data_type']}" for c in model["columns"])
        connection.execute(f"create table marts.{model['name']} ({columns})")
        rows = ROWS / f"{model['name']}.csv"
        if rows.exists():
            connection.execute(
                f"insert into marts.{model['name']} by name "
                f"select * from read_csv('{rows}', all_varchar = true)"
            )
