"""Published snapshots of the marts: read-only files, each under a new name, and a pointer.

A page or an analyst reads the file that `CURRENT` names, and never the warehouse, so a settlement
does not stop a reader and a reader does not stop a settlement. A new name for each build matters:
a process that holds an old file would go on reading it under a name that was replaced.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from ingest.issued import differences, freeze
from ingest.paths import DataPaths

KEPT_SNAPSHOTS = 3
_NAMED = 10
# DuckDB tools of the 1.x line can open this; the default of 2.0 they can't.
STORAGE_VERSION = "v1.5.0"


class PublicationError(Exception):
    """A build can't be published."""


@dataclass(frozen=True)
class Checks:
    """How many data tests a build had to pass, and did."""

    total: int
    passed: int


@dataclass(frozen=True)
class Snapshot:
    """A published build."""

    file: str
    build_id: str
    as_of: datetime
    published_at: datetime


def current_snapshot(serving: Path) -> Snapshot | None:
    """Return what `CURRENT` points to, or None before the first publication."""
    pointer = serving / "CURRENT"
    if not pointer.exists():
        return None
    said = json.loads(pointer.read_text(encoding="utf-8"))
    return Snapshot(
        said["file"],
        said["build_id"],
        datetime.fromisoformat(said["as_of"]),
        datetime.fromisoformat(said["published_at"]),
    )


def record_proof(warehouse: Path, *, build_id: str, checks: Checks) -> None:
    """Note which build the warehouse holds whole, and how its checks went."""
    said = {"build_id": build_id, "total": checks.total, "passed": checks.passed}
    _replace(_proof(warehouse), json.dumps(said))


def _proof(warehouse: Path) -> Path:
    return warehouse.with_suffix(".proof.json")


def _proven(warehouse: Path, build_id: str) -> Checks:
    path = _proof(warehouse)
    said = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if said.get("build_id") != build_id or said["passed"] < said["total"]:
        raise PublicationError(
            f"build {build_id} in the warehouse has not passed all of its checks; run the whole"
            " settlement job"
        )
    return Checks(said["total"], said["passed"])


def publish(paths: DataPaths, *, published_at: datetime, code_version: str) -> Snapshot:
    """Copy the marts of the warehouse into a new snapshot and point `CURRENT` to it, last.

    Before that, what it issues for the first time is frozen in the lake. A publication that is cut
    short leaves `CURRENT` as it was. Which build it is, and as of when, the warehouse says itself
    (`marts.rpt_settlement`).

    Raises:
        PublicationError: not every check of this build has passed, or an invoice that is out would
            change or be gone.
    """
    paths.serving.mkdir(parents=True, exist_ok=True)
    # Settlements run one at a time: what is unfinished here was cut short.
    for leftover in paths.serving.glob("_serving-*"):
        leftover.unlink()
    with duckdb.connect(str(paths.warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        as_of, build_id = connection.execute(
            "select as_of, build_id from marts.rpt_settlement"
        ).fetchall()[0]
        checks = _proven(paths.warehouse, build_id)
        _refuse_changed_invoices(connection, paths.lake)
        name = f"serving-{build_id}-{published_at:%Y%m%dT%H%M%S%f}.duckdb"
        staged = paths.serving / f"_{name}"
        _copy_marts(connection, staged)
        connection.execute(
            """
            create table snapshot.meta.build as
            select
                build_id,
                as_of,
                $published_at::timestamp as published_at,
                catalog_version,
                $total::int as checks_total,
                $passed::int as checks_passed,
                event_count,
                invoice_count
            from marts.rpt_settlement
            """,
            {
                "published_at": published_at.astimezone(UTC).replace(tzinfo=None),
                "total": checks.total,
                "passed": checks.passed,
            },
        )
        connection.execute("checkpoint snapshot")
        connection.execute("detach snapshot")
        staged.chmod(0o444)
        staged.replace(paths.serving / name)
        freeze(paths.lake, connection, code_version=code_version, issued_in=name)
    snapshot = Snapshot(name, build_id, as_of.replace(tzinfo=UTC), published_at)
    _point_to(paths.serving, snapshot)
    (paths.serving / "STALE").unlink(missing_ok=True)
    _drop_old(paths.serving, snapshot, published_at)
    return snapshot


def _refuse_changed_invoices(connection: duckdb.DuckDBPyConnection, lake: Path) -> None:
    """Hold the new build against what went out: an issued invoice never changes."""
    changed = differences(lake, connection)
    if changed:
        named = ", ".join(str(difference) for difference in changed[:_NAMED])
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        raise PublicationError(
            f"{len(changed)} issued invoices would change: {named}{more}. What"
            " was entered for the past and takes usage away from them (an end, a rename, a second"
            " subscription) has to hold from the last settlement on instead; a new release of"
            " Meterhouse that rates otherwise needs a folder of its own (METERHOUSE_DATA)"
        )


def mark_stale(serving: Path, *, reason: str, as_of: str, failed_at: datetime) -> None:
    """Tell the pages that a settlement failed and that they show the last good build."""
    serving.mkdir(parents=True, exist_ok=True)
    said = {"reason": reason, "as_of": as_of, "failed_at": failed_at.isoformat()}
    _replace(serving / "STALE", json.dumps(said))


def _copy_marts(connection: duckdb.DuckDBPyConnection, staged: Path) -> None:
    file = _quoted(str(staged))
    connection.execute(f"attach {file} as snapshot (storage_version '{STORAGE_VERSION}')")
    connection.execute("create schema snapshot.marts")
    connection.execute("create schema snapshot.meta")
    tables = connection.execute(
        "select table_name, comment from duckdb_tables()"
        " where database_name = current_database() and schema_name = 'marts' order by table_name"
    ).fetchall()
    for table, _ in tables:
        connection.execute(f'create table snapshot.marts."{table}" as from marts."{table}"')
    views = connection.execute(
        "select view_name, sql, comment from duckdb_views()"
        " where database_name = current_database() and schema_name = 'marts' order by view_name"
    ).fetchall()
    database = connection.execute("select current_database()").fetchall()[0][0]
    for _, sql, _ in views:
        # The snapshot is a database of its own: its views must not name the warehouse.
        here = sql.replace(f'"{database}".', "").replace(f"{database}.", "")
        connection.execute("use snapshot")
        connection.execute(here)
        connection.execute(f'use "{database}"')
    for kind, name, comment in [
        *[("table", name, comment) for name, comment in tables],
        *[("view", name, comment) for name, _, comment in views],
    ]:
        if comment:
            connection.execute(f'comment on {kind} snapshot.marts."{name}" is {_quoted(comment)}')
    _copy_column_comments(connection)


def _copy_column_comments(connection: duckdb.DuckDBPyConnection) -> None:
    comments = connection.execute(
        "select table_name, column_name, comment from duckdb_columns()"
        " where database_name = current_database() and schema_name = 'marts'"
        " and comment is not null"
    ).fetchall()
    for table, column, comment in comments:
        place = f'snapshot.marts."{table}"."{column}"'
        connection.execute(f"comment on column {place} is {_quoted(comment)}")


def _quoted(text: str) -> str:
    """Return a literal for those statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def _point_to(serving: Path, snapshot: Snapshot) -> None:
    said = {
        "file": snapshot.file,
        "build_id": snapshot.build_id,
        "as_of": snapshot.as_of.isoformat(),
        "published_at": snapshot.published_at.isoformat(),
    }
    _sync(serving / snapshot.file)
    _replace(serving / "CURRENT", json.dumps(said))


def _replace(path: Path, text: str) -> None:
    staged = path.with_name(f"_{path.name}")
    staged.write_text(text, encoding="utf-8")
    _sync(staged)
    staged.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _drop_old(serving: Path, current: Snapshot, now: datetime) -> None:
    """Delete snapshots that nobody can have found in `CURRENT` for a day, but the last few."""
    others = sorted(
        (path for path in serving.glob("serving-*.duckdb") if path.name != current.file),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    before = (now - timedelta(days=1)).timestamp()
    for path in others[KEPT_SNAPSHOTS - 1 :]:
        if path.stat().st_mtime < before:
            path.unlink()
