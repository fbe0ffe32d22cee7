"""A whole deployment in a folder of its own: the steps from files to marts as plain calls."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from dbt.cli.main import dbtRunner

from ingest.catalog.load import load_catalog
from ingest.facts import land_facts
from ingest.landing import LandingReport, LandingRules, land_file
from ingest.paths import PROJECT_ROOT, DataPaths
from ingest.prices import import_ai_prices
from ingest.synthetic import land_synthetic

LANDED_AT = datetime(2026, 12, 31, tzinfo=UTC)
PRICED_AT = datetime(2026, 3, 15, tzinfo=UTC)


@dataclass(frozen=True)
class Deployment:
    """Data paths, and the steps from files to marts as plain calls."""

    paths: DataPaths
    environment: pytest.MonkeyPatch

    def load(self, catalog: Path) -> None:
        load_catalog(catalog, self.paths.lake, recorded_at=None, watermark=None)

    def land(self, files: Iterable[Path], received_at: str) -> Sequence[LandingReport]:
        rules = LandingRules(received_at=received_at)
        return [land_file(file, self.paths.lake, now=LANDED_AT, rules=rules) for file in files]

    def land_story(self, given: Path) -> None:
        """Load a story's catalogue, and land its events and what became known of them later."""
        self.load(given / "catalog")
        (report,) = self.land([given / "events.csv"], "received_at")
        assert not report.reasons, f"{given}: events can't be read: {report.reasons}"
        if (given / "facts.ndjson").exists():
            land_facts([given / "facts.ndjson"], self.paths.lake, now=LANDED_AT)

    def rate(self, as_of: str, *arguments: str) -> None:
        """Build and test every dbt model in this process."""
        land_synthetic(self.paths.lake, now=LANDED_AT)
        import_ai_prices(self.paths.lake, now=PRICED_AT)
        self.environment.setenv("LAKE_PATH", str(self.paths.lake))
        self.environment.setenv("WAREHOUSE_PATH", str(self.paths.warehouse))
        folder = str(PROJECT_ROOT / "dbt_models")
        options = ["--project-dir", folder, "--profiles-dir", folder]
        target = ["--target-path", str(self.paths.root.parent / "dbt_target")]
        variables = ["--vars", json.dumps({"as_of": as_of})]
        quiet = ["--quiet", "--log-level-file", "none"]
        build = ["build", "--exclude-resource-type", "unit_test"]
        result = dbtRunner().invoke([*quiet, *build, *options, *target, *variables, *arguments])
        assert result.success, result.exception or [
            (item.node.name, item.message) for item in result.result if item.status != "success"
        ]

    def query(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.paths.warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql, list(parameters)).fetchall()
