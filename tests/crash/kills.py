"""Kills processes at random instants: nothing acknowledged may be lost, or be there twice.

python -m tests.crash.kills [KILLS [SEED]]
"""

import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ingest.paths import DataPaths
from tests.crash.append_kills import kill_appends
from tests.crash.server_kills import kill_servers


def main(arguments: Sequence[str]) -> None:
    kills, seed = (int(each) for each in (*arguments, *("200", "1")[len(arguments) :]))
    faults = 0
    for what, kill in {"appending": kill_appends, "serving": kill_servers}.items():
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            outcome = kill(DataPaths(Path(folder)), kills=kills, chance=random.Random(seed))
        minutes = (time.monotonic() - started) / 60
        sys.stdout.write(f"{what}, seed {seed}, {minutes:.1f} minutes: {outcome}\n")
        faults += sum(outcome.faults().values())
    sys.exit(faults > 0)


if __name__ == "__main__":
    main(sys.argv[1:])
