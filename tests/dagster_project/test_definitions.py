"""What Dagster is told: the assets from the lake to the snapshot, what runs them, and when."""

import os
import shutil
import sysconfig
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from ruamel.yaml import YAML

from dagster_project.dbt_project import dbt_project
from dagster_project.definitions import defs
from dagster_project.defs.raw import inbox, landed_tables, sealed_segments
from dagster_project.defs.settlement import dbt_models, hourly_settlement, snapshot
from ingest.paths import PROJECT_ROOT, DataPaths
from tests.ingest.appended import batch_of, write


@pytest.fixture(scope="module")
def graph():
    return defs().resolve_asset_graph()


def test_every_mart_comes_from_the_lake_and_leads_to_the_snapshot(graph):
    served = graph.get(dg.AssetKey(["serving", "snapshot"])).parent_keys
    marts = {key for key in graph.get_all_asset_keys() if key.path[0] == "marts"}

    assert served == marts
    assert dg.AssetKey(["raw", "meter_events"]) in graph.materializable_asset_keys
    assert dg.AssetKey(["raw", "catalog_tiers"]) in graph.materializable_asset_keys


def test_dbt_is_found_although_the_path_does_not_lead_to_it(tmp_path: Path, monkeypatch):
    # What is set once is kept, also what it sets in the environment.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    dbt_project.__wrapped__()
    assert shutil.which("dbt") == str(Path(sysconfig.get_path("scripts")) / "dbt")


def test_made_up_transactions_are_landed_before_a_settlement_reads_the_lake(graph):
    job = defs().resolve_job_def("settlement")
    made_up, prices = (dg.AssetKey(["raw", name]) for name in ("synthetic_events", "ai_prices"))
    events = graph.get(dg.AssetKey(["staging", "stg_prices__ai_prices"]))

    assert made_up in job.asset_layer.executable_asset_keys
    assert made_up in graph.get(prices).parent_keys
    assert prices in events.parent_keys


def test_every_truth_is_an_asset_check(graph):
    names = {key.name for key in graph.asset_check_keys}

    assert {
        "assert_records_read_have_one_fate",
        "assert_lines_sum_to_their_invoice",
        "assert_tiers_sum_to_their_usage",
        "assert_events_aggregate_to_their_line",
        "assert_credentials_add_up_to_their_subscription",
        "assert_no_event_is_on_two_subscriptions",
        "assert_revenue_by_customer_is_what_was_invoiced",
    } <= names


def test_only_one_run_at_a_time_writes_the_warehouse():
    settings = YAML(typ="safe").load(PROJECT_ROOT / "dagster_project" / "instance.yaml")

    assert {dbt_models.op.pool, snapshot.op.pool} == {"warehouse"}
    assert settings["concurrency"]["pools"] == {"default_limit": 1, "granularity": "op"}
    assert settings["telemetry"] == {"enabled": False}


def test_the_schedule_hands_its_own_tick_as_the_settlement_instant():
    tick = datetime(2026, 3, 1, 1, 5, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=tick)
    request = hourly_settlement(context)

    said = [op["config"]["as_of"] for op in request.run_config["ops"].values()]
    assert said == ["2026-03-01T01:05:00.000000Z"]


def test_the_sensor_asks_to_land_each_whole_file_once(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path))
    folder = tmp_path / "inbox"
    folder.mkdir()
    for name in ("calls.ndjson", ".hidden", "_partial.ndjson"):
        (folder / name).write_text("{}\n", encoding="utf-8")
    past = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    for file in folder.iterdir():
        os.utime(file, (past, past))
    (folder / "being-written.ndjson").write_text("{}", encoding="utf-8")

    first = list(inbox(dg.build_sensor_context()))
    second = list(inbox(dg.build_sensor_context()))

    assert [request.run_config["ops"]["land_events"]["config"] for request in first] == [
        {"file_name": "calls.ndjson"}
    ]
    assert [request.run_key for request in first] == [request.run_key for request in second]


def test_sealed_segments_are_landed_by_a_run_and_tried_again_later(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path))
    paths = DataPaths(tmp_path)
    assert isinstance(sealed_segments(), dg.SkipReason)
    path = write(paths.landing, [batch_of("a", "b")])
    path.rename(paths.landing / "open" / path.name)

    request = sealed_segments()
    assert request.run_key.startswith(path.name)
    with dg.DagsterInstance.ephemeral() as instance:
        run = defs().resolve_job_def("landing").execute_in_process(instance=instance)

    rows = {
        result.asset_key.path[-1]: result.metadata["dagster/row_count"].value
        for result in run.asset_materializations_for_node("land_events")
    }
    assert rows == {"meter_events": 2, "quarantine": 0, "segments": 1}
    assert isinstance(sealed_segments(), dg.SkipReason)


@pytest.mark.parametrize("sensor", [inbox, sealed_segments], ids=lambda sensor: sensor.name)
def test_what_arrives_is_landed_without_anybody_switching_it_on(sensor):
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_landing_does_not_wait_for_the_warehouse():
    assert landed_tables.op.pool is None
