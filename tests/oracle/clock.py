"""Wall clocks and calendars: where periods begin, written from R23, R24, R26 and R30."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

MINUTES_OF_A_TEST = 60
MINUTES_OF_A_TEST_PERIOD = 5
DAYS_OF_A_WEEK = 7
MONTHS_OF_A_YEAR = 12
_MONTHS: Mapping[str, int] = {"month": 1, "quarter": 3, "year": 12}


@cache
def zone(name: str) -> ZoneInfo:
    """Return a zone from the pinned data."""
    path = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with path.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def instant(text: str) -> datetime:
    """Return the UTC instant of an ISO text with an offset."""
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError(f"{text} has no offset: add Z")
    return read.astimezone(UTC)


def start(text: str, place: ZoneInfo) -> datetime:
    """Return the instant of a catalogue's moment; a bare date is its local midnight."""
    return instant(text) if "T" in text else at_wall(datetime.fromisoformat(text), place)


def end(text: str, place: ZoneInfo) -> datetime:
    """Return the instant at which something ends; a bare date is the last valid day."""
    if "T" in text:
        return instant(text)
    return at_wall(datetime.fromisoformat(text) + timedelta(days=1), place)


def at_wall(wall: datetime, place: ZoneInfo) -> datetime:
    """Return the instant of a wall time: in a gap forward by the gap, in a fold the first."""
    return wall.replace(tzinfo=place, fold=0).astimezone(UTC)


def wall_at(moment: datetime, place: ZoneInfo) -> datetime:
    """Return what a clock in the zone shows at an instant."""
    return moment.astimezone(place).replace(tzinfo=None)


def add_days(moment: datetime, days: int, place: ZoneInfo) -> datetime:
    """Return the same wall time some local days later."""
    return at_wall(wall_at(moment, place) + timedelta(days=days), place)


def add_months(moment: datetime, months: int, place: ZoneInfo) -> datetime:
    """Return the same wall time some months later, clamped to the month's last day."""
    return at_wall(_months_later(wall_at(moment, place), months), place)


def _months_later(wall: datetime, months: int) -> datetime:
    year, month = divmod(wall.year * MONTHS_OF_A_YEAR + wall.month - 1 + months, MONTHS_OF_A_YEAR)
    first = date(year, month + 1, 1)
    following = date(year + (month + 1) // MONTHS_OF_A_YEAR, (month + 1) % MONTHS_OF_A_YEAR + 1, 1)
    return datetime.combine(first.replace(day=min(wall.day, (following - first).days)), wall.time())


@dataclass(frozen=True)
class Interval:
    """How long a period is, and whether periods follow the anchor or the calendar."""

    unit: str
    count: int = 1
    is_calendar: bool = False

    @property
    def is_test(self) -> bool:
        """Whether these are the 5-minute periods of one hour."""
        return self.unit == "minute"


def interval(every: str, align: str = "anniversary") -> Interval:
    """Return what a settlement's `every` and `align` say."""
    if every.startswith("5 minutes"):
        return Interval("minute", MINUTES_OF_A_TEST_PERIOD)
    count, _, unit = every.rpartition(" ")
    return Interval(unit.removesuffix("s"), int(count or 1), align == "calendar")


@dataclass(frozen=True)
class Grid:
    """The boundaries of a subscription's periods: number 0 is the anchor itself."""

    anchor: datetime
    every: Interval
    place: ZoneInfo

    def boundary(self, number: int) -> datetime:
        """Return the boundary of a number, each computed from the anchor and not from another."""
        if number == 0:
            return self.anchor
        if self.every.is_test:
            return self.anchor + timedelta(minutes=self.every.count * number)
        wall = wall_at(self.anchor, self.place)
        if self.every.is_calendar:
            wall = _calendar_start(wall, self.every.unit)
        return at_wall(_later(wall, self.every, number), self.place)

    def full_seconds(self, number: int) -> int:
        """Return the length of a whole period, of a calendar stub that of what contains it."""
        begins = self.boundary(number - 1)
        if number == 1 and self.every.is_calendar:
            begins = at_wall(
                _calendar_start(wall_at(self.anchor, self.place), self.every.unit), self.place
            )
        return seconds(begins, self.boundary(number))

    def is_stub(self, number: int) -> bool:
        """Whether a period is the part of a calendar period that its subscription began in."""
        whole = self.full_seconds(number)
        return whole != seconds(self.boundary(number - 1), self.boundary(number))

    def next_boundary(self, moment: datetime) -> datetime:
        """Return the first boundary at or after an instant."""
        number = 0
        while self.boundary(number) < moment:
            number += 1
        return self.boundary(number)


def seconds(begins: datetime, ends: datetime) -> int:
    """Return the whole seconds from one instant to another."""
    return int((ends - begins).total_seconds())


def _later(wall: datetime, every: Interval, number: int) -> datetime:
    count = every.count * number
    if every.unit in _MONTHS:
        return _months_later(wall, _MONTHS[every.unit] * count)
    return wall + timedelta(days=count * (DAYS_OF_A_WEEK if every.unit == "week" else 1))


def _calendar_start(wall: datetime, unit: str) -> datetime:
    """Return the midnight at which the calendar period around a wall time begins."""
    day = wall.date()
    if unit == "week":
        day -= timedelta(days=day.weekday())
    elif unit in _MONTHS:
        months = _MONTHS[unit]
        day = day.replace(month=(day.month - 1) // months * months + 1, day=1)
    return datetime.combine(day, time())
