"""The one dbt project and how Dagster names its nodes."""

import os
import sysconfig
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

from ingest.paths import PROJECT_ROOT, data_paths

DBT_FOLDER = PROJECT_ROOT / "dbt_models"


@cache
def dbt_project() -> DbtProject:
    """Return the dbt project with a manifest that is not older than any of its files."""
    point_dbt_to_the_data()
    _put_dbt_on_the_path()
    project = DbtProject(project_dir=DBT_FOLDER, profiles_dir=DBT_FOLDER)
    if _is_stale(project.manifest_path):
        project.preparer.prepare(project)
    return project


def _put_dbt_on_the_path() -> None:
    """Let dagster-dbt, which calls dbt by its name, find the one of this Python first."""
    scripts = sysconfig.get_path("scripts")
    path = os.environ.get("PATH", os.defpath)
    if path.split(os.pathsep)[0] != scripts:
        os.environ["PATH"] = f"{scripts}{os.pathsep}{path}"


def _is_stale(manifest: Path) -> bool:
    if not manifest.exists():
        return True
    folders = [DBT_FOLDER / name for name in ("models", "macros", "tests")]
    files = [DBT_FOLDER / "dbt_project.yml", PROJECT_ROOT / "seeds" / "reference"]
    files += [path for folder in folders for path in folder.rglob("*")]
    return max(path.stat().st_mtime for path in files) > manifest.stat().st_mtime


def point_dbt_to_the_data() -> None:
    """Tell dbt, which reads its settings from the environment, where lake and warehouse are."""
    paths = data_paths()
    paths.root.mkdir(parents=True, exist_ok=True)
    os.environ["LAKE_PATH"] = str(paths.lake)
    os.environ["WAREHOUSE_PATH"] = str(paths.warehouse)
    os.environ["DBT_LOG_PATH"] = str(paths.root / "logs")
    os.environ["DO_NOT_TRACK"] = "1"


class LayeredDbtTranslator(DagsterDbtTranslator):
    """Name every dbt node `<schema>/<name>` and group it by its layer folder."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))

    def get_asset_spec(
        self,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetSpec:
        """Return the spec of one dbt node."""
        node = self.get_resource_props(manifest, unique_id)
        spec = super().get_asset_spec(manifest, unique_id, project)
        layer = "reference" if node["resource_type"] == "seed" else node["fqn"][1]
        return spec.replace_attributes(
            key=dg.AssetKey([node["schema"], node["name"]]), group_name=layer
        )
