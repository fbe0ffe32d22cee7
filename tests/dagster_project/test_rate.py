"""The command `meterhouse rate`: its documented contract, its exit codes, what it leaves behind."""

import json
import re
import shlex
import tempfile
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from dagster_project.cli import app
from ingest.paths import PROJECT_ROOT
from tests.rating import rate_folder

DOCS = PROJECT_ROOT / "docs"
STORIES = PROJECT_ROOT / "tests" / "scenarios"
NAMED_BLOCK = re.compile(r"^`([\w./]+)`\n\n```\w+\n(.*?)```", re.MULTILINE | re.DOTALL)
HASH = re.compile("[0-9a-f]{64}")
COMMAND = re.compile(r"^meterhouse (rate .*json)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """An empty folder to stand in, temporary files in another, and no deployment."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The folder of the documentation's example; what it prints is in invoices.json."""
    folder = tmp_path_factory.mktemp("example")
    for name, text in NAMED_BLOCK.findall((DOCS / "rate.md").read_text(encoding="utf-8")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def run(*arguments: str) -> int:
    """Run a command; return its exit code."""
    with pytest.raises(SystemExit) as left:
        app(list(arguments))
    return left.value.code or 0


def rate(folder: Path, *arguments: str, as_of: str = "2026-03-01T01:00:00Z") -> int:
    return run("rate", "--catalog", str(folder / "catalog"), "--as-of", as_of, *arguments)


def story_arguments(given: Path) -> tuple[str, ...]:
    catalog, events = str(given / "catalog"), str(given / "events.csv")
    return ("rate", "--catalog", catalog, "--events", events, "--as-of", "2027-01-01T00:00:00Z")


def schema() -> Draft202012Validator:
    said = json.loads((DOCS / "rate.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(said)
    return Draft202012Validator(said)


def test_the_documented_example_prints_what_the_documentation_shows(example, monkeypatch, capsys):
    (command,) = COMMAND.findall((DOCS / "rate.md").read_text(encoding="utf-8"))
    monkeypatch.chdir(example)

    assert run(*shlex.split(command)) == 0

    printed = capsys.readouterr()
    shown = (example / "invoices.json").read_text(encoding="utf-8")
    assert HASH.sub("hash", printed.out) == HASH.sub("hash", shown)
    assert printed.err == ""
    schema().validate(json.loads(printed.out))


@pytest.mark.parametrize("story", ["yen_and_dinar", "late_distinct_value", "unreadable_number"])
def test_real_output_is_as_the_schema_says(story):
    given = STORIES / story / "given"
    document = rate_folder(
        given / "catalog", [given / "events.csv"], None, as_of="2027-01-01T00:00:00Z"
    )
    schema().validate(document)
    assert [each for each in document["invoices"] if each["lines"]]


def test_invoices_are_those_of_a_deployment(deployment):
    given = STORIES / "cost_with_markup" / "given"
    deployment.load(given / "catalog")
    deployment.land([given / "events.csv"], "received_at")
    deployment.rate("2026-06-01T00:00:00Z")
    document = rate_folder(
        given / "catalog", [given / "events.csv"], None, as_of="2026-06-01T00:00:00Z"
    )
    hashes = {each["invoice_id"]: each["content_hash"] for each in document["invoices"]}
    assert hashes
    assert hashes == dict(
        deployment.query("select invoice_id, content_hash from marts.fct_invoices")
    )


def test_amounts_have_exactly_the_digits_of_their_currency():
    given = STORIES / "yen_and_dinar" / "given"
    document = rate_folder(
        given / "catalog", [given / "events.csv"], None, as_of="2027-01-01T00:00:00Z"
    )
    shapes = {
        each["currency"]: {len(line["amount"].partition(".")[2]) for line in each["lines"]}
        for each in document["invoices"]
        if each["lines"]
    }
    assert shapes == {"JPY": {0}, "KWD": {3}}


def test_a_quantity_below_zero_is_reported():
    given = STORIES / "negative_usage" / "given"
    document = rate_folder(
        given / "catalog", [given / "events.csv"], None, as_of="2027-01-01T00:00:00Z"
    )
    schema().validate(document)
    assert document["reports"]["clamped_quantities"]


def test_a_refund_stands_beside_its_invoice():
    given = STORIES / "refunded_after_payment" / "given"
    document = rate_folder(
        given / "catalog",
        [given / "events.csv"] if (given / "events.csv").exists() else [],
        given / "facts.ndjson",
        as_of="2027-01-01T00:00:00Z",
    )
    refunded = {each["refunded_amount"] for each in document["reports"]["dues"]} - {None, "0.00"}
    assert refunded


def test_a_second_call_prints_the_same_and_nothing_is_left_behind(example, tmp_path, capsys):
    arguments = ("--events", str(example / "events.ndjson"), "--format", "json")
    assert rate(example, *arguments) == 0
    first = capsys.readouterr().out
    assert rate(example, *arguments) == 0
    assert capsys.readouterr().out == first
    assert not (tmp_path / "data").exists()
    assert list((tmp_path / "temporary").iterdir()) == []
    assert list((tmp_path / "here").iterdir()) == []


def test_what_cannot_be_read_is_told_and_reported_and_the_rest_is_rated(example, tmp_path, capsys):
    events = tmp_path / "events.ndjson"
    sound = (example / "events.ndjson").read_text(encoding="utf-8")
    events.write_text('{"payload": {}}\n' + sound, encoding="utf-8")

    assert rate(example, "--events", str(events), "--format", "json") == 0

    printed = capsys.readouterr()
    assert printed.err.startswith("not read: events.ndjson:1: missing_field: ")
    document = json.loads(printed.out)
    (record,) = document["reports"]["quarantined"]
    assert (record["file"], record["position"], record["raw_text"]) == (
        *("events.ndjson", 1),
        '{"payload": {}}',
    )
    assert [each["total_amount"] for each in document["invoices"]][:2] == ["1834.00", "334.00"]


def test_a_table_reads_like_an_invoice(example, capsys):
    assert rate(example, "--events", str(example / "events.ndjson")) == 0
    printed = capsys.readouterr().out
    assert "Invoice S-1-0001 (issued)  summaries@1.0.0" in printed
    assert (
        "period 2026-01-01 to 2026-02-01 (exclusive), known before 2026-02-01 01:00, UTC" in printed
    )
    assert re.search(
        r"2 +Summaries: First 1000 +1,000 +1\.5 +0\.00 +1,500\.00 +2026-01-01 to 2026-02-01",
        printed,
    )
    assert "total USD 1,834.00   due USD 1,834.00 by 2026-03-03, open" in printed
    late = r"Summaries, adjustment of S-1-0001 +100 +135\.00 +2026-01-01 to 2026-02-01"
    assert re.search(late, printed)
    assert "Invoice S-1-0003 (draft)" in printed
    assert "total USD 199.00   to be paid by 2026-05-01" in printed


def test_a_table_says_what_was_paid_voided_and_credited(capsys):
    given = STORIES / "credit_balance_used_oldest_first" / "given"
    assert run(*story_arguments(given)) == 0
    printed = capsys.readouterr().out
    assert "total USD -66.67   due USD 0.00, 66.67 to the payer's credit\n" in printed
    assert "total USD 40.00   due USD 13.33 after 26.67 of credit by 2026-07-05, open" in printed
    assert re.search(r"unused part of \S+-0000 +0\.666666666667 +-66\.67", printed)

    given = STORIES / "voided_invoices" / "given"
    assert run(*story_arguments(given), "--facts", str(given / "facts.ndjson")) == 0
    printed = capsys.readouterr().out
    assert "total USD 40.00   void: nothing is due\n" in printed


def test_a_table_has_the_days_of_the_billing_zone(capsys):
    given = STORIES / "dates_in_tokyo" / "given"
    assert run(*story_arguments(given)) == 0
    printed = capsys.readouterr().out
    assert "Asia/Tokyo" in printed
    assert "15:00" not in printed


def test_a_table_counts_copies_and_what_was_not_read(example, tmp_path, capsys):
    sound = (example / "events.ndjson").read_text(encoding="utf-8")
    other = sound.splitlines()[0].replace("1100", "7")
    events = tmp_path / "events.ndjson"
    events.write_text(f"{sound}{sound}{other}\nnonsense\n", encoding="utf-8")

    assert rate(example, "--events", str(events)) == 0

    printed = capsys.readouterr().out
    counts = dict(
        re.findall(r"^(\w+) +(?:\w+ +)?(\d+)\s*$", printed.partition("records")[2], re.MULTILINE)
    )
    assert counts == {"billable": "2", "duplicate": "2", "conflict": "1", "quarantined": "1"}


def test_no_event_is_needed(example, capsys):
    assert rate(example, "--format", "json", as_of="2026-02-01T01:00:00Z") == 0
    first, draft = json.loads(capsys.readouterr().out)["invoices"]
    assert (first["status"], first["total_amount"]) == ("issued", "199.00")
    assert draft["status"] == "draft"


def test_a_broken_catalogue_is_told_as_its_check_tells_it(example, capsys):
    path = example / "catalog" / "subscriptions.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("1.0.0", "1.0.1"), encoding="utf-8")
    try:
        assert rate(example) == run("catalog", "check", str(example / "catalog")) == 4
    finally:
        path.write_text(text, encoding="utf-8")
    printed = capsys.readouterr()
    told = printed.err.splitlines()
    assert told[0] == told[1]
    assert told[0].startswith("subscriptions.csv:2:")
    assert "summaries has no version '1.0.1'" in told[0]
    assert printed.out == ""


def test_a_wrong_fact_is_told_by_file_and_line(example, tmp_path, capsys):
    facts = tmp_path / "facts.ndjson"
    facts.write_text('{"fact": "gift"}\n', encoding="utf-8")
    assert rate(example, "--facts", str(facts)) == 4
    assert "facts.ndjson:1: fact 'gift' is none of payment" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("--as-of", "2026-03-01"), ("--events", "nowhere.ndjson")])
def test_a_mistake_of_the_call_is_told_before_anything_is_rated(example, arguments, capsys):
    as_of = () if "--as-of" in arguments else ("--as-of", "2026-03-01T00:00:00Z")
    assert run("rate", "--catalog", str(example / "catalog"), *as_of, *arguments) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_documented_facts_can_be_landed(example, capsys):
    assert run("land-facts", str(example / "facts.ndjson")) == 0
    assert "5 facts landed, 0 known already." in capsys.readouterr().err
    assert run("land-facts", str(example / "facts.ndjson")) == 0
    assert "0 facts landed, 5 known already." in capsys.readouterr().err
