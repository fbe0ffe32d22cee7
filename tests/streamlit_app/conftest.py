from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.streamlit_app.published import ROOT, OpenPage, Publish, publish_snapshot


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Publish a build, with changes to its rows; return the folder of snapshots."""
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path))
    serving = tmp_path / "serving"

    def publish(build_id: str = "2f9c", changes: Sequence[str] = ()) -> Path:
        publish_snapshot(serving, build_id, changes)
        return serving

    return publish


@pytest.fixture
def open_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    """Open a page, by default the first one, at an address."""
    monkeypatch.setenv("METERHOUSE_DATA", str(tmp_path))

    def open_page(page: str | None = None, **address: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "streamlit_app" / "app.py"), default_timeout=30)
        if page is not None:
            app.run()
            app.switch_page(page)
        app.query_params.update(address)
        return app.run()

    yield open_page
    st.cache_data.clear()
    st.cache_resource.clear()
