from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from streamlit_app import formats


@pytest.mark.parametrize(
    ("amount", "minor_unit", "text"),
    [("1234567.8", 2, "1,234,567.80"), ("-5", 0, "-5"), ("1.5", 3, "1.500")],
)
def test_money_has_the_digits_of_its_currency(amount: str, minor_unit: int, text: str) -> None:
    assert formats.money(Decimal(amount), minor_unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.000000037500", "0.0000000375"),
        ("20000000.000000000000", "20,000,000"),
        ("1200", "1,200"),
        ("0.000", "0"),
        ("1E-12", "0.000000000001"),
    ],
)
def test_a_rate_keeps_every_significant_digit(value: str, text: str) -> None:
    assert formats.number(Decimal(value)) == text


def test_small_figures_do_not_read_as_zero() -> None:
    assert formats.cost(Decimal("0.000123")) == "0.000123"
    assert formats.percent(Decimal("0.00007")) == "< 0.1%"
    assert formats.percent(Decimal(0)) == "0.0%"


def test_a_period_shows_its_last_included_day() -> None:
    assert (
        formats.period(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
        == "01 Feb 2026 to 28 Feb 2026"
    )


def test_a_period_of_less_than_days_shows_its_instants() -> None:
    assert formats.period(
        datetime(2026, 2, 1, 9, tzinfo=UTC), datetime(2026, 2, 1, 9, 5, tzinfo=UTC)
    ) == ("01 Feb 2026 09:00 until before 01 Feb 2026 09:05")


def test_a_period_without_length_shows_one_instant() -> None:
    start = datetime(2026, 2, 1, tzinfo=UTC)
    assert formats.period(start, start) == "01 Feb 2026 00:00"


def test_a_share_is_written_in_seconds() -> None:
    assert formats.share(1_296_000, 2_592_000) == "1,296,000 of 2,592,000 s"
    assert formats.share(None, None) == formats.NOTHING


def test_text_from_data_is_not_markdown() -> None:
    assert formats.literal("*a*[b](c) :red[d] $x$") == (r"\*a\*\[b\]\(c\) \:red\[d\] \$x\$")


def test_tiers_say_what_they_exclude_and_include() -> None:
    bounds = [("0", "20000000"), ("20000000", "100000000"), ("100000000", None), ("0", None)]
    assert [
        formats.tier_range(Decimal(lower), None if upper is None else Decimal(upper))
        for lower, upper in bounds
    ] == ["up to 20,000,000", "over 20,000,000 up to 100,000,000", "over 100,000,000", "all"]


def test_a_csv_is_exact_and_no_cell_of_text_is_a_formula() -> None:
    rows = pl.DataFrame(
        {
            "name": ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "a=b", None],
            "amount": [Decimal("-1.500000000000")] * 8,
            "known_at": [datetime.fromisoformat("2026-02-01T00:00:00.000120")] * 8,
            "due_date": [date(2026, 2, 3)] * 8,
        }
    )
    read = pl.read_csv(formats.csv(rows), infer_schema=False)
    assert read["name"].to_list() == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "a=b", None]
    assert read.row(0)[1:] == ("-1.500000000000", "2026-02-01T00:00:00.000120Z", "2026-02-03")
