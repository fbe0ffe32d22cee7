"""Lands segments again and again, until it is killed: `python -m tests.crash.landing ROOT`."""

import sys
from datetime import UTC, datetime

from ingest.paths import DataPaths
from ingest.segment_landing import land_segments


def land(paths: DataPaths) -> None:
    land_segments(paths.landing, paths.lake, now=datetime.now(UTC))


if __name__ == "__main__":
    from pathlib import Path

    while True:
        land(DataPaths(Path(sys.argv[1])))
