import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from dagster_project.clock import now
from dagster_project.code_version import code_version
from dagster_project.dbt_project import LayeredDbtTranslator, dbt_project
from dagster_project.settlement import SettlementConfig, begin_settlement, checks_of
from ingest.paths import data_paths
from ingest.serving import current_snapshot, mark_stale, publish, record_proof
from ingest.settlements import format_as_of, parse_as_of


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
    paths = data_paths()
    variables = begin_settlement(paths, parse_as_of(config.as_of), now=now())
    # Unit tests prove the models on made-up rows; that is for CI, not for every settlement.
    command = ["build", "--exclude-resource-type", "unit_test", "--vars", json.dumps(variables)]
    invocation = dbt.cli(command, context=context)
    yield from invocation.stream()
    if not context.is_subset:
        checks = checks_of(invocation.get_artifact("run_results.json"))
        record_proof(paths.warehouse, build_id=variables["build_id"], checks=checks)


@dg.asset(
    key=["serving", "snapshot"],
    deps=[key for key in dbt_models.keys if key.path[0] == "marts"],
    pool="warehouse",
    group_name="serving",
    kinds={"duckdb"},
)
def snapshot() -> dg.MaterializeResult[None]:
    """Publish the marts, if the whole build has passed its tests."""
    published = publish(data_paths(), published_at=now(), code_version=code_version())
    return dg.MaterializeResult(metadata={"build_id": published.build_id, "file": published.file})


settlement = dg.define_asset_job(
    "settlement",
    selection=dg.AssetSelection.assets(dbt_models, snapshot)
    | dg.AssetSelection.assets(["raw", "synthetic_events"], ["raw", "ai_prices"]),
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
    serving = data_paths().serving
    ended = context.instance.get_run_stats(context.dagster_run.run_id).end_time
    failed_at = datetime.fromtimestamp(ended, UTC) if ended else now()
    published = current_snapshot(serving)
    if published and published.published_at > failed_at:
        return
    ops: Any = context.dagster_run.run_config.get("ops", {})
    mark_stale(
        serving,
        reason=context.failure_event.message or "the settlement failed",
        as_of=ops.get(dbt_models.op.name, {}).get("config", {}).get("as_of", ""),
        failed_at=failed_at,
    )
