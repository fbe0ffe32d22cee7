import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from dagster_project.clock import now
from dagster_project.dbt_project import LayeredDbtTranslator, dbt_project
from dagster_project.settlement import SettlementConfig, build_id, dbt_test_count
from ingest.catalog.load import catalog_version
from ingest.paths import data_paths
from ingest.serving import mark_stale, publish
from ingest.settlements import format_as_of, parse_as_of, record_settlement, refuse_unsettleable


@dbt_assets(
    manifest=dbt_project().manifest_path,
    project=dbt_project(),
    pool="warehouse",
    dagster_dbt_translator=LayeredDbtTranslator(),
)
def dbt_models(
    context: dg.AssetExecutionContext, dbt: DbtCliResource, config: SettlementConfig
) -> Iterator[object]:
    """Rate everything known before `as_of`; each dbt test reports as an asset check."""
    as_of = parse_as_of(config.as_of)
    refuse_unsettleable(data_paths(), as_of, now=now())
    lake = data_paths().lake
    # Taken before anything is read: what lands meanwhile belongs to the next build.
    variables = {
        "as_of": format_as_of(as_of),
        "build_id": build_id(lake, as_of),
        "catalog_version": catalog_version(lake),
    }
    # Unit tests prove the models on made-up rows; that is for CI, not for every settlement.
    command = ["build", "--exclude-resource-type", "unit_test", "--vars", json.dumps(variables)]
    yield from dbt.cli(command, context=context).stream()


@dg.asset(
    key=["serving", "snapshot"],
    deps=[key for key in dbt_models.keys if key.path[0] == "marts"],
    pool="warehouse",
    group_name="serving",
    kinds={"duckdb"},
)
def snapshot() -> dg.MaterializeResult[None]:
    """Publish the marts. It is reached only after every dbt test has passed."""
    paths = data_paths()
    published = publish(paths, checks_passed=dbt_test_count(), published_at=now())
    record_settlement(
        paths.lake,
        as_of=published.as_of,
        build_id=published.build_id,
        settled_at=published.published_at,
    )
    return dg.MaterializeResult(metadata={"build_id": published.build_id, "file": published.file})


settlement = dg.define_asset_job(
    "settlement",
    selection=dg.AssetSelection.assets(dbt_models, snapshot)
    | dg.AssetSelection.assets(dg.AssetKey(["raw", "ai_prices"])),
    description="Rate what is known before as_of, prove it, publish it.",
)


@dg.schedule(
    job=settlement,
    cron_schedule="5 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def hourly_settlement(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Settle each hour what has closed since; the tick's own time is the `as_of`."""
    as_of = format_as_of(context.scheduled_execution_time)
    return dg.RunRequest(run_key=as_of, run_config=settlement_run_config(as_of))


def settlement_run_config(as_of: str) -> dict[str, object]:
    """Return the run configuration that hands `as_of` to the models."""
    return {"ops": {dbt_models.op.name: {"config": {"as_of": as_of}}}}


@dg.run_failure_sensor(monitored_jobs=[settlement], default_status=dg.DefaultSensorStatus.RUNNING)
def failed_settlement(context: dg.RunFailureSensorContext) -> None:
    """Tell the dashboard that it shows the last good build, and why."""
    run_config: Any = context.dagster_run.run_config
    mark_stale(
        data_paths().serving,
        reason=context.failure_event.message or "the settlement failed",
        as_of=run_config["ops"][dbt_models.op.name]["config"]["as_of"],
        failed_at=now(),
    )
