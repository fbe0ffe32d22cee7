import random
from pathlib import Path

from ingest.paths import DataPaths
from tests.crash.append_kills import kill_appends
from tests.crash.server_kills import kill_servers

NO_FAULTS = {"lost": 0, "twice": 0, "unknown": 0}


def test_what_was_acknowledged_before_a_kill_is_landed_once(tmp_path: Path) -> None:
    outcome = kill_appends(DataPaths(tmp_path), kills=20, chance=random.Random(20260301))
    assert outcome.faults() == NO_FAULTS
    assert len(outcome.acknowledged) > 100
    assert outcome.torn


def test_what_a_server_answered_before_a_kill_is_landed_once(tmp_path: Path) -> None:
    outcome = kill_servers(DataPaths(tmp_path), kills=4, chance=random.Random(20260301))
    assert outcome.faults() == NO_FAULTS
    assert len(outcome.acknowledged) > 100
    assert sum(outcome.sent.values()) > len(outcome.sent)
