import json
from typing import Any

import duckdb
import pytest

from streamlit_app import snapshot
from tests.streamlit_app.published import OpenPage, Publish


def test_before_the_first_publication_the_page_says_how_to_begin(open_page: OpenPage) -> None:
    page = open_page()
    assert not page.exception
    assert page.code[0].value == "make demo"


def test_a_new_publication_shows_on_the_next_rerun(publish: Publish, open_page: OpenPage) -> None:
    publish("first")
    page = open_page()
    publish("second", ["update marts.rpt_usage_daily set event_count = 2 * event_count"])
    page.run()
    assert {tile.label: tile.value for tile in page.metric}["Events metered"] == "26"
    assert "build second" in page.sidebar.caption[-1].value


def test_an_open_snapshot_may_be_deleted(publish: Publish, open_page: OpenPage) -> None:
    serving = publish("first")
    page = open_page()
    (serving / "serving-first.duckdb").unlink()
    assert page.run().metric
    publish("second")
    assert page.run().metric


def test_a_pointer_to_a_deleted_snapshot_is_read_once_more(
    publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = publish("first")
    (serving / "serving-first.duckdb").unlink()
    connect = duckdb.connect

    def publish_then_connect(*args: Any, **kwargs: Any) -> duckdb.DuckDBPyConnection:
        monkeypatch.setattr(duckdb, "connect", connect)
        publish("second")
        return connect(*args, **kwargs)

    monkeypatch.setattr(duckdb, "connect", publish_then_connect)
    assert snapshot.find_snapshot() == str(serving / "serving-second.duckdb")


@pytest.mark.parametrize("pointer", ['{"file": "serving-gone.duckdb"}', "{}", "no JSON"])
def test_a_bad_pointer_is_an_error_that_names_it(
    publish: Publish, open_page: OpenPage, pointer: str
) -> None:
    (publish() / "CURRENT").write_text(pointer, encoding="utf-8")
    page = open_page()
    assert not page.exception
    assert "CURRENT" in page.error[0].value
    assert "Settle again" in page.error[0].value


def test_a_mart_that_is_missing_is_an_error_not_an_empty_page(
    publish: Publish, open_page: OpenPage
) -> None:
    publish(changes=["drop table marts.rpt_usage_daily"])
    page = open_page()
    assert not page.exception
    assert "rpt\\_usage\\_daily" in page.error[0].value


@pytest.mark.parametrize("page_file", [None, "app_pages/invoices.py"])
def test_a_failed_settlement_is_said_on_every_page(
    publish: Publish, open_page: OpenPage, page_file: str | None
) -> None:
    marker = {
        "reason": "\x1b[31mlines do not sum\x1b[0m",
        "as_of": "2026-04-01T01:00:00Z",
        "failed_at": "2026-04-01T03:05:00+02:00",
    }
    (publish() / "STALE").write_text(json.dumps(marker), encoding="utf-8")
    page = open_page(page_file)
    assert "Stale: last good build 2f9c, as of 01 Mar 2026 01:00 UTC" in page.warning[0].value
    assert "failed at 01 Apr 2026 01:05 UTC" in page.warning[0].value
    assert page.code[0].value == "lines do not sum"
    assert page.metric


def test_failed_checks_are_counted_at_the_foot(publish: Publish, open_page: OpenPage) -> None:
    publish(changes=["update meta.build set checks_passed = 210"])
    assert open_page().sidebar.caption[-1].value.endswith("checks 210/212 ✗ 2 failed")


def test_the_snapshot_can_be_neither_written_nor_left(publish: Publish) -> None:
    publish()
    file = snapshot.find_snapshot()
    assert file is not None
    for statement in (
        "delete from marts.fct_invoices",
        "select * from read_csv('/etc/hostname')",
        "set enable_external_access = true",
    ):
        with pytest.raises(snapshot.SnapshotError):
            snapshot.fetch(file, statement, {})
