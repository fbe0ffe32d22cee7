"""Billing stories: a catalogue and events are given, rows of the marts are expected.

All stories are billed in one deployment, so that they also show that nobody pays for another.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest

from ingest.paths import DataPaths
from tests.deployment import Deployment

# Among them instants at which something becomes known: the very closing, and the middle of a month.
SETTLEMENTS = (
    "2026-02-01T01:00:00Z",
    "2026-02-10T00:00:00Z",
    "2026-03-01T01:00:00Z",
    "2026-04-11T00:00:00Z",
    "2026-04-15T12:00:00Z",
    "2026-07-20T00:00:00Z",
    "2027-01-01T00:00:00Z",
)
STORIES = sorted(path.parent for path in (Path(__file__).parent / "scenarios").glob("*/given"))


@dataclass(frozen=True)
class Expectation:
    """A file of expected rows; an empty cell is null, a column that is left out may be anything."""

    mart: str
    columns: list[str]
    rows: list[list[str]]


@pytest.fixture(scope="module")
def billed(tmp_path_factory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse in which all stories are billed."""
    with pytest.MonkeyPatch.context() as environment:
        made = Deployment(DataPaths(tmp_path_factory.mktemp("stories") / "data"), environment)
        for story in STORIES:
            made.land_story(story / "given")
        made.rate("2027-01-01T00:00:00Z")
        with duckdb.connect(str(made.paths.warehouse)) as warehouse:
            yield warehouse


@pytest.fixture(scope="module")
def issued_in_time(tmp_path_factory) -> Iterator[dict[str, dict[str, str]]]:
    """The hashes of the invoices that are out at several instants, settled one after another."""
    with pytest.MonkeyPatch.context() as environment:
        made = Deployment(DataPaths(tmp_path_factory.mktemp("in_time") / "data"), environment)
        for story in STORIES:
            made.land_story(story / "given")
        issued = {}
        for as_of in SETTLEMENTS:
            made.rate(as_of)
            rows = made.query(
                "select invoice_id, content_hash from marts.fct_invoices where status <> 'draft'"
            )
            issued[as_of] = dict(rows)
        yield issued


def test_an_invoice_that_is_out_stays_as_it_is(issued_in_time):
    *earlier, last = SETTLEMENTS
    for as_of in earlier:
        changed = issued_in_time[as_of].items() - issued_in_time[last].items()
        assert issued_in_time[as_of], f"nothing is issued as of {as_of}"
        assert not changed, f"issued as of {as_of} and changed since: {sorted(changed)}"


def read_csv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def expectations(story: Path) -> list[Expectation]:
    paths = sorted((story / "expected").glob("*.csv"))
    assert paths, f"{story.name} expects nothing: add expected/<mart>.csv"
    return [expectation(path) for path in paths]


def expectation(path: Path) -> Expectation:
    columns, *rows = read_csv(path)
    assert rows, f"{path.parent.parent.name}: {path.name} has no rows: add them, or remove the file"
    return Expectation(path.stem, columns, rows)


def differences(
    warehouse: duckdb.DuckDBPyConnection, story: str, expected: Expectation
) -> list[str]:
    """Compare the story's rows of a mart, in the mart's own types."""
    columns = ", ".join(expected.columns)
    mart = f"marts.{expected.mart}"
    name = "event_id" if expected.mart == "fct_events" else "subscription_id"
    scope = f"starts_with({name}, '{story}-')"
    if expected.mart in {"fct_invoices", "fct_invoice_lines"}:
        issued = "select invoice_id from marts.fct_invoices where status <> 'draft'"
        scope += f" and invoice_id in ({issued})"
    warehouse.execute(
        f"create or replace temp table expected as select {columns} from {mart} limit 0"
    )
    places = ", ".join("?" for _ in expected.columns)
    warehouse.executemany(
        f"insert into expected values ({places})",
        [[value or None for value in row] for row in expected.rows],
    )
    wanted, found = "select * from expected", f"select {columns} from {mart} where {scope}"
    told = []
    for label, rows, others in (("missing", wanted, found), ("unexpected", found, wanted)):
        query = f"with rows as ({rows} except all {others}) select * from rows order by all"
        told += [
            f"{label} in {expected.mart}: {shown(expected.columns, row)}"
            for row in warehouse.execute(query).fetchall()
        ]
    return told


def shown(columns: list[str], row: tuple[object, ...]) -> str:
    return ", ".join(f"{column} {value}" for column, value in zip(columns, row, strict=True))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_story_ends_as_expected(billed, story):
    told = [line for each in expectations(story) for line in differences(billed, story.name, each)]

    assert not told, "\n".join([f"{story.name} ends otherwise:", *told])


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_what_is_compared_carries_the_name_of_its_story(story):
    for path, column in (
        ("catalog/subscriptions.csv", "subscription_id"),
        ("events.csv", "transactionId"),
    ):
        header, *rows = read_csv(story / "given" / path)
        ids = [row[header.index(column)] for row in rows]
        assert ids
        assert [each for each in ids if not each.startswith(f"{story.name}-")] == []


def test_what_rules_charge_for_events_adds_up_to_their_lines(billed):
    lines = billed.execute(
        """
        select lines.amount, round(sum(line_events.rule_amount), 2)
        from marts.fct_invoice_lines as lines
        left join marts.fct_line_events as line_events using (invoice_line_id)
        where lines.charged_kind = 'rule' and lines.currency = 'USD'
        group by lines.invoice_line_id, lines.amount
        """
    ).fetchall()
    assert len(lines) > 5
    assert [pair for pair in lines if pair[0] != pair[1]] == []


def test_a_wrong_figure_is_told(billed):
    story = next(story for story in STORIES if story.name == "summaries")
    right = next(each for each in expectations(story) if each.mart == "fct_invoices")
    wrong = replace(
        right,
        columns=["invoice_id", "total_amount"],
        rows=[["summaries-more-0001", "1969.01"], ["summaries-idle-0001", "199.00"]],
    )

    assert differences(billed, story.name, right) == []
    assert differences(billed, story.name, wrong) == [
        "missing in fct_invoices: invoice_id summaries-more-0001, total_amount 1969.0100",
        "unexpected in fct_invoices: invoice_id summaries-more-0001, total_amount 1969.0000",
        "unexpected in fct_invoices: invoice_id summaries-thousand-0001, total_amount 1699.0000",
    ]


def test_a_story_that_expects_nothing_is_refused(tmp_path):
    with pytest.raises(AssertionError, match="expects nothing"):
        expectations(tmp_path)
    (tmp_path / "expected").mkdir()
    (tmp_path / "expected" / "fct_invoices.csv").write_text("invoice_id\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"fct_invoices\.csv has no rows"):
        expectations(tmp_path)
