"""dbt on Spark: `python -m dagster_project.spark build --vars …` rates the lake on one machine.

Tables become Parquet files below `spark/tables` of the data root. The catalogue that knows them
lives as long as the process, so every call starts anew.
"""

import shutil
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from dbt.adapters.spark import Plugin
from dbt.adapters.spark.connections import SparkCredentials
from dbt.cli.main import dbtRunner
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from dagster_project.dbt_project import DBT_FOLDER, point_dbt_to_the_data
from ingest.paths import data_paths

_ERRORS_ONLY = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %p %c{1}: %m%n
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = error
"""
# Hundreds of short statements: a second compiler would cost more time than it saves.
_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC"


class _AnsiCredentials(SparkCredentials):
    """Keeps ANSI mode on, which dbt-spark turns off: then an overflow is NULL, a zero `0E-12`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.server_side_parameters["spark.sql.ansi.enabled"] = "true"


def run_dbt(arguments: Sequence[str], folder: Path) -> bool:
    """Call dbt on a session of its own; return whether all of it succeeded.

    What it writes lies in `folder`; the tables of an earlier call are removed.
    """
    options = ["--project-dir", str(DBT_FOLDER), "--profiles-dir", str(DBT_FOLDER)]
    options += ["--target", "spark", "--target-path", str(folder / "target")]
    shutil.rmtree(folder / "tables", ignore_errors=True)
    Plugin.credentials = _AnsiCredentials
    with TemporaryDirectory(prefix="spark-") as scratch:
        session = _start_session(folder / "tables", Path(scratch))
        try:
            return dbtRunner().invoke([*arguments, *options]).success
        finally:
            session.stop()


def _start_session(tables: Path, scratch: Path) -> SparkSession:
    """Start the session that dbt-spark will find: for small data, and with nothing left behind."""
    PySparkLogger.getLogger("SQLQueryContextLogger").disabled = True  # dbt tells what failed
    warnings.filterwarnings("ignore", category=FutureWarning, module="pyspark")
    logging = scratch / "log4j2.properties"
    logging.write_text(_ERRORS_ONLY, encoding="utf-8")
    settings: dict[str, bool | float | int | str | None] = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"{_SHORT_LIVED} -Dlog4j2.configurationFile={logging}",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": str(scratch),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(tables),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    return SparkSession.builder.master("local[*]").config(map=settings).getOrCreate()


def main() -> None:
    """Pass the command line's arguments to dbt."""
    point_dbt_to_the_data()
    sys.exit(not run_dbt(sys.argv[1:], data_paths().root / "spark"))


if __name__ == "__main__":
    main()
