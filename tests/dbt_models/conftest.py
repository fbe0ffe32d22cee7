"""The dbt project, parsed once and built once on a lake in which nothing has happened."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ingest import lake
from ingest.catalog.load import load_catalog
from tests.dbt_models.project import DbtProject


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtProject]:
    made = DbtProject(tmp_path_factory.mktemp("dbt_models"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LAKE_PATH", str(made.lake))
        environment.setenv("WAREHOUSE_PATH", str(made.warehouse))
        environment.setenv("DO_NOT_TRACK", "1")
        yield made


@pytest.fixture(scope="session")
def manifest(project: DbtProject) -> Mapping[str, Any]:
    return project.parse()


@pytest.fixture(scope="session")
def failures(project: DbtProject, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What fails in a build, unit tests included, on a lake without a row."""
    empty_catalog = tmp_path_factory.mktemp("catalog")
    lake.prepare(project.lake)
    load_catalog(empty_catalog, project.lake, recorded_at=None, watermark=None)
    return project.build()
