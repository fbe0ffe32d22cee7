"""One strict JSON reader for everything that comes in.

Readers disagree on repeated keys (first or last wins), on NaN and on the digits that a number
keeps. A bill must not depend on the reader, so whatever is open to two readings is refused here,
and numbers keep the digits as they were sent.

Nearly all texts take a fast path: a compiled decoder reads them, and a look at text and result
proves that the strict reader would have read the same. Where it does not, the strict reader
decides, and says why.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import NoReturn

import msgspec
from msgspec import UNSET, UnsetType

from ingest.refusal import Refusal

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_DIGITS = 60
_EXPONENT = re.compile(r"[eE][+-]?(\d+)$")
_CONTROL = re.compile("[\x00\ud800-\udfff]")
_SURELY_SHORT = 10**18

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]


def parse(text: str | bytes) -> dict[str, Json]:
    """Return the object that `text` says.

    Raises:
        Refusal: with a reason, where the text is no JSON object or can be read in two ways.
    """
    return object_of(parse_value(text))


def object_of(value: Json) -> dict[str, Json]:
    """Return a value that must be an object.

    Raises:
        Refusal: it is none.
    """
    if not isinstance(value, dict):
        raise Refusal("not_an_object", "an event is one JSON object")
    return value


def parse_value(text: str | bytes, max_size: int = MAX_BYTES) -> Json:
    """Return the value that `text` says, whatever it is.

    Args:
        text: JSON; bytes are UTF-8.
        max_size: characters that are read at most.

    Raises:
        Refusal: with a reason, where the text is no JSON or can be read in two ways.
    """
    value = proven(text, max_size)
    if not isinstance(value, UnsetType):
        return value
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError:
            raise Refusal("not_utf8", "the text is no UTF-8") from None
    if len(text) > max_size:
        raise Refusal("too_large", f"{len(text)} characters; at most {max_size} are read")
    return read_strictly(text)


def proven(text: str | bytes, max_size: int) -> Json | UnsetType:
    """Return the value if it is proven to be what the strict reader would return, or else UNSET.

    What is proven of a value is proven of each of its parts.
    """
    if len(text) > max_size:
        return UNSET
    try:
        sent = text.encode() if isinstance(text, str) else text
        value: Json = _DECODER.decode(sent)
        written = _ENCODER.encode(value)
    except (msgspec.MsgspecError, Refusal, RecursionError, UnicodeError):
        return UNSET
    # An escape can write a NUL, half of a surrogate pair, or a colon. Without one every colon that
    # was sent is written again, but for those of keys that another has overwritten.
    is_proven = (
        (b"\\" not in sent or b"\\u" not in sent)
        and sent.count(b":") == written.count(b":")
        and _is_plain(value, MAX_DEPTH)
    )
    return value if is_proven else UNSET


def _is_plain(value: Json, levels: int) -> bool:
    """Whether a value is nested on so many levels at most, and its integers are surely short."""
    if isinstance(value, int):
        return -_SURELY_SHORT < value < _SURELY_SHORT
    if not isinstance(value, dict | list):
        return True
    if levels <= 1:
        return False
    # Most parts are texts.
    return all(
        _is_plain(part, levels - 1)
        for part in (value.values() if isinstance(value, dict) else value)
        if not isinstance(part, str)
    )


def read_strictly(text: str) -> Json:
    """Return the value that `text` says, by the reader whose word counts.

    Raises:
        Refusal: with a reason, where the text is no JSON or can be read in two ways.
    """
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=distinct,
            parse_constant=_constant,
            parse_float=_decimal,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        raise Refusal("not_json", f"{what} at character {error.pos + 1}") from None
    except RecursionError:
        raise Refusal("too_deep", f"nested deeper than {MAX_DEPTH} levels") from None
    check(value)
    return value


def check(value: Json, levels: int = MAX_DEPTH) -> None:
    """Refuse what no engine can store: text with NUL or half a surrogate pair, or nested too deep.

    Raises:
        Refusal: with a reason.
    """
    if levels == 0:
        raise Refusal("too_deep", f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str) and _CONTROL.search(value):
        raise Refusal("unreadable_text", "a text holds NUL or half of a surrogate pair")
    if isinstance(value, dict):
        for key, child in value.items():
            check(key)
            check(child, levels - 1)
    if isinstance(value, list):
        for child in value:
            check(child, levels - 1)


def distinct(pairs: Iterable[tuple[str, Json]]) -> dict[str, Json]:
    """Return pairs as an object.

    Raises:
        Refusal: where a key is given twice; whether the first or the last counts is anyone's guess.
    """
    pairs = list(pairs)
    made = dict(pairs)
    if len(made) != len(pairs):
        counted = Counter(key for key, _ in pairs)
        repeated = next(key for key, count in counted.items() if count > 1)
        raise Refusal("duplicate_key", f"the key {repeated[:40]!r} is given twice")
    return made


def _constant(name: str) -> NoReturn:
    raise Refusal("not_json", f"{name} is no JSON number")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise Refusal("number_too_long", f"a number of {len(digits)} digits")
    return int(digits)


def _decimal(text: str) -> Decimal:
    exponent = _EXPONENT.search(text) if "e" in text or "E" in text else None
    # 1e99999999 is short to write and takes all memory to read as an integer.
    if len(text) > MAX_DIGITS or (exponent and int(exponent[1]) > MAX_DIGITS):
        raise Refusal("number_too_long", f"the number {text[:20]}… has too many digits")
    return Decimal(text)


_DECODER = msgspec.json.Decoder(float_hook=_decimal)
_ENCODER = msgspec.json.Encoder()


def shortest_decimal(value: float) -> Decimal:
    """Return a binary float as the shortest decimal that means it: 0.1 is 0.1.

    Raises:
        Refusal: where it is NaN or infinite.
    """
    if not math.isfinite(value):
        raise Refusal("not_json", f"{value} is no number")
    return Decimal(repr(value))
