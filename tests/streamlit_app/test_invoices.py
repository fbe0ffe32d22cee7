from streamlit.testing.v1 import AppTest

from tests.streamlit_app.published import OpenPage, Publish

PAGE = "app_pages/invoices.py"


def markdown(page: AppTest) -> str:
    return "\n".join(element.value for element in page.markdown)


def test_tiles_and_list_are_the_same_invoices(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(PAGE)
    assert not page.exception
    assert [(tile.label, tile.value, tile.delta) for tile in page.metric] == [
        ("Issued (USD)", "3,107.30", "1 invoice"),
        ("Draft (USD)", "4.35", "1 invoice"),
    ]
    listed = page.dataframe[0].value
    assert listed["invoice_id"].to_list() == ["PHARMA-0002", "PHARMA-0001"]
    assert "**Σ 2 invoices 3,111.65 USD**: ✓ equal to issued and draft together" in markdown(page)
    assert "1 invoice in JPY" in page.caption[0].value


def test_filters_and_search_come_from_the_address(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(PAGE, status="issued", month="2026-01", search="pharma")
    assert page.dataframe[0].value["invoice_id"].to_list() == ["PHARMA-0001"]
    assert open_page(PAGE, search="nowhere").info[0].value.startswith("No invoice matches")


def test_an_address_opens_an_invoice_at_its_lines(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(PAGE, invoice="PHARMA-0001")
    assert page.header[0].value == "Invoice PHARMA\\-0001"
    assert "28 Feb 2026" not in [text.value for text in page.text]
    assert "31 Jan 2026" in [text.value for text in page.text]
    lines = page.dataframe[1].value
    assert lines["Amount (USD)"].to_list() == ["100.00", "4.50", "2.80", "3,000.00"]
    assert "**Total 3,107.30 USD**: ✓ equal" in markdown(page)


def test_an_invoice_whose_lines_do_not_sum_is_shown_as_such(
    publish: Publish, open_page: OpenPage
) -> None:
    publish(changes=["update marts.fct_invoices set total_amount = 1"])
    assert "✗ differs" in markdown(open_page(PAGE, invoice="PHARMA-0001"))


def test_tiers_sum_to_their_metric(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(PAGE, invoice="PHARMA-0001", tab="Tiers")
    slices = page.dataframe[1].value
    assert slices["Units"].to_list() == ["3", "2"]
    assert slices["= amount (USD)"].to_list() == ["4.50", "2.80"]
    assert "Σ units 5: ✓ equal to the 5 metered" in markdown(page)
    assert "Σ amounts 7.30 USD: ✓ equal to the tiers rated again, 7.30" in markdown(page)


def test_a_rate_keeps_its_twelve_decimals(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(PAGE, invoice="HARBOUR-0001", tab="Tiers")
    assert page.dataframe[1].value.iloc[0, 3] == "12.500000000125"
    assert "Σ amounts 50 JPY: ✓ equal" in markdown(page)


def test_a_line_equals_the_events_it_was_computed_from(
    publish: Publish, open_page: OpenPage
) -> None:
    publish()
    page = open_page(PAGE, invoice="PHARMA-0001", tab="Events", line="2")
    assert page.dataframe[1].value["event_id"].to_list() == [f"tx-{n}" for n in range(1, 6)]
    assert "5 events: ✓ equal to the 5 metered" in markdown(page)
    assert "Σ 5 units: ✓ equal to the 5 metered" in markdown(page)


def test_a_lost_event_breaks_the_equality(publish: Publish, open_page: OpenPage) -> None:
    publish(changes=["delete from marts.fct_line_events where event_key = 'e1'"])
    page = open_page(PAGE, invoice="PHARMA-0001", tab="Events", line="2")
    assert "4 events: ✗ differs from the 5 metered" in markdown(page)


def test_an_adjustment_shows_the_late_events_without_claiming_equality(
    publish: Publish, open_page: OpenPage
) -> None:
    publish()
    page = open_page(PAGE, invoice="PHARMA-0002", tab="Events", line="2")
    assert page.dataframe[1].value["event_id"].to_list() == ["tx-6"]
    assert "1 event came late, with Σ 1 units" in markdown(page)
    assert "metered" not in markdown(page)


def test_a_recurring_charge_has_no_events(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(PAGE, invoice="PHARMA-0001", tab="Events", line="1")
    assert len(page.dataframe) == 1
    assert "no event is behind it" in markdown(page)


def test_credentials_add_up_or_say_what_came_late(publish: Publish, open_page: OpenPage) -> None:
    publish()
    late = open_page(PAGE, invoice="PHARMA-0001", tab="Credentials")
    assert "Σ Summaries 6: this invoice metered 5; what came late" in markdown(late)
    whole = open_page(PAGE, invoice="PHARMA-0002", tab="Credentials")
    assert "Σ Summaries 2: ✓ equal" in markdown(whole)


def test_an_unknown_invoice_is_named(publish: Publish, open_page: OpenPage) -> None:
    publish()
    assert "NOWHERE" in open_page(PAGE, invoice="NOWHERE").warning[0].value


def test_another_invoice_with_fewer_lines_can_follow(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(PAGE, invoice="PHARMA-0001", tab="Events", line="4")
    assert "Region Singapore" in markdown(page)
    page.query_params["invoice"] = "HARBOUR-0001"
    page.run()
    assert not page.exception
    assert "4 events: ✓ equal to the 4 metered" in markdown(page)
