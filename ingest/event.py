"""The canonical meter event: what all wire forms become, and what the lake holds."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from ingest import keys
from ingest.refusal import Refusal
from ingest.strict_json import Json

CLOCK_SKEW = timedelta(minutes=5)
MAX_IDENTIFIER = 255
QUANTITY_STEP = Decimal("0.000001")
# What rounds to 10^13 is too much already.
QUANTITY_LIMIT = Decimal(10) ** 13 - QUANTITY_STEP / 2
COST_STEP = Decimal("0.000000000001")

_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{1,120})?([eE][+-]?\d{1,2})?", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)\s?(Z|z|[+-]\d\d:?[0-5]\d)?",
    re.ASCII,
)


@dataclass(frozen=True)
class Identity:
    """Who an event says it is from; names and secrets as sent, before they become keys."""

    subscription_id: str | None = None
    credential: str | None = None
    credential_name: str | None = None
    subscriber_id: str | None = None
    email: str | None = None
    organization_name: str | None = None
    product_name: str | None = None


@dataclass(frozen=True)
class AiUsage:
    """What an AI call used: tokens as whole numbers, the cost in USD where the sender gives it."""

    provider: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_creation_tokens: int | None
    sent_cost: Decimal | None


@dataclass(frozen=True)
class Event:
    """One metered event; times are UTC, `elements` are texts as sent."""

    source_kind: str
    source_id: str
    event_id: str | None
    occurred_at: datetime | None
    identity: Identity
    elements: Mapping[str, str]
    ai: AiUsage | None = None
    is_billing_skipped: bool = False
    element_numbers: Mapping[str, Decimal] = field(init=False)

    def __post_init__(self) -> None:
        """Read every element that is a number as one."""
        numbers = {key: number(value) for key, value in self.elements.items()}
        known = {key: value for key, value in numbers.items() if value is not None}
        object.__setattr__(self, "element_numbers", known)

    def content_hash(self) -> str:
        """Return a hash of all that was said, whatever file format or key order it came in."""
        said = dataclasses.asdict(self)
        del said["element_numbers"]
        text = json.dumps(said, sort_keys=True, default=str, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


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
    match = _INSTANT.fullmatch(text.strip())
    if not match:
        raise Refusal("bad_time", f"{name} '{text[:40]}' is no ISO 8601 time")
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
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def identifier(record: Mapping[str, Json], name: str) -> str | None:
    """Return an identifying text of a record, stripped; blank is absent.

    Raises:
        Refusal: where it is a structure, or longer than an identifier may be.
    """
    value = record.get(name)
    if value is None or isinstance(value, bool | dict | list):
        if value is None:
            return None
        raise Refusal("bad_identifier", f"{name} must be a text")
    text = str(value).strip()
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
        return instant(str(value), name)
    return None


def _epoch_milliseconds(value: Json) -> datetime:
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,14}", text):
        raise Refusal("bad_time", f"currentMillis '{text[:40]}' is no whole number of milliseconds")
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(text))


def elements_of(record: Mapping[str, Json], leave_out: frozenset[str]) -> dict[str, str]:
    """Return the fields of a record as elements, but those that are kept as columns."""
    texts = {key: text_of(value) for key, value in record.items() if key not in leave_out}
    return {key: text for key, text in texts.items() if text is not None}


def identity_keys(identity: Identity) -> dict[str, str | None]:
    """Return the lake's columns for an identity: keys in the place of names and secrets."""
    return {
        "subscription_id": identity.subscription_id,
        "credential_key": identity.credential and keys.credential_key(identity.credential),
        "credential_name": identity.credential_name,
        "subscriber_key": identity.subscriber_id and keys.subscriber_key(identity.subscriber_id),
        "email_key": identity.email and keys.email_key(identity.email),
        "organization_name": identity.organization_name,
        "product_name": identity.product_name,
    }
