"""Publishes snapshots that have exactly the tables of the marts' contract."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb
import pytest
import streamlit as st
from ruamel.yaml import YAML
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "dbt_models" / "models" / "marts" / "_marts__models.yml"
ROWS = Path(__file__).parent / "marts"

Publish = Callable[..., Path]
OpenPage = Callable[..., AppTest]


def create_marts(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema marts")
    connection.execute("create schema meta")
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


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path))
    serving = tmp_path / "serving"

    def publish(build_id: str = "2f9c", changes: Sequence[str] = ()) -> Path:
        serving.mkdir(exist_ok=True)
        file = serving / f"serving-{build_id}.duckdb"
        with duckdb.connect(str(file)) as connection:
            create_marts(connection)
            connection.execute(
                "create table meta.build as select ? as build_id, "
                "timestamp '2026-03-01 01:00' as as_of, "
                "timestamp '2026-03-01 01:02' as published_at, '1' as catalog_version, "
                "212 as checks_total, 212 as checks_passed, "
                "13::bigint as event_count, 3::bigint as invoice_count",
                [build_id],
            )
            for change in changes:
                connection.execute(change)
        pointer = {"file": file.name, "build_id": build_id}
        (serving / "CURRENT.tmp").write_text(json.dumps(pointer), encoding="utf-8")
        (serving / "CURRENT.tmp").replace(serving / "CURRENT")
        return serving

    return publish


@pytest.fixture
def open_page(publish: Publish) -> Iterator[OpenPage]:
    def open_page(page: str | None = None, **address: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "streamlit_app" / "app.py"), default_timeout=30)
        if page is not None:
            app.run()
            app.switch_page(page)
        app.query_params.update(address)
        return app.run()

    yield open_page
    st.cache_data.clear()
    st.cache_resource.clear()
