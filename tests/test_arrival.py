"""However the events arrive, the invoices are the same to the byte."""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from ingest.paths import PROJECT_ROOT, DataPaths
from tests.deployment import Deployment

AS_OF = "2026-03-01T01:00:00.000000Z"
DEMO = PROJECT_ROOT / "seeds" / "demo"
SAMPLE = 3_000
SEED = 20261121


@pytest.fixture(scope="module")
def lines() -> Sequence[str]:
    """Some thousand AI calls of two months, some resent as they were, some with other content."""
    drawn = random.Random(SEED)
    texts: list[str] = []
    for month in ("01", "02"):
        path = str(DEMO / f"ai_completions_2026-{month}.ndjson.zst")
        with pa.input_stream(path, compression="zstd") as file:
            texts += drawn.sample(file.read().decode().splitlines(), SAMPLE // 2)
    changed = [json.loads(text) for text in drawn.sample(texts, SAMPLE // 50)]
    for call in changed:
        call["totalTokenCount"] += 1_000_000
    return [*texts, *drawn.sample(texts, SAMPLE // 50), *map(json.dumps, changed)]


def write(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def in_one_file(lines: Sequence[str], folder: Path) -> list[Path]:
    return [write(folder / "all.ndjson", lines)]


def backwards(lines: Sequence[str], folder: Path) -> list[Path]:
    return [write(folder / "backwards.ndjson", lines[::-1])]


def shuffled_into_seven_files_and_landed_twice(lines: Sequence[str], folder: Path) -> list[Path]:
    mixed = random.Random(SEED).sample(lines, len(lines))
    files = [write(folder / f"{part}.ndjson", mixed[part::7]) for part in range(7)]
    copies = [write(folder / f"copy-{part}.ndjson", mixed[part::7]) for part in range(7)]
    return [*files, *copies]


def overlapping_halves(lines: Sequence[str], folder: Path) -> list[Path]:
    two_thirds = len(lines) * 2 // 3
    return [
        write(folder / "late.ndjson", lines[-two_thirds:]),
        write(folder / "early.ndjson", lines[:two_thirds]),
    ]


@pytest.fixture
def invoices(lines, tmp_path, monkeypatch):
    """Return a function that bills the lines as they arrive in some way, each time from nothing."""

    def bill(arrival: Callable[[Sequence[str], Path], list[Path]]) -> list[tuple[object, ...]]:
        folder = tmp_path / arrival.__name__
        folder.mkdir()
        deployment = Deployment(DataPaths(folder / "data"), monkeypatch)
        deployment.load(PROJECT_ROOT / "seeds" / "catalog")
        deployment.land(arrival(lines, folder), "receivedAt")
        deployment.rate(AS_OF)
        return deployment.query(
            "select invoice_id, total_amount, content_hash from marts.fct_invoices order by all"
        )

    return bill


def test_invoices_do_not_depend_on_how_events_arrive(invoices):
    expected = invoices(in_one_file)

    assert sum(total for _, total, _ in expected) > 0
    assert invoices(backwards) == expected
    assert invoices(shuffled_into_seven_files_and_landed_twice) == expected
    assert invoices(overlapping_halves) == expected


def test_what_becomes_known_later_waits_for_a_later_settlement(deployment, lines, tmp_path):
    half = len(lines) // 2
    deployment.load(PROJECT_ROOT / "seeds" / "catalog")
    deployment.land([write(tmp_path / "known.ndjson", lines[:half])], "receivedAt")
    deployment.land([write(tmp_path / "later.ndjson", lines[half:])], "now")
    deployment.rate(AS_OF)

    fates = dict(
        deployment.query(
            "select fate, sum(event_count)::int from marts.rpt_event_accounting group by all"
        )
    )
    assert fates["not_yet_known"] == len(lines) - half
    assert sum(fates.values()) == len(lines)
