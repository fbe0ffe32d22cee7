from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.catalog.load import LoadReport, catalog_version, load_catalog
from ingest.catalog.problems import CatalogError
from ingest.catalog.schemas import TABLES

Edit = Callable[[str, str, str], None]
SETTLED = datetime(2026, 4, 1, tzinfo=UTC)
NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)
LATER = datetime(2026, 4, 11, 12, tzinfo=UTC)
AUGUST = datetime(2026, 8, 1, tzinfo=UTC)
LATE_IN_AUGUST = datetime(2026, 8, 20, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def load(
    catalog: Path,
    lake: Path,
    recorded_at: datetime | None = None,
    watermark: datetime | None = None,
) -> LoadReport:
    return load_catalog(catalog, lake, recorded_at=recorded_at, watermark=watermark)


def files(lake: Path) -> set[str]:
    return {str(path.relative_to(lake)) for path in lake.rglob("*") if path.is_file()}


def refusal(
    catalog: Path,
    lake: Path,
    recorded_at: datetime | None = None,
    watermark: datetime | None = None,
) -> list[str]:
    """The lines of a refused load, which must have left the lake as it was."""
    before = files(lake)
    with pytest.raises(CatalogError) as error:
        load(catalog, lake, recorded_at, watermark)
    assert files(lake) == before
    return str(error.value).splitlines()


def test_a_second_load_of_the_same_writes_nothing(catalog: Path, lake: Path) -> None:
    first = load(catalog, lake)
    written = files(lake)
    second = load(catalog, lake, NOW, SETTLED)
    assert files(lake) == written
    assert sum(first.rows_new.values()) == sum(second.rows_known.values()) == 92
    assert sum(first.rows_known.values()) == sum(second.rows_new.values()) == 0
    assert second.version == first.version == catalog_version(lake)
    assert len(second.version) == 12


def test_a_load_writes_one_file_per_table_and_a_schema_beside_it(catalog: Path, lake: Path) -> None:
    load(catalog, lake)
    names = {name.rpartition("/")[2] for name in files(lake)}
    (load_id,) = {name.removesuffix(".parquet") for name in names} - {"schema"}
    assert load_id.startswith("as-valid-")
    assert len(load_id) == len("as-valid-") + 12
    assert len(files(lake)) == 2 * len(TABLES)


def test_only_what_is_new_is_appended(catalog: Path, lake: Path, edit: Edit) -> None:
    load(catalog, lake)
    before = files(lake)
    edit("organizations.csv", "acme,", "beta,Beta\nacme,")
    report = load(catalog, lake, NOW)
    (new,) = files(lake) - before
    assert new.startswith("catalog_organizations/20260410T120000.000000Z-")
    assert pl.read_parquet(lake / new)["organization_id"].to_list() == ["beta"]
    assert report.rows_new["catalog_organizations"] == 1
    assert report.rows_known["catalog_organizations"] == 1


def test_a_change_is_a_new_row_and_a_change_back_another(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    load(catalog, lake)
    edit("organizations.csv", "Acme Ltd", "Acme Inc")
    load(catalog, lake, NOW)
    edit("organizations.csv", "Acme Inc", "Acme Ltd")
    load(catalog, lake, LATER)
    assert load(catalog, lake, LATER).rows_new["catalog_organizations"] == 0
    rows = pl.read_parquet(lake / "catalog_organizations" / "*.parquet").sort("recorded_at")
    assert rows["name"].to_list() == ["Acme Ltd", "Acme Inc", "Acme Ltd"]


def test_what_left_the_catalogue_is_kept_and_counted(catalog: Path, lake: Path) -> None:
    load(catalog, lake)
    (catalog / "credentials.csv").unlink()
    report = load(catalog, lake, NOW)
    assert report.kept["catalog_credentials"] == 3
    assert sum(report.kept.values()) == 3
    assert pl.read_parquet(lake / "catalog_credentials" / "*.parquet").height == 3


def test_a_row_that_was_replaced_does_not_count_as_kept(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    load(catalog, lake)
    edit("organizations.csv", "Acme Ltd", "Acme Inc")
    assert load(catalog, lake, NOW).kept["catalog_organizations"] == 0


def test_a_dry_run_counts_and_writes_nothing(catalog: Path, lake: Path) -> None:
    report = load_catalog(catalog, lake, recorded_at=None, watermark=None, dry_run=True)
    assert sum(report.rows_new.values()) == 92
    assert not lake.exists()


def test_the_version_does_not_depend_on_how_the_lake_came_about(
    catalog: Path, lake: Path, tmp_path: Path
) -> None:
    prices = (catalog / "ai_prices.csv").read_text(encoding="utf-8")
    (catalog / "ai_prices.csv").unlink()
    first = load(catalog, lake)
    (catalog / "ai_prices.csv").write_text(prices, encoding="utf-8")
    second = load(catalog, lake, NOW)
    assert first.version != second.version
    assert load(catalog, tmp_path / "other lake").version == second.version


def test_the_version_knows_nothing_of_people(catalog: Path, lake: Path, edit: Edit) -> None:
    before = load(catalog, lake).version
    edit("subscribers.csv", ",Anna,", ",Anna B.,")
    report = load(catalog, lake, NOW)
    assert report.rows_new["catalog_people"] == 1
    assert report.version == before


def test_a_broken_catalogue_leaves_no_trace(catalog: Path, lake: Path, edit: Edit) -> None:
    edit("sources.csv", "api", "apy")
    (line,) = refusal(catalog, lake)
    assert line.startswith("sources.csv:3:2: kind: 'apy'")
    assert not lake.exists()


def test_an_unfinished_file_of_a_crash_is_not_read(catalog: Path, lake: Path) -> None:
    version = load(catalog, lake).version
    (lake / "catalog_sources" / "_as-valid-0.parquet.unfinished").write_bytes(b"PAR1")
    assert load(catalog, lake).version == version
    with duckdb.connect() as connection:
        table = connection.read_parquet(str(lake / "catalog_sources" / "**" / "*.parquet"))
        assert table.count("*").fetchall() == [(3,)]


def test_parquet_types_are_those_that_both_engines_read_alike(catalog: Path, lake: Path) -> None:
    load(catalog, lake)
    expected = {
        pl.String(): pa.large_string(),
        pl.Int32(): pa.int32(),
        pl.Int64(): pa.int64(),
        pl.Boolean(): pa.bool_(),
        pl.Datetime("us", "UTC"): pa.timestamp("us", "UTC"),
        pl.Decimal(28, 4): pa.decimal128(28, 4),
        pl.Decimal(19, 6): pa.decimal128(19, 6),
        pl.Decimal(18, 12): pa.decimal128(18, 12),
        pl.Decimal(5, 2): pa.decimal128(5, 2),
    }
    for table in TABLES:
        for path in (lake / table.name).glob("*.parquet"):
            schema = pq.read_schema(path)
            types = {name: expected[polars_type] for name, polars_type in table.schema.items()}
            assert dict(zip(schema.names, schema.types, strict=True)) == types
            columns = pq.read_metadata(path).schema
            logical = [str(columns.column(n).logical_type) for n in range(len(columns))]
            instants = [each for each in logical if each.startswith("Timestamp")]
            assert len(instants) >= 2
            assert all("isAdjustedToUTC=true" in each for each in instants)


def test_an_empty_table_can_be_read(catalog: Path, lake: Path) -> None:
    for name in ("credentials", "cancellations", "upgrades", "subscriptions"):
        (catalog / f"{name}.csv").unlink()
    load(catalog, lake)
    with duckdb.connect() as connection:
        table = connection.read_parquet(str(lake / "catalog_subscriptions" / "**" / "*.parquet"))
        instants = table.select("started_at", "expires_at")
        assert instants.fetchall() == []
        assert [str(each) for each in instants.types] == ["TIMESTAMP WITH TIME ZONE"] * 2


def test_new_terms_from_the_watermark_on_are_accepted(catalog: Path, lake: Path) -> None:
    load(catalog, lake)
    text = (catalog / "products" / "summaries.yaml").read_text(encoding="utf-8")
    later = text.replace("effective_from: 2026-01-01", "effective_from: 2026-04-01")
    (catalog / "products" / "summaries-april.yaml").write_text(later, encoding="utf-8")
    assert load(catalog, lake, NOW, SETTLED).rows_new["catalog_products"] == 1


def test_a_price_is_not_backdated_into_what_is_settled(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    load(catalog, lake)
    edit("products/summaries.yaml", "unit_rate: 1.35", "unit_rate: 1.25")
    edit("products/summaries.yaml", "total: 1969.00", "total: 1949.00")
    (line,) = refusal(catalog, lake, NOW, SETTLED)
    assert line == (
        "products/summaries.yaml:7:19: product.effective_from: summaries@1.0.0 is settled up to "
        "2026-04-01T00:00:00Z by the terms it has. Let the new ones begin then or later"
    )


def test_a_product_entered_late_is_accepted(catalog: Path, lake: Path, edit: Edit) -> None:
    load(catalog, lake)
    edit("products/summaries.yaml", "version: 1.0.0", "version: 1.1.0")
    edit("subscriptions.csv", "summaries,1.0.0", "summaries,1.1.0")
    edit("subscriptions.csv", "sub-1", "sub-3")
    edit("credentials.csv", "secret-1,sub-1", "secret-1,sub-3")
    edit("credentials.csv", "secret-1,sub-1", "secret-1,sub-3")
    (catalog / "cancellations.csv").unlink()
    report = load(catalog, lake, NOW, SETTLED)
    assert report.rows_new["catalog_products"] == 1
    assert report.kept["catalog_products"] == 1


def test_a_version_keeps_its_time_zone_for_ever(catalog: Path, lake: Path, edit: Edit) -> None:
    load(catalog, lake)
    edit("products/regions.yaml", "America/New_York", "America/Chicago")
    (line,) = refusal(catalog, lake, NOW)
    assert line == (
        "products/regions.yaml:11:15: product.settlement.timezone: a version keeps its time "
        "zone. Give the product a new version"
    )


def test_terms_that_were_replaced_do_not_come_back_as_they_were(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    load(catalog, lake)
    edit("products/summaries.yaml", "net_days: 30", "net_days: 14")
    load(catalog, lake, NOW)
    edit("products/summaries.yaml", "net_days: 14", "net_days: 30")
    (line,) = refusal(catalog, lake, LATER)
    assert line == (
        "products/summaries.yaml:7:19: product.effective_from: later terms replaced these very "
        "ones. Bring them back with a later effective_from"
    )


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (("2026-01-15", "2026-01-16"), "2:7: started_at"),
        (("summaries,1.0.0", "plan-2,2.1.0"), "2:5: product"),
        (("anna,acme", "anna,"), "2:4: organization_id"),
        (("2026-01-15,,", "2026-01-15,,30"), "2:9: trial_days"),
        (("2026-01-15,,,,", "2026-01-15,,,,5 minutes"), "2:11: settlement"),
    ],
    ids=["start", "product", "organization", "trial", "test period"],
)
def test_what_a_settled_subscription_was_does_not_change(
    catalog: Path, lake: Path, edit: Edit, change: tuple[str, str], column: str
) -> None:
    load(catalog, lake)
    edit("subscriptions.csv", *change)
    (line,) = refusal(catalog, lake, NOW, SETTLED)
    assert line == (
        f"subscriptions.csv:{column}: cannot change, the subscription is settled up to "
        "2026-04-01T00:00:00Z. End it and start a new one"
    )


def test_a_subscription_with_a_setup_invoice_does_not_change_though_it_is_to_begin(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    load(catalog, lake)
    settled = datetime(2026, 1, 10, tzinfo=UTC)
    edit("subscriptions.csv", "anna,acme", "anna,")
    issue(lake, ("sub-1-setup", "sub-1", "summaries@1.0.0", datetime(2026, 1, 15, tzinfo=UTC)))
    (line,) = refusal(catalog, lake, NOW, settled)
    assert "2026-01-10T00:00:00Z (invoices sub-1-setup). End it and start a new one" in line


def test_a_subscription_that_is_not_settled_may_change(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    load(catalog, lake)
    edit("subscriptions.csv", "2026-01-15", "2026-01-16")
    assert load(catalog, lake, NOW).rows_new["catalog_subscriptions"] == 1


@pytest.mark.parametrize(
    ("change", "table"),
    [
        (("subscriptions.csv", "2026-01-15,", "2026-01-15,2026-02-15"), "catalog_subscriptions"),
        (("credentials.csv", "2026-02-28", "2026-02-15"), "catalog_credentials"),
        (
            (
                "cancellations.csv",
                "sub-1,2026-03-15,,\n",
                "sub-1,2026-03-15,,\nsub-2,2026-02-15,,\n",
            ),
            "catalog_cancellations",
        ),
        (
            ("metering_elements.csv", "number,documents", "number,documents;tracking"),
            "catalog_element_attachments",
        ),
        (("exchange_rates.csv", "0.90,", "0.91,"), "catalog_exchange_rates"),
    ],
    ids=["expiration", "credential", "cancellation", "attachment", "exchange rate"],
)
def test_facts_of_attribution_and_cost_may_be_told_late(
    catalog: Path, lake: Path, edit: Edit, change: tuple[str, str, str], table: str
) -> None:
    load(catalog, lake)
    edit(*change)
    report = load(catalog, lake, NOW, SETTLED)
    assert {name: count for name, count in report.rows_new.items() if count} == {table: 1}


def issue(lake: Path, *invoices: tuple[str, str, str, datetime]) -> None:
    """Let invoices have been issued: id, subscription, product, start of a month's period."""
    rows = [
        {
            "invoice_id": invoice_id,
            "subscription_id": subscription_id,
            "product_id": product_id,
            "period_started_at": start,
            "period_ended_at": start + timedelta(days=31),
        }
        for invoice_id, subscription_id, product_id, start in invoices
    ]
    (lake / "issued_invoices").mkdir()
    pl.DataFrame(rows).write_parquet(lake / "issued_invoices" / "one.parquet")


def test_a_refused_price_names_the_invoices_that_it_would_change(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    load(catalog, lake)
    months = [datetime(2025, month, 1, tzinfo=UTC) for month in range(10, 13)]
    months += [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 8)]
    issue(lake, *((f"sub-1-{n:04}", "sub-1", "summaries@1.0.0", m) for n, m in enumerate(months)))
    edit("products/summaries.yaml", "net_days: 30", "net_days: 14")
    (line,) = refusal(catalog, lake, NOW, SETTLED)
    assert line == (
        "products/summaries.yaml:7:19: product.effective_from: summaries@1.0.0 is settled up to "
        "2026-04-01T00:00:00Z (invoices sub-1-0003, sub-1-0004, sub-1-0005, sub-1-0006, sub-1-0007 "
        "and 2 more) by the terms it has. Let the new ones begin then or later"
    )


def test_the_grace_of_a_period_with_an_invoice_is_not_shortened(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    load(catalog, lake)
    issue(lake, ("sub-1-0001", "sub-1", "summaries@1.0.0", datetime(2026, 3, 15, tzinfo=UTC)))
    path = catalog / "products" / "summaries.yaml"
    text = path.read_text(encoding="utf-8")
    edit("products/summaries.yaml", "net_days: 30", "net_days: 30, grace: 0m")
    (line,) = refusal(catalog, lake, NOW, SETTLED)
    assert "(invoices sub-1-0001) by the terms it has. Let the new ones begin then or later" in line

    later = path.read_text(encoding="utf-8").replace("from: 2026-01-01", "from: 2026-04-01")
    path.with_name("summaries-april.yaml").write_text(later, encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    assert load(catalog, lake, NOW, SETTLED).rows_new["catalog_products"] == 1


def test_a_rule_is_not_backdated_into_what_is_settled(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    load(catalog, lake)
    issue(lake, ("a-1", "studio-a", "studio@1.0.0", datetime(2026, 1, 15, tzinfo=UTC)))
    edit("products/studio.yaml", "amount: 0.05", "amount: 0.06")
    edit("products/studio.yaml", "effective_to: 2026-12-31", "effective_to: 2026-03-15")
    settled = (
        "studio@1.0.0 is settled up to 2026-04-01T00:00:00Z (invoices a-1) by the rules it had"
    )
    rules = "products/studio.yaml:{}: product.pricing_rules[{}].{}"
    assert refusal(catalog, lake, NOW, SETTLED) == [
        f"{rules.format('50:21', 0, 'effective_to')}: {settled}. Let it end then or later",
        f"{rules.format('52:7', 1, 'effective_from')}: {settled}. Let this one begin then or later",
    ]


def test_a_rule_may_end_and_another_begin_from_the_watermark_on(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    load(catalog, lake)
    edit("products/studio.yaml", "effective_to: 2026-12-31", "effective_to: 2026-04-30")
    edit("products/studio.yaml", "note: Agreed in January", "note: Agreed")
    edit("products/studio.yaml", "amount: 0.05", "amount: 0.05\n      effective_to: 2026-04-30")
    edit(
        "products/studio.yaml",
        "  examples:",
        "    - {key: all, name: All, condition: true, amount: 1, effective_from: 2026-05-01}\n"
        "  examples:",
    )
    assert load(catalog, lake, NOW, SETTLED).rows_new["catalog_pricing_rules"] == 3


def test_an_upgrade_is_not_backdated_into_what_is_settled(catalog: Path, lake: Path) -> None:
    (catalog / "upgrades.csv").unlink()
    load(catalog, lake)
    issue(lake, ("a-1", "studio-a", "studio@1.0.0", datetime(2026, 7, 1, tzinfo=UTC)))
    (catalog / "upgrades.csv").write_text(
        "subscription_id,version,valid_from\nstudio-a,1.1.0,2026-06-15\n", encoding="utf-8"
    )
    (line,) = refusal(catalog, lake, LATE_IN_AUGUST, AUGUST)
    assert line == (
        "upgrades.csv:2:3: valid_from: the subscription is settled up to 2026-08-01T00:00:00Z "
        "(invoices a-1) by the version it had. Upgrade it then or later"
    )
    assert load(catalog, lake, LATE_IN_AUGUST, SETTLED).rows_new["catalog_upgrades"] == 1


def test_a_subscription_entered_late_may_have_been_upgraded(catalog: Path, lake: Path) -> None:
    text = (catalog / "subscriptions.csv").read_text(encoding="utf-8")
    for name in ("upgrades", "subscriptions", "cancellations", "credentials"):
        (catalog / f"{name}.csv").rename(catalog / f"{name}.later")
    load(catalog, lake)
    (catalog / "subscriptions.csv").write_text(text, encoding="utf-8")
    (catalog / "upgrades.later").rename(catalog / "upgrades.csv")
    assert load(catalog, lake, LATE_IN_AUGUST, AUGUST).rows_new["catalog_upgrades"] == 1


def test_rows_about_one_thing_are_recorded_each_at_its_time(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    load(catalog, lake)
    version = catalog_version(lake)
    assert sum(load(catalog, lake, NOW, SETTLED).rows_new.values()) == 0
    rows = pl.read_parquet(lake / "catalog_cancellations" / "*.parquet").sort("recorded_at")
    assert rows["withdrawn_at"].to_list() == [None, datetime(2026, 3, 20, 12, tzinfo=UTC)]
    edit(
        "cancellations.csv",
        "T12:00:00Z\n",
        "T12:00:00Z\nsub-1,2026-03-15,,2026-04-10T12:00:00Z\n",
    )
    assert load(catalog, lake, LATER, SETTLED).rows_new["catalog_cancellations"] == 1
    assert sum(load(catalog, lake, LATER, SETTLED).rows_new.values()) == 0
    assert catalog_version(lake) != version


def test_a_row_that_repeats_what_is_known_is_not_recorded(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    edit("metering_elements.csv", "sources\n", "sources,recorded_at\n")
    edit("metering_elements.csv", "documents\n", "documents,\n")
    edit(
        "metering_elements.csv",
        "tracking;documents\n",
        "tracking,\nregion,Where the parcel is,string,tracking;documents,2026-03-01T00:00:00Z\n",
    )
    edit("metering_elements.csv", "string,assistant\n", "string,assistant,\n")
    report = load(catalog, lake)
    assert report.rows_new["catalog_metering_elements"] == 3
    attached = pl.read_parquet(lake / "catalog_element_attachments" / "*.parquet")
    recorded = attached.filter(element="region").sort("source_id")["recorded_at"].to_list()
    assert recorded == [datetime(2026, 3, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]
    assert sum(load(catalog, lake, NOW).rows_new.values()) == 0


def test_a_row_cannot_be_recorded_before_the_one_that_it_replaces(
    catalog: Path, lake: Path
) -> None:
    (line,) = refusal(catalog, lake, NOW)
    assert line == (
        "cancellations.csv:3:1: would be recorded at 2026-03-20T12:00:00Z, the row that it "
        "replaces at 2026-04-10T12:00:00Z. Let this row's recorded_at be later, or say that of the "
        "row before"
    )


def test_nothing_is_recorded_before_what_is_settled(catalog: Path, lake: Path, edit: Edit) -> None:
    load(catalog, lake)
    edit("organizations.csv", "acme,", "beta,Beta\nacme,")
    (line,) = refusal(catalog, lake, None, SETTLED)
    assert line == (
        "organizations.csv:2:1: would be recorded at 1970-01-01T00:00:00Z, and all up to "
        "2026-04-01T00:00:00Z is settled without it. Load it with recorded_at set to now"
    )
    (line,) = refusal(catalog, lake, SETTLED, SETTLED)
    assert "would be recorded at 2026-04-01T00:00:00Z, and all up to 2026-04-01T00:00:00Z" in line
    just_after = SETTLED + timedelta(microseconds=1)
    assert load(catalog, lake, just_after, SETTLED).rows_new["catalog_organizations"] == 1


def test_a_change_is_known_later_than_what_it_replaces(
    catalog: Path, lake: Path, edit: Edit
) -> None:
    load(catalog, lake)
    edit("organizations.csv", "Acme Ltd", "Acme Inc")
    (line,) = refusal(catalog, lake)
    assert line == (
        "organizations.csv:2:1: would be recorded at 1970-01-01T00:00:00Z, the row that it "
        "replaces at 1970-01-01T00:00:00Z. Load the change with recorded_at set to now"
    )


def test_all_refusals_come_at_once(catalog: Path, lake: Path, edit: Edit) -> None:
    load(catalog, lake)
    edit("products/summaries.yaml", "net_days: 30", "net_days: 14")
    edit("subscriptions.csv", "anna,acme", "anna,")
    edit("organizations.csv", "Acme Ltd", "Acme Inc")
    places = [line.split(": ")[0] for line in refusal(catalog, lake, None, SETTLED)]
    assert places == [
        "organizations.csv:2:1",
        "products/summaries.yaml:2:1",
        "products/summaries.yaml:7:19",
        "subscriptions.csv:2:1",
        "subscriptions.csv:2:4",
    ]
