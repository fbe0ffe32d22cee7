"""Which build a settlement makes."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg

from dagster_project.code_version import code_version
from ingest.catalog.load import catalog_version
from ingest.lake import locked
from ingest.paths import DataPaths
from ingest.serving import Checks
from ingest.settlements import (
    format_as_of,
    lake_fingerprint,
    record_settlement,
    refuse_unsettleable,
)

_ENGINE = ("duckdb", "dbt-core", "dbt-duckdb")


class SettlementConfig(dg.Config):
    """What a settlement run is told.

    Attributes:
        as_of: the instant up to which everything known is settled, with an offset.
    """

    as_of: str


def begin_settlement(paths: DataPaths, as_of: datetime, *, now: datetime) -> dict[str, str]:
    """Move the watermark to `as_of`, before anything is read; return what dbt is to be told.

    What lands from now on belongs to the next build, and can't claim to have been known before.

    Raises:
        SettlementError: `as_of` can't be settled.
    """
    with locked(paths.lake):
        refuse_unsettleable(paths, as_of, now=now)
        build = build_id(paths.lake, as_of)
        record_settlement(paths.lake, as_of=as_of, build_id=build, settled_at=now)
        return {
            "as_of": format_as_of(as_of),
            "build_id": build,
            "catalog_version": catalog_version(paths.lake),
        }


def build_id(lake: Path, as_of: datetime) -> str:
    """Return the id of a build: equal lake, models, engine and `as_of` give an equal id."""
    digest = hashlib.sha256()
    digest.update(lake_fingerprint(lake).encode())
    digest.update(f"{format_as_of(as_of)} {[version(name) for name in _ENGINE]}".encode())
    digest.update(code_version().encode())
    return digest.hexdigest()[:12]


def checks_of(run_results: Mapping[str, Any]) -> Checks:
    """Count the data tests that a dbt run made, and those that passed."""
    states = [
        result["status"]
        for result in run_results["results"]
        if result["unique_id"].startswith("test.")
    ]
    return Checks(total=len(states), passed=states.count("pass"))
