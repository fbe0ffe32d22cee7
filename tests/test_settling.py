"""A settlement as a person starts it: what is published, what is not, and who goes on reading."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from shutil import copytree

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from ingest import lake
from ingest.paths import PROJECT_ROOT, DataPaths
from ingest.serving import current_snapshot
from tests.deployment import Deployment

DEMO = PROJECT_ROOT / "seeds" / "demo"
PAGES = ("app_pages/overview.py", "app_pages/invoices.py")


@pytest.fixture(scope="module")
def january(tmp_path_factory):
    """The folder of a deployment whose January is settled and published."""
    folder = tmp_path_factory.mktemp("january")
    with pytest.MonkeyPatch.context() as environment:
        made = Deployment(DataPaths(folder / "data"), environment)
        made.load(PROJECT_ROOT / "seeds" / "catalog")
        made.land([january_calls(folder, 0, 400)], "receivedAt")
        environment.setenv("METERHOUSE_DATA", str(made.paths.root))
        assert settle("2026-02-01T01:00:00Z").returncode == 0
        yield made.paths.root


@pytest.fixture
def settled(january, deployment, monkeypatch):
    """A copy of that deployment, to change as a test likes."""
    copytree(january, deployment.paths.root)
    monkeypatch.setenv("METERHOUSE_DATA", str(deployment.paths.root))
    return deployment


def january_calls(folder: Path, start: int, end: int) -> Path:
    with pa.input_stream(
        str(DEMO / "ai_completions_2026-01.ndjson.zst"), compression="zstd"
    ) as file:
        lines = file.read().decode().splitlines(keepends=True)
    path = folder / f"calls-{start}.ndjson"
    path.write_text("".join(lines[start:end]), encoding="utf-8")
    return path


def command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("meterhouse")), *arguments]


def settle(as_of: str) -> subprocess.CompletedProcess[str]:
    home = Path(os.environ["METERHOUSE_DATA"]) / "dagster"
    # Called by its full path, a command needs nothing of its own environment on the PATH.
    surroundings = {"DAGSTER_HOME": str(home), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command("settle", "--as-of", as_of),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | surroundings,
    )


def test_settling_again_has_nothing_to_do(settled):
    published = current_snapshot(settled.paths.serving)
    again = settle("2026-02-01T01:00:00Z")

    assert again.returncode == 0
    assert "Nothing to settle" in again.stderr
    assert current_snapshot(settled.paths.serving) == published


def test_what_does_not_reconcile_is_not_published(settled):
    published = current_snapshot(settled.paths.serving)
    # A segment that claims one record more than it has: somewhere, an event was lost.
    path = next(
        path
        for path in (settled.paths.lake / "segments").glob("*.parquet")
        if path.name != "schema.parquet"
    )
    row = lake.read(path).to_pylist()[0]
    row |= {"segment_id": "claims-one-more", "read_count": 1}
    lost = settled.paths.lake / "segments" / "claims-one-more.parquet"
    lake.write(pa.Table.from_pylist([row], schema=lake.SEGMENTS), lost)

    refused = settle("2026-02-01T01:00:00Z")

    assert refused.returncode == 5
    assert "assert_records_read_have_one_fate" in refused.stderr
    assert current_snapshot(settled.paths.serving) == published
    stale = json.loads((settled.paths.serving / "STALE").read_text(encoding="utf-8"))
    assert stale["as_of"] == "2026-02-01T01:00:00.000000Z"


def test_pages_answer_while_a_settlement_runs(settled, tmp_path):
    before = current_snapshot(settled.paths.serving)
    settled.land([january_calls(tmp_path, 5_000, 5_400)], "now")
    run = subprocess.Popen(
        command("settle", "--as-of", "2026-03-15T01:00:00Z"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pages = [AppTest.from_file(str(PROJECT_ROOT / "streamlit_app" / "app.py")) for _ in PAGES]
    answers, errors = 0, []
    while run.poll() is None:
        for page, path in zip(pages, PAGES, strict=True):
            page.switch_page(path).run(timeout=60)
            answers += 1
            errors += [error.message for error in page.exception]
            errors += [error.value for error in page.error]

    assert run.returncode == 0
    assert errors == []
    assert answers > 4
    assert current_snapshot(settled.paths.serving) != before


def test_a_settlement_that_was_killed_does_not_stop_the_next(settled):
    watermarks = settled.paths.lake / "settlements"
    as_of = "2026-02-02T00:00:00Z"
    killed = subprocess.Popen(
        command("settle", "--as-of", as_of),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"DAGSTER_HOME": str(settled.paths.root / "dagster")},
    )
    while not (watermarks / "20260202T000000000000Z.parquet").exists():
        with suppress(subprocess.TimeoutExpired):
            pytest.fail(f"it ended before it had begun: {killed.wait(0.1)}")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()

    assert settle(as_of).returncode == 0
    assert current_snapshot(settled.paths.serving).as_of.isoformat() == "2026-02-02T00:00:00+00:00"
