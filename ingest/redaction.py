"""What nobody may read of what was sent, though a sender knows it: secrets and conversations."""

import json
import re
from collections.abc import Sequence

import msgspec

from ingest.strict_json import MAX_BYTES

REDACTED = "[redacted]"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_HIDDEN = re.compile(
    r"credential|api.?key|authori[sz]|secret|passw|private.?key|cookie|token$|^jwt$"
    r"|^application$|^clientId$|^inputMessages$|^outputResponse$|^systemPrompt$|^body$"
    r"|^(request|response)_text$|^function_args$|^tool_(input|parameters)$"
    r"|headers$|messages$|prompt$|system_instructions$|tool\.call\.(arguments|result)$",
    re.IGNORECASE,
)
# A text that says a secret itself.
_TELLING = re.compile(
    r"(credential|api.?key|authori[sz]ation|secret|passw(or)?d|token)\W{0,3}[=:]|\bbearer\s",
    re.IGNORECASE,
)
_KINDS = {dict: "an object", list: "a list"}


def is_hidden(name: str) -> bool:
    """Whether what a field of that name holds is shown to nobody."""
    return _HIDDEN.search(name) is not None


def brief(value: object, limit: int) -> str:
    """Return what a message may tell of a value: a scalar's text, cut short; else only its kind."""
    if isinstance(value, dict | list):
        return _KINDS[type(value)]
    text = str(value)
    return REDACTED if _TELLING.search(text) else text[:limit]


def without_secrets(value: object) -> object:
    """Return a JSON value with `[redacted]` in the place of what is hidden."""
    if isinstance(value, str):
        return REDACTED if _TELLING.search(value) else value
    if isinstance(value, list):
        return [without_secrets(each) for each in value]
    if not isinstance(value, dict):
        return value
    # An attribute of OTLP is an object that says its name.
    is_named_so = is_hidden(str(value.get("key", "")))
    return {
        name: REDACTED
        if is_hidden(name) or (is_named_so and name == "value")
        else without_secrets(child)
        for name, child in value.items()
    }


def text_without_secrets(value: object) -> bytes:
    """Return a JSON value as text with `[redacted]` in the place of what is hidden."""
    return _ENCODER.encode(without_secrets(value))


def redacted(text: bytes) -> bytes:
    """Return a text of JSON without secrets; any other, and what has none, as it came.

    What is longer than a record may be is not looked through.
    """
    if len(text) > MAX_BYTES:
        return text
    overwritten: list[object] = []

    def members(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
        kept = dict(pairs)
        if len(kept) < len(pairs):
            overwritten.extend({name: value} for name, value in pairs)
        return kept

    try:
        # Numbers keep the digits that they were sent with.
        said = json.loads(
            text,
            object_pairs_hook=members,
            parse_float=_verbatim,
            parse_int=_verbatim,
            parse_constant=_verbatim,
        )
        shown = without_secrets(said)
        if shown == said and without_secrets(overwritten) == overwritten:
            return text
    except (ValueError, RecursionError):
        return text
    try:
        return _ENCODER.encode(shown)
    except (UnicodeError, RecursionError):
        # What can't be written again is not kept with its secrets either.
        return REDACTED.encode()


def _verbatim(digits: str) -> msgspec.Raw:
    return msgspec.Raw(digits.encode())
