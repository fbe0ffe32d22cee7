"""The scalars of a catalogue: text in, exact values out.

No value is guessed from its looks: every parser takes the text as it was written, and refuses
whatever it does not fully understand.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import PlainValidator, WithJsonSchema

from ingest.catalog.currencies import minor_units
from ingest.catalog.problems import did_you_mean
from ingest.zones import zone, zone_names

AnyDate = TypeVar("AnyDate", bound=date)

_AMOUNT = r"-?[0-9]+(\.[0-9]+)?"
_PERCENT = r"[0-9]+(\.[0-9]+)?%"
_DURATION = r"[0-9]{1,6}[smhd]"
_KEY = r"[a-z0-9][a-z0-9-]*"
_PART_KEY = r"[a-z0-9][a-z0-9_-]*"
_VERSION = r"[0-9]+\.[0-9]+\.[0-9]+"
# The lake's time begins in 1970; the upper end keeps date arithmetic from overflowing.
_DATE = r"(19[7-9]|2[0-9]{2})[0-9]-[0-9]{2}-[0-9]{2}"
_LOCAL = _DATE + r"T[0-9]{2}:[0-9]{2}(:[0-9]{2})?"
_OFFSET = r"(Z|[+-][0-9]{2}:[0-9]{2})"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_LONGEST_SHOWN = 60
_WHOLE_PERCENT = 100
_PERCENT_STEP = Decimal("0.01")
_LONGEST_SECONDS = 366 * 86400


def shown(value: object) -> str:
    """Return how a message names a value: quoted, and cut if it is long."""
    if isinstance(value, str):
        cut = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}..."
        return f"'{cut}'"
    return "a mapping" if isinstance(value, dict) else "a list"


def match_value(value: str) -> str:
    """Return the form in which two values of an element count as the same."""
    return value.strip(" \t\n\r").translate(_ASCII_LOWER)


def instant(moment: date, zone: ZoneInfo) -> datetime:
    """Return the UTC instant of a moment; a bare date is its local midnight.

    A midnight that a change of clocks skips moves forward by the gap; of one that occurs twice the
    first counts.
    """
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time(), zone).astimezone(UTC)


def end_instant(moment: date, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which something ends; a bare date is its last day."""
    if isinstance(moment, datetime):
        return moment
    return instant(moment + timedelta(days=1), zone)


def _matched(pattern: str, remedy: str) -> Callable[[object], str]:
    """Return a parser of text that matches the whole pattern; the remedy ends its message."""

    def parse(value: object) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise ValueError(f"{shown(value)} {remedy}")

    return parse


_amount_text = _matched(_AMOUNT, "is not an amount. Write digits and a point, as 1250.00")
_bound_text = _matched(_AMOUNT, "is not a bound. Write an amount, as 1000, or unlimited")
_percent_text = _matched(_PERCENT, "is not a percentage. Write it as 20%")
_duration_text = _matched(_DURATION, "is not a duration. Write a number and s, m, h or d, as 1h")
_days_text = _matched(r"[0-9]{1,4}", "is not a number of days. Write 0 to 9999")
_trial_text = _matched(r"[0-9]{1,3}", "is not a number of trial days. Write 0 to 999")
_flag_text = _matched(r"true|false", "is neither true nor false. Write one of them")
_whole_text = _matched(r"[0-9]{1,9}", "is not a whole number. Write digits only, as 30")


def _parse_text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, str):
        raise ValueError("is blank. Give it a value, or leave it out if it is optional")  # noqa: TRY004  the type is right
    raise ValueError(f"is {shown(value)} where one value belongs. Write one value")


def _parse_email(value: object) -> str:
    # The address stays out of the message: messages end in logs, personal data does not.
    text = _parse_text(value)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise ValueError("is not an e-mail address. Write it as name@example.com")
    return text


def _parse_emails(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else _parse_names(value)
    return tuple(dict.fromkeys(map(_parse_email, listed)))


def _parse_names(value: object) -> tuple[str, ...]:
    return tuple(name.strip() for name in _parse_text(value).split(";") if name.strip())


def _parse_values(value: object) -> tuple[str, ...]:
    return tuple(map(_parse_text, value if isinstance(value, list) else [value]))


def _parse_flag(value: object) -> bool:
    return _flag_text(value) == "true"


def _parse_amount(value: object) -> Decimal:
    return Decimal(_amount_text(value))


def _parse_bound(value: object) -> Decimal | None:
    return None if value == "unlimited" else Decimal(_bound_text(value))


def _parse_percent(value: object) -> Decimal:
    return Decimal(_percent_text(value).removesuffix("%"))


def _parse_threshold(value: object) -> Decimal:
    percent = _parse_percent(value)
    if not 0 < percent <= _WHOLE_PERCENT or percent != percent.quantize(_PERCENT_STEP):
        text = "is no share to give notice at. Write more than 0% and at most 100%"
        raise ValueError(f"{shown(value)} {text}, with two decimals at most")
    return percent


def _parse_seconds(value: object) -> int:
    text = _duration_text(value)
    seconds = int(text[:-1]) * _SECONDS[text[-1]]
    if seconds > _LONGEST_SECONDS:
        raise ValueError(f"{shown(text)} is longer than a year. Write at most 366d")
    return seconds


def _parse_days(value: object) -> int:
    return int(_days_text(value))


def _parse_trial_days(value: object) -> int:
    return int(_trial_text(value))


def _parse_whole(value: object) -> int:
    return int(_whole_text(value))


def _parse_zone(value: object) -> ZoneInfo:
    text = _parse_text(value)
    names = zone_names()
    if text in names:
        return zone(text)
    raise ValueError(
        f"{shown(text)} is not a time zone. Write an IANA name, as Europe/Berlin."
        f"{did_you_mean(text, names)}"
    )


def _parse_currency(value: object) -> str:
    text = _parse_text(value)
    if text in minor_units():
        return text
    raise ValueError(
        f"{shown(text)} is not a currency of ISO 4217. Write its code, as EUR."
        f"{did_you_mean(text, minor_units())}"
    )


def _parse_moment(value: object) -> date:
    text = _parse_text(value)
    if re.fullmatch(_DATE, text):
        return _existing(text, date.fromisoformat)
    return _instant_or_error(text, "a date or an instant", "2026-01-31 or 2026-01-31T09:00:00Z")


def _parse_instant(value: object) -> datetime:
    return _instant_or_error(_parse_text(value), "an instant", "2026-01-31T09:00:00Z")


def _instant_or_error(text: str, what: str, example: str) -> datetime:
    if re.fullmatch(_LOCAL + _OFFSET, text):
        return _existing(text, lambda each: datetime.fromisoformat(each).astimezone(UTC))
    if re.fullmatch(_LOCAL, text):
        raise ValueError(f"{shown(text)} has no offset. Add Z for UTC, or one like +02:00")
    if re.fullmatch(_LOCAL + r"\.[0-9]+" + _OFFSET, text):
        raise ValueError(f"{shown(text)} is not a whole second. Leave the fraction out")
    raise ValueError(f"{shown(text)} is not {what} from 1970 to 2999. Write it as {example}")


def _existing(text: str, parse: Callable[[str], AnyDate]) -> AnyDate:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{shown(text)} is in no calendar: {error}. Correct it") from error


def _text_schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^({pattern})$"})


def _number_schema(pattern: str) -> WithJsonSchema:
    # Editors see a YAML number where we keep the text as written.
    return WithJsonSchema({"type": ["number", "string"], "pattern": f"^({pattern})$"})


Text = Annotated[
    str, PlainValidator(_parse_text), WithJsonSchema({"type": "string", "minLength": 1})
]
# Editors see a YAML number or truth value where we keep the text as written.
_ANY_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
Scalar = Annotated[str, PlainValidator(_parse_text), WithJsonSchema(_ANY_SCALAR)]
"""A text that need not look like one: a value that events carry, or an expression."""
Values = Annotated[
    tuple[str, ...],
    PlainValidator(_parse_values),
    WithJsonSchema(
        {
            "anyOf": [
                _ANY_SCALAR,
                {"type": "array", "items": _ANY_SCALAR, "minItems": 1},
            ]
        }
    ),
]
"""One text, or a list of them."""
Names = Annotated[tuple[str, ...], PlainValidator(_parse_names)]
Email = Annotated[str, PlainValidator(_parse_email)]
Emails = Annotated[
    tuple[str, ...],
    PlainValidator(_parse_emails),
    WithJsonSchema({"type": "array", "items": {"type": "string", "format": "email"}}),
]
"""E-mail addresses: a list, or a text with `;` between."""
Key = Annotated[
    str,
    PlainValidator(_matched(_KEY, "is not a key. Use small letters, digits and -")),
    _text_schema(_KEY),
]
PartKey = Annotated[
    str,
    PlainValidator(_matched(_PART_KEY, "is not a key. Use small letters, digits, - and _")),
    _text_schema(_PART_KEY),
]
Version = Annotated[
    str,
    PlainValidator(_matched(_VERSION, "is not a version. Write three numbers, as 1.0.0")),
    _text_schema(_VERSION),
]
Amount = Annotated[Decimal, PlainValidator(_parse_amount), _number_schema(_AMOUNT)]
Bound = Annotated[
    Decimal | None, PlainValidator(_parse_bound), _number_schema(f"{_AMOUNT}|unlimited")
]
Percent = Annotated[Decimal, PlainValidator(_parse_percent), _text_schema(_PERCENT)]
Threshold = Annotated[Decimal, PlainValidator(_parse_threshold), _text_schema(_PERCENT)]
"""A percentage above 0 and up to 100."""
Seconds = Annotated[int, PlainValidator(_parse_seconds), _text_schema(_DURATION)]
Whole = Annotated[int, PlainValidator(_parse_whole), WithJsonSchema({"type": "integer"})]
Days = Annotated[int, PlainValidator(_parse_days), WithJsonSchema({"type": "integer"})]
TrialDays = Annotated[
    int,
    PlainValidator(_parse_trial_days),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 999}),
]
Flag = Annotated[bool, PlainValidator(_parse_flag), WithJsonSchema({"type": "boolean"})]
Currency = Annotated[
    str, PlainValidator(_parse_currency), WithJsonSchema({"type": "string", "minLength": 1})
]
Zone = Annotated[ZoneInfo, PlainValidator(_parse_zone), WithJsonSchema({"type": "string"})]
Moment = Annotated[date, PlainValidator(_parse_moment), _text_schema(f"{_DATE}|{_LOCAL}{_OFFSET}")]
Instant = Annotated[datetime, PlainValidator(_parse_instant), _text_schema(_LOCAL + _OFFSET)]
