"""Two copies of the zone data are in use, one in Python and one in DuckDB: they have to agree."""

from datetime import UTC, datetime

import duckdb
import pytest

from ingest.zones import zone, zone_names

# Cuba kept summer time in the winter of 2026; the data inside DuckDB is a release older. Whoever
# upgrades either finds here what changes.
KNOWN_DIFFERENCES = {
    ("America/Havana", datetime(year, month, 1, tzinfo=UTC))
    for year, month in [(2026, 12), (2027, 1), (2027, 2), (2027, 3)]
}
ZONES = sorted(name for name in zone_names() if "/" in name and not name.startswith("Etc/"))


def test_a_zone_that_does_not_exist_is_refused():
    with pytest.raises(KeyError):
        zone("../../etc/localtime")


def test_python_and_duckdb_agree_on_every_month_of_every_zone():
    first_days = [
        datetime(year, month, 1, tzinfo=UTC) for year in range(2015, 2031) for month in range(1, 13)
    ]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        known = {
            name
            for (name,) in connection.execute("select name from pg_timezone_names()").fetchall()
        }
        shared = [name for name in ZONES if name in known]
        connection.execute("create table zones as select unnest($1) as name", [shared])
        connection.execute("create table days as select unnest($1) as instant", [first_days])
        rows = connection.execute(
            "select name, instant, timezone(name, instant) from zones, days"
        ).fetchall()

    assert len(shared) > 400
    different = {
        (name, instant)
        for name, instant, local in rows
        if instant.astimezone(zone(name)).replace(tzinfo=None) != local
    }
    assert different == KNOWN_DIFFERENCES
