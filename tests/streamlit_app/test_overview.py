from streamlit.testing.v1 import AppTest

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
        "Margin (USD)": "3,110.25",
        "Margin of revenue": "100.0%",
        "Cost (USD)": "1.80",
        "Events metered": "13",
        "Unattributed cost": "22.2%",
        "Unpriced events": "1",
    }


def test_currencies_are_never_added_and_only_usd_has_a_margin(
    publish: Publish, open_page: OpenPage
) -> None:
    publish()
    page = open_page(currency="JPY")
    assert tiles(page)["Invoiced revenue (JPY)"] == "50"
    assert tiles(page)["Margin (JPY)"] == "–"  # noqa: RUF001 the dash that stands for no value
    assert any("no rate is assumed" in caption.value for caption in page.caption)


def test_a_month_is_compared_with_the_one_before(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(**{"from": "2026-02", "to": "2026-02"})
    shown = {tile.label: (tile.value, tile.delta) for tile in page.metric}
    assert shown["Invoiced revenue (USD)"] == ("0.00", "-100.0%")
    assert shown["Events metered"] == ("3", "-70.0%")
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
