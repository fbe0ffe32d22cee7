"""Where a deployment keeps its data."""

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class DataPaths:
    """The folders below one data root; nothing is created by naming them."""

    root: Path

    @property
    def inbox(self) -> Path:
        """Files dropped here are landed by the landing sensor."""
        return self.root / "inbox"

    @property
    def archive(self) -> Path:
        """Files of the inbox after they were landed."""
        return self.root / "archive"

    @property
    def landing(self) -> Path:
        """Append-only segments that were acknowledged: `open`, waiting to be landed, `landed`."""
        return self.root / "landing"

    @property
    def api(self) -> Path:
        """What the processes of the metering API share: answers by Idempotency-Key."""
        return self.root / "api"

    @property
    def keys(self) -> Path:
        """The API keys as hashes, and the secret that they are hashed with."""
        return self.root / "keys"

    @property
    def lake(self) -> Path:
        """The record: one folder of immutable Parquet files per table."""
        return self.root / "lake"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that settlements write; it can always be rebuilt from the lake."""
        return self.root / "warehouse.duckdb"

    @property
    def serving(self) -> Path:
        """Published, read-only snapshots and the pointer to the current one."""
        return self.root / "serving"


def data_paths() -> DataPaths:
    """Return the paths below `METERHOUSE_DATA`, by default `data` in the project's root."""
    return DataPaths(Path(os.environ.get("METERHOUSE_DATA") or PROJECT_ROOT / "data").resolve())


def keeps_landed_segments() -> bool:
    """Return whether segments are kept once they are landed: METERHOUSE_LANDED_SEGMENTS says it.

    Raises:
        ValueError: it is neither `keep`, the default, nor `delete`.
    """
    said = os.environ.get("METERHOUSE_LANDED_SEGMENTS") or "keep"
    if said not in ("keep", "delete"):
        raise ValueError(f"METERHOUSE_LANDED_SEGMENTS is '{said}'; set it to keep or delete")
    return said == "keep"
