from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.paths import PROJECT_ROOT, DataPaths
from tests.deployment import Deployment

DEMO_AS_OF = "2026-03-01T01:00:00.000000Z"


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return Deployment(DataPaths(tmp_path / "data"), monkeypatch)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The demonstration, landed and rated once for all tests that only read it."""
    with pytest.MonkeyPatch.context() as environment:
        made = Deployment(DataPaths(tmp_path_factory.mktemp("demo") / "data"), environment)
        made.load(PROJECT_ROOT / "seeds" / "catalog")
        files = sorted((PROJECT_ROOT / "seeds" / "demo").glob("*.[nc][ds]*"))
        made.land(files, "receivedAt")
        made.rate(DEMO_AS_OF)
        yield made
