import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ingest import keys, segment_landing
from ingest import lake as lake_files
from ingest.event import AiUsage, Event, Identity, Part, event_columns
from ingest.lake import METER_EVENTS
from ingest.landing import LandingError, LandingReport, LandingRules
from ingest.segment_landing import land_segments
from ingest.segments import MAX_LINE_BYTES, Batch, RefusedRecord
from ingest.settlements import lake_fingerprint, oldest_unlanded, record_settlement
from tests.ingest.appended import RECEIVED, batch_of, line, point, write
from tests.ingest.disks import small_disk
from tests.ingest.landed import Lake

NOW = RECEIVED + timedelta(minutes=1)
REFUSED = RefusedRecord("/meter/v2/events", "bad", "bad_time", "when?", "{}", '[{"field": "x"}]')


@pytest.fixture
def landing(lake: Lake) -> Path:
    return lake.root / "landing"


def land(lake: Lake, **said: Any) -> Sequence[LandingReport]:
    return land_segments(lake.root / "landing", lake.folder, **{"now": NOW, **said})


def test_an_event_lands_with_the_columns_that_a_file_would_give_it(
    lake: Lake, landing: Path
) -> None:
    who = Identity("sub-1", "secret", "key 1", "user-1", "a@x.org", "Acme", "Plan")
    usage = AiUsage("openai", "gpt", 10, 20, 3, None)
    said = {"text": 'a "quoted" \\ line\nand ü', "number": "12345678901.123456", "empty": ""}
    event = Event(
        source_kind="ai",
        source_id="bot",
        event_id="a",
        occurred_at=RECEIVED - timedelta(microseconds=1),
        identity=who,
        elements=said,
        ai=usage,
        sent_cost=Decimal("1234567890123.123456789012"),
        is_billing_skipped=True,
        part="request",
    )
    path = write(landing, [Batch([event.line("a", RECEIVED)])])

    (report,) = land(lake)

    (landed,) = lake.events()
    columns = event_columns(event, "a", RECEIVED) | {"segment_position": 2}
    expected = {name: value for name, value in columns.items() if name in METER_EVENTS.names}
    expected["elements"] = dict(expected["elements"])  # type: ignore[call-overload] # pairs of a map
    expected["element_numbers"] = dict(expected["element_numbers"])  # type: ignore[call-overload] # pairs of a map
    assert dict(landed) == expected
    assert (report.read_count, report.landed_count) == (1, 1)
    (segment,) = lake.table("segments")
    assert segment["segment_id"] == path.stem
    assert segment["first_received_at"] == segment["last_received_at"] == RECEIVED


def test_the_files_of_segments_and_of_files_have_one_schema(lake: Lake, landing: Path) -> None:
    write(landing, [Batch([line("a")], points=[point("1", RECEIVED)])])
    land(lake)
    lake.land(lake.write('{"transactionId":"b","payload":{}}'), LandingRules())
    files = [path for path in lake.folder.rglob("*.parquet") if "meter_events" in str(path)]
    schemas = {
        tuple(sorted((field.name, str(field.type)) for field in pq.read_schema(file)))
        for file in files
    }
    assert len(files) == 3
    assert len(schemas) == 1


def test_what_was_read_is_landed_or_a_duplicate_or_quarantined(lake: Lake, landing: Path) -> None:
    write(landing, [Batch([line("a"), line("b")], {"key": ("email", "a@x.org")}, [REFUSED])])
    write(landing, [batch_of("b", "c")], RECEIVED + timedelta(seconds=1))

    first, second = land(lake)
    write(landing, [batch_of("c")], RECEIVED + timedelta(seconds=2))
    (later,) = land(lake)

    assert (first.read_count, first.landed_count, first.quarantined_count) == (3, 2, 1)
    assert (first.duplicate_count, dict(first.reasons)) == (0, {"bad_time": 1})
    assert (second.read_count, second.landed_count, second.duplicate_count) == (2, 1, 1)
    # What came earlier is looked through by the warehouse, not at every landing.
    assert (later.landed_count, later.duplicate_count) == (1, 0)
    (refused,) = lake.table("quarantine")
    assert refused["received_at"] == RECEIVED
    assert (refused["endpoint"], refused["code"]) == ("/meter/v2/events", "bad")
    assert (refused["fields"], refused["segment_position"]) == (REFUSED.fields, 2)
    (person,) = lake.table("identifiers")
    assert (person["identifier_key"], person["value"]) == ("key", "a@x.org")


def test_a_landing_reads_no_events_of_earlier_ones(lake: Lake, landing: Path) -> None:
    write(landing, [batch_of("a")])
    land(lake)
    for file in (lake.folder / "meter_events").glob("*/20*.parquet"):
        file.write_bytes(b"no Parquet")
    write(landing, [batch_of("a", "b")], RECEIVED + timedelta(seconds=1))
    (report,) = land(lake)
    assert report.landed_count == 2


@pytest.mark.parametrize("settled", [False, True])
def test_nothing_is_known_later_than_it_landed(lake: Lake, landing: Path, *, settled: bool) -> None:
    """The clock was a year ahead when it was received."""
    ahead = RECEIVED + timedelta(days=365)
    if settled:
        record_settlement(lake.folder, as_of=RECEIVED, build_id="b", settled_at=RECEIVED)
    write(landing, [Batch([line("a", ahead)])], ahead)
    land(lake)
    (event,) = lake.events()
    assert (event["received_at"], event["known_at"]) == (ahead, NOW)


def test_the_longest_line_that_is_taken_can_be_landed(lake: Lake, landing: Path) -> None:
    short = line("a", note="")
    longest = line("a", note="x" * (MAX_LINE_BYTES - len(short)))
    assert len(longest) == MAX_LINE_BYTES
    refused = replace(REFUSED, detail="\x01" * (2 << 20))
    write(landing, [Batch([longest], refused=[refused])])
    (report,) = land(lake)
    assert (report.landed_count, report.quarantined_count) == (1, 1)


def test_landings_of_a_new_lake_at_the_same_time_do_not_meet(lake: Lake, landing: Path) -> None:
    write(landing, [batch_of("a")])
    with ProcessPoolExecutor(4, get_context("spawn")) as others:
        landings = [others.submit(land_segments, landing, lake.folder, now=NOW) for _ in range(8)]
        reports = [report for each in landings for report in each.result()]
    assert [report.landed_count for report in reports] == [1]
    assert not [*lake.folder.rglob("_*.tmp")]


def test_halves_of_a_call_are_no_duplicates_of_one_another(lake: Lake, landing: Path) -> None:
    parts: Sequence[Part] = ("request", "response", "response")
    halves = [
        Event("api", "api", "a", RECEIVED, Identity(), {}, part=part).line("a", RECEIVED)
        for part in parts
    ]
    write(landing, [Batch(halves)])
    (report,) = land(lake)
    assert (report.landed_count, report.duplicate_count) == (2, 1)


def test_a_segment_that_was_received_around_midnight_lies_under_both_days(
    lake: Lake, landing: Path
) -> None:
    midnight = RECEIVED.replace(hour=0)
    events = [line("a", midnight - timedelta(microseconds=1)), line("b", midnight)]
    path = write(landing, [Batch(events)])
    land(lake)
    assert [name for name in lake.files() if "meter_events" in name] == [
        f"meter_events/received_date=2026-02-28/{path.stem}.parquet",
        f"meter_events/received_date=2026-03-01/{path.stem}.parquet",
    ]
    assert [row["event_id"] for row in lake.events()] == ["a", "b"]


def test_landing_again_changes_nothing(lake: Lake, landing: Path) -> None:
    path = write(landing, [Batch([line("a")], points=[point("1", RECEIVED)], refused=[REFUSED])])
    content = path.read_bytes()
    land(lake)
    files, events, fingerprint = lake.files(), lake.events(), lake_fingerprint(lake.folder)
    assert not path.exists()
    assert (landing / "landed" / path.name).read_bytes() == content

    path.write_bytes(content)
    (again,) = land(lake, now=NOW + timedelta(days=1))

    assert again.was_landed_before
    assert again.duplicate_count == 2
    assert (lake.files(), lake.events()) == (files, events)
    assert lake_fingerprint(lake.folder) == fingerprint
    assert not path.exists()


def test_landed_segments_are_deleted_where_that_is_asked_for(lake: Lake, landing: Path) -> None:
    write(landing, [batch_of("a")])
    land(lake, is_kept=False)
    assert [path for path in landing.rglob("*") if path.is_file()] == []


def test_what_a_dead_server_left_open_is_repaired_and_landed(lake: Lake, landing: Path) -> None:
    path = write(landing, [batch_of("a"), batch_of("b")])
    whole = path.read_bytes()
    path.unlink()
    (landing / "open" / path.name).write_bytes(whole[:-1])
    land(lake)
    assert [row["event_id"] for row in lake.events()] == ["a"]
    assert oldest_unlanded(landing, now=NOW) is None


def test_what_a_settlement_has_passed_became_known_by_its_landing(
    lake: Lake, landing: Path
) -> None:
    record_settlement(lake.folder, as_of=RECEIVED, build_id="build", settled_at=NOW)
    after = RECEIVED + timedelta(microseconds=1)
    write(landing, [Batch([line("by then", RECEIVED), line("later", after)])])
    land(lake)
    by_then, later = lake.events()
    assert (by_then["received_at"], by_then["known_at"]) == (RECEIVED, NOW)
    assert later["received_at"] == later["known_at"] == after


def test_on_a_slow_clock_what_is_late_is_still_later_than_what_is_settled(
    lake: Lake, landing: Path
) -> None:
    record_settlement(lake.folder, as_of=NOW, build_id="build", settled_at=NOW)
    write(landing, [batch_of("a")])
    land(lake, now=NOW - timedelta(hours=1))
    (row,) = lake.events()
    assert row["known_at"] > NOW


def test_a_damaged_segment_is_named_and_holds_up_none_but_settlements(
    lake: Lake, landing: Path
) -> None:
    damaged = write(landing, [batch_of("a")])
    content = damaged.read_bytes()
    damaged.write_bytes(content.replace(b'"seats":"1"', b'"seats":"9"'))
    write(landing, [batch_of("b")], RECEIVED + timedelta(seconds=1))
    with pytest.raises(LandingError, match=f"{damaged.name} can't be landed: .* at byte 0"):
        land(lake)
    assert [row["event_id"] for row in lake.events()] == ["b"]
    assert oldest_unlanded(landing, now=NOW) == RECEIVED


@pytest.mark.parametrize(
    ("batch", "problem"),
    [
        (Batch([b'{"event_id": "a", "received_at": "soon"}']), "soon"),
        (Batch([b'{"said": "nothing"}']), "0 events are read; 1 are there"),
        (Batch(points=[line("a")]), "0 metric points are read; 1 are there"),
    ],
)
def test_lines_that_are_no_events_land_nothing(
    lake: Lake, landing: Path, batch: Batch, problem: str
) -> None:
    path = write(landing, [batch])
    with pytest.raises(LandingError, match=problem):
        land(lake)
    assert path.exists()
    assert lake.events() == []


# -- Metric points


def increases(lake: Lake) -> dict[Any, list[Decimal]]:
    found: dict[Any, list[Decimal]] = {}
    for row in sorted(lake.events(), key=lambda row: (row["occurred_at"], row["event_id"])):
        assert Decimal(row["elements"]["calls"]) == row["element_numbers"]["calls"]
        assert row["is_billing_skipped"] == (row["element_numbers"]["calls"] == 0)
        found.setdefault(row["occurred_at"], []).append(row["element_numbers"]["calls"])
    return found


def minutes(*offsets: int) -> list[Any]:
    return [RECEIVED - timedelta(hours=1) + timedelta(minutes=offset) for offset in offsets]


def test_a_counter_adds_what_it_grew_by_however_often_it_is_read(lake: Lake, landing: Path) -> None:
    first, second, third = minutes(0, 1, 2)
    write(landing, [Batch(points=[point("10", first), point("25.5", second)])])
    # A flush and a shutdown send the last reading twice.
    again = [point("25.5", second), point("25.5", second), point("30", third), point("30", third)]
    write(landing, [Batch(points=again)], RECEIVED + timedelta(seconds=1))
    land(lake)
    zero = Decimal(0)
    assert increases(lake) == {
        first: [Decimal(10)],
        second: [Decimal("15.5"), zero, zero],
        third: [Decimal("4.5"), zero],
    }


def test_a_reading_that_comes_late_or_below_another_adds_nothing(lake: Lake, landing: Path) -> None:
    first, second, third = minutes(0, 1, 2)
    write(landing, [Batch(points=[point("30", second)])])
    write(landing, [Batch(points=[point("10", first), point("7", third)])], NOW)
    land(lake)
    assert [sum(each) for each in increases(lake).values()] == [0, 30, 0]


def test_the_sum_of_a_counter_is_its_reading_whatever_the_order_of_segments(lake: Lake) -> None:
    readings = [str(value) for value in (3, 1, 4, 15, 9, 26, 5, 35)]
    times = minutes(*range(8))
    for place in (5, 0, 7, 2, 4, 1, 6, 3):
        batch = Batch(points=[point(readings[place], times[place])])
        write(lake.root / "landing", [batch], RECEIVED + timedelta(seconds=place))
        land(lake)
    assert sum(each[0] for each in increases(lake).values()) == 35


def test_series_are_counted_apart_and_every_copy_of_a_point_is_an_event(
    lake: Lake, landing: Path
) -> None:
    (at,) = minutes(0)
    copies = [point("5", at, key="a"), point("5", at, key="a"), point("7", at, key="b")]
    write(landing, [Batch([line("an event", calls="1")], points=copies)])
    (report,) = land(lake)
    assert (report.landed_count, report.duplicate_count) == (4, 0)
    rows = lake.events()
    assert [row["element_numbers"]["calls"] for row in rows] == [1, 5, 0, 7]
    for row in rows:
        assert row["event_key"] == keys.event_key(row["source_id"], row["event_id"])
        assert (row["elements"].get("unit") == "1") == (row["source_id"] == "otlp")


def test_readings_are_gathered_before_there_are_too_many_files(
    lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_landing, "MAX_READINGS_FILES", 3)
    for minute in range(12):
        batch = Batch(points=[point(str(minute), *minutes(minute), key=f"k{minute % 2}")])
        write(landing, [batch], RECEIVED + timedelta(seconds=minute))
        land(lake)
        assert len([name for name in lake.files() if "series_readings" in name]) <= 3
    assert sum(sum(each) for each in increases(lake).values()) == 10 + 11


# -- Crashes


class Killed(BaseException):
    """The process ends here."""


class FileOperations:
    """Counts what is done to files, and ends at one of them."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.count = 0

    def counted(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: object, **named: object) -> object:
            self.count += 1
            if self.count == self.last:
                raise Killed
            return operation(*arguments, **named)

        return counted


OPERATIONS = [
    *((Path, name) for name in ("replace", "rename", "unlink")),
    *((os, name) for name in ("fsync", "ftruncate")),
    *((pq.ParquetWriter, name) for name in ("write_table", "close")),
]


def content_of(lake: Lake) -> dict[str, Any]:
    """Return the rows of every file of the lake."""
    return {name: lake_files.read(lake.folder / name).to_pylist() for name in lake.files()}


def visible_in(content: dict[str, Any]) -> int:
    """Return how many events a settlement sees: those of listed segments."""
    listed = [row["segment_id"] for name in content if "segments/" in name for row in content[name]]
    rows = [row for name in content if "meter_events/" in name for row in content[name]]
    return sum(row["segment_id"] in listed for row in rows)


def killed_landings(start: Path, root: Path) -> Iterator[Lake]:
    """Yield copies of a deployment in which a landing ended at its 1st, 2nd, … file operation."""
    for last in range(1, 1_000):
        lake = Lake(root / f"killed-{last}")
        shutil.copytree(start, lake.root)
        operations = FileOperations(last)
        with pytest.MonkeyPatch.context() as patched:
            for owner, name in OPERATIONS:
                patched.setattr(owner, name, operations.counted(getattr(owner, name)))
            try:
                land(lake)
            except Killed:
                pass
            else:
                return
        yield lake


def test_a_landing_that_ends_anywhere_shows_whole_segments_and_is_repeated_cleanly(
    tmp_path: Path,
) -> None:
    start = Lake(tmp_path / "start")
    lake_files.prepare(start.folder)
    folder = start.root / "landing"
    midnight = RECEIVED.replace(hour=0)
    events = [line("a", midnight - timedelta(seconds=1)), line("b", midnight)]
    points = [point("4", midnight, midnight), point("9", midnight, midnight)]
    people = {"key": ("email", "a@x.org")}
    write(folder, [Batch(events, people, [REFUSED], points)])
    left = write(folder, [batch_of("c"), batch_of("d")], RECEIVED + timedelta(seconds=1))
    left.rename(folder / "open" / left.name)
    with (folder / "open" / left.name).open("ab") as file:
        file.write(b'{"frame":"0000')
    expected = Lake(tmp_path / "expected")
    shutil.copytree(start.root, expected.root)
    land(expected)
    content = content_of(expected)
    assert visible_in(content) == 6

    count = 0
    for lake in killed_landings(start.root, tmp_path):
        assert visible_in(content_of(lake)) in (0, 4, 6)
        land(lake)
        assert content_of(lake) == content
        assert oldest_unlanded(lake.root / "landing", now=NOW) is None
        assert len([*(lake.root / "landing" / "landed").iterdir()]) == 2
        shutil.rmtree(lake.root)
        count += 1
    assert count > 30


def test_a_disk_that_fills_is_a_landing_that_fails(
    lake: Lake, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    lake_files.prepare(lake.folder)
    path = write(landing, [batch_of("a")])
    with monkeypatch.context() as patched:
        patched.setattr(pq.ParquetWriter, "write_table", fail)
        with pytest.raises(LandingError, match="No space left on device"):
            land(lake)
    assert path.exists()
    land(lake)
    assert len(lake.events()) == 1


def test_a_landing_on_a_full_disk_fails_and_succeeds_once_there_is_room(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "data")
    with small_disk(lake.root, "1m"):
        landing = lake.root / "landing"
        path = write(landing, [batch_of(*(f"e{number}" for number in range(500)))])
        lake_files.prepare(lake.folder)
        ballast = lake.root / "ballast"
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(lake.root).free)
        with pytest.raises(LandingError, match="No space left on device"):
            land(lake)
        assert path.exists()
        ballast.unlink()
        (report,) = land(lake)
        assert report.landed_count == len(lake.events()) == 500
        assert oldest_unlanded(landing, now=NOW) is None
