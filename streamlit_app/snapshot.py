"""Finds the published snapshot of the marts and reads from it; nothing here can write."""

import json
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeAlias

import duckdb
import polars as pl
import streamlit as st

Parameter: TypeAlias = str | int | date | list[str] | None

PROJECT_ROOT = Path(__file__).resolve().parents[1]


class SnapshotError(Exception):
    """The published snapshot cannot be read; the message says what failed and what to do."""


@dataclass(frozen=True)
class Staleness:
    """Why the newest settlement was not published; both instants are in UTC."""

    reason: str
    as_of: datetime
    failed_at: datetime


def serving_folder() -> Path:
    """Return where snapshots are published: `serving` below `METERHOUSE_DATA`."""
    return Path(os.environ.get("METERHOUSE_DATA") or PROJECT_ROOT / "data").resolve() / "serving"


def find_snapshot() -> str | None:
    """Return the path of the current snapshot, opened; None before anything was published.

    Publishing may delete an older file between our reading its name and opening it, so that a name
    without a file is looked up once more.
    """
    file = _named_file()
    if file is not None and not _opens(file):
        file = _named_file()
        if file is not None and not _opens(file):
            raise SnapshotError(
                f"{serving_folder() / 'CURRENT'} names {Path(file).name}, which cannot be opened. "
                "Settle again to publish a new snapshot."
            )
    return file


def find_staleness() -> Staleness | None:
    """Return why the snapshot is not that of the newest settlement; None if it is."""
    file = serving_folder() / "STALE"
    try:
        marker = json.loads(file.read_text(encoding="utf-8"))
        return Staleness(marker["reason"], _instant(marker["as_of"]), _instant(marker["failed_at"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"{file} cannot be read: {error!r}. Settle again.") from error


# The file's name is part of the key: a new publication has a new name, so it never shows old rows.
@st.cache_data(ttl="10m", max_entries=256, show_spinner=False)
def fetch(file: str, query: str, parameters: Mapping[str, Parameter]) -> pl.DataFrame:
    """Return the rows of a query on a snapshot, decimals as decimals."""
    try:
        # A connection shared by threads loses rows; a cursor is a connection of its own.
        with closing(_connection(file).cursor()) as cursor:
            rows: pl.DataFrame = cursor.sql(query, params=dict(parameters)).pl()
            return rows
    except duckdb.Error as error:
        raise SnapshotError(f"{Path(file).name} cannot answer: {error}") from error


def _instant(text: str) -> datetime:
    said = datetime.fromisoformat(text)
    return said.replace(tzinfo=said.tzinfo or UTC).astimezone(UTC)


def _named_file() -> str | None:
    pointer = serving_folder() / "CURRENT"
    try:
        name = json.loads(pointer.read_text(encoding="utf-8"))["file"]
        return str(pointer.parent / Path(name).name)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotError(
            f"{pointer} cannot be read: {error!r}. Settle again to publish a new snapshot."
        ) from error


def _opens(file: str) -> bool:
    try:
        _connection(file)
    except duckdb.IOException:
        return False
    return True


def _close(connection: duckdb.DuckDBPyConnection) -> None:
    connection.close()


@st.cache_resource(max_entries=2, on_release=_close, show_spinner=False)
def _connection(file: str) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        file,
        read_only=True,
        config={
            "enable_external_access": False,
            "python_enable_replacements": False,
            "lock_configuration": True,
        },
    )
