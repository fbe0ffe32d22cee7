"""Invoices that went out: frozen in the lake, and what a build is held against."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from ingest import lake


@dataclass(frozen=True)
class Difference:
    """An issued invoice that a build has otherwise; `rebuilt_amount` is None where it is gone."""

    invoice_id: str
    currency: str
    issued_amount: Decimal
    rebuilt_amount: Decimal | None

    def __str__(self) -> str:
        """Name the invoice with both totals."""
        issued, rebuilt = _shown(self.issued_amount), _shown(self.rebuilt_amount)
        return f"{self.invoice_id} ({self.currency} {issued} -> {rebuilt})"


def _shown(amount: Decimal | None) -> str:
    """Return an amount without the zeros that only the width of its column gives it."""
    return "gone" if amount is None else re.sub(r"0{1,2}$", "", f"{amount:.4f}")


def differences(lake_folder: Path, build: duckdb.DuckDBPyConnection) -> list[Difference]:
    """Return the issued invoices that the marts of a build have otherwise, or not at all."""
    lake.prepare(lake_folder)
    rows = build.execute(
        """
        select before.invoice_id, before.currency, before.total_amount, after.total_amount
        from read_parquet($issued) as before
        left join marts.fct_invoices as after
            on before.invoice_id = after.invoice_id and after.status <> 'draft'
        where after.content_hash is distinct from before.content_hash
        order by before.invoice_id
        """,
        {"issued": _files(lake_folder)},
    ).fetchall()
    return [Difference(*row) for row in rows]


def freeze(
    lake_folder: Path, build: duckdb.DuckDBPyConnection, *, code_version: str, issued_in: str
) -> None:
    """Keep what a build issues for the first time, in one new file that never changes.

    Freezing the same build again finds nothing new, so a publication may be repeated.

    Args:
        lake_folder: the lake.
        build: a database with the marts of the build.
        code_version: which rules rated.
        issued_in: the name of the snapshot that the invoices go out with.
    """
    lake.prepare(lake_folder)
    issued = build.sql(
        """
        select
            invoices.*,
            settlement.as_of,
            settlement.build_id,
            settlement.catalog_version,
            $code_version as code_version,
            $issued_in as issued_in
        from marts.fct_invoices as invoices
        cross join marts.rpt_settlement as settlement
        where
            invoices.status <> 'draft'
            and invoices.invoice_id not in (select invoice_id from read_parquet($issued))
        order by invoices.invoice_id
        """,
        params={
            "code_version": code_version,
            "issued_in": issued_in,
            "issued": _files(lake_folder),
        },
    ).to_arrow_table()
    new = issued.select(lake.ISSUED_INVOICES.names)
    if new.num_rows:
        path = lake_folder / "issued_invoices" / f"{Path(issued_in).stem}.parquet"
        lake.write(new.cast(lake.ISSUED_INVOICES), path)


def issued_ids(lake_folder: Path) -> Sequence[str]:
    """Return the ids of all invoices that went out, sorted."""
    lake.prepare(lake_folder)
    ids: list[str] = lake.read_all(lake_folder / "issued_invoices")["invoice_id"].to_pylist()
    return sorted(ids)


def _files(lake_folder: Path) -> str:
    return f"{lake_folder}/issued_invoices/[!_]*.parquet"
