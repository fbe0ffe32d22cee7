import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

GIVEN = Path(__file__).parent / "given"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalogue that is in order, to be broken by the test."""
    return Path(shutil.copytree(GIVEN, tmp_path / "catalog"))


@pytest.fixture
def edit(catalog: Path) -> Callable[[str, str, str], None]:
    """Replace the first occurrence of a text in one of the catalogue's files."""

    def replace(name: str, old: str, new: str) -> None:
        path = catalog / name
        before = path.read_text(encoding="utf-8")
        assert old in before, f"{name} has no {old!r}"
        path.write_text(before.replace(old, new, 1), encoding="utf-8")

    return replace
