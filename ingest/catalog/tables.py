"""The catalogue compiled to the lake's tables: dated rows, each named by its content."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from ingest.catalog.drafts import drafts
from ingest.catalog.entries import Catalog
from ingest.catalog.files import Document
from ingest.catalog.problems import Problem
from ingest.catalog.rows import BEGINNING
from ingest.catalog.schemas import TABLES, Table


@dataclass(frozen=True)
class TableRow:
    """A complete row of a table, and the document that it was compiled from.

    `stated_at` is the `recorded_at` that the document says, None where the load says it.
    """

    values: Mapping[str, Any]
    document: Document
    stated_at: datetime | None

    @property
    def order_known(self) -> datetime:
        """What orders the rows about one thing; one that does not say when it came was first."""
        return self.stated_at or BEGINNING

    def problem(self, text: str) -> Problem:
        """Return a problem with the row as a whole."""
        return self.document.problem((), text)


def compile_tables(
    catalog: Catalog, *, recorded_at: datetime | None = None
) -> dict[str, pl.DataFrame]:
    """Return all tables of the catalogue by name, empty ones included.

    A row's `recorded_at` is the one that the catalogue gives it, else the argument, else (as valid)
    the row's own `valid_from`.
    """
    rows = compile_rows(catalog, recorded_at=recorded_at)
    return {table.name: frame(table, rows[table.name]) for table in TABLES}


def compile_rows(catalog: Catalog, *, recorded_at: datetime | None) -> dict[str, list[TableRow]]:
    """Return the rows that `compile_tables` puts into frames."""
    rows: dict[str, list[TableRow]] = {table.name: [] for table in TABLES}
    for entry, draft in drafts(catalog):
        stated_at = draft.recorded_at or entry.form.recorded_at
        values = {
            **draft.values,
            "valid_from": draft.valid_from,
            "recorded_at": stated_at or recorded_at or draft.valid_from,
            "row_hash": draft.content_hash(),
        }
        rows[draft.table].append(TableRow(values, entry.document, stated_at))
    return {table.name: _changes(table, rows[table.name]) for table in TABLES}


def _changes(table: Table, rows: list[TableRow]) -> list[TableRow]:
    """Return the rows without those that only repeat what was known before."""
    last: dict[tuple[Any, ...], str] = {}
    repeats = set()
    for row in sorted(rows, key=lambda row: row.order_known):
        key = table.key_of(row.values)
        if last.get(key) == row.values["row_hash"]:
            repeats.add(id(row))
        last[key] = row.values["row_hash"]
    return [row for row in rows if id(row) not in repeats]


def frame(table: Table, rows: Iterable[TableRow]) -> pl.DataFrame:
    """Return rows as a frame with the table's exact types."""
    return pl.DataFrame([row.values for row in rows], schema=table.schema)
