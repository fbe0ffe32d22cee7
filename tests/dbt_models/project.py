"""The dbt project, called in this process, with a target folder and a warehouse of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner, dbtRunnerResult

from ingest.paths import PROJECT_ROOT

DBT_FOLDER = PROJECT_ROOT / "dbt_models"


@dataclass(frozen=True)
class DbtProject:
    """The project's commands; what they write lies below `root`."""

    root: Path

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    def call(self, *arguments: str, **variables: str) -> dbtRunnerResult:
        folders = ["--project-dir", str(DBT_FOLDER), "--profiles-dir", str(DBT_FOLDER)]
        target = ["--target-path", str(self.root / "target")]
        quiet = ["--quiet", "--log-level-file", "none"]
        given = ["--vars", json.dumps(variables)] if variables else []
        return dbtRunner().invoke([*quiet, *arguments, *folders, *target, *given])

    def parse(self) -> Mapping[str, Any]:
        """Return the manifest as it is written: the one in memory has no child map."""
        result = self.call("parse")
        assert result.success, result.exception
        written = (self.root / "target" / "manifest.json").read_text(encoding="utf-8")
        manifest: Mapping[str, Any] = json.loads(written)
        return manifest

    def build(self) -> list[str]:
        """Build and test everything, unit tests too; return what failed."""
        result = self.call("build")
        assert isinstance(result.result, RunExecutionResult), result.exception
        return [
            f"{item.node.name}: {item.message}"
            for item in result.result
            if item.status not in {"success", "pass"}
        ]
