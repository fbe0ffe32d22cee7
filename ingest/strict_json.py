"""One strict JSON reader for everything that comes in.

Readers disagree on repeated keys (first or last wins), on NaN and on the digits that a number
keeps. A bill must not depend on the reader, so whatever is open to two readings is refused here,
and numbers keep the digits as they were sent.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import NoReturn

from ingest.refusal import Refusal

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_DIGITS = 60
_EXPONENT = re.compile(r"[eE][+-]?(\d+)$")
_CONTROL = re.compile("[\x00\ud800-\udfff]")

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]


def parse(text: str) -> dict[str, Json]:
    """Return the object that `text` says.

    Raises:
        Refusal: with a reason, where the text is no JSON object or can be read in two ways.
    """
    if len(text) > MAX_BYTES:
        raise Refusal("too_large", f"{len(text)} characters; at most {MAX_BYTES} are read")
    try:
        value = json.loads(
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
    if not isinstance(value, dict):
        raise Refusal("not_an_object", "an event is one JSON object")
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
    exponent = _EXPONENT.search(text)
    # 1e99999999 is short to write and takes all memory to read as an integer.
    if len(text) > MAX_DIGITS or (exponent and int(exponent[1]) > MAX_DIGITS):
        raise Refusal("number_too_long", f"the number {text[:20]}… has too many digits")
    return Decimal(text)


def shortest_decimal(value: float) -> Decimal:
    """Return a binary float as the shortest decimal that means it: 0.1 is 0.1.

    Raises:
        Refusal: where it is NaN or infinite.
    """
    if not math.isfinite(value):
        raise Refusal("not_json", f"{value} is no number")
    return Decimal(repr(value))
