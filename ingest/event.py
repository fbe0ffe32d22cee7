"""The canonical meter event: what all wire forms become, and what the lake holds."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

import msgspec

from ingest import keys, redaction
from ingest.refusal import FieldProblem, Refusal
from ingest.strict_json import Json

CLOCK_SKEW = timedelta(minutes=5)
MAX_IDENTIFIER = 255
MAX_TEXT = 50_000
MAX_ELEMENTS = 1_000
QUANTITY_STEP = Decimal("0.000001")
# What rounds to 10^13 is too much already.
QUANTITY_LIMIT = Decimal(10) ** 13 - QUANTITY_STEP / 2
COST_STEP = Decimal("0.000000000001")

SourceKind = Literal["ai", "api", "event", "otlp"]
Part = Literal["request", "response"]

_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{1,120})?([eE][+-]?\d{1,2})?", re.ASCII)
_NUMBER_STARTS = "+-0123456789"
_PLAIN_DIGITS = 13
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)\s?(Z|z|[+-]\d\d:?[0-5]\d)?",
    re.ASCII,
)
_USUAL_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", re.ASCII)
# Keys in another order are the same content.
_ENCODER = msgspec.json.Encoder(order="deterministic")


# These values are msgspec's frozen structs, not dataclasses: an event has microseconds, and they
# are made and written as JSON in a tenth of the time. None is ever part of a cycle.
class Identity(msgspec.Struct, frozen=True, gc=False):
    """Who an event says it is from; names and secrets as sent, before they become keys."""

    subscription_id: str | None = None
    credential: str | None = None
    credential_name: str | None = None
    subscriber_id: str | None = None
    email: str | None = None
    organization_name: str | None = None
    product_name: str | None = None


class AiUsage(msgspec.Struct, frozen=True, gc=False):
    """What an AI call used: whole numbers of tokens, None where a number is not known."""

    provider: str
    model: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_creation_tokens: int | None = None


class Series(msgspec.Struct, frozen=True, gc=False):
    """A reading of a counter that only grows; its increase is what was used.

    Attributes:
        key: what stands for the counter since it was last at zero.
        element: the metering element that the increase becomes.
        value: the reading, in six decimals.
    """

    key: str
    element: str
    value: Decimal


class Event(msgspec.Struct, frozen=True, gc=False):
    """One metered event; times are UTC, `elements` are texts as sent, the cost is in USD.

    `part` says that it is one half of an API call; the other half comes by itself.
    """

    source_kind: SourceKind
    source_id: str
    event_id: str | None
    occurred_at: datetime | None
    identity: Identity
    elements: Mapping[str, str]
    ai: AiUsage | None = None
    sent_cost: Decimal | None = None
    is_billing_skipped: bool = False
    part: Part | None = None
    series: Series | None = None

    @property
    def element_numbers(self) -> dict[str, Decimal]:
        """The elements that are numbers."""
        return {name: Decimal(text) for name, text in _quantities(self.elements).items()}

    def content_hash(self) -> str:
        """Return a hash of all that was said, whatever file format or key order it came in."""
        return _digest(_ENCODER.encode(_said(self)), self.event_id)

    def line(self, event_id: str, received_at: datetime) -> bytes:
        """Return the event as a line of JSON: those of the lake's columns that are not null.

        Left out is what landing adds: the place in a segment, and `known_at`. Instants are
        ISO 8601 in UTC, decimals are texts, `elements` and `element_numbers` are objects. A
        `series` is told by `series_key`, `series_element` and `series_value`.

        Args:
            event_id: the event's own id, or what was made for an event without one.
            received_at: the instant of receipt, with a zone.

        Raises:
            Refusal: the event lies in the future of its receipt.
        """
        refuse_future(self.occurred_at, received_at)
        said = _ENCODER.encode(_said(self))
        received_at = received_at.astimezone(UTC)
        added = _Added(
            event_id,
            keys.event_key(self.source_id, event_id),
            _digest(said, self.event_id),
            received_at,
            _quantities(self.elements),
            received_at if self.occurred_at is None else None,
        )
        return b"%b,%b" % (said[:-1], _ENCODER.encode(added)[1:])


class _Said(msgspec.Struct, omit_defaults=True, gc=False):
    """What was said, in the lake's columns: keys in the place of names and secrets."""

    source_kind: str
    source_id: str
    is_billing_skipped: bool
    elements: Mapping[str, str]
    part: str | None = None
    occurred_at: datetime | None = None
    subscription_id: str | None = None
    credential_key: str | None = None
    credential_name: str | None = None
    subscriber_key: str | None = None
    email_key: str | None = None
    organization_name: str | None = None
    product_name: str | None = None
    provider: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_creation_tokens: int | None = None
    sent_cost: str | None = None
    series_key: str | None = None
    series_element: str | None = None
    series_value: str | None = None


class _Added(msgspec.Struct, omit_defaults=True, gc=False):
    """What is added to what was said: its keys, its receipt, and the elements as numbers."""

    event_id: str
    event_key: str
    content_hash: str
    received_at: datetime
    element_numbers: Mapping[str, str]
    occurred_at: datetime | None = None


_NO_USAGE = AiUsage("", "")
_OF_A_SERIES = ("series_key", "series_element", "series_value")


def _said(event: Event) -> _Said:
    who, usage = event.identity, event.ai or _NO_USAGE
    series = {}
    if event.series is not None:
        key, element, value = msgspec.structs.astuple(event.series)
        series = dict(zip(_OF_A_SERIES, (key, element, f"{value:f}"), strict=True))
    return _Said(
        event.source_kind,
        event.source_id,
        event.is_billing_skipped,
        event.elements,
        event.part,
        event.occurred_at,
        who.subscription_id,
        who.credential and keys.credential_key(who.credential),
        who.credential_name,
        who.subscriber_id and keys.subscriber_key(who.subscriber_id),
        who.email and keys.email_key(who.email),
        who.organization_name,
        who.product_name,
        usage.provider or None,
        usage.model or None,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_creation_tokens,
        None if event.sent_cost is None else format(event.sent_cost, "f"),
        **series,
    )


def _digest(said: bytes, event_id: str | None) -> str:
    named = said if event_id is None else said + event_id.encode()
    return hashlib.blake2b(named, digest_size=16).hexdigest()


def event_columns(event: Event, event_id: str, received_at: datetime) -> dict[str, object]:
    """Return the lake's columns of an event, but for its segment.

    Raises:
        Refusal: the event lies in the future of its receipt.
    """
    refuse_future(event.occurred_at, received_at)
    said = _said(event)
    columns = msgspec.structs.asdict(said)
    for name in _OF_A_SERIES:
        del columns[name]
    return columns | {
        "event_id": event_id,
        "event_key": keys.event_key(event.source_id, event_id),
        "content_hash": _digest(_ENCODER.encode(said), event.event_id),
        "occurred_at": event.occurred_at or received_at,
        "received_at": received_at,
        "known_at": received_at,
        "sent_cost": event.sent_cost,
        "elements": sorted(event.elements.items()),
        "element_numbers": sorted(event.element_numbers.items()),
    }


def refuse_future(occurred_at: datetime | None, received_at: datetime) -> None:
    """Refuse an event that claims to be later than its receipt, beyond what clocks differ by.

    Raises:
        Refusal: so it is.
    """
    if occurred_at is not None and occurred_at > received_at + CLOCK_SKEW:
        raise Refusal("future", f"occurred at {occurred_at}, but was received at {received_at}")


def _quantities(elements: Mapping[str, str]) -> dict[str, str]:
    """Return the elements that are numbers, written as a decimal column takes them."""
    found: dict[str, str] = {}
    for name, text in elements.items():
        # Most are short whole numbers, which are what they are.
        if len(text) <= _PLAIN_DIGITS and text.isdigit() and text.isascii():
            found[name] = text
        elif text[:1] in _NUMBER_STARTS and (value := number(text)) is not None:
            found[name] = format(value, "f")
    return found


def number(text: str) -> Decimal | None:
    """Return `text` as a quantity of 6 decimals (half away from zero), or None if it is none.

    A quantity of 10^13 or more is none either: it would not fit the arithmetic of a bill.
    """
    if not _NUMBER.fullmatch(text):
        return None
    value = Decimal(text)
    if abs(value) >= QUANTITY_LIMIT:
        return None
    return value.quantize(QUANTITY_STEP, ROUND_HALF_UP)


def instant(text: str, name: str) -> datetime:
    """Return the instant that `text` names, in UTC; parts below a microsecond are cut.

    Raises:
        Refusal: where it is no ISO 8601 time, or has no offset and so could mean any of 24 hours.
    """
    if _USUAL_INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise Refusal("bad_time", f"{name} '{text}' is no time that exists") from None
    match = _INSTANT.fullmatch(text.strip())
    if not match:
        told = redaction.brief(text, 40)
        raise Refusal("bad_time", f"{name} '{told}' is no ISO 8601 time")
    day, time, offset = match.groups()
    if offset is None:
        raise Refusal("time_without_offset", f"{name} '{text}' needs an offset, such as Z")
    whole, _, fraction = time.partition(".")
    zone = "+00:00" if offset in "Zz" else offset
    written = f"{day}T{whole}.{fraction[:6] or '0'}{zone}"
    try:
        return datetime.fromisoformat(_padded(written)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal("bad_time", f"{name} '{text}' is no time that exists") from None


def _padded(written: str) -> str:
    """Give the seconds and six decimals that `fromisoformat` of every Python version takes."""
    head, _, tail = written.partition(".")
    if head.count(":") == 1:
        head += ":00"
    fraction, zone = re.fullmatch(r"(\d+)(.+)", tail).groups()  # type: ignore[union-attr] # both are there by construction
    return f"{head}.{fraction:0<6}{zone}"


def text_of(value: Json) -> str | None:
    """Return a value as an element's text; null is no value, structures stay JSON."""
    # Most are whole numbers.
    if type(value) is int:
        return str(value)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def identifier(record: Mapping[str, Json], name: str) -> str | None:
    """Return an identifying text of a record, stripped; blank is absent.

    Raises:
        Refusal: where it is a structure, or longer than an identifier may be.
    """
    return identifier_of(record.get(name), name)


def identifier_of(value: Json, name: str) -> str | None:
    """Return the value of a field as an identifying text, stripped; blank is absent.

    Raises:
        Refusal: where it is a structure, or longer than an identifier may be.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        if isinstance(value, bool | dict | list):
            raise Refusal("bad_identifier", f"{name} must be a text")
        value = str(value)
    text = value.strip()
    if len(text) > MAX_IDENTIFIER:
        raise Refusal("bad_identifier", f"{name} is longer than {MAX_IDENTIFIER} characters")
    return text or None


def required(record: Mapping[str, Json], name: str) -> str:
    """Return an identifying text that must be there."""
    text = identifier(record, name)
    if text is None:
        raise Refusal("missing_field", f"{name} is missing")
    return text


def time_of(record: Mapping[str, Json], *names: str) -> datetime | None:
    """Return the first of the named times that a record gives."""
    for name in names:
        value = record.get(name)
        if value is None or value == "":
            continue
        if name == "currentMillis":
            return _epoch_milliseconds(value)
        if isinstance(value, dict | list):
            raise Refusal("bad_time", f"{name} must be a text, not {redaction.brief(value, 0)}")
        return instant(str(value), name)
    return None


def _epoch_milliseconds(value: Json) -> datetime:
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,14}", text):
        told = redaction.brief(value, 40)
        raise Refusal("bad_time", f"currentMillis '{told}' is no whole number of milliseconds")
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(text))


def elements_of(record: Mapping[str, Json], leave_out: frozenset[str]) -> dict[str, str]:
    """Return the fields of a record as elements, but those that are kept as columns.

    Raises:
        Refusal: where there are too many, or a name or a text is too long to be kept.
    """
    made = {
        name: text
        for name, value in record.items()
        if name not in leave_out
        and (text := value if isinstance(value, str) else text_of(value)) is not None
    }
    refuse_too_much(made)
    return made


def refuse_too_much(elements: Mapping[str, str]) -> None:
    """Refuse elements of a number or a length that is not kept.

    Raises:
        Refusal: with every field at fault.
    """
    if len(elements) > MAX_ELEMENTS:
        raise Refusal("too_many_elements", f"{len(elements)} elements; {MAX_ELEMENTS} are kept")
    # All of them together are rarely as long as one may be.
    if len("".join(elements)) <= MAX_IDENTIFIER and len("".join(elements.values())) <= MAX_TEXT:
        return
    problems = []
    for name, text in elements.items():
        if len(name) > MAX_IDENTIFIER:
            detail = f"the name of {name[:40]}… is longer than {MAX_IDENTIFIER} characters"
            problems.append(FieldProblem(name[:MAX_IDENTIFIER], "text_too_long", detail))
        elif len(text) > MAX_TEXT:
            detail = f"{name} is longer than {MAX_TEXT} characters"
            shown = None if redaction.is_hidden(name) else redaction.brief(text, 40)
            problems.append(FieldProblem(name, "text_too_long", detail, shown))
    if problems:
        raise Refusal.of(problems)
