"""What the lake holds of a catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ingest.catalog.schemas import TABLES, Table
from ingest.catalog.tables import TableRow


@dataclass(frozen=True)
class Stored:
    """A table in the lake: its rows in the order in which they became known, and the last per key.

    `rows` and `latest` are mappings of columns to values.
    """

    table: Table
    rows: list[dict[str, Any]]
    latest: Mapping[tuple[Any, ...], dict[str, Any]]

    def latest_of(self, row: TableRow) -> dict[str, Any] | None:
        """Return the lake's last row about the same as a new one."""
        return self.latest.get(self.table.key_of(row.values))

    def unknown_of(self, rows: list[TableRow]) -> list[TableRow]:
        """Return the rows that are not there, the first known first.

        A row that stands alone is compared with the last one about the same: a value that was
        changed and is now changed back has to be recorded again. Several about the same tell
        its history, and each is looked for in it.
        """
        told: dict[tuple[Any, ...], int] = {}
        for row in rows:
            key = self.table.key_of(row.values)
            told[key] = told.get(key, 0) + 1
        history = {(row["row_hash"], moment) for row in self.rows for moment in _moments(row)}
        unknown = []
        for row in sorted(rows, key=lambda row: row.order_known):
            latest = self.latest_of(row)
            row_hash = row.values["row_hash"]
            is_last = latest is not None and latest["row_hash"] == row_hash
            is_told = told[self.table.key_of(row.values)] > 1
            if not ((row_hash, row.stated_at) in history if is_told else is_last):
                unknown.append(row)
        return unknown


def _moments(row: Mapping[str, Any]) -> tuple[Any, ...]:
    # A row that does not say when it became known is met by its content alone.
    return row["recorded_at"], None


def read_stored(lake: Path) -> dict[str, Stored]:
    """Return all tables of the catalogue by name."""
    return {table.name: _read(lake, table) for table in TABLES}


def scan(lake: Path, table: Table) -> pl.DataFrame:
    """Return all rows of a table, in the order of its files.

    A column that was added later is null in what was written before.
    """
    files = sorted((lake / table.name).glob("*.parquet"))
    if not files:
        return pl.DataFrame(schema=table.schema)
    return pl.read_parquet(files, schema=table.schema, missing_columns="insert")


def _read(lake: Path, table: Table) -> Stored:
    rows = scan(lake, table).sort("recorded_at").to_dicts()
    return Stored(table, rows, {table.key_of(row): row for row in rows})
