"""What OTLP's messages hold, the same for every way to write them: objects, values, instants."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ingest import redaction, strict_json
from ingest.event import text_of
from ingest.forms.fields import Fields
from ingest.refusal import Refusal
from ingest.strict_json import Json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = re.compile(r"\d{1,20}", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,20}", re.ASCII)


def object_at(record: Mapping[str, Json], name: str) -> dict[str, Json]:
    """Return an object of a record; an empty one, where it is absent.

    Raises:
        Refusal: it is something else.
    """
    value = record.get(name)
    if value is None or isinstance(value, dict):
        return value or {}
    raise Refusal("bad_value", f"{name} must be an object")


def objects_at(record: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    """Return a list of objects of a record; an empty one, where it is absent.

    Raises:
        Refusal: it is something else.
    """
    value = record.get(name)
    if value is None:
        return []
    objects = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(objects) != len(value):
        raise Refusal("bad_value", f"{name} must be a list of objects")
    return objects


def attributes(record: Mapping[str, Json], name: str = "attributes") -> dict[str, Json]:
    """Return the attributes of a record by their names.

    Raises:
        Refusal: one is given twice, or they are no list of keys and values.
    """
    pairs = objects_at(record, name)
    return strict_json.distinct((str(pair.get("key")), value(pair.get("value"))) for pair in pairs)


def value(held: Json) -> Json:
    """Return what an `AnyValue`, or a data point's value, holds.

    Raises:
        Refusal: a list or an object in it is none.
    """
    if not isinstance(held, dict):
        return None
    for kind, inner in held.items():
        if kind == "arrayValue" and isinstance(inner, dict):
            return [value(child) for child in objects_at(inner, "values")]
        if kind == "kvlistValue" and isinstance(inner, dict):
            return attributes(inner, "values")
        if kind in ("doubleValue", "asDouble", "sum"):
            return _double(inner)
        # Integers of 64 bits are texts with most senders.
        is_integer = kind in ("intValue", "asInt", "count") and _INTEGER.fullmatch(str(inner))
        return int(str(inner)) if is_integer else inner
    return None


def _double(held: Json) -> Json:
    """Return a binary float as the shortest decimal that means it, without a point if whole."""
    try:
        number = float(str(held))
    except ValueError:
        return None
    if not math.isfinite(number):
        return str(held)
    return int(number) if number.is_integer() else strict_json.shortest_decimal(number)


def instant(said: Fields, name: str) -> datetime | None:
    """Return the instant of nanoseconds since 1970; parts below a microsecond are cut."""
    sent = said.record.get(name)
    text = text_of(sent)
    if text is None or text in ("", "0"):
        return None
    try:
        if _NANOSECONDS.fullmatch(text):
            return _EPOCH + timedelta(microseconds=int(text) // 1000)
    except OverflowError:
        pass
    told = redaction.brief(sent, 40)
    said.fault(name, "bad_time", f"{name} '{told}' is no number of nanoseconds since 1970")
    return None
