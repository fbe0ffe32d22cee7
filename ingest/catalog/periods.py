"""How long a settlement period is: what a catalogue says, and what it stands for."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from ingest.catalog.problems import did_you_mean
from ingest.catalog.values import shown

TEST_PERIOD = "5 minutes"
SYNTHETIC_TEST_PERIOD = "5 minutes synthetic"


@dataclass(frozen=True)
class Period:
    """A length of time in `unit`s ('minute', 'day' or 'month').

    `calendar_unit` is what such periods can be aligned to, None for those without a calendar.
    """

    unit: str
    count: int
    calendar_unit: str | None = None
    is_synthetic: bool = False

    @property
    def is_test(self) -> bool:
        """Whether it is one of the periods of 5 minutes, which run for an hour."""
        return self.unit == "minute"


_NAMED = {
    "day": Period("day", 1, "day"),
    "week": Period("day", 7, "week"),
    "month": Period("month", 1, "month"),
    "quarter": Period("month", 3, "quarter"),
    "year": Period("month", 12, "year"),
    TEST_PERIOD: Period("minute", 5),
    SYNTHETIC_TEST_PERIOD: Period("minute", 5, is_synthetic=True),
}
_CUSTOM = r"[1-9][0-9]{0,2} (days|weeks|months)"
# The unit that each is counted in, how many of it, and the longest that is taken: three years.
_UNITS = {"days": ("day", 1, 999), "weeks": ("day", 7, 156), "months": ("month", 1, 36)}


def _parse_period(value: object) -> Period:
    if isinstance(value, str) and value in _NAMED:
        return _NAMED[value]
    if not isinstance(value, str) or not re.fullmatch(_CUSTOM, value):
        raise ValueError(
            f"{shown(value)} is not a settlement period. Write one of {', '.join(_NAMED)}, or a "
            f"number of days, weeks or months, as 2 weeks.{did_you_mean(str(value), _NAMED)}"
        )
    number, _, name = value.partition(" ")
    unit, size, most = _UNITS[name]
    if int(number) > most:
        raise ValueError(f"{shown(value)} is too long. Write at most {most} {name}")
    return Period(unit, int(number) * size)


Every = Annotated[
    Period,
    PlainValidator(_parse_period),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(_NAMED)},
                {"type": "string", "pattern": f"^{_CUSTOM}$"},
            ]
        }
    ),
]
