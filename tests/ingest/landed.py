"""A lake of its own, and files that are landed in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from ingest.landing import LandingReport, LandingRules, land_file

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIXTURES = Path(__file__).parent / "fixtures"
AS_IT_IS = LandingRules()
SAMPLES = ("ai_completions", "api_meter", "events")


@dataclass(frozen=True)
class Lake:
    """A folder with a lake in it, beside the files that are landed."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "lake"

    def write(self, content: bytes | str, name: str = "events.ndjson") -> Path:
        path = self.root / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def land(
        self, path: Path, rules: LandingRules = AS_IT_IS, now: datetime = NOW
    ) -> LandingReport:
        return land_file(path, self.folder, now=now, rules=rules)

    def events(self) -> Sequence[Mapping[str, Any]]:
        """Return what a settlement sees: the events of listed segments."""
        return self._rows(
            "select * exclude (segment_id) from read_parquet($events, hive_partitioning = false)"
            " where segment_id in (select segment_id from read_parquet($segments))"
            " order by segment_position"
        )

    def table(self, name: str) -> Sequence[Mapping[str, Any]]:
        return self._rows(f"select * from read_parquet('{self.folder}/{name}/[!_]*.parquet')")

    def text_of(self, name: str) -> str:
        """Return every value of a table's files, whatever their compression, as one text."""
        files = sorted((self.folder / name).rglob("*.parquet"))
        return "\n".join(str(pq.ParquetFile(file).read().to_pylist()) for file in files)

    def files(self) -> Sequence[str]:
        return sorted(
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*.parquet")
            if path.name != "schema.parquet"
        )

    def _rows(self, sql: str) -> Sequence[Mapping[str, Any]]:
        names = {
            "events": f"{self.folder}/meter_events/*/[!_]*.parquet",
            "segments": f"{self.folder}/segments/[!_]*.parquet",
        }
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            used = {name: glob for name, glob in names.items() if f"${name}" in sql}
            found = connection.execute(sql, used)
            columns = [column[0] for column in found.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
