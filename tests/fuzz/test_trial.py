import subprocess
import sys

from ingest.paths import PROJECT_ROOT


def test_what_nobody_should_send_is_refused_and_recorded_and_harms_nothing():
    """In a process of its own, which has a limit on its memory; `make test-fuzz` sends more."""
    command = [sys.executable, "-m", "tests.fuzz.trial", "3000", "20260301"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
