"""A settlement from the command line: the same Dagster job, run in this process."""

import os
import re
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path
from shutil import copyfile

import dagster as dg
import duckdb
from rich.console import Console

from dagster_project.clock import now
from dagster_project.progress import settling
from dagster_project.settlement import build_id
from ingest.paths import PROJECT_ROOT, data_paths
from ingest.serving import Snapshot, current_snapshot, mark_stale
from ingest.settlements import format_as_of, parse_as_of, refuse_unsettleable

_LAST_LINES = 25
_PID = "meterhouse/pid"
_UNFINISHED = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_FAILED_NODE = re.compile(r"Failure in \w+ (\w+)")


class SettlementFailedError(Exception):
    """A settlement ended in an error; the last good build stays published."""


def settle_in_process(as_of_text: str, console: Console) -> tuple[Snapshot, bool]:
    """Settle, unless this very build is published already; return it and whether it is new.

    Raises:
        SettlementError: `as_of` can't be settled.
        SettlementFailedError: a model or a check failed; nothing was published.
    """
    paths = data_paths()
    as_of = parse_as_of(as_of_text)
    refuse_unsettleable(paths, as_of, now=now())
    published = current_snapshot(paths.serving)
    if published and published.build_id == build_id(paths.lake, as_of):
        console.print(
            f"Nothing to settle: build {published.build_id} has everything known before"
            f" {format_as_of(as_of)}, and is published."
        )
        return published, False
    _run_job(as_of, console)
    made = current_snapshot(paths.serving)
    if made is None:
        raise SettlementFailedError("the settlement published nothing")
    console.print(f"Settled and published: build {made.build_id}, every check passed.")
    _print_counts(paths.serving / made.file, console)
    return made, True


def _print_counts(snapshot: Path, console: Console) -> None:
    """Say what is in a build, and what was left for a later one."""
    with duckdb.connect(str(snapshot), read_only=True) as connection:
        issued, drafts, billable, later = connection.execute(
            """
            select
                (select count(*) from marts.fct_invoices where status = 'issued'),
                (select count(*) from marts.fct_invoices where status = 'draft'),
                (select count(*) from marts.fct_events where status = 'billable'),
                (
                    select coalesce(sum(event_count), 0)
                    from marts.rpt_event_accounting
                    where fate = 'not_yet_known'
                )
            """
        ).fetchall()[0]
    console.print(f"{issued:,} invoices issued, {drafts:,} drafts, {billable:,} billable events.")
    if later:
        console.print(f"{later:,} records became known later; the next settlement has them.")


def _run_job(as_of: datetime, console: Console) -> None:
    # Dagster and dbt take seconds to import; a refused `as_of` is told before that.
    from dagster_project.definitions import defs
    from dagster_project.defs.settlement import settlement_run_config

    instance = _instance()
    _release_dead_runs(instance)
    title = f"Settling as of {as_of:%Y-%m-%d %H:%M} UTC"
    with settling(console, title) as stream, redirect_stdout(stream):
        result = (
            defs()
            .resolve_job_def("settlement")
            .execute_in_process(
                run_config=settlement_run_config(format_as_of(as_of))
                | {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                instance=instance,
                tags={_PID: str(os.getpid())},
                raise_on_error=False,
            )
        )
    if result.success:
        return
    output = _COLOUR.sub("", stream.getvalue())
    reason = _reason(result, output)
    mark_stale(data_paths().serving, reason=reason, as_of=format_as_of(as_of), failed_at=now())
    last_lines = "\n".join(output.splitlines()[-_LAST_LINES:])
    raise SettlementFailedError(
        f"{reason}. Nothing was published, the last good build stays; the whole run is in"
        f" `make dagster`\n{last_lines}"
    )


def _release_dead_runs(instance: dg.DagsterInstance) -> None:
    """End the runs whose process is gone, so that they don't hold the warehouse for ever."""
    unfinished = dg.RunsFilter(job_name="settlement", statuses=[*_UNFINISHED])
    for run in instance.get_runs(unfinished):
        if _PID in run.tags and not _is_alive(int(run.tags[_PID])):
            instance.report_run_failed(run, "its process is gone")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _instance() -> dg.DagsterInstance:
    """Return the deployment's Dagster instance, so that the UI shows the run."""
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(data_paths().root / "dagster")))
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        copyfile(PROJECT_ROOT / "dagster_project" / "instance.yaml", home / "dagster.yaml")
    return dg.DagsterInstance.get()


def _reason(result: dg.ExecuteInProcessResult, dbt_output: str) -> str:
    """Return one line that names what failed."""
    failed = _FAILED_NODE.findall(dbt_output)
    if failed:
        return f"the settlement failed at {', '.join(failed)}"
    for event in result.all_events:
        if event.is_step_failure and (error := event.step_failure_data.error):
            return f"the settlement failed: {(error.cause or error).message.strip()}"
    return "the settlement failed"
