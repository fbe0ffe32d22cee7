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


def rows_of(folder: Path, table: str, product_id: str) -> pl.DataFrame:
    """The rows of a product's terms, without what only names them or says when they hold."""
    of_terms = pl.col("terms_id").str.starts_with(f"{product_id}@")
    rows = tables(folder)[table].filter(of_terms)
    return rows.drop("terms_id", "valid_from", "recorded_at", "row_hash")


def tiers_of(
    folder: Path, metric_key: str, product_id: str = "coding-agent@1.0.0"
) -> list[tuple[object, ...]]:
    tiers = rows_of(folder, "catalog_tiers", product_id).filter(metric_key=metric_key)
    return tiers.drop("metric_key").rows()


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
    assert tiers_of(catalog, "calls", "plan-2@2.1.0") == [
        (1, "Up to 100", Decimal(0), Decimal(100), Decimal(0), Decimal(100), False),
        (2, "Up to 200", Decimal(100), Decimal(200), Decimal(0), Decimal(90), False),
        (3, "Up to 300", Decimal(200), Decimal(300), Decimal(0), Decimal(80), False),
        (4, "Above 300", Decimal(300), None, Decimal("0.7"), Decimal(0), False),
    ]


def test_included_units_are_a_first_tier_at_rate_zero(catalog: Path) -> None:
    assert tiers_of(catalog, "tokens") == [
        (1, "Included", Decimal(0), Decimal(50_000_000), Decimal(0), Decimal(0), False),
        (2, "Overage", Decimal(50_000_000), None, Decimal("0.0000025"), Decimal(0), False),
    ]


def test_a_markup_is_one_tier_that_multiplies_the_cost(catalog: Path) -> None:
    assert tiers_of(catalog, "cost") == [
        (1, "Cost + 20 %", Decimal(0), None, Decimal("1.2"), Decimal(0), False)
    ]


def test_an_overage_quota_cuts_the_tiers_and_adds_one(catalog: Path) -> None:
    assert tiers_of(catalog, "european", "studio@1.0.0") == [
        (1, "Up to 100", Decimal(0), Decimal(100), Decimal(1), Decimal(10), False),
        (2, "Above 100", Decimal(100), Decimal(150), Decimal("0.8"), Decimal(20), False),
        (3, "Overage", Decimal(150), None, Decimal(2), Decimal(0), True),
    ]


def test_a_quota_ends_the_tiers_that_lie_above_it(catalog: Path, edit: Edit) -> None:
    edit("products/studio.yaml", "quota: {units: 150", "quota: {units: 100")
    edit("products/studio.yaml", "    - {units: {european: 200}, total: 330.00}\n", "")
    edit("products/studio.yaml", "european: 101, singapore: 12}, total: 251.80", "}, total: 150.00")
    tiers = tiers_of(catalog, "european", "studio@1.0.0")
    assert [tier[1:4] for tier in tiers] == [
        ("Up to 100", Decimal(0), Decimal(100)),
        ("Overage", Decimal(100), None),
    ]


def test_a_metric_holds_how_it_is_counted_filtered_and_limited(catalog: Path) -> None:
    metrics = rows_of(catalog, "catalog_metrics", "studio@1.0.0")
    assert metrics.drop("name").rows() == [
        ("cost", 1, "totalCost", "sum", None, "graduated", None, None),
        ("european", 2, "transactions", "count", None, "volume", Decimal(150), "overage"),
        ("singapore", 3, "region", "match_value", "singapore", "graduated", None, None),
    ]
    assert rows_of(catalog, "catalog_metric_filters", "studio@1.0.0").rows() == [
        ("cost", "model", "house-model"),
        ("cost", "model", "other"),
        ("european", "region", "europe"),
        ("european", "region", "uk"),
        ("european", "source", "tracking"),
    ]


@pytest.mark.parametrize(
    ("quota", "row", "limited"),
    [
        ("{units: 500}", (None, Decimal(500), "block"), []),
        (
            "{units: 500, overage_rate: 1}",
            (None, Decimal(500), "overage"),
            [("calls", Decimal(500), "overage")],
        ),
        (
            "{units: 500, metric: calls}",
            ("calls", Decimal(500), "block"),
            [("calls", Decimal(500), "block")],
        ),
    ],
    ids=["transactions that block", "transactions above it cost", "a metric that blocks"],
)
def test_a_quota_stands_by_itself_and_on_the_metric_that_it_limits(
    catalog: Path, edit: Edit, quota: str, row: tuple[object, ...], limited: list[object]
) -> None:
    edit("products/grouped.yaml", "  pricing_metrics:", f"  quota: {quota}\n  pricing_metrics:")
    assert rows_of(catalog, "catalog_quotas", "plan-2@2.1.0").rows() == [row]
    metrics = rows_of(catalog, "catalog_metrics", "plan-2@2.1.0").drop_nulls("quota_units")
    assert metrics.select("metric_key", "quota_units", "quota_effect").rows() == limited


def test_a_quota_on_transactions_that_nothing_counts_is_a_metric_of_its_own(
    catalog: Path, edit: Edit
) -> None:
    edit(
        "products/regions.yaml",
        "  element_fees:",
        "  quota: {units: 9, overage_rate: 0.5}\n  element_fees:",
    )
    metrics = rows_of(catalog, "catalog_metrics", "regions@1.0.0").rows()
    expected = ("quota", "Transactions", 1, "transactions", "count", None, "graduated")
    assert metrics == [(*expected, Decimal(9), "overage")]
    assert tiers_of(catalog, "quota", "regions@1.0.0") == [
        (1, "Included", Decimal(0), Decimal(9), Decimal(0), Decimal(0), False),
        (2, "Overage", Decimal(9), None, Decimal("0.5"), Decimal(0), True),
    ]


def test_charges_that_do_not_depend_on_usage_have_a_table_each(catalog: Path) -> None:
    rows = {
        name: rows_of(catalog, f"catalog_{name}", "studio@1.0.0").rows()
        for name in ("one_time_charges", "setup_fees", "recurring_charges")
    }
    assert rows == {
        "one_time_charges": [("training", "Training", 1, Decimal(400))],
        "setup_fees": [("Setup fee", Decimal(50), "client", "first_invoice")],
        "recurring_charges": [("seats", "Seats", 1, Decimal(90), "in_advance")],
    }


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ("day", ("day", 1, None, False)),
        ("week", ("day", 7, None, False)),
        ("quarter", ("month", 3, None, False)),
        ("year", ("month", 12, None, False)),
        ("2 weeks", ("day", 14, None, False)),
        ("10 days", ("day", 10, None, False)),
        ("18 months", ("month", 18, None, False)),
        ("5 minutes", ("minute", 5, None, False)),
        ("5 minutes synthetic", ("minute", 5, None, True)),
        ("week, align: calendar", ("day", 7, "week", False)),
        ("year, align: calendar", ("month", 12, "year", False)),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_settlement_period_is_a_number_of_minutes_days_or_months(
    catalog: Path, edit: Edit, every: str, expected: tuple[object, ...]
) -> None:
    edit("products/grouped.yaml", "{every: month}", f"{{every: {every}}}")
    products = tables(catalog)["catalog_products"].filter(product_id="plan-2@2.1.0")
    columns = ("period_unit", "period_count", "calendar_unit", "is_synthetic")
    assert products.select(columns).rows() == [expected]
    assert products.item(0, "grace_seconds") == (0 if expected[0] == "minute" else 3600)


def test_what_ends_or_shifts_a_product_is_in_its_terms(catalog: Path) -> None:
    products = tables(catalog)["catalog_products"]
    columns = ("trial_days", "is_immediate_cancellation", "is_analytics_only")
    assert products.filter(product_id="studio@1.0.0").select(columns).rows() == [(14, True, False)]
    assert products.filter(product_id="plan-2@2.1.0").select(columns).rows() == [(0, False, False)]


CHARGE = "[{key: subscription, name: Subscription, amount: 9.99, bill: in_arrears}]"
CALLS = "key: transactions, name: Transactions, element: transactions, aggregation: count"
TIER = "{name: Transactions, up_to: unlimited, unit_rate: 0.1}"
PRESETS = {
    "{type: analytics_only}": "",
    "{type: one_time_charge, amount: 400}": (
        "one_time_charges: [{key: one-time, name: One-time charge, amount: 400.00}]"
    ),
    "{type: transactional, rate: 0.10}": f"pricing_metrics: [{{{CALLS}, tiers: [{TIER}]}}]",
    "{type: subscription, amount: 9.99}": f"recurring_charges: {CHARGE}",
    "{type: subscription_and_overage, amount: 9.99, included: 100, overage_rate: 0.70}": (
        f"recurring_charges: {CHARGE}\n"
        f"  pricing_metrics: [{{{CALLS}, included: 100, overage_rate: 0.7}}]"
    ),
    f"{{type: volume_based, pricing: volume, tiers: [{TIER}]}}": (
        f"pricing_metrics: [{{{CALLS}, pricing: volume, tiers: [{TIER}]}}]"
    ),
}


@pytest.mark.parametrize(("model", "written_out"), PRESETS.items(), ids=PRESETS)
def test_a_preset_is_the_same_terms_as_what_it_stands_for(
    catalog: Path, model: str, written_out: str
) -> None:
    head = (catalog / "products" / "regions.yaml").read_text(encoding="utf-8")
    head = head[: head.index("  element_fees:")].replace("key: regions", "key: preset")
    path = catalog / "products" / "preset.yaml"
    path.write_text(f"{head}  pricing_model: {model}\n", encoding="utf-8")
    product = tables(catalog)["catalog_products"].filter(product_id="preset@1.0.0")
    assert product.item(0, "is_analytics_only") == ("analytics" in model)
    if written_out:
        before = terms_of(catalog, "preset@1.0.0")
        path.write_text(f"{head}  {written_out}\n", encoding="utf-8")
        assert terms_of(catalog, "preset@1.0.0") == before


def test_pricing_rules_have_times_of_their_own_and_are_no_part_of_the_terms(
    catalog: Path, edit: Edit
) -> None:
    before = terms_of(catalog, "studio@1.0.0")
    edit(
        "products/studio.yaml", "amount: 0.05", "amount: 0.06\n      recorded_at: 2026-02-01T00:00Z"
    )
    assert terms_of(catalog, "studio@1.0.0") == before
    rules = tables(catalog)["catalog_pricing_rules"]
    columns = ("rule_key", "catalog_order", "priority", "mode", "note", "valid_from", "valid_to")
    assert rules.select(columns).rows() == [
        (
            *("large-answers", 1, 10, "replace", "Agreed in January"),
            datetime(2026, 1, 31, 23, tzinfo=UTC),
            datetime(2026, 12, 31, 23, tzinfo=UTC),
        ),
        ("parcels", 2, 100, "add", None, datetime(2025, 12, 31, 23, tzinfo=UTC), None),
    ]
    assert rules["amount_text"].to_list() == ["totalTokenCount * 0.00001", "0.06"]
    assert "element_numbers['totalTokenCount']" in rules["condition_sql"][0]
    assert rules["recorded_at"][1] == datetime(2026, 2, 1, tzinfo=UTC)


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


def test_people_are_in_tables_of_their_own_and_keys_in_the_others(catalog: Path) -> None:
    compiled = tables(catalog)
    addresses = compiled.pop("catalog_recipients")["email"]
    assert addresses.to_list() == ["finance@example.com", "ops@example.com"]
    people = compiled.pop("catalog_people")
    assert people.select("subscriber_key", "subscriber_id", "email", "name").rows() == [
        (subscriber_key("anna"), "anna", "Anna@example.com", "Anna"),
        (subscriber_key("bo"), "bo", None, None),
    ]
    subscribers = compiled["catalog_subscribers"]
    assert subscribers["email_key"].to_list() == [email_key("anna@example.com"), None]
    text = "".join(table.write_csv() for table in compiled.values())
    assert not any(word in text for word in ("anna", "Anna", "example.com", "secret-1"))


def test_notices_go_where_the_product_says_unless_the_subscription_does(
    catalog: Path, edit: Edit
) -> None:
    edit("subscriptions.csv", ",recorded_at\n", ",recorded_at,quota_threshold,recipients\n")
    for name in ("acme,summaries", "bo,,regions", "acme,studio", "acme,plan-2"):
        row = next(
            line
            for line in (catalog / "subscriptions.csv").read_text(encoding="utf-8").splitlines()
            if name in line
        )
        said = ",66.5%,ops@example.com; Cfo@example.com" if "studio," in name + "," else ",,"
        edit("subscriptions.csv", row, row + said)
    edit("subscriptions.csv", "synthetic,,,,", "synthetic,,,,,,")
    compiled = tables(catalog)

    product = compiled["catalog_products"].filter(product_id="studio@1.0.0")
    assert product.select("quota_threshold", "tier_quota_threshold").rows() == [
        (Decimal(80), Decimal(50))
    ]
    assert compiled["catalog_product_recipients"].select("product_id", "recipient_keys").rows() == [
        ("studio@1.0.0", joined("finance@example.com", "ops@example.com"))
    ]
    own = compiled["catalog_subscriptions"].filter(subscription_id="studio-a")
    assert own.select("quota_threshold", "tier_quota_threshold", "recipient_keys").rows() == [
        (Decimal("66.5"), None, joined("ops@example.com", "cfo@example.com"))
    ]
    assert compiled["catalog_recipients"].select("email_key", "email").rows() == [
        (email_key(address), address)
        for address in ("finance@example.com", "ops@example.com", "cfo@example.com")
    ]


def joined(*addresses: str) -> str:
    return ";".join(sorted(map(email_key, addresses)))


def test_an_audience_of_subscribers_is_known_by_their_keys(catalog: Path, edit: Edit) -> None:
    edit("subscriptions.csv", ",organization,,,", ",bo; anna,,,")
    rows = tables(catalog)["catalog_subscriptions"].select("audience", "audience_keys").rows()
    keys = ";".join(sorted(map(subscriber_key, ("anna", "bo"))))
    assert rows == [("subscriber", None)] * 2 + [("named", keys)] + [("subscriber", None)] * 2


def test_recipients_are_no_part_of_the_terms(catalog: Path, edit: Edit) -> None:
    before = terms_of(catalog, "studio@1.0.0")
    edit("products/studio.yaml", "[Finance@Example.com, ops@example.com]", "[]")
    assert terms_of(catalog, "studio@1.0.0") == before
    assert tables(catalog)["catalog_product_recipients"]["recipient_keys"].to_list() == [""]


def test_a_subscription_ends_with_its_last_day_in_the_products_zone(catalog: Path) -> None:
    row = tables(catalog)["catalog_subscriptions"].row(1, named=True)
    assert row["started_at"] == row["valid_from"] == datetime(2026, 2, 1, 5, tzinfo=UTC)
    assert row["expires_at"] == datetime(2026, 4, 1, 4, tzinfo=UTC)
    assert row["product_id"] == "regions@1.0.0"
    assert row["billing_zone"] == "America/New_York"


def test_a_subscription_has_what_it_says_for_itself(catalog: Path) -> None:
    rows = tables(catalog)["catalog_subscriptions"]
    columns = ("trial_days", "is_immediate_cancellation", "test_kind", "audience")
    assert rows.select("subscription_id", *columns).rows() == [
        ("sub-1", None, None, None, "subscriber"),
        ("sub-2", None, None, None, "subscriber"),
        ("studio-a", None, None, None, "organization"),
        ("studio-b", None, False, None, "subscriber"),
        ("test-run", 0, True, "5 minutes synthetic", "subscriber"),
    ]


@pytest.mark.parametrize(
    ("replaced", "change", "expected"),
    [
        ("studio-a,", "", "now"),
        ("studio-a,", "period_end", "period_end"),
        ("sub-1,", "", "period_end"),
        ("sub-1,", "now", "now"),
        ("test-run,", "", "now"),
    ],
)
def test_a_plan_changes_at_once_where_immediate_cancellation_is_allowed(
    catalog: Path, edit: Edit, replaced: str, change: str, expected: str
) -> None:
    edit("subscriptions.csv", ",studio-a,,", f",{replaced}{change},")
    rows = tables(catalog)["catalog_subscriptions"].filter(subscription_id="studio-b")
    assert rows.item(0, "replaces_subscription_id") == replaced.removesuffix(",")
    assert rows.item(0, "change") == expected


def test_a_subscription_may_refuse_what_its_product_allows(catalog: Path, edit: Edit) -> None:
    edit("subscriptions.csv", "2026-01-10,,,,", "2026-01-10,,,false,")
    rows = tables(catalog)["catalog_subscriptions"].filter(subscription_id="studio-b")
    assert rows.item(0, "change") == "period_end"


def test_a_cancellation_on_a_bare_date_is_at_its_midnight(catalog: Path) -> None:
    rows = tables(catalog)["catalog_cancellations"]
    end = datetime(2026, 3, 15, tzinfo=UTC)
    withdrawn = datetime(2026, 3, 20, 12, tzinfo=UTC)
    columns = ("cancelled_at", "valid_from", "withdrawn_at", "recorded_at")
    assert rows.select(columns).rows() == [(end, end, None, end), (end, end, withdrawn, withdrawn)]


def test_upgrades_and_exchange_rates_hold_from_an_instant_on(catalog: Path) -> None:
    compiled = tables(catalog)
    upgrades = compiled["catalog_upgrades"].select("subscription_id", "product_id", "valid_from")
    assert upgrades.rows() == [("studio-a", "studio@1.1.0", datetime(2026, 6, 14, 22, tzinfo=UTC))]
    rates = compiled["catalog_exchange_rates"].select("currency", "per_usd", "valid_from")
    assert rates.rows() == [
        ("EUR", Decimal("0.9"), datetime(2026, 1, 1, tzinfo=UTC)),
        ("EUR", Decimal("0.925000000001"), datetime(2026, 2, 1, tzinfo=UTC)),
    ]


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


def test_prices_of_units_hold_from_an_instant_or_always(catalog: Path) -> None:
    columns = ("provider", "model", "unit", "usd_per_unit", "valid_from")
    assert tables(catalog)["unit_prices"].select(columns).rows() == [
        ("openai", "house-painter", "image", Decimal("0.04"), datetime(2026, 1, 1, tzinfo=UTC)),
        ("openai", "house-painter", "image", Decimal("0.05"), datetime(2026, 6, 1, tzinfo=UTC)),
        ("openai", "house-listener", "minute", Decimal("0.006"), datetime(1970, 1, 1, tzinfo=UTC)),
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
    (catalog / "cancellations.csv").unlink()  # one of its rows says when it was recorded
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
