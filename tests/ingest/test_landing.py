import csv
import gzip
import json
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import keys, landing
from ingest.event import CLOCK_SKEW
from ingest.landing import LandingError, LandingRules, inbox_files, quarantined_records
from ingest.records import FileFormatError
from ingest.settlements import record_settlement
from tests.ingest.landed import FIXTURES, NOW, SAMPLES, Lake

GOLDEN = Path(__file__).parent / "golden"
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)


def event(event_id: str | None, **said: Any) -> dict[str, Any]:
    identity: dict[str, Any] = {} if event_id is None else {"transactionId": event_id}
    return identity | {"requestTime": "2026-01-01T00:00:00Z", "payload": {"seats": 1}} | said


def ndjson(records: Sequence[Any]) -> bytes:
    return "".join(f"{json.dumps(record)}\n" for record in records).encode()


def zstd(content: bytes) -> bytes:
    compressed: bytes = pa.compress(content, "zstd", asbytes=True)
    return compressed


def gzip_file(records: Sequence[Any], path: Path) -> None:
    path.write_bytes(gzip.compress(ndjson(records)))


def zstd_file(records: Sequence[Any], path: Path) -> None:
    path.write_bytes(zstd(ndjson(records)))


def ndjson_file(records: Sequence[Any], path: Path) -> None:
    path.write_bytes(ndjson(records))


def parquet_file(records: Sequence[Any], path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(list(records)), path)


def csv_file(records: Sequence[Any], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["transactionId", "requestTime", "payload.seats"])
        for record in records:
            row = (record["transactionId"], record["requestTime"], record["payload"]["seats"])
            writer.writerow(row)


FORMATS: dict[str, Callable[[Sequence[Any], Path], None]] = {
    "plain.ndjson": ndjson_file,
    "gzip.ndjson.gz": gzip_file,
    "zstd.ndjson.zst": zstd_file,
    "table.csv": csv_file,
    "table.parquet": parquet_file,
}


@pytest.mark.parametrize(("name", "write"), FORMATS.items(), ids=FORMATS)
def test_what_is_read_is_landed_or_a_duplicate_or_quarantined(
    name: str, write: Callable[[Sequence[Any], Path], None], lake: Lake
) -> None:
    records = [event(f"tx-{number}") for number in range(10)]
    records += [event("tx-3"), event("tx-4"), event("late", requestTime="2026-01-01T00:00:00")]
    write(records, lake.root / name)

    report = lake.land(lake.root / name)

    assert (report.read_count, report.landed_count) == (13, 10)
    assert (report.duplicate_count, report.quarantined_count) == (2, 1)
    assert report.reasons == {"time_without_offset": 1}
    assert not report.was_landed_before
    assert len(lake.events()) == 12
    (segment,) = lake.table("segments")
    counts = (segment["read_count"], segment["landed_count"], segment["quarantined_count"])
    assert counts == (13, 12, 1)
    assert segment["file_name"] == name
    assert segment["first_received_at"] == segment["last_received_at"] == NOW


@pytest.mark.parametrize("sample", SAMPLES)
def test_recorded_lines_land_whole(sample: str, lake: Lake) -> None:
    path = FIXTURES / f"{sample}.ndjson"
    lines = path.read_bytes().splitlines()
    report = lake.land(path)
    assert report.landed_count == report.read_count == len(lines)
    assert [row["event_id"] for row in lake.events()] == [
        json.loads(line)["transactionId"] for line in lines
    ]


def test_landing_a_file_again_changes_nothing(lake: Lake) -> None:
    path = lake.write(ndjson([event("a"), event("a"), {"x": 1}]))
    first = lake.land(path)
    files = lake.files()
    before = [(lake.folder / name).stat().st_mtime_ns for name in files]

    again = lake.land(path.rename(lake.root / "renamed.ndjson"), now=NOW + timedelta(days=1))

    assert (first.landed_count, first.duplicate_count, first.quarantined_count) == (1, 1, 1)
    assert again.was_landed_before
    assert (again.read_count, again.landed_count, again.duplicate_count) == (3, 0, 2)
    assert again.quarantined_count == 1
    assert lake.files() == files
    assert [(lake.folder / name).stat().st_mtime_ns for name in files] == before


def test_the_same_events_in_another_file_are_duplicates(lake: Lake) -> None:
    records = [event(f"tx-{number}") for number in range(5)]
    lake.land(lake.write(ndjson(records), "one.ndjson"))
    report = lake.land(lake.write(ndjson([*records[::-1], event("new")]), "two.ndjson"))
    assert (report.landed_count, report.duplicate_count) == (1, 5)


def test_an_identity_with_other_content_is_kept_beside_the_first(lake: Lake) -> None:
    lake.land(lake.write(ndjson([event("tx", payload={"value": 1000})]), "one.ndjson"))
    report = lake.land(lake.write(ndjson([event("tx", payload={"value": 1})]), "two.ndjson"))
    assert (report.landed_count, report.duplicate_count) == (0, 1)
    copies = lake.events()
    assert len({row["event_key"] for row in copies}) == 1
    assert len({row["content_hash"] for row in copies}) == 2


def test_an_event_id_of_another_source_is_another_event(lake: Lake) -> None:
    records = [event("b-c", sourceId="a"), event("c", sourceId="a-b"), event("c", sourceId="a")]
    assert lake.land(lake.write(ndjson(records))).landed_count == 3


def test_every_received_date_has_its_own_file(lake: Lake) -> None:
    times = ["2026-01-01T23:59:59Z", "2026-01-02T00:00:00Z", "2026-01-02T01:00:00+02:00"]
    records = [event(str(number), receivedAt=time) for number, time in enumerate(times)]
    lake.land(lake.write(ndjson(records)), LandingRules(received_at="receivedAt"))
    folders = [Path(name).parent.name for name in lake.files() if name.startswith("meter_events")]
    assert folders == ["received_date=2026-01-01", "received_date=2026-01-02"]
    (segment,) = lake.table("segments")
    assert segment["first_received_at"] == datetime(2026, 1, 1, 23, 0, tzinfo=UTC)
    assert segment["last_received_at"] == datetime(2026, 1, 2, tzinfo=UTC)


def test_a_file_without_a_record_was_read_and_found_empty(lake: Lake) -> None:
    report = lake.land(lake.write(b""))
    assert (report.read_count, report.was_landed_before) == (0, False)
    assert [row["read_count"] for row in lake.table("segments")] == [0]
    assert lake.land(lake.write(b"")).was_landed_before


def cut_short_at(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process die at a rename: the first `count` went through."""
    rename = Path.replace
    renamed: list[Path] = []

    def replace(self: Path, target: Path) -> Path:
        if len(renamed) == count:
            raise InterruptedError
        renamed.append(target)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)


def test_a_landing_cut_short_anywhere_is_invisible_and_completes_later(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "SEGMENT_RECORDS", 2)
    days = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]
    records = [
        *(event(str(day), receivedAt=day, subscriberId="anna") for day in days),
        {"broken": True},
        event("last", receivedAt=days[0]),
    ]
    path = lake.write(ndjson(records))
    rules = LandingRules(received_at="receivedAt")
    lake.land(lake.write(b"", "empty.ndjson"))
    complete = Lake(lake.root / "complete")
    complete.root.mkdir()
    expected = complete.land(path, rules)
    renames = len(complete.files())

    for count in range(renames):
        with monkeypatch.context() as patched:
            cut_short_at(count, patched)
            with pytest.raises(InterruptedError):
                lake.land(path, rules)
        assert lake.events() == []
        assert list(quarantined_records(lake.folder)) == []

    assert lake.land(path, rules) == expected
    assert (expected.read_count, expected.landed_count, expected.duplicate_count) == (5, 4, 0)
    assert lake.events() == complete.events()
    assert lake.land(path, rules).was_landed_before


def test_a_landing_cut_short_yesterday_leaves_no_second_copy_of_an_event(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lake.write(ndjson([event("a"), event("b")]))
    lake.land(lake.write(b"", "empty.ndjson"))
    with monkeypatch.context() as patched:
        cut_short_at(1, patched)
        with pytest.raises(InterruptedError):
            lake.land(path, now=NOW - timedelta(days=1))
    assert [name for name in lake.files() if "2026-11-20" in name]

    report = lake.land(path)

    assert (report.landed_count, report.duplicate_count) == (2, 0)
    assert [(row["event_id"], row["received_at"]) for row in lake.events()] == [
        ("a", NOW),
        ("b", NOW),
    ]


def test_a_record_that_was_refused_by_a_landing_cut_short_has_one_fate(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lake.write(ndjson([event("ahead", requestTime=NOW.isoformat()), event("a")]))
    lake.land(lake.write(b"", "empty.ndjson"))
    with monkeypatch.context() as patched:
        cut_short_at(2, patched)
        with pytest.raises(InterruptedError):
            lake.land(path, now=NOW - timedelta(days=1))
    assert [name for name in lake.files() if name.startswith("quarantine")]

    assert lake.land(path).landed_count == 2
    assert list(quarantined_records(lake.folder)) == []


def test_what_was_cut_short_makes_no_duplicates_of_another_file(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.land(lake.write(b"", "empty.ndjson"))
    with monkeypatch.context() as patched:
        cut_short_at(1, patched)
        with pytest.raises(InterruptedError):
            lake.land(lake.write(ndjson([event("a")])))
    report = lake.land(lake.write(ndjson([event("a"), event("b")]), "other.ndjson"))
    assert (report.landed_count, report.duplicate_count) == (2, 0)


def test_a_segment_that_is_no_longer_listed_is_landed_again(lake: Lake) -> None:
    path = lake.write(ndjson([event("a"), event("b")]))
    lake.land(path)
    visible = lake.events()
    (listing,) = (lake.folder / name for name in lake.files() if name.startswith("segments"))
    listing.unlink()
    assert lake.events() == []

    assert lake.land(path).landed_count == 2
    assert lake.events() == visible


def test_a_file_of_several_segments_is_counted_as_one(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "SEGMENT_RECORDS", 4)
    seen: list[int] = []
    path = lake.write(ndjson([event(str(number % 7)) for number in range(10)]))
    report = landing.land_file(path, lake.folder, now=NOW, progress=seen.append)
    assert (report.read_count, report.landed_count, report.duplicate_count) == (10, 7, 3)
    assert [row["read_count"] for row in lake.table("segments")] == [4, 4, 2]
    assert sorted(row["segment_position"] for row in lake.events()) == list(range(1, 11))
    assert seen == [10]
    assert lake.land(path).read_count == 10


@pytest.mark.parametrize("compress", [gzip.compress, zstd])
def test_a_file_that_is_cut_short_lands_nothing(
    compress: Callable[[bytes], bytes], lake: Lake
) -> None:
    whole = compress(ndjson([event(str(number)) for number in range(2_000)]))
    path = lake.write(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError, match="nothing of it was landed"):
        lake.land(path)
    assert lake.files() == []
    assert lake.land(lake.write(whole)).landed_count == 2_000


def test_records_without_an_id_are_refused_one_by_one(lake: Lake) -> None:
    report = lake.land(lake.write(ndjson([event(None), event("a"), event("")])))
    assert (report.landed_count, report.reasons) == (1, {"missing_field": 2})
    details = {row["detail"] for row in quarantined_records(lake.folder)}
    assert len(details) == 1
    assert "--identity content or position" in str(details.pop())


def test_ids_made_from_content_make_equal_records_one_event(lake: Lake) -> None:
    rules = LandingRules(identification="content")
    report = lake.land(lake.write(ndjson([event(None), event(None), event("a")])), rules)
    assert (report.landed_count, report.duplicate_count) == (2, 1)
    other = lake.write(ndjson([{"x": 1}, event(None)]), "other.ndjson")
    assert lake.land(other, rules).duplicate_count == 1


def test_ids_made_from_the_position_keep_equal_records_apart(lake: Lake) -> None:
    rules = LandingRules(identification="position")
    path = lake.write(ndjson([event(None), event(None), event("a")]))
    assert lake.land(path, rules).landed_count == 3
    assert lake.land(path, rules).was_landed_before
    assert lake.land(lake.write(path.read_bytes() + b"\n"), rules).duplicate_count == 3


def test_received_now_is_the_landing_instant(lake: Lake) -> None:
    lake.land(lake.write(ndjson([event("a"), event("b", requestTime=None)])))
    first, second = lake.events()
    assert first["received_at"] == second["received_at"] == first["known_at"] == NOW
    assert (first["occurred_at"], second["occurred_at"]) == (JANUARY, NOW)


def test_received_as_occurred_is_the_event_s_own_time(lake: Lake) -> None:
    records = [
        event("a"),
        event("no time", requestTime=None),
        event("ahead", requestTime=(NOW + timedelta(seconds=1)).isoformat()),
    ]
    report = lake.land(lake.write(ndjson(records)), LandingRules(received_at="occurred"))
    assert report.reasons == {"missing_field": 1, "future": 1}
    (row,) = lake.events()
    assert row["received_at"] == row["occurred_at"] == row["known_at"] == JANUARY


def test_received_by_a_field_is_what_the_field_says_and_no_element(lake: Lake) -> None:
    records = [
        event("a", receivedAt="2026-01-01T00:05:00Z"),
        event("missing"),
        event("no offset", receivedAt="2026-01-01T00:05:00"),
        event("after the landing", receivedAt="2027-01-01T00:00:00Z"),
        {
            "provider": "p",
            "model": "m",
            "transactionId": "ai",
            "receivedAt": "2026-01-02T00:00:00Z",
        },
    ]
    report = lake.land(lake.write(ndjson(records)), LandingRules(received_at="receivedAt"))
    assert report.reasons == {"missing_field": 1, "time_without_offset": 1, "future": 1}
    rows = {row["event_id"]: row for row in lake.events()}
    assert rows["a"]["received_at"] == JANUARY + timedelta(minutes=5)
    assert rows["ai"]["occurred_at"] == JANUARY + timedelta(days=1)
    assert set(rows["ai"]["elements"]) == {"provider", "model"}


def test_more_than_five_minutes_ahead_of_the_receipt_is_the_future(lake: Lake) -> None:
    edge = NOW + CLOCK_SKEW
    records = [
        event("at the edge", requestTime=edge.isoformat()),
        event("beyond", requestTime=(edge + timedelta(microseconds=1)).isoformat()),
        event("far", requestTime="9999-12-31T23:59:59Z"),
    ]
    report = lake.land(lake.write(ndjson(records)))
    assert report.reasons == {"future": 2}
    assert [row["event_id"] for row in lake.events()] == ["at the edge"]


def test_a_historical_load_before_the_watermark_is_refused_whole(lake: Lake) -> None:
    settled = JANUARY + timedelta(days=31)
    record_settlement(lake.folder, as_of=settled, build_id="b", settled_at=settled)
    files = lake.files()
    exactly = event("edge", requestTime=settled.isoformat())
    later = (settled + timedelta(microseconds=1)).isoformat()
    path = lake.write(ndjson([event("early"), exactly, event("in time", requestTime=later)]))
    with pytest.raises(LandingError, match=r"2 events .* 2026-02-01T00:00:00Z.*nothing was landed"):
        lake.land(path, LandingRules(received_at="occurred"))
    assert lake.files() == files

    assert lake.land(path).landed_count == 3
    after = lake.write(ndjson([event("after", requestTime=later)]), "after.ndjson")
    assert lake.land(after, LandingRules(received_at="occurred")).landed_count == 1


def test_a_told_form_is_taken_for_every_record(lake: Lake) -> None:
    records = [event("a", provider="p", model="m")]
    lake.land(lake.write(ndjson(records)), LandingRules(form="ai"))
    assert [row["source_kind"] for row in lake.events()] == ["ai"]


def test_people_and_secrets_are_in_no_file_of_events(lake: Lake) -> None:
    called = {"method": "GET", "responseCode": 200}
    subscriber = {
        "id": "subscriber-4711",
        "email": "Anna@Example.com",
        "credential": {"name": "laptop", "value": "sk-secret-1"},
    }
    records = [
        event("generic", subscriber=subscriber),
        event("ai", subscriber=subscriber) | {"provider": "p", "model": "m", "payload": {}},
        {"transactionId": "ai2", "provider": "p", "model": "m", "subscriber": subscriber},
        {"transactionId": "api", "application": "sk-secret-2", "subscriber": subscriber} | called,
        {"transactionId": "api2", "subscriberEmail": "bert@example.com"} | called,
        {"transactionId": "flat", "provider": "p", "model": "m", "subscriberId": "subscriber-0815"}
        | {"subscriberEmail": "bert@example.com", "subscriberCredential": "sk-secret-3"},
    ]
    assert lake.land(lake.write(ndjson(records))).landed_count == len(records)

    personal = re.compile(r"example\.com|subscriber-\d|sk-secret", re.IGNORECASE)
    assert not personal.search(lake.text_of("meter_events"))
    assert not personal.search(lake.text_of("segments"))
    assert keys.email_key("anna@example.com") in lake.text_of("meter_events")
    identifiers = {
        (row["kind"], row["value"], row["identifier_key"]) for row in lake.table("identifiers")
    }
    assert identifiers == {
        ("subscriber", "subscriber-4711", keys.subscriber_key("subscriber-4711")),
        ("subscriber", "subscriber-0815", keys.subscriber_key("subscriber-0815")),
        ("email", "Anna@Example.com", keys.email_key("anna@example.com")),
        ("email", "bert@example.com", keys.email_key("bert@example.com")),
    }


def test_numbers_at_the_edge_of_what_fits_land(lake: Lake) -> None:
    most = {"most": "9999999999999.9999994", "more": "9999999999999.9999996", "less": "-1e-6"}
    records = [
        event("elements", payload=most),
        {"transactionId": "cost", "provider": "p", "model": "m", "totalCost": "9999999999999.99"},
        {"transactionId": "more", "provider": "p", "model": "m", "totalCost": "1e13"},
    ]
    report = lake.land(lake.write(ndjson(records)))
    assert report.reasons == {"bad_cost": 1}
    assert set(lake.events()[0]["element_numbers"]) == {"most", "less"}


def test_every_broken_line_is_kept_with_its_reason_and_its_text(lake: Lake) -> None:
    lines = (GOLDEN / "broken_events.ndjson").read_bytes().splitlines()
    report = lake.land(GOLDEN / "broken_events.ndjson")
    kept = {int(row["position"]): row for row in quarantined_records(lake.folder)}

    expected = json.loads((GOLDEN / "broken_events.expected.json").read_text(encoding="utf-8"))
    assert [
        {key: kept[position][key] for key in ("position", "reason", "detail")}
        for position in sorted(kept)
    ] == expected
    assert len(expected) >= 20
    assert report.landed_count + report.quarantined_count == report.read_count == len(lines)
    assert sum(report.reasons.values()) == report.quarantined_count
    for position, row in kept.items():
        line = lines[position - 1]
        assert row["raw_text"] == line.decode("utf-8", "backslashreplace")
        assert row["file"] == "broken_events.ndjson"
    landed = {row["segment_position"] for row in lake.events()}
    assert landed | set(kept) == set(range(1, len(lines) + 1))


def test_a_raw_text_is_kept_whole_however_long(lake: Lake) -> None:
    lake.land(lake.write("x" * 200_000))
    (row,) = quarantined_records(lake.folder)
    assert row["raw_text"] == "x" * 200_000


def test_a_file_read_by_other_rules_is_still_the_same_file(lake: Lake) -> None:
    path = lake.write('{"payload": {"units": 1}}')
    first = lake.land(path, rules=LandingRules(identification="position"))
    second = lake.land(path, rules=LandingRules(identification="content"))
    assert (first.landed_count, second.landed_count) == (1, 0)
    assert second.was_landed_before


def test_what_lands_after_a_settlement_has_begun_is_known_after_it(lake: Lake) -> None:
    record_settlement(lake.folder, as_of=NOW + timedelta(seconds=10), build_id="b", settled_at=NOW)
    lake.land(lake.write('{"transactionId": "e", "payload": {"units": 1}}'))
    (event,) = lake.events()
    assert event["known_at"] == NOW + timedelta(seconds=10, microseconds=1)


def test_a_file_of_the_inbox_is_taken_once_it_is_no_longer_written(tmp_path: Path) -> None:
    assert inbox_files(tmp_path / "none", NOW) == []
    for name, age in [("b.ndjson", 60), ("a.csv", 6), ("new.ndjson", 1), ("_x", 60), (".x", 60)]:
        path = tmp_path / name
        path.touch()
        os.utime(path, (NOW.timestamp() - age,) * 2)
    (tmp_path / "folder").mkdir()
    assert [path.name for path in inbox_files(tmp_path, NOW)] == ["a.csv", "b.ndjson"]


JSON_LINES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["transactionId", "requestTime", "payload", "provider", "model", "method", "responseCode"]
NAMES += ["elements", "subscriber", "totalCost", "currentMillis", "sourceId", "inputTokenCount"]
RECORDS = st.dictionaries(st.sampled_from(NAMES), JSON_LINES, max_size=8) | st.fixed_dictionaries(
    {"transactionId": st.text(min_size=1), "payload": st.dictionaries(st.text(), JSON_LINES)}
)
LINES = st.binary(max_size=40) | RECORDS.map(lambda record: json.dumps(record).encode())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.binary(max_size=200) | st.lists(LINES, max_size=6).map(b"\n".join),
    name=st.sampled_from(["a.ndjson", "a.ndjson", "a.csv"]),
)
def test_whatever_bytes_are_given_no_record_is_lost(
    content: bytes, name: str, tmp_path: Path
) -> None:
    lake = Lake(Path(tempfile.mkdtemp(dir=tmp_path)))
    try:
        report = lake.land(lake.write(content, name))
    except FileFormatError:
        assert lake.files() == []
        return
    kept = list(quarantined_records(lake.folder))
    counted = report.landed_count + report.duplicate_count + report.quarantined_count
    assert report.read_count == counted == len(lake.events()) + len(kept)
    assert all(row["reason"] for row in kept)
    assert (
        len({(row["source_id"], row["event_id"]) for row in lake.events()}) == report.landed_count
    )
