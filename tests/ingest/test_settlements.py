from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest import lake
from ingest.paths import DataPaths
from ingest.settlements import (
    SettlementError,
    format_as_of,
    lake_fingerprint,
    oldest_unlanded,
    parse_as_of,
    record_settlement,
    refuse_unsettleable,
    watermark,
)
from tests.ingest.landed import NOW, Lake

FEBRUARY = datetime(2026, 2, 1, 1, tzinfo=UTC)


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path)


def settled(paths: DataPaths, as_of: datetime) -> None:
    record_settlement(paths.lake, as_of=as_of, build_id="build", settled_at=NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T01:00:00Z", "2026-03-01T01:00:00.000000Z"),
        ("2026-03-01T01:00:00+00:00", "2026-03-01T01:00:00.000000Z"),
        ("2026-03-01T06:30:00+05:30", "2026-03-01T01:00:00.000000Z"),
        ("2026-03-01 01:00Z", "2026-03-01T01:00:00.000000Z"),
        ("2026-03-01T01:00:00.123456Z", "2026-03-01T01:00:00.123456Z"),
    ],
)
def test_as_of_is_an_instant_with_an_offset_and_has_one_form(text: str, expected: str) -> None:
    as_of = parse_as_of(text)
    assert format_as_of(as_of) == expected
    assert parse_as_of(expected) == as_of


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-03-01", "2026-03-01T01:00:00", "2026-02-30T00:00:00Z"),
        *("0001-01-01T00:00:00+14:00", "2026-03-01T01:00:00Z --", "'; drop table x"),
    ],
)
def test_an_as_of_that_could_mean_several_instants_is_refused(text: str) -> None:
    with pytest.raises(SettlementError, match="write it like 2026-03-01T01:00:00Z"):
        parse_as_of(text)


def test_the_watermark_is_the_latest_settled_instant(paths: DataPaths) -> None:
    assert watermark(paths.lake) is None
    lake.prepare(paths.lake)
    assert watermark(paths.lake) is None
    settled(paths, FEBRUARY)
    settled(paths, FEBRUARY - timedelta(days=31))
    assert watermark(paths.lake) == FEBRUARY


def test_a_settlement_is_noted_once_and_its_note_never_changes(paths: DataPaths) -> None:
    settled(paths, FEBRUARY)
    record_settlement(paths.lake, as_of=FEBRUARY, build_id="later", settled_at=NOW)
    rows = lake.read_all(paths.lake / "settlements").to_pylist()
    assert [row["build_id"] for row in rows] == ["build"]


def test_the_future_can_t_be_settled(paths: DataPaths) -> None:
    refuse_unsettleable(paths, NOW, now=NOW)
    with pytest.raises(SettlementError, match="lies in the future"):
        refuse_unsettleable(paths, NOW + timedelta(microseconds=1), now=NOW)


def test_what_is_settled_can_be_settled_again_but_not_what_was_before(paths: DataPaths) -> None:
    settled(paths, FEBRUARY)
    refuse_unsettleable(paths, FEBRUARY, now=NOW)
    with pytest.raises(SettlementError, match=r"before 2026-02-01T01:00:00.*METERHOUSE_DATA"):
        refuse_unsettleable(paths, FEBRUARY - timedelta(microseconds=1), now=NOW)


def test_a_segment_that_is_acknowledged_but_not_landed_holds_the_close(paths: DataPaths) -> None:
    assert oldest_unlanded(paths.landing, now=NOW) is None
    paths.landing.mkdir()
    (paths.landing / "20260201T010500000000Z-b.ndjson").touch()
    (paths.landing / "20260201T005959500000Z-a.ndjson").touch()
    opened = datetime(2026, 2, 1, 0, 59, 59, 500_000, tzinfo=UTC)
    assert oldest_unlanded(paths.landing, now=NOW) == opened

    with pytest.raises(SettlementError, match=r"from 2026-02-01T00:59:59\.500000Z.*land it first"):
        refuse_unsettleable(paths, FEBRUARY, now=NOW)
    with pytest.raises(SettlementError, match=r"from 2026-02-01T00:59:59\.500000Z"):
        refuse_unsettleable(paths, opened, now=NOW)
    refuse_unsettleable(paths, opened - timedelta(microseconds=1), now=NOW)


def test_a_segment_that_is_appended_to_holds_the_close_once_it_has_content(
    paths: DataPaths,
) -> None:
    folder = paths.landing / "open"
    folder.mkdir(parents=True)
    path = folder / "20260201T005959500000Z-a.ndjson"
    path.touch()
    assert oldest_unlanded(paths.landing, now=NOW) is None
    path.write_bytes(b"{")
    with pytest.raises(SettlementError, match="A server that runs seals what it is writing"):
        refuse_unsettleable(paths, FEBRUARY, now=NOW)


def test_a_segment_of_the_future_holds_every_close(paths: DataPaths) -> None:
    """A clock that was ahead named it; when it was received nobody knows."""
    paths.landing.mkdir()
    (paths.landing / "20270201T005959500000Z-a.ndjson").touch()
    with pytest.raises(SettlementError, match="land it first"):
        refuse_unsettleable(paths, FEBRUARY, now=NOW)


def test_a_file_that_is_no_segment_is_named_and_holds_the_close_too(paths: DataPaths) -> None:
    paths.landing.mkdir()
    (paths.landing / "exported.ndjson").touch()
    with pytest.raises(SettlementError, match=r"exported\.ndjson is no segment"):
        refuse_unsettleable(paths, FEBRUARY, now=NOW)


def test_the_fingerprint_changes_with_a_new_file_only(paths: DataPaths) -> None:
    landed = Lake(paths.root)
    line = '{"transactionId":"a","payload":{}}'
    landed.land(landed.write(line))
    before = lake_fingerprint(paths.lake)

    landed.land(landed.write(line))
    settled(paths, FEBRUARY)
    lake.stage(lake.SEGMENTS.empty_table(), paths.lake / "segments" / "unfinished.parquet")
    assert lake_fingerprint(paths.lake) == before

    landed.land(landed.write('{"transactionId":"b","payload":{}}'))
    assert lake_fingerprint(paths.lake) != before
