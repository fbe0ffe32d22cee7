from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from ingest.catalog.check import check_catalog
from ingest.catalog.schemas import TABLES
from ingest.catalog.tables import compile_tables
from ingest.keys import credential_key, email_key, subscriber_key

Edit = Callable[[str, str, str], None]
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def tables(folder: Path, *, recorded_at: datetime | None = None) -> dict[str, pl.DataFrame]:
    return compile_tables(check_catalog(folder), recorded_at=recorded_at)


def terms_of(folder: Path, product_id: str) -> str:
    products = tables(folder)["catalog_products"]
    return str(products.filter(product_id=product_id).item(0, "terms_id"))


def tiers_of(folder: Path, metric_key: str) -> list[tuple[object, ...]]:
    tiers = tables(folder)["catalog_tiers"].filter(metric_key=metric_key)
    return tiers.select(
        "tier_number", "name", "lower_bound", "upper_bound", "unit_rate", "fixed_cost"
    ).rows()


def test_every_table_has_its_exact_types(catalog: Path) -> None:
    compiled = tables(catalog)
    assert list(compiled) == [table.name for table in TABLES]
    assert all(compiled[table.name].schema == table.schema for table in TABLES)
    assert all(compiled[table.name].height > 0 for table in TABLES)


def test_a_table_without_rows_has_its_types_too(catalog: Path) -> None:
    (catalog / "ai_prices.csv").unlink()
    prices = tables(catalog)["ai_price_overrides"]
    assert prices.height == 0
    assert prices.schema["usd_per_input_token"] == pl.Decimal(18, 12)


def test_a_tier_begins_where_the_one_before_ends(catalog: Path) -> None:
    assert tiers_of(catalog, "calls") == [
        (1, "Up to 100", Decimal(0), Decimal(100), Decimal(0), Decimal(100)),
        (2, "Up to 200", Decimal(100), Decimal(200), Decimal(0), Decimal(90)),
        (3, "Up to 300", Decimal(200), Decimal(300), Decimal(0), Decimal(80)),
        (4, "Above 300", Decimal(300), None, Decimal("0.7"), Decimal(0)),
    ]


def test_included_units_are_a_first_tier_at_rate_zero(catalog: Path) -> None:
    assert tiers_of(catalog, "tokens") == [
        (1, "Included", Decimal(0), Decimal(50_000_000), Decimal(0), Decimal(0)),
        (2, "Overage", Decimal(50_000_000), None, Decimal("0.0000025"), Decimal(0)),
    ]


def test_a_markup_is_one_tier_that_multiplies_the_cost(catalog: Path) -> None:
    assert tiers_of(catalog, "cost") == [
        (1, "Cost + 20 %", Decimal(0), None, Decimal("1.2"), Decimal(0))
    ]


def test_product_terms_begin_at_local_midnight(catalog: Path) -> None:
    products = tables(catalog)["catalog_products"]
    regions = products.filter(product_id="regions@1.0.0").row(0, named=True)
    assert regions["valid_from"] == datetime(2026, 1, 1, 5, tzinfo=UTC)
    assert regions["billing_zone"] == "America/New_York"
    assert (regions["period_unit"], regions["period_count"]) == ("month", 1)
    assert (regions["grace_seconds"], regions["net_days"]) == (7200, 30)
    assert regions["terms_id"].startswith("regions@1.0.0@")
    assert len(regions["terms_id"].rpartition("@")[2]) == 12


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("unit_rate: 1.50", "unit_rate: 1.5"),
        ("for a monthly fee", "every month"),
        ("    - {total: 199.00}\n", ""),
        ("  effective_from: 2026-01-01", "  effective_from: 2026-01-01T01:00:00+01:00"),
        ("  currency: USD", "  recorded_at: 2026-02-01T00:00:00Z\n  currency: USD"),
    ],
    ids=["digits", "description", "examples", "offset", "recorded_at"],
)
def test_the_way_of_writing_is_no_part_of_the_terms(
    catalog: Path, edit: Edit, old: str, new: str
) -> None:
    before = terms_of(catalog, "summaries@1.0.0")
    edit("products/summaries.yaml", old, new)
    assert terms_of(catalog, "summaries@1.0.0") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: First 1000", "name: To 1000"),
        ("net_days: 30", "net_days: 31"),
        ("effective_from: 2026-01-01", "effective_from: 2026-01-02"),
        ("sources: [documents]", "sources: [documents, tracking]"),
    ],
    ids=["tier name", "net days", "effective from", "sources"],
)
def test_whatever_the_tables_hold_is_part_of_the_terms(
    catalog: Path, edit: Edit, old: str, new: str
) -> None:
    before = terms_of(catalog, "summaries@1.0.0")
    edit("products/summaries.yaml", old, new)
    assert terms_of(catalog, "summaries@1.0.0") != before


def test_fees_match_by_the_value_in_small_letters(catalog: Path) -> None:
    compiled = tables(catalog)
    amounts = compiled["catalog_element_fee_amounts"]
    assert amounts.select("value", "match_value", "amount").rows() == [
        ("Singapore", "singapore", Decimal(3000)),
        ("Australia", "australia", Decimal(5000)),
    ]
    defaults = compiled["catalog_element_fees"].select("element", "default_amount").rows()
    assert defaults == [("workspace", Decimal(10)), ("region", None)]


def test_people_are_in_one_table_and_keys_in_the_others(catalog: Path) -> None:
    compiled = tables(catalog)
    people = compiled.pop("catalog_people")
    assert people.select("subscriber_key", "subscriber_id", "email", "name").rows() == [
        (subscriber_key("anna"), "anna", "Anna@example.com", "Anna"),
        (subscriber_key("bo"), "bo", None, None),
    ]
    subscribers = compiled["catalog_subscribers"]
    assert subscribers["email_key"].to_list() == [email_key("anna@example.com"), None]
    text = "".join(table.write_csv() for table in compiled.values())
    assert not any(word in text for word in ("anna", "Anna", "example.com", "secret-1"))


def test_a_subscription_ends_with_its_last_day_in_the_products_zone(catalog: Path) -> None:
    row = tables(catalog)["catalog_subscriptions"].row(1, named=True)
    assert row["started_at"] == row["valid_from"] == datetime(2026, 2, 1, 5, tzinfo=UTC)
    assert row["ended_at"] == datetime(2026, 4, 1, 4, tzinfo=UTC)
    assert row["product_id"] == "regions@1.0.0"
    assert row["billing_zone"] == "America/New_York"


def test_a_credential_without_start_holds_from_the_subscriptions(catalog: Path) -> None:
    rows = tables(catalog)["catalog_credentials"]
    assert rows.select("credential_key", "valid_from", "valid_to").rows() == [
        (
            credential_key("secret-1"),
            datetime(2026, 1, 15, tzinfo=UTC),
            datetime(2026, 3, 1, tzinfo=UTC),
        ),
        (credential_key("secret-1"), datetime(2026, 3, 1, tzinfo=UTC), None),
        (credential_key("secret-2"), datetime(2026, 2, 1, 5, tzinfo=UTC), None),
    ]


def test_ai_prices_are_per_token_and_by_providers_in_small_letters(catalog: Path) -> None:
    rows = tables(catalog)["ai_price_overrides"]
    columns = ("min_input_tokens", "usd_per_input_token", "usd_per_output_token")
    assert set(rows["provider"]) == {"openai"}
    assert rows.select(columns).rows() == [
        (0, Decimal("0.0000025"), Decimal("0.00001")),
        (200_000, Decimal("0.000005"), Decimal("0.00002")),
    ]


def test_what_is_cached_costs_as_much_as_input_unless_it_says_otherwise(
    catalog: Path, edit: Edit
) -> None:
    edit("ai_prices.csv", "input,output,valid_from", "input,output,cache_read,valid_from")
    edit("ai_prices.csv", "2.50,10,2026", "2.50,10,0.25,2026")
    edit("ai_prices.csv", "5,20,2026", "5,20,,2026")
    rows = tables(catalog)["ai_price_overrides"]
    columns = ("usd_per_cache_read_token", "usd_per_cache_write_token")
    assert rows.select(columns).rows() == [
        (Decimal("0.00000025"), Decimal("0.0000025")),
        (Decimal("0.000005"), Decimal("0.000005")),
    ]


def test_as_valid_means_recorded_when_it_began_to_hold(catalog: Path) -> None:
    compiled = tables(catalog)
    assert all(table["recorded_at"].equals(table["valid_from"]) for table in compiled.values())
    assert set(compiled["catalog_sources"]["recorded_at"]) == {BEGINNING}


def test_a_row_says_better_than_the_load_when_it_became_known(catalog: Path, edit: Edit) -> None:
    load = datetime(2026, 5, 1, tzinfo=UTC)
    edit(
        "products/grouped.yaml", "currency: USD", "currency: USD\n  recorded_at: 2026-02-01T00:00Z"
    )
    edit("organizations.csv", "name\n", "name,recorded_at\n")
    edit("organizations.csv", "Ltd\n", "Ltd,2026-03-01T00:00:00+01:00\nbeta,Beta,\n")
    compiled = tables(catalog, recorded_at=load)
    grouped = compiled["catalog_tiers"].filter(metric_key="calls")
    assert set(grouped["recorded_at"]) == {datetime(2026, 2, 1, tzinfo=UTC)}
    assert compiled["catalog_organizations"]["recorded_at"].to_list() == [
        datetime(2026, 2, 28, 23, tzinfo=UTC),
        load,
    ]


def test_a_rows_hash_is_of_its_content_and_not_of_when_it_was_known(catalog: Path) -> None:
    early, late = tables(catalog), tables(catalog, recorded_at=datetime(2030, 1, 1, tzinfo=UTC))
    hashes = [each for name in early for each in early[name]["row_hash"]]
    assert hashes == [each for name in late for each in late[name]["row_hash"]]
    assert len(hashes) == len(set(hashes))
    assert all(len(each) == 64 for each in hashes)
