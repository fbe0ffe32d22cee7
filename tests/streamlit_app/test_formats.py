from datetime import UTC, datetime
from decimal import Decimal

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
    ) == ("01 Feb 2026 09:00 UTC until before 01 Feb 2026 09:05 UTC")


def test_text_from_data_is_not_markdown() -> None:
    assert formats.literal("*a*[b](c) :red[d] $x$") == (r"\*a\*\[b\]\(c\) \:red\[d\] \$x\$")
