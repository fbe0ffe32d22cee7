from collections.abc import Mapping

import pytest
from streamlit.testing.v1 import AppTest

from streamlit_app import formats, queries, snapshot
from tests.streamlit_app.published import OpenPage, Publish

PAGE = "app_pages/invoices.py"


def markdown(page: AppTest) -> str:
    return "\n".join(element.value for element in page.markdown)


def line(line_id: str, **values: object) -> str:
    """Return the change that gives a line these values."""
    setting = assignments(values)
    return f"update marts.fct_invoice_lines set {setting} where invoice_line_id = '{line_id}'"


def invoice(invoice_id: str, **values: object) -> str:
    """Return the change that gives an invoice these values."""
    return f"update marts.fct_invoices set {assignments(values)} where invoice_id = '{invoice_id}'"


def assignments(values: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name} = {'null' if value is None else repr(value)}" for name, value in values.items()
    )


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
    assert listed["payment_status"].fillna("none yet").to_list() == ["none yet", "open"]
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


def test_periods_and_days_are_those_of_the_billing_zone(
    publish: Publish, open_page: OpenPage
) -> None:
    publish(
        changes=[
            invoice(
                "PHARMA-0001",
                billing_zone="Europe/Berlin",
                period_started_at="2025-12-31 23:00",
                period_ended_at="2026-01-31 23:00",
                cut_off_at="2026-01-31 23:30",
            ),
            line("p1-1", period_started_at="2025-12-31 23:00", period_ended_at="2026-01-31 23:00"),
        ]
    )
    page = open_page(PAGE, invoice="PHARMA-0001", month="2026-01")
    listed = page.dataframe[0].value
    assert listed["first_day"].astype(str).to_list() == ["2026-01-01"]
    assert listed["last_day"].astype(str).to_list() == ["2026-01-31"]
    fields = header(page)
    assert fields["Period (Europe/Berlin)"] == "01 Jan 2026 to 31 Jan 2026"
    assert fields["Issue date"] == "01 Feb 2026"
    assert fields["Counts what was known before"] == "31 Jan 2026 23:30 UTC"
    periods = page.dataframe[1].value["Period (Europe/Berlin)"]
    assert periods[0] == "01 Jan 2026 to 31 Jan 2026"


def test_what_is_to_pay_says_what_credit_and_payment_made_of_the_total(
    publish: Publish, open_page: OpenPage
) -> None:
    publish(
        changes=[
            invoice(
                "PHARMA-0001",
                applied_credit_amount=7.30,
                amount_due=3100,
                payment_status="paid",
                paid_at="2026-02-03 10:00",
                refunded_amount=100,
            )
        ]
    )
    fields = header(open_page(PAGE, invoice="PHARMA-0001"))
    assert fields["Total (USD)"] == "3,107.30"
    assert fields["Credit used (USD)"] == "7.30"
    assert fields["To pay (USD)"] == "3,100.00, paid on 03 Feb 2026"
    assert fields["Refunded (USD)"] == "100.00"


def test_nothing_is_due_on_a_void_invoice(publish: Publish, open_page: OpenPage) -> None:
    publish(changes=[invoice("PHARMA-0001", status="void", payment_status=None, amount_due=0)])
    fields = header(open_page(PAGE, invoice="PHARMA-0001"))
    assert fields["Total, void and not due (USD)"] == "3,107.30"
    assert "Due" not in fields


def test_a_negative_total_is_the_payers_credit(publish: Publish, open_page: OpenPage) -> None:
    publish(changes=[invoice("PHARMA-0001", total_amount=-5, amount_due=0, payment_status="paid")])
    fields = header(open_page(PAGE, invoice="PHARMA-0001"))
    assert fields["To pay (USD)"] == "0.00, the total is credit of the payer"


def test_an_address_opens_an_invoice_at_its_lines(publish: Publish, open_page: OpenPage) -> None:
    publish()
    page = open_page(PAGE, invoice="PHARMA-0001")
    assert page.header[0].value == "Invoice PHARMA\\-0001"
    lines = page.dataframe[1].value
    assert lines["Fixed (USD)"].to_list() == ["100.00", "0.00", "0.10", "3,000.00"]
    assert lines["Amount (USD)"].to_list() == ["100.00", "4.50", "2.80", "3,000.00"]
    assert "**Total 3,107.30 USD**: ✓ equal" in markdown(page)


def test_lines_name_what_they_adjust_and_their_share_where_they_have_one(
    publish: Publish, open_page: OpenPage
) -> None:
    publish(changes=[line("p1-1", fraction=0.5, share_seconds=1296000, full_seconds=2592000)])
    prorated = open_page(PAGE, invoice="PHARMA-0001").dataframe[1].value
    nothing = formats.NOTHING
    assert prorated["Share of period"].to_list() == ["1,296,000 of 2,592,000 s", *[nothing] * 3]
    later = open_page(PAGE, invoice="PHARMA-0002").dataframe[1].value
    assert later["Kind"].to_list() == ["usage", "adjusts PHARMA-0001"]
    assert "Share of period" not in later


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
    assert "Late or corrected: 1 event, Σ 1 units." in markdown(page)
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


@pytest.mark.parametrize(
    ("kind", "owed", "price"),
    [
        ("recurring", "A recurring charge is owed for the period itself", "100.00 USD a period"),
        ("one_time", "A one-time charge is owed for the purchase", "100.00 USD"),
        ("setup", "A setup fee is owed once, by the subscription or by its payer", "100.00 USD"),
    ],
)
def test_a_charge_is_made_of_terms_and_not_of_events(
    publish: Publish, open_page: OpenPage, kind: str, owed: str, price: str
) -> None:
    publish(changes=[line("p1-1", kind=kind)])
    page = open_page(PAGE, invoice="PHARMA-0001", tab="Events", line="1")
    assert len(page.dataframe) == 1
    said = markdown(page).splitlines()
    assert f"{owed}; no event is behind it.  " in said
    assert f"Terms: summaries@1\\.0\\.0 since 01 Dec 2025, {price}" in map(str.rstrip, said)
    assert ("Period: 01 Jan 2026 to 31 Jan 2026, charged in arrears" in said) == (
        kind == "recurring"
    )


def test_a_prorated_charge_in_advance_says_its_share_and_its_period(
    publish: Publish, open_page: OpenPage
) -> None:
    publish(
        changes=[
            line(
                "p1-1",
                period_ordinal=2,
                period_started_at="2026-02-01",
                period_ended_at="2026-02-15",
                fraction=0.5,
                share_seconds=1209600,
                full_seconds=2419200,
            )
        ]
    )
    said = markdown(open_page(PAGE, invoice="PHARMA-0001", tab="Events", line="1"))
    assert "Period: 01 Feb 2026 to 14 Feb 2026, charged in advance" in said
    assert "Share: 1,209,600 of 2,419,200 s, that is 0.5 of the full period" in said


def test_the_fee_that_comes_before_access_says_so(publish: Publish, open_page: OpenPage) -> None:
    publish(changes=[invoice("PHARMA-0001", kind="setup"), line("p1-1", kind="setup")])
    said = markdown(open_page(PAGE, invoice="PHARMA-0001", tab="Events", line="1"))
    assert "live from the instant at which this invoice is paid" in said


def test_a_credit_says_what_it_gives_back(publish: Publish, open_page: OpenPage) -> None:
    publish(
        changes=[
            line(
                "p2-2",
                kind="credit",
                metric_key=None,
                quantity=None,
                previous_quantity=None,
                previous_amount=10.01,
                amount=-5,
                fraction=0.5,
                share_seconds=1296000,
                full_seconds=2592000,
            ),
            "delete from marts.fct_line_events where invoice_line_id = 'p2-2'",
        ]
    )
    page = open_page(PAGE, invoice="PHARMA-0002", tab="Events", line="2")
    said = markdown(page)
    assert "(invoices?invoice=PHARMA-0001&currency=USD) charged in advance" in said
    assert "Unused: 1,296,000 of 2,592,000 s" in said
    assert "10.01 → 5.01 USD: -5.00" in said
    lines = open_page(PAGE, invoice="PHARMA-0002").dataframe[1].value
    assert lines["Kind"].to_list() == ["usage", "credits PHARMA-0001"]
    assert len(page.dataframe) == 1
    tiers = open_page(PAGE, invoice="PHARMA-0002", tab="Tiers")
    assert tiers.dataframe[2].value["Difference (USD)"].to_list() == ["-5.00"]


def test_a_rule_shows_what_it_charged_each_transaction(
    publish: Publish, open_page: OpenPage
) -> None:
    publish(
        changes=[
            line(
                "p1-2",
                kind="rule",
                description="Large: agreed for the spring",
                metric_key=None,
                rule_key="large",
                usage_quantity=None,
                amount=2.53,
            ),
            "update marts.fct_line_events set rule_amount = 0.505 where invoice_line_id = 'p1-2'",
        ]
    )
    page = open_page(PAGE, invoice="PHARMA-0001", tab="Events", line="2")
    said = markdown(page)
    assert "**Large\\: agreed for the spring**, 2.53 USD" in said
    assert "The pricing rule `large` charged each of these transactions by itself." in said
    assert "5 events: ✓ equal to the 5 metered" in said
    assert "Σ 2.525 USD, rounded once: ✓ equal to the line, 2.53" in said
    assert page.dataframe[1].value["rule_amount"].to_list() == ["0.505"] * 5


def test_other_lines_have_no_column_for_what_rules_charge(
    publish: Publish, open_page: OpenPage
) -> None:
    publish()
    page = open_page(PAGE, invoice="PHARMA-0001", tab="Events", line="2")
    assert "rule_amount" not in page.dataframe[1].value


@pytest.mark.parametrize(
    ("status", "charge_key", "told"),
    [
        (
            "issued",
            "platform",
            "What became known after the charge was billed, such as an end or a void, is",
        ),
        ("issued", None, "Something else than an event became known late, such as a price."),
        ("void", "platform", "No late event is behind it."),
    ],
)
def test_an_adjustment_without_late_events_says_what_else_it_can_be(
    publish: Publish, open_page: OpenPage, status: str, charge_key: str | None, told: str
) -> None:
    publish(
        changes=[
            "delete from marts.fct_line_events where invoice_line_id = 'p2-2'",
            line("p2-2", charge_key=charge_key),
            invoice("PHARMA-0001", status=status),
        ]
    )
    said = markdown(open_page(PAGE, invoice="PHARMA-0002", tab="Events", line="2"))
    assert told in said
    assert ("&currency=USD), which is void." in said) == (status == "void")


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
