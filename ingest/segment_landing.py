"""Sealed segments become files of the lake: one typed copy each, exactly once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest import lake, segments
from ingest.landing import LandingError, LandingReport, duplicates, report_of
from ingest.segment_writing import repair
from ingest.segments import SegmentError
from ingest.settlements import landing_instant, watermark

# More files of readings than these are gathered in one.
MAX_READINGS_FILES = 100
_THREADS = 2
_ROWS_AT_ONCE = 50_000
# Longer than an event's line can be, and than what is told of a refused record: DuckDB reads no
# file with a longer one.
_LONGEST_LINE = 16 << 20
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
# A line's maps are taken apart by DuckDB and put together by Arrow: DuckDB would look each map
# through for keys that are there twice, which takes longer than all the rest, and its own writer
# of Parquet is slow with maps. Here no key is there twice: an event is made of dictionaries.
_MAPS = ("elements", "element_numbers")
_TYPES = {
    pa.string(): "varchar",
    pa.int64(): "bigint",
    pa.bool_(): "boolean",
    lake.INSTANT: "timestamptz",
    lake.COST: "decimal(25, 12)",
    **{lake.METER_EVENTS.field(name).type: "json" for name in _MAPS},
}
# What the landing adds to what a line says, and DuckDB's type of that.
_ADDED = ("segment_id", "segment_position", "known_at")
LINE_TYPES = {
    field.name: _TYPES[field.type] for field in lake.METER_EVENTS if field.name not in _ADDED
}
_SERIES_TYPES = {
    "series_key": "varchar",
    "series_element": "varchar",
    "series_value": "decimal(19, 6)",
}
_LINES = """
    create temp view lines as
    with numbered as (
        select row_number() over () as segment_position, *
        from read_json(
            getvariable('segment'),
            format = 'newline_delimited',
            columns = getvariable('types'),
            maximum_object_size = getvariable('longest_line')
        )
    )

    select
        * exclude (elements, element_numbers),
        -- A clock that was ahead makes nothing known later than it landed.
        if(
            received_at <= getvariable('settled_until'),
            getvariable('landed_at'),
            least(received_at, getvariable('landed_at'))
        ) as known_at,
        json_keys(elements) as elements_keys,
        json_extract_string(elements, '$.*') as elements_values,
        json_keys(element_numbers) as element_numbers_keys,
        json_extract_string(element_numbers, '$.*')::decimal(19, 6)[] as element_numbers_values
    from numbered
    where event_id is not null
"""
_EVENTS = "select * from lines"
_EVENTS_AND_POINTS = """
    select * exclude (series_key, series_element, series_value)
    from lines
    where series_key is null
    union all by name
    select * exclude (series_key, series_value)
    from points
"""
# A reading that comes again, or late, adds nothing to what was read before. Each copy of a point
# is an event of its own: which of them adds is told here, and not by which was received first.
_POINTS = """
    create temp table points as
    with read as (
        select
            *,
            event_id || '/' || getvariable('segment_id') || '/' || segment_position as own_id,
            max(series_value) over (
                partition by series_key
                order by occurred_at, segment_position
                rows between unbounded preceding and 1 preceding
            ) as read_before
        from lines
        where series_key is not null
    ),

    reached as (
        select series_key, max("value") as reached_before
        from read_parquet(getvariable('readings'))
        where segment_id in (select segment_id from read_parquet(getvariable('listed')))
        group by series_key
    ),

    measured as (
        select
            read.* exclude (read_before),
            greatest(
                0,
                series_value - greatest(0, read.read_before, reached.reached_before)
            )::decimal(19, 6) as increase
        from read
        left join reached on read.series_key = reached.series_key
    )

    select
        * exclude (own_id, series_element, increase) replace (
            own_id as event_id,
            left(
                sha256('event:' || length(source_id) || ':' || source_id || own_id), 32
            ) as event_key,
            is_billing_skipped or increase = 0 as is_billing_skipped,
            list_append(
                list_filter(elements_keys, lambda name: name <> series_element), series_element
            ) as elements_keys,
            list_append(
                list_filter(
                    elements_values, lambda value, place: elements_keys[place] <> series_element
                ),
                rtrim(rtrim(increase::varchar, '0'), '.')
            ) as elements_values,
            list_append(
                list_filter(element_numbers_keys, lambda name: name <> series_element),
                series_element
            ) as element_numbers_keys,
            list_append(
                list_filter(
                    element_numbers_values,
                    lambda value, place: element_numbers_keys[place] <> series_element
                ),
                increase
            ) as element_numbers_values
        )
    from measured
"""
_READINGS = """
    select getvariable('segment_id') as segment_id, series_key, max(series_value) as "value"
    from points
    group by series_key
"""


def land_segments(
    landing: Path, lake_folder: Path, *, now: datetime, is_kept: bool = True
) -> list[LandingReport]:
    """Land every sealed segment, and those that a server which is gone left; report on each.

    Of duplicates those are counted that came with the others of this landing. What repeats an
    event of another is told by the warehouse, which looks through the lake anyway.

    Args:
        landing: the folder of the segments.
        lake_folder: the lake.
        now: the landing instant, with a zone.
        is_kept: a landed segment is moved to `landed`; else it is deleted.

    Raises:
        LandingError: a segment can't be landed and stays where it is; all others were landed.
    """
    with lake.locked(lake_folder):
        lake.prepare(lake_folder)
    repair(landing)
    reports: dict[str, LandingReport] = {}
    problems: list[str] = []
    for path in segments.sealed(landing):
        with lake.locked(lake_folder):
            try:
                # Another landing may have had it meanwhile.
                if path.exists():
                    reports[path.stem] = _land(path, lake_folder, now)
                    _put_away(path, is_kept=is_kept)
            except (SegmentError, LandingError, duckdb.Error, OSError) as error:
                problems.append(f"{path.name} can't be landed: {error}")
    if problems:
        raise LandingError(
            "\n".join(problems)
            + f"\nNothing is settled past it while it is in {landing}; its events are lines of JSON"
            " that can still be read"
        )
    repeated = duplicates(lake_folder, [*reports], is_among_them=True)
    return [_without(report, repeated.get(name, 0)) for name, report in reports.items()]


def _without(report: LandingReport, repeated: int) -> LandingReport:
    if report.was_landed_before:
        return report
    return replace(report, landed_count=report.landed_count - repeated, duplicate_count=repeated)


def _put_away(path: Path, *, is_kept: bool) -> None:
    if not is_kept:
        path.unlink()
        return
    landed = path.parent / "landed"
    landed.mkdir(exist_ok=True)
    path.replace(landed / path.name)


def _land(path: Path, lake_folder: Path, now: datetime) -> LandingReport:
    listing = lake_folder / "segments" / path.with_suffix(".parquet").name
    if listing.exists():
        return report_of(path, listing)
    told = _Told.by(path)
    settled_until = watermark(lake_folder)
    landed_at = landing_instant(now, settled_until)
    # Everything is written before anything is moved, and listed last of all: a landing that is
    # cut short leaves what no one reads, and is made again.
    staged = [*_stage_told(told, path.stem, lake_folder)]
    received = _Received()
    if told.event_count:
        with _copy_of(path, lake_folder, told, settled_until or _EARLIEST, landed_at) as copy:
            staged += copy.stage_points() if told.point_count else []
            staged += copy.stage_events(received)
    for temporary, final in staged:
        lake.commit(temporary, final)
    report = _report(path, told)
    row = {
        "segment_id": path.stem,
        "file_name": path.name,
        "read_count": report.read_count,
        "landed_count": report.landed_count,
        "quarantined_count": report.quarantined_count,
        "first_received_at": received.first_at,
        "last_received_at": received.last_at,
        "landed_at": landed_at,
    }
    lake.write(pa.Table.from_pylist([row], schema=lake.SEGMENTS), listing)
    if told.point_count:
        _gather_readings(lake_folder, path.stem)
    return report


def _report(path: Path, told: "_Told") -> LandingReport:
    return LandingReport(
        path.name,
        read_count=told.event_count + len(told.quarantine),
        landed_count=told.event_count,
        duplicate_count=0,
        quarantined_count=len(told.quarantine),
        was_landed_before=False,
        reasons=Counter(str(record["reason"]) for record in told.quarantine),
    )


@dataclass(frozen=True)
class _Told:
    """What a segment's frames tell of it; its events are not parsed for that.

    Attributes:
        event_count: how many events it has, metric points among them.
        point_count: how many metric points it has.
    """

    event_count: int
    point_count: int
    identifiers: Mapping[str, tuple[str, str]]
    quarantine: Sequence[Mapping[str, object]]

    @classmethod
    def by(cls, path: Path) -> "_Told":
        """Read and check every frame.

        Raises:
            SegmentError: the segment is damaged.
        """
        line = event_count = point_count = 0
        identifiers: dict[str, tuple[str, str]] = {}
        quarantine: list[Mapping[str, object]] = []
        for frame in segments.frames(path):
            event_count += frame.event_count + frame.point_count
            point_count += frame.point_count
            identifiers.update(frame.identifiers)
            for place, record in enumerate(frame.refused, start=line + 2):
                received_at = datetime.fromisoformat(record["refused_at"])
                quarantine.append({**record, "segment_position": place, "received_at": received_at})
            line += frame.line_count
        return cls(event_count, point_count, identifiers, quarantine)


def _stage_told(told: _Told, segment_id: str, folder: Path) -> Iterator[tuple[Path, Path]]:
    people = [
        {"identifier_key": key, "kind": kind, "value": value}
        for key, (kind, value) in sorted(told.identifiers.items())
    ]
    for table, rows in (("quarantine", told.quarantine), ("identifiers", people)):
        if rows:
            final = folder / table / f"{segment_id}.parquet"
            of_segment = [{**row, "segment_id": segment_id} for row in rows]
            arrow = pa.Table.from_pylist(of_segment, schema=lake.TABLES[table])
            yield lake.stage(arrow, final), final


@dataclass
class _Received:
    """How many events were read, and between which instants they were received."""

    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    def add(self, events: pa.Table) -> None:
        span = pc.min_max(events["received_at"]).as_py()
        self.count += len(events)
        self.first_at = min(self.first_at or span["min"], span["min"])
        self.last_at = max(self.last_at or span["max"], span["max"])


@contextmanager
def _copy_of(
    path: Path, folder: Path, told: _Told, settled_until: datetime, landed_at: datetime
) -> Iterator["_Copy"]:
    """Open a segment; what was received by `settled_until` is known from `landed_at` on."""
    variables: Mapping[str, object] = {
        "segment": str(path),
        "segment_id": path.stem,
        "types": LINE_TYPES | _SERIES_TYPES if told.point_count else LINE_TYPES,
        "settled_until": settled_until,
        "landed_at": landed_at,
        "longest_line": _LONGEST_LINE,
        "readings": f"{folder}/series_readings/[!_]*.parquet",
        "listed": f"{folder}/segments/[!_]*.parquet",
    }
    with duckdb.connect(config={"threads": _THREADS}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name, value in variables.items():
            connection.execute(f"set variable {name} = $value", {"value": value})
        connection.execute(_LINES)
        yield _Copy(connection, path.stem, folder, told)


@dataclass(frozen=True)
class _Copy:
    """The events of a segment on their way into the lake."""

    connection: duckdb.DuckDBPyConnection
    segment_id: str
    lake: Path
    told: _Told

    def stage_points(self) -> list[tuple[Path, Path]]:
        """Find what each metric point adds; stage how far its series reaches now.

        Raises:
            LandingError: points lack what they are measured by.
        """
        ((found,),) = self.connection.execute(_POINTS).fetchall()
        if found != self.told.point_count:
            raise LandingError(f"{found} metric points are read; {self.told.point_count} are there")
        readings = self.connection.sql(_READINGS).to_arrow_table().cast(lake.SERIES_READINGS)
        final = self.lake / "series_readings" / f"{self.segment_id}.parquet"
        return [(lake.stage(readings, final), final)]

    def stage_events(self, received: _Received) -> list[tuple[Path, Path]]:
        """Stage the events, a file for each day of receipt; tell `received` of them.

        Raises:
            LandingError: the lines are not the events that the frames tell of.
        """
        query = _EVENTS_AND_POINTS if self.told.point_count else _EVENTS
        folder = self.lake / "meter_events"
        staged: dict[Path, Path] = {}
        with ExitStack() as files:
            writers: dict[Path, pq.ParquetWriter] = {}
            for batch in self.connection.sql(query).to_arrow_reader(_ROWS_AT_ONCE):
                events = _with_maps(batch, self.segment_id)
                received.add(events)
                for day, of_day in _by_day(events):
                    final = folder / f"received_date={day}" / f"{self.segment_id}.parquet"
                    if final not in writers:
                        staged[final] = lake.staged_path(final)
                        writer = pq.ParquetWriter(staged[final], events.schema, compression="zstd")
                        writers[final] = files.enter_context(writer)
                    writers[final].write_table(of_day)
        if received.count != self.told.event_count:
            raise LandingError(
                f"{received.count} events are read; {self.told.event_count} are there"
            )
        return [(temporary, final) for final, temporary in staged.items()]


def _with_maps(batch: pa.RecordBatch, segment_id: str) -> pa.Table:
    """Return a batch with the columns of the lake."""
    columns = {name: batch[name] for name in batch.schema.names}
    for name in _MAPS:
        keys, values = columns[f"{name}_keys"], columns[f"{name}_values"]
        columns[name] = pa.MapArray.from_arrays(keys.offsets, keys.values, values.values)
    columns["segment_id"] = pa.repeat(segment_id, len(batch))
    ordered = {name: columns[name] for name in lake.METER_EVENTS.names}
    return pa.table(ordered).cast(lake.METER_EVENTS)


def _by_day(events: pa.Table) -> Iterator[tuple[date, pa.Table]]:
    days = pc.cast(events["received_at"], pa.date32())
    for day in pc.unique(days).to_pylist():
        yield day, events.filter(pc.equal(days, day))


def _gather_readings(lake_folder: Path, segment_id: str) -> None:
    """Write the readings of all listed segments in the latest one's file, if they are many.

    A reading that is found twice changes nothing, so being cut short does no harm.
    """
    folder = lake_folder / "series_readings"
    listed = [
        path
        for path in folder.glob("[!_]*.parquet")
        if (lake_folder / "segments" / path.name).exists() and path.name != "schema.parquet"
    ]
    if len(listed) <= MAX_READINGS_FILES:
        return
    gathered = folder / f"{segment_id}.parquet"
    with duckdb.connect(config={"threads": _THREADS}) as connection:
        staged = lake.staged_path(gathered)
        connection.execute(
            "copy (select $segment_id as segment_id, series_key, max(value) as value"
            " from read_parquet($files) group by series_key)"
            " to $staged (format parquet, compression zstd)",
            {
                "segment_id": segment_id,
                "files": [str(path) for path in listed],
                "staged": str(staged),
            },
        )
    lake.commit(staged, gathered)
    for path in listed:
        if path != gathered:
            path.unlink()
