"""The command line: exit codes, and what goes where."""

import json
from pathlib import Path
from shutil import copytree

import pytest

from dagster_project.cli import app
from ingest.paths import PROJECT_ROOT
from tests.ingest.appended import batch_of, write

CATALOG = PROJECT_ROOT / "seeds" / "catalog"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "500")
    return tmp_path / "data"


def run(*arguments: str) -> int:
    """Run a command; return its exit code."""
    with pytest.raises(SystemExit) as left:
        app(list(arguments))
    return left.value.code or 0


def test_a_sound_catalogue_is_told_in_numbers(capsys):
    assert run("catalog", "check", str(CATALOG)) == 0
    assert "The catalogue is sound: 5 products, 158 subscriptions" in capsys.readouterr().err


def test_a_broken_catalogue_names_every_place_and_loads_nothing(tmp_path, data, capsys):
    folder = copytree(CATALOG, tmp_path / "catalog")
    product = folder / "products" / "coding-agent-team.yaml"
    text = product.read_text(encoding="utf-8")
    text = text.replace("aggregation: sum", "aggregation: smu").replace("60.00", "sixty")
    product.write_text(text, encoding="utf-8")

    assert run("catalog", "check", str(folder)) == 4
    amount, aggregation = capsys.readouterr().err.splitlines()
    assert amount == (
        "products/coding-agent-team.yaml:12:63: product.recurring_charges[0].amount:"
        " 'sixty' is not an amount. Write digits and a point, as 1250.00"
    )
    assert aggregation == (
        "products/coding-agent-team.yaml:17:20: product.pricing_metrics[0].aggregation:"
        " 'smu' is not one of sum, average, maximum, count, count_unique, match_value."
        " Did you mean 'sum'?"
    )
    assert run("catalog", "load", str(folder)) == 4
    assert not list(data.rglob("*.parquet"))


def test_broken_events_go_to_quarantine_with_their_text(tmp_path, capsys):
    broken = '{"transactionId": "e-1", "payload": {"units": 1'
    sound = '{"transactionId": "e-2", "payload": {"units": 2}}'
    file = tmp_path / "events.ndjson"
    file.write_text(f"{broken}\n{sound}\n", encoding="utf-8")

    assert run("land", str(file)) == 0
    said = capsys.readouterr().err
    assert "events.ndjson: 2 read = 1 landed + 0 duplicate + 1 quarantined" in said
    assert "not_json: 1" in said

    assert run("quarantine") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["raw_text"] == broken
    assert (record["file"], record["position"]) == ("events.ndjson", 1)


def test_without_files_what_the_server_accepted_is_landed(data, capsys):
    segment = write(data / "landing", [batch_of("a", "b")])
    assert run("land") == 0
    assert f"{segment.name}: 2 read = 2 landed" in capsys.readouterr().err
    assert run("land") == 0
    assert capsys.readouterr().err == "No segment waits to be landed.\n"


def test_landed_segments_are_kept_or_deleted_as_the_deployment_says(data, capsys, monkeypatch):
    monkeypatch.setenv("METERHOUSE_LANDED_SEGMENTS", "shred")
    write(data / "landing", [batch_of("a")])
    assert run("land") == 2
    assert "set it to keep or delete" in capsys.readouterr().err

    monkeypatch.setenv("METERHOUSE_LANDED_SEGMENTS", "delete")
    assert run("land") == 0
    assert not list(data.rglob("*.ndjson"))


def test_a_damaged_segment_is_named_and_holds_the_close(data, capsys):
    segment = write(data / "landing", [batch_of("a")])
    segment.write_bytes(segment.read_bytes()[:-1])
    assert run("land") == 6
    assert f"{segment.name} can't be landed" in capsys.readouterr().err
    assert run("settle", "--as-of", "2026-06-01T00:00:00Z") == 6
    assert "is not landed yet; land it first" in capsys.readouterr().err


def test_made_up_transactions_are_landed_once(capsys):
    story = PROJECT_ROOT / "tests" / "scenarios" / "synthetic_test_hour" / "given" / "catalog"
    assert run("catalog", "load", str(story), "--recorded-at", "as-valid") == 0
    capsys.readouterr()

    assert run("land-synthetic") == 0
    assert "synthetic transactions landed" in capsys.readouterr().err
    assert run("land-synthetic") == 0
    assert capsys.readouterr().err == "0 synthetic transactions landed.\n"


def test_a_file_that_is_not_there_is_a_mistake_of_the_call(capsys):
    assert run("land", "nowhere.ndjson") == 2
    assert "there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("as_of", "reason"),
    [
        ("2026-03-01", "is no instant with an offset"),
        ("2026-03-01T01:00:00", "is no instant with an offset"),
        ("2199-01-01T00:00:00Z", "lies in the future"),
    ],
)
def test_an_instant_that_cannot_be_settled_is_refused(as_of, reason, capsys):
    assert run("settle", "--as-of", as_of) == 6
    assert reason in capsys.readouterr().err


def test_every_command_says_in_one_sentence_what_it_does(capsys):
    assert run("--help") == 0
    listed = capsys.readouterr().out.splitlines()
    commands = [line.strip("│ ").split(maxsplit=1) for line in listed if line.startswith("│ ")]
    assert len(commands) > 10
    for name, *said in commands:
        assert said, f"{name} says nothing"
        assert said[0].rstrip().endswith("."), f"{name}: {said[0]}"


def test_options_have_no_second_name_that_turns_them_off(capsys):
    for command in (["rate"], ["prices", "import"]):
        assert run(*command, "--help") == 0
        said = capsys.readouterr().out
        assert "--empty-" not in said
        assert "--no-" not in said
