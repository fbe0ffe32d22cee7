"""Which build a settlement makes."""

import hashlib
import json
from datetime import datetime
from pathlib import Path

import dagster as dg

from dagster_project.dbt_project import DBT_FOLDER, dbt_project
from ingest.settlements import format_as_of, lake_fingerprint


class SettlementConfig(dg.Config):
    """What a settlement run is told.

    Attributes:
        as_of: the instant up to which everything known is settled, with an offset.
    """

    as_of: str


def build_id(lake: Path, as_of: datetime) -> str:
    """Return the id of a build: equal lake, models and `as_of` give equal invoices and id."""
    digest = hashlib.sha256()
    digest.update(lake_fingerprint(lake).encode())
    digest.update(format_as_of(as_of).encode())
    root = DBT_FOLDER.parent
    folders = [DBT_FOLDER / "models", DBT_FOLDER / "macros", root / "seeds/reference"]
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def dbt_test_count() -> int:
    """Return how many data tests a settlement has to pass."""
    manifest = json.loads(dbt_project().manifest_path.read_text(encoding="utf-8"))
    return sum(node["resource_type"] == "test" for node in manifest["nodes"].values())
