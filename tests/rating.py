"""Rating a folder in this process: the command `meterhouse rate` without its command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dagster_project.rating import rate
from ingest.settlements import parse_as_of


def rate_folder(
    catalog: Path, events: Sequence[Path], facts: Path | None, as_of: str
) -> dict[str, Any]:
    """Return the document that `meterhouse rate --format json` prints."""
    given = [facts] if facts else []
    return rate(catalog, events, facts=given, as_of=parse_as_of(as_of))
