from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from ingest.catalog.values import Amount, Moment, end_instant, instant, match_value

HAVANA = ZoneInfo("America/Havana")  # changes its clocks at midnight


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 1, 15), datetime(2026, 1, 15, 5, tzinfo=UTC)),
        (date(2026, 3, 8), datetime(2026, 3, 8, 5, tzinfo=UTC)),
        (date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ],
    ids=["an ordinary day", "midnight is skipped: forward", "midnight comes twice: the first"],
)
def test_a_bare_date_is_local_midnight(day: date, expected: datetime) -> None:
    assert instant(day, HAVANA) == expected


def test_a_bare_date_that_ends_something_is_its_last_day() -> None:
    assert end_instant(date(2026, 3, 7), HAVANA) == instant(date(2026, 3, 8), HAVANA)


def test_an_instant_is_the_same_whatever_the_zone() -> None:
    moment = TypeAdapter(Moment).validate_python("2026-03-08T01:30:00+05:30")
    assert instant(moment, HAVANA) == end_instant(moment, HAVANA)
    assert instant(moment, HAVANA) == datetime(2026, 3, 7, 20, tzinfo=UTC)


def test_an_amount_keeps_every_digit_that_was_written() -> None:
    amount = TypeAdapter(Amount).validate_python("1234567890123456789.10")
    assert amount == Decimal("1234567890123456789.10")
    assert str(amount) == "1234567890123456789.10"


@pytest.mark.parametrize("text", ["1e3", "1_000", "1,000", ".5", "5.", "+1", "NaN", "٣", "1 ", ""])
def test_an_amount_is_digits_and_a_point(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Amount).validate_python(text)


def test_values_match_by_ascii_letters_only() -> None:
    assert match_value("  SingaPore ") == "singapore"
    assert match_value("İstanbul") == "İstanbul"
