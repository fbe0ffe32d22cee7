"""`meterhouse rules test`: what it says of each event, and its exit codes."""

from pathlib import Path

import pytest

from dagster_project.rules_command import rules

PRODUCT = """\
catalog: 1
product:
  key: traffic
  name: Traffic
  version: {version}
  effective_from: 2026-01-01
  currency: EUR
  sources: [edge]
  settlement: {{every: month}}
  pricing_rules:
    - key: large
      name: Large responses
      condition: region = 'eu' and bytes > 1000
      amount: bytes * 0.001
      effective_to: 2026-01-31
    - key: broken
      name: A slip of the pen
      condition: true
      amount: byts * 0.001
"""
EVENTS = """\
transactionId,timestamp,payload.region,payload.bytes
e-1,2026-01-05T00:00Z,EU,1500.5
e-2,2026-01-05T00:00Z,us,lots
e-3,2026-01-05T00:00Z,eu,lots
,2026-02-01T00:00Z,eu,2000
e-5,2026-01-05T00:00Z,,2000
e-6
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("COLUMNS", "500")
    made = tmp_path / "catalog"
    (made / "products").mkdir(parents=True)
    product = made / "products" / "traffic.yaml"
    product.write_text(PRODUCT.format(version="1.0.0"), encoding="utf-8")
    elements = "element,description,type,sources\nregion,,string,edge\nbytes,,number,edge\n"
    (made / "metering_elements.csv").write_text(elements, encoding="utf-8")
    return made


@pytest.fixture
def events(tmp_path: Path) -> Path:
    file = tmp_path / "events.csv"
    file.write_text(EVENTS, encoding="utf-8")
    return file


def run(rule: str, events: Path, folder: Path) -> int:
    """Run the command; return its exit code."""
    with pytest.raises(SystemExit) as left:
        rules(["test", rule, "--event", str(events), "--catalog", str(folder)])
    return left.value.code or 0


def test_every_event_is_answered_by_its_amount_or_by_why_there_is_none(events, folder, capsys):
    assert run("traffic/large", events, folder) == 0
    assert capsys.readouterr().out.splitlines() == [
        "traffic@1.0.0/large from 2026-01-01T00:00:00Z until before 2026-02-01T00:00:00Z",
        "  condition: region = 'eu' and bytes > 1000",
        "  amount: bytes * 0.001",
        "events.csv:2 e-1: match, 1.5005 EUR",
        "events.csv:3 e-2: no match",
        "events.csv:4 e-3: the condition has no answer: bytes 'lots' is no number",
        "events.csv:5: match, 2 EUR, but the rule is not in force when it occurred",
        "events.csv:6 e-5: the condition has no answer: region is missing",
        "events.csv:7: not an event: bad_csv: 1 fields where the header has 4",
    ]


def test_a_number_that_is_too_large_is_told_apart_from_one_that_is_missing(events, folder, capsys):
    events.write_text("payload.region,payload.bytes\neu,9999999999999\n", encoding="utf-8")
    product = folder / "products" / "traffic.yaml"
    text = product.read_text(encoding="utf-8").replace("bytes * 0.001", "bytes * bytes")
    product.write_text(text, encoding="utf-8")

    assert run("traffic/large", events, folder) == 0
    answer = capsys.readouterr().out.splitlines()[-1]
    assert "the amount has no answer: a number is too large, or the rule says null" in answer


def test_a_rule_of_two_versions_is_tried_in_both_unless_one_is_named(events, folder, capsys):
    second = folder / "products" / "traffic-2.yaml"
    second.write_text(PRODUCT.format(version="2.0.0"), encoding="utf-8")

    assert run("traffic/large", events, folder) == 0
    said = capsys.readouterr().out
    assert said.count("e-1: match") == 2

    assert run("traffic@2.0.0/large", events, folder) == 0
    said = capsys.readouterr().out
    assert said.count("e-1") == 1
    assert said.startswith("traffic@2.0.0/large")


def test_a_broken_rule_is_named_by_its_place(events, folder, capsys):
    assert run("traffic/broken", events, folder) == 4
    assert capsys.readouterr().err.strip() == (
        "products/traffic.yaml:19:15: product.pricing_rules[1].amount: 1:1: `byts` is no column of"
        " an event and no metering element. Did you mean 'bytes'?"
    )


def test_an_unknown_rule_is_a_mistake_of_the_call(events, folder, capsys):
    assert run("traffic/lrge", events, folder) == 2
    error = capsys.readouterr().err
    assert "there is no rule 'traffic/lrge'. Did you mean 'traffic@1.0.0/large'?" in error
    assert run("traffic/large", folder / "nowhere.ndjson", folder) == 2


def test_a_catalogue_that_cannot_be_read_is_told_instead_of_an_unknown_rule(events, folder, capsys):
    product = folder / "products" / "traffic.yaml"
    product.write_text("catalog: 1\nproduct: [", encoding="utf-8")
    assert run("traffic/large", events, folder) == 4
    assert "products/traffic.yaml:2:" in capsys.readouterr().err


def test_a_damaged_file_of_events_is_refused(events, folder, capsys):
    events.write_bytes(b"PAR1 and no more")
    assert run("traffic/large", events, folder) == 4
    assert "damaged Parquet" in capsys.readouterr().err
