"""The catalogue's way into the lake: append only, and never against what has been settled."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from ingest.catalog.check import check_catalog
from ingest.catalog.problems import CatalogError, Location, Problem
from ingest.catalog.schemas import TABLES, Table
from ingest.catalog.tables import ID_DIGITS, TableRow, compile_rows, frame

_EFFECTIVE_FROM: Location = ("product", "effective_from")
_SETTLED_COLUMNS = {
    "started_at": "started_at",
    "product_id": "product",
    "organization_id": "organization_id",
}


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


@dataclass(frozen=True)
class _Stored:
    """What the lake holds of a table: all rows, and the one last recorded per key."""

    rows: list[dict[str, Any]]
    latest: dict[tuple[Any, ...], dict[str, Any]]


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
    stored = {table.name: _read(lake, table) for table in TABLES}
    new = {
        table.name: [row for row in rows[table.name] if not _is_known(table, row, stored)]
        for table in TABLES
    }
    if problems := list(_refusals(new, stored, watermark)):
        raise CatalogError(problems)
    if not dry_run:
        _append(lake, new, recorded_at)
    return LoadReport(
        rows_new={name: len(new[name]) for name in new},
        rows_known={name: len(rows[name]) - len(new[name]) for name in new},
        kept={
            table.name: len(
                stored[table.name].latest.keys()
                - {_key(table, row.values) for row in rows[table.name]}
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
        for row_hash in _scan(lake, table).get_column("row_hash")
    ]
    return _digest(sorted(hashes))


def _scan(lake: Path, table: Table) -> pl.DataFrame:
    files = sorted((lake / table.name).glob("*.parquet"))
    return pl.read_parquet(files) if files else pl.DataFrame(schema=table.schema)


def _read(lake: Path, table: Table) -> _Stored:
    rows = _scan(lake, table).sort("recorded_at").to_dicts()
    return _Stored(rows, {_key(table, row): row for row in rows})


def _key(table: Table, values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(values[column] for column in table.key)


def _is_known(table: Table, row: TableRow, stored: Mapping[str, _Stored]) -> bool:
    # Compared with the latest row of its key alone: a value that was changed and is now changed
    # back has to be recorded again.
    latest = stored[table.name].latest.get(_key(table, row.values))
    return latest is not None and latest["row_hash"] == row.values["row_hash"]


def _refusals(
    new: Mapping[str, list[TableRow]],
    stored: Mapping[str, _Stored],
    watermark: datetime | None,
) -> Iterator[Problem]:
    for table in TABLES:
        if table.is_part_of_terms:
            continue  # recorded with its product, which is judged
        for row in new[table.name]:
            latest = stored[table.name].latest.get(_key(table, row.values))
            yield from _recording(row, latest, watermark)
    for row in new["catalog_products"]:
        yield from _terms(row, stored["catalog_products"].rows, watermark)
    if watermark is not None:
        for row, replaced in _changed("catalog_subscriptions", new, stored):
            yield from _subscription(row, replaced, watermark)
            yield from _end(row, replaced, "ended_at", watermark)
        for row, replaced in _changed("catalog_credentials", new, stored):
            yield from _end(row, replaced, "valid_to", watermark)


def _changed(
    name: str, new: Mapping[str, list[TableRow]], stored: Mapping[str, _Stored]
) -> Iterator[tuple[TableRow, Mapping[str, Any]]]:
    """Yield the new rows of a table that replace one, with the row that each replaces."""
    table = next(table for table in TABLES if table.name == name)
    for row in new[name]:
        latest = stored[name].latest.get(_key(table, row.values))
        if latest is not None:
            yield row, latest


def _recording(
    row: TableRow, latest: Mapping[str, Any] | None, watermark: datetime | None
) -> Iterator[Problem]:
    """Refuse knowledge that comes too late for what was settled, or that would not be the last."""
    recorded_at = row.values["recorded_at"]
    said = f"would be recorded at {_shown(recorded_at)}"
    if latest is not None and recorded_at <= latest["recorded_at"]:
        text = f"{said}, the lake's row that it replaces at {_shown(latest['recorded_at'])}"
        yield row.problem(f"{text}. Load the change with recorded_at set to now")
    elif watermark is not None and recorded_at < watermark:
        text = f"{said}, and all up to {_shown(watermark)} is settled without it"
        yield row.problem(f"{text}. Load it with recorded_at set to now")


def _terms(
    row: TableRow, stored: list[dict[str, Any]], watermark: datetime | None
) -> Iterator[Problem]:
    """Refuse terms that reach back into settled periods, or that change what never changes."""
    terms = row.values
    others = [other for other in stored if other["product_id"] == terms["product_id"]]
    if any(_settlement(other) != _settlement(terms) for other in others):
        zones = ", ".join(sorted({other["billing_zone"] for other in others}))
        text = f"a version keeps its period and time zone ({zones}). Give the product a new version"
        yield row.document.problem(("product", "settlement", "timezone"), text)
    if any(other["terms_id"] == terms["terms_id"] for other in others):
        text = "later terms replaced these very ones. Bring them back with a later effective_from"
        yield row.document.problem(_EFFECTIVE_FROM, text)
    elif others and watermark is not None and terms["valid_from"] < watermark:
        text = f"{terms['product_id']} is settled up to {_shown(watermark)} by the terms it has"
        remedy = "Let the new ones begin then or later"
        yield row.document.problem(_EFFECTIVE_FROM, f"{text}. {remedy}")


def _settlement(terms: Mapping[str, Any]) -> tuple[str, int, str]:
    return terms["period_unit"], terms["period_count"], terms["billing_zone"]


def _subscription(
    row: TableRow, latest: Mapping[str, Any], watermark: datetime
) -> Iterator[Problem]:
    if latest["started_at"] < watermark:
        for column, written in _SETTLED_COLUMNS.items():
            if row.values[column] != latest[column]:
                text = f"cannot change, the subscription is settled up to {_shown(watermark)}"
                remedy = "End it and start a new one"
                yield row.document.problem((written,), f"{text}. {remedy}")


def _end(
    row: TableRow, latest: Mapping[str, Any], column: str, watermark: datetime
) -> Iterator[Problem]:
    """Refuse an end that moves within what is settled: issued invoices would lose or gain usage."""
    ends = {row.values[column], latest[column]}
    if len(ends) > 1 and any(end is not None and end < watermark for end in ends):
        text = f"cannot move to or from an instant before {_shown(watermark)}, which is settled"
        yield row.document.problem((column,), f"{text}. Let it end then or later")


def _append(lake: Path, new: Mapping[str, list[TableRow]], recorded_at: datetime | None) -> None:
    hashes = [
        f"{row.values['row_hash']} {_shown(row.values['recorded_at'])}"
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


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
