from decimal import Decimal

from streamlit.testing.v1 import AppTest

from streamlit_app import formats
from tests.streamlit_app.published import OpenPage, Publish


def tiles(page: AppTest) -> dict[str, str]:
    return {tile.label: tile.value for tile in page.metric}


def test_the_tiles_state_the_marts_sums(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page()
    assert not page.exception
    assert not page.error
    assert tiles(page) == {
        "Invoiced revenue (USD)": "3,107.30",
        "Accrued revenue (USD)": "4.35",
        "Cost of revenue (USD)": "1.40",
        "Margin (USD)": "3,110.25",
        "Margin of revenue": "100.0%",
        "Events metered": "13",
        "Unattributed cost (USD)": "0.40",
        "Unpriced events": "1",
    }


def test_revenue_less_cost_is_margin_to_the_cent(publish: Publish, open_page: OpenPage) -> None:
    publish(changes=["update marts.rpt_margin_by_customer set cost_amount = cost_amount + 0.0025"])
    shown = {
        label: Decimal(v.replace(",", ""))
        for label, v in tiles(open_page()).items()
        if "%" not in v
    }
    revenue = shown["Invoiced revenue (USD)"] + shown["Accrued revenue (USD)"]
    assert shown["Cost of revenue (USD)"] == Decimal("1.41")
    assert revenue - shown["Cost of revenue (USD)"] == shown["Margin (USD)"]


def test_unattributed_cost_is_apart_with_its_share(publish: Publish, open_page: OpenPage) -> None:
    publish()
    tile = next(t for t in open_page().metric if t.label == "Unattributed cost (USD)")
    assert (tile.value, tile.delta) == ("0.40", "22.2% of all cost")
    assert "Of the 1.80 USD" in tile.help


def test_currencies_are_never_added_and_only_usd_has_a_margin(
    publish: Publish, open_page: OpenPage
) -> None:
    publish()
    page = open_page(currency="JPY")
    assert tiles(page)["Invoiced revenue (JPY)"] == "50"
    for label in ("Cost of revenue (USD)", "Margin (JPY)", "Margin of revenue"):
        assert tiles(page)[label] == formats.NOTHING
    customers = next(t.value for t in page.dataframe if "organization_name" in t.value)
    assert "cost_amount" not in customers
    assert any("no rate is assumed" in caption.value for caption in page.caption)


def test_a_month_is_compared_with_the_one_before(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(**{"from": "2026-02", "to": "2026-02"})
    assert not any(tile.proto.delta_description for tile in open_page().metric)
    descriptions = {t.label: t.proto.delta_description for t in page.metric}
    assert descriptions["Invoiced revenue (USD)"] == "vs. the month before"
    assert descriptions["Cost of revenue (USD)"] == "vs. the month before"
    shown = {tile.label: (tile.value, tile.delta) for tile in page.metric}
    assert shown["Invoiced revenue (USD)"] == ("0.00", "-100.0%")
    assert shown["Events metered"] == ("3", "-70.0%")
    assert shown["Cost of revenue (USD)"] == ("0.40", "-60.0%")
    assert shown["Margin of revenue"] == ("90.8%", "-9.2 pp")


def test_filters_come_from_the_address(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(product="Tide tables", customer="Harbour Board")
    assert tiles(page)["Invoiced revenue (USD)"] == "0.00"
    assert tiles(page)["Events metered"] == "4"


def test_customers_link_to_their_invoices(publish: Publish, open_page: OpenPage) -> None:
    publish()
    customers = next(
        table.value for table in open_page().dataframe if "organization_name" in table.value
    )
    assert customers["organization_name"].to_list() == ["Pharma House"]
    assert customers["invoices"].to_list() == ["invoices?customer=Pharma%20House&currency=USD"]


def test_a_broken_truth_is_an_error_and_stands_first(publish: Publish, open_page: OpenPage) -> None:
    publish(changes=["update marts.rpt_reconciliation set break_count = 1 where unit = 'JPY'"])
    page = open_page()
    assert [error.value for error in page.error] == ["✗ 1 of 3 comparisons differ."]
    truths = next(table.value for table in page.dataframe if "truth" in table.value)
    assert truths["holds"].to_list() == ["✗", "✓", "✓"]


def test_what_has_no_cost_or_adds_nothing_is_shown_with_its_reason(
    publish: Publish, open_page: OpenPage
) -> None:
    publish()
    tables = [table.value for table in open_page().dataframe]
    unpriced = next(table for table in tables if "provider" in table)
    assert unpriced["reason"].to_list() == ["unreadable tokens", "no price"]
    unread = next(table for table in tables if "element" in table)
    assert unread.iloc[0].to_list() == ["Summaries", "Summaries", "pages", "ai", 1, 2]


def test_nothing_unread_is_said(publish: Publish, open_page: OpenPage) -> None:
    publish(changes=["delete from marts.rpt_unread_elements"])
    assert any("✓ No billable event lacks" in c.value for c in open_page().caption)


def test_a_build_without_usage_says_so(publish: Publish, open_page: OpenPage) -> None:
    publish(
        changes=["delete from marts.rpt_margin_by_customer", "delete from marts.rpt_usage_daily"]
    )
    page = open_page()
    assert not page.exception
    assert "neither revenue nor usage" in page.info[0].value


def test_the_last_month_is_never_before_the_first(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(to="2026-01")
    assert tiles(page)["Events metered"] == "10"
    page.selectbox(key="from").select("2026-02").run()
    assert not page.exception
    assert tiles(page)["Events metered"] == "3"
