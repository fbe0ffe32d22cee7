from collections.abc import Iterator

import dagster as dg

from dagster_project.clock import now
from ingest.catalog.load import load_catalog
from ingest.catalog.schemas import TABLES
from ingest.lake import locked
from ingest.landing import LandingReport, LandingRules, inbox_files, land_file
from ingest.paths import PROJECT_ROOT, data_paths, keeps_landed_segments
from ingest.prices import import_ai_prices
from ingest.segment_landing import land_segments
from ingest.segment_writing import repair
from ingest.segments import sealed
from ingest.settlements import watermark
from ingest.synthetic import land_synthetic

LANDED_TABLES = ("meter_events", "quarantine", "segments")
SECONDS_TO_NEXT_ATTEMPT = 300
CATALOG_TABLE_NAMES = tuple(table.name for table in TABLES)


def _specs(tables: tuple[str, ...]) -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec(dg.AssetKey(["raw", table]), group_name="raw", kinds={"parquet"})
        for table in tables
    ]


class LandingConfig(dg.Config):
    """Which file of the inbox to land, and how its times of receipt are told.

    Without a file, the segments that the server has sealed are landed.
    """

    file_name: str | None = None
    received_at: str = "now"


@dg.multi_asset(specs=_specs(LANDED_TABLES), name="land_events")
def landed_tables(
    context: dg.AssetExecutionContext, config: LandingConfig
) -> Iterator[dg.MaterializeResult[None]]:
    """Land events in the lake; it is not the warehouse, so no settlement is waited for."""
    paths = data_paths()
    if config.file_name:
        reports = [_land_inbox_file(config.file_name, config.received_at, context.run_id)]
    else:
        is_kept = keeps_landed_segments()
        reports = land_segments(paths.landing, paths.lake, now=now(), is_kept=is_kept)
    for table, rows in (
        ("meter_events", sum(report.landed_count for report in reports)),
        ("quarantine", sum(report.quarantined_count for report in reports)),
        ("segments", len(reports)),
    ):
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(["raw", table]),
            metadata={
                "dagster/row_count": rows,
                "duplicates": sum(report.duplicate_count for report in reports),
            },
        )


def _land_inbox_file(name: str, received_at: str, run_id: str) -> LandingReport:
    """Land a file of the inbox, then put it into the archive."""
    paths = data_paths()
    file = paths.inbox / name
    report = land_file(file, paths.lake, now=now(), rules=LandingRules(received_at=received_at))
    paths.archive.mkdir(parents=True, exist_ok=True)
    file.replace(paths.archive / f"{run_id}-{file.name}")
    return report


@dg.multi_asset(specs=_specs(CATALOG_TABLE_NAMES), name="load_catalog_folder")
def catalog_tables() -> Iterator[dg.MaterializeResult[None]]:
    """Load what is new in the catalogue's folder; a refused catalogue loads nothing."""
    lake = data_paths().lake
    with locked(lake):
        report = load_catalog(
            PROJECT_ROOT / "seeds/catalog", lake, recorded_at=now(), watermark=watermark(lake)
        )
    for table in CATALOG_TABLE_NAMES:
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(["raw", table]),
            metadata={"new_rows": report.rows_new.get(table, 0)},
        )


@dg.asset(
    key=["raw", "synthetic_events"],
    deps=[dg.AssetKey(["raw", "catalog_subscriptions"])],
    group_name="raw",
    kinds={"parquet"},
)
def synthetic_events() -> dg.MaterializeResult[None]:
    """Land the made-up transactions, up to now, of the test periods that ask for them."""
    landed = land_synthetic(data_paths().lake, now=now())
    return dg.MaterializeResult(metadata={"dagster/row_count": landed})


@dg.asset(
    key=["raw", "ai_prices"],
    deps=[dg.AssetKey(["raw", "meter_events"]), dg.AssetKey(["raw", "synthetic_events"])],
    group_name="raw",
    kinds={"parquet"},
)
def ai_prices() -> dg.MaterializeResult[None]:
    """Add the public prices of the AI models that events name and that are not priced yet."""
    found = import_ai_prices(data_paths().lake, now=now())
    return dg.MaterializeResult(
        metadata={
            "price_list": found.price_list,
            "new_models": len(found.new_models),
            "unknown_models": dg.MetadataValue.json([list(pair) for pair in found.unknown_models]),
        }
    )


landing = dg.define_asset_job(
    "landing",
    selection=dg.AssetSelection.assets(landed_tables),
    description="Land a file of the inbox, or the segments that the server has sealed.",
)


@dg.sensor(
    job=landing,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def inbox(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Land what lies in the inbox; a file that could not be landed is tried once it changes."""
    waiting = inbox_files(data_paths().inbox, now())
    if not waiting:
        yield dg.SkipReason(f"nothing to land in {data_paths().inbox.name}")
    for file in waiting:
        state = file.stat()
        yield dg.RunRequest(
            run_key=f"{file.name}-{state.st_size}-{state.st_mtime_ns}",
            run_config={"ops": {landed_tables.op.name: {"config": {"file_name": file.name}}}},
        )
        context.log.info("landing %s", file.name)


@dg.sensor(
    job=landing,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def sealed_segments() -> dg.RunRequest | dg.SkipReason:
    """Land what the server has sealed; what could not be landed is tried again after minutes."""
    folder = data_paths().landing
    repair(folder)
    waiting = sealed(folder)
    if not waiting:
        return dg.SkipReason("no segment waits to be landed")
    attempt = int(now().timestamp()) // SECONDS_TO_NEXT_ATTEMPT
    return dg.RunRequest(run_key=f"{waiting[-1].name}-{attempt}")
