from pathlib import Path

import pytest

from tests.ingest.landed import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)
