from streamlit.testing.v1 import AppTest

from streamlit_app import formats, queries, snapshot
from tests.streamlit_app.published import OpenPage, Publish

PAGE = "app_pages/invoices.py"


def markdown(page: AppTest) -> str:
    return "\n".join(element.value for element in page.markdown)


def header(page: AppTest) -> dict[str, str]:
    """Return the invoice's fields, whose labels are the captions between the list and the hash."""
    values = [text.value for text in page.text]
    labels = [caption.value for caption in page.main.caption]
    end = next(place for place, label in enumerate(labels) if label.startswith("SHA-256"))
    return dict(zip(labels[end - len(values) : end], values, strict=True))


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
    assert "**Σ 2 invoices 3,111.65 USD**: ✓ equal to all of the above together" in markdown(page)
    assert "1 invoice in JPY" in page.caption[0].value


def test_filters_and_search_come_from_the_address(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(PAGE, status="issued", month="2026-01", search="pharma")
    assert page.dataframe[0].value["invoice_id"].to_list() == ["PHARMA-0001"]
    assert open_page(PAGE, search="nowhere").info[0].value.startswith("No invoice matches")


def test_invoices_of_0_can_be_hidden(publish: Publish, open_page: OpenPage) -> None:
    publish(changes=["update marts.fct_invoices set total_amount = 0 where status = 'draft'"])
    assert open_page(PAGE).dataframe[0].value.shape[0] == 2
    page = open_page(PAGE, hide_zero="true")
    assert page.dataframe[0].value["invoice_id"].to_list() == ["PHARMA-0001"]
    assert page.metric[1].delta == "0 invoices"
    assert "✓ equal" in markdown(page)


def test_the_list_and_the_lines_can_be_downloaded(publish: Publish, open_page: OpenPage) -> None:
    publish()
    buttons = open_page(PAGE, invoice="PHARMA-0001").get("download_button")
    assert [button.proto.label for button in buttons] == ["Download as CSV"] * 2


def test_downloads_have_every_digit_and_iso_instants(publish: Publish) -> None:
    publish()
    file = snapshot.find_snapshot()
    assert file is not None
    listed = formats.csv(queries.invoices(file, queries.InvoiceScope("JPY"))).decode()
    assert "2026-01-01,2026-01-31,2026-03-03,issued,JPY,50.0000" in listed
    lines = formats.csv(queries.lines(file, "HARBOUR-0001")).decode()
    assert "2026-01-01T00:00:00Z" in lines
    assert "12.500000000125" in lines


def test_a_draft_says_what_it_will_be(publish: Publish, open_page: OpenPage) -> None:
    publish(changes=["update marts.fct_invoices set accrued_amount = 2.85 where status = 'draft'"])
    fields = header(open_page(PAGE, invoice="PHARMA-0002"))
    assert fields["Accrued so far (USD)"] == "2.85"
    assert fields["Total if nothing more comes (USD)"] == "4.35"
    assert fields["Will be issued on"] == "01 Mar 2026"
    assert fields["Will count what is known before"] == "01 Mar 2026 01:00 UTC"


def test_an_issued_invoice_says_what_it_is(publish: Publish, open_page: OpenPage) -> None:
    publish()
    fields = header(open_page(PAGE, invoice="PHARMA-0001"))
    assert fields == {
        "Customer": "Pharma House",
        "Product": "Summaries (summaries@1.0.0)",
        "Subscription": "Pharma summaries",
        "Status": "issued",
        "Total (USD)": "3,107.30",
        "To pay (USD)": "3,107.30, open",
        "Period (UTC)": "01 Jan 2026 to 31 Jan 2026",
        "Issue date": "01 Feb 2026",
        "Counts what was known before": "01 Feb 2026 01:00 UTC",
        "Due": "03 Mar 2026",
    }


def test_an_address_opens_an_invoice_at_its_lines(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(PAGE, invoice="PHARMA-0001")
    assert page.header[0].value == "Invoice PHARMA\\-0001"
    lines = page.dataframe[1].value
    assert lines["Fixed (USD)"].to_list() == ["100.00", "0.00", "0.10", "3,000.00"]
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
    assert slices["Units of the tier"].to_list() == ["up to 3", "over 3"]
    assert slices["Units"].to_list() == ["3", "2"]
    assert slices["+ fixed (USD)"].to_list() == ["0.00", "0.10"]
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
    assert "5 → 6 units; 7.30 → 8.65 USD: +1.35" in markdown(page)
    assert "(invoices?invoice=PHARMA-0001&currency=USD)" in markdown(page)


def test_an_adjustment_of_a_fee_has_amounts_alone(publish: Publish, open_page: OpenPage) -> None:
    publish(
        changes=["update marts.fct_invoice_lines set previous_quantity = null, previous_amount = 0"]
    )
    page = open_page(PAGE, invoice="PHARMA-0002", tab="Events", line="2")
    assert "\n0.00 → 1.35 USD: +1.35" in markdown(page)


def test_an_invoice_of_adjustments_alone_lists_them(publish: Publish, open_page: OpenPage) -> None:
    publish(changes=["delete from marts.fct_invoice_lines where invoice_line_id = 'p2-1'"])
    page = open_page(PAGE, invoice="PHARMA-0002", tab="Tiers")
    assert not any("nothing to slice" in caption.value for caption in page.caption)
    assert page.dataframe[1].value.iloc[0].to_list() == [
        "2",
        "Summaries, late usage",
        "PHARMA-0001",
        "5",
        "1",
        "6",
        "7.30",
        "8.65",
        "+1.35",
    ]


def test_an_invoice_without_metrics_says_so(publish: Publish, open_page: OpenPage) -> None:
    publish(changes=["delete from marts.fct_invoice_lines where kind in ('usage', 'adjustment')"])
    page = open_page(PAGE, invoice="PHARMA-0001", tab="Tiers")
    assert any("nothing to slice" in caption.value for caption in page.caption)


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
