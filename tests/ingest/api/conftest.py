from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.api.settings import Limits, Settings
from ingest.paths import DataPaths
from tests.ingest.api.served import Served


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Makes servers, each with settings of its own; they share the data."""
    made: list[Served] = []

    def start(**settings: object) -> Served:
        limits = Limits(**settings.pop("limits", {}))
        paths = DataPaths(tmp_path / "data")
        made.append(Served(Settings(paths, limits, free_space_floor=0, **settings)))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def server(serve: Callable[..., Served]) -> Served:
    return serve()
