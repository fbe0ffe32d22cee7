"""The catalogue's way into the lake: append only, and never against what has been settled."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from ingest.catalog.check import check_catalog
from ingest.catalog.drafts import ID_DIGITS
from ingest.catalog.problems import CatalogError
from ingest.catalog.refusals import read_settled, refusals, shown_instant
from ingest.catalog.schemas import TABLES
from ingest.catalog.stored import read_stored, scan
from ingest.catalog.tables import TableRow, compile_rows, frame


@dataclass(frozen=True)
class LoadReport:
    """What a load did, in rows per table.

    `rows_known` were in the lake already; `kept` are in the lake and no longer in the catalogue.
    `version` names the lake's catalogue after the load.
    """

    rows_new: Mapping[str, int]
    rows_known: Mapping[str, int]
    kept: Mapping[str, int]
    version: str


def load_catalog(
    folder: Path,
    lake: Path,
    *,
    recorded_at: datetime | None,
    watermark: datetime | None,
    dry_run: bool = False,
) -> LoadReport:
    """Append what is new in a catalogue to the lake; a second load of the same writes nothing.

    Args:
        folder: The catalogue.
        lake: The lake; made if it is not there.
        recorded_at: When the new rows became known. None means as valid: when they begin to hold.
        watermark: The latest instant that has been settled; None if there is none.
        dry_run: Check and count, and write nothing.

    Raises:
        CatalogError: The catalogue is broken, or a change would alter what has been settled or
            could not be told from what it replaces. Nothing has been written.
    """
    rows = compile_rows(check_catalog(folder), recorded_at=recorded_at)
    stored = read_stored(lake)
    new = {name: stored[name].unknown_of(rows[name]) for name in rows}
    if problems := list(refusals(new, stored, read_settled(lake, watermark))):
        raise CatalogError(problems)
    if not dry_run:
        _append(lake, new, recorded_at)
    return LoadReport(
        rows_new={name: len(new[name]) for name in new},
        rows_known={name: len(rows[name]) - len(new[name]) for name in new},
        kept={
            table.name: len(
                stored[table.name].latest.keys()
                - {table.key_of(row.values) for row in rows[table.name]}
            )
            for table in TABLES
        },
        version=catalog_version(lake),
    )


def catalog_version(lake: Path) -> str:
    """Return the name of all that the lake's catalogue says, whenever it was recorded.

    People are left out: erasing one does not change what is billed.
    """
    hashes = [
        row_hash
        for table in TABLES
        if not table.is_personal
        for row_hash in scan(lake, table).get_column("row_hash")
    ]
    return _digest(sorted(hashes))


def _append(lake: Path, new: Mapping[str, list[TableRow]], recorded_at: datetime | None) -> None:
    hashes = [
        f"{row.values['row_hash']} {shown_instant(row.values['recorded_at'])}"
        for rows in new.values()
        for row in rows
    ]
    stamp = f"{recorded_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}" if recorded_at else "as-valid"
    load_id = f"{stamp}-{_digest(sorted(hashes))}"
    for table in TABLES:
        schema = lake / table.name / "schema.parquet"
        if not schema.is_file():
            _write(frame(table, ()), schema)
        if new[table.name]:
            _write(frame(table, new[table.name]), lake / table.name / f"{load_id}.parquet")


def _write(content: pl.DataFrame, path: Path) -> None:
    """Put a Parquet file into place, whole and lasting, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # DuckDB reads every file that ends in .parquet, one beginning with an underscore too.
    unfinished = path.with_name(f"_{path.name}.unfinished")
    with unfinished.open("wb") as file:
        content.write_parquet(file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    for folder in (path.parent, path.parent.parent):
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:ID_DIGITS]
