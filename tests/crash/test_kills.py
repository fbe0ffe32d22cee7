import random
from pathlib import Path

from ingest.paths import DataPaths
from tests.crash.kills import kill_appends


def test_what_was_acknowledged_before_a_kill_is_landed_once(tmp_path: Path) -> None:
    outcome = kill_appends(DataPaths(tmp_path), kills=20, chance=random.Random(20260301))
    assert outcome.faults() == {"lost": 0, "twice": 0, "unknown": 0}
    assert len(outcome.acknowledged) > 100
    assert outcome.torn
