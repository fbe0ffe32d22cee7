import json
import random
import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from ingest import strict_json
from ingest.refusal import Refusal
from ingest.strict_json import (
    MAX_BYTES,
    MAX_DEPTH,
    check,
    distinct,
    parse,
    parse_value,
    proven,
    read_strictly,
    shortest_decimal,
)
from tests.wire.recorded import recorded_requests

BOUND_SECONDS = 2.0

REFUSED = {
    "a key that is given twice": ('{"value":"1","value":"1000"}', "duplicate_key"),
    "a key that is given twice below": ('{"a":[{"b":1,"b":1}]}', "duplicate_key"),
    "a key given twice by an escape": ('{"a":1,"\\u0061":2}', "duplicate_key"),
    "half a surrogate pair, twice": ('{"\\ud800":1,"\\ud800":2}', "duplicate_key"),
    "NaN": ('{"a":NaN}', "not_json"),
    "Infinity": ('{"a":Infinity}', "not_json"),
    "minus Infinity": ('{"a":-Infinity}', "not_json"),
    "an exponent beyond a float": ('{"a":1e400}', "number_too_long"),
    "an exponent that takes all memory": ('{"a":1e99999999}', "number_too_long"),
    "a fraction that takes all memory": ('{"a":1e-99999999}', "number_too_long"),
    "an exponent of many digits": ('{"a":1e' + "9" * 5000 + "}", "number_too_long"),
    "an integer of 5000 digits": ('{"a":' + "7" * 5000 + "}", "number_too_long"),
    "a fraction of 5000 digits": ('{"a":0.' + "7" * 5000 + "}", "number_too_long"),
    "100,000 brackets": ("[" * 100_000, "too_deep"),
    "100,000 closed brackets": ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "too_deep"),
    "100,000 objects in each other": ('{"a":' * 100_000 + "1" + "}" * 100_000, "too_deep"),
    "one level too many": ('{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH, "too_deep"),
    "half a surrogate pair": ('{"a":"\\ud800"}', "unreadable_text"),
    "half a surrogate pair in a key": ('{"\\udfff":1}', "unreadable_text"),
    "NUL": ('{"a":"x\\u0000y"}', "unreadable_text"),
    "NUL in a key": ('{"x\\u0000y":1}', "unreadable_text"),
    "a control character as it is": ('{"a":"\x01"}', "not_json"),
    "something behind the object": ('{"a":1} x', "not_json"),
    "a second object": ('{"a":1}{"a":1}', "not_json"),
    "an object cut short": ('{"a":1', "not_json"),
    "a byte order mark": ('\ufeff{"a":1}', "not_json"),
    "a comment": ('{"a":1} // x', "not_json"),
    "a comma at the end": ('{"a":1,}', "not_json"),
    "single quotes": ("{'a':1}", "not_json"),
    "a leading zero": ('{"a":010}', "not_json"),
    "a plus sign": ('{"a":+1}', "not_json"),
    "digits of another script": ('{"a":\u0967}', "not_json"),
    "nothing": ("", "not_json"),
    "a list": ("[]", "not_an_object"),
    "a text": ('"a"', "not_an_object"),
    "a number": ("1", "not_an_object"),
    "null": ("null", "not_an_object"),
    "more than is read": ('{"a":"' + "x" * MAX_BYTES + '"}', "too_large"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_can_be_read_in_two_ways_is_refused_in_bounded_time(text: str, reason: str) -> None:
    started = time.perf_counter()
    with pytest.raises(Refusal) as refused:
        parse(text)
    assert refused.value.reason == reason
    assert len(refused.value.detail.encode()) < 200
    assert time.perf_counter() - started < BOUND_SECONDS


def test_a_repeated_key_behind_a_hundred_thousand_others_is_found_at_once() -> None:
    keys = [*(f"k{i}" for i in range(100_000)), "k99999"]
    text = "{" + ",".join(f'"{key}":1' for key in keys) + "}"
    assert len(text) <= MAX_BYTES * 2
    started = time.perf_counter()
    with pytest.raises(Refusal, match="'k99999' is given twice"):
        distinct((key, 1) for key in keys)
    assert time.perf_counter() - started < BOUND_SECONDS


def test_numbers_keep_the_digits_as_they_were_sent() -> None:
    said = parse('{"a":0.10,"b":12345678901234567890.123456789,"c":1e2,"d":123456789012345678901}')
    assert said["a"] == Decimal("0.10")
    assert str(said["a"]) == "0.10"
    assert str(said["b"]) == "12345678901234567890.123456789"
    assert str(said["c"]) == "1E+2"
    assert said["d"] == 123456789012345678901


def test_texts_of_every_script_and_whole_surrogate_pairs_are_kept() -> None:
    assert parse('{"a":"\\ud83d\\ude00 \\u00e9 e\\u0301","ключ":"値"}') == {
        "a": "\U0001f600 \u00e9 e\u0301",
        "ключ": "値",
    }


def test_the_deepest_record_that_is_read_has_one_level_less_than_the_limit() -> None:
    deep = '{"a":' * (MAX_DEPTH - 1) + "1" + "}" * (MAX_DEPTH - 1)
    assert json.dumps(parse(deep), separators=(",", ":")) == deep


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_binary_float_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(Refusal, match="is no number"):
        shortest_decimal(value)


def test_a_binary_float_is_the_shortest_decimal_that_means_it() -> None:
    assert [str(shortest_decimal(value)) for value in (0.1, 1.5, -2.0)] == ["0.1", "1.5", "-2.0"]


@pytest.mark.parametrize("make", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_a_check_of_values_from_other_formats_ends_at_the_depth_limit(
    make: Callable[[object], object],
) -> None:
    value: object = "x"
    for _ in range(MAX_DEPTH):
        value = make(value)
    with pytest.raises(Refusal, match="nested deeper"):
        check(value)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        st.none()
        | st.booleans()
        | st.integers(-(10**50), 10**50)
        | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    )
)
def test_what_a_json_writer_writes_is_read_as_it_was(record: dict[str, object]) -> None:
    assert parse(json.dumps(record)) == record
    assert parse(json.dumps(record, ensure_ascii=False)) == record


BODIES = [
    json.dumps(json.loads(request.content), separators=separators, indent=indent)
    for request in recorded_requests()
    if not request.is_protobuf
    for separators, indent in [((",", ":"), None), ((", ", ": "), None), ((",", " : "), 1)]
]
TROUBLE = [
    *(
        '"a":1,"a":2',
        '"":1,"":2',
        '{"a":',
        "[" * 40,
        "]" * 40,
        "{}",
        "[]",
        "null",
        "true",
        "\\u0061",
    ),
    *(
        "\\ud800",
        "\\ud83d\\ude00",
        "\\u0000",
        '\\"',
        "\\",
        "\\/",
        '"',
        '":',
        '" :',
        '"\t:',
        ":",
        ",",
        " ",
    ),
    *(
        "\x00",
        "\x01",
        "\ufeff",
        "\u2028",
        "\ud800",
        "\ud83d\ude00",
        "é",
        "\r\n",
        "NaN",
        "-Infinity",
    ),
    *("1e400", "1E5", "-0", "-0.0", "1.10", "0.10e-2", "1e-99999999", "01", "+1", ".5", "5.", "-"),
    *("9" * 18, "9" * 19, "9" * 20, "9" * 60, "9" * 61, "-" + "9" * 59, "-" + "9" * 60),
    *("0." + "9" * 58, "0." + "9" * 59, "1e60", "1e61", "1e+0060", "1e-61"),
]


def said_by(read: Callable[[str], object], text: str) -> str:
    """Return all that a reader says of a text: types, digits, order, or why it refuses."""
    try:
        return repr(read(text))
    except Refusal as refusal:
        return str(refusal)


def mutated(body: str, rng: random.Random) -> str:
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(body) + 1)
        end = rng.choice([start, start, start + 1, rng.randrange(len(body) + 1)])
        inserted = rng.choice([*TROUBLE, "", body[start : start + 20]])
        body = body[:start] + inserted + body[max(start, end) if end < start + 60 else start :]
    return body


def written(rng: random.Random, levels: int = 4) -> str:
    """Write JSON as no writer would: keys of few letters, spaces, escapes, strange numbers."""
    kind = rng.random()
    space = rng.choice(["", "", "", " ", "\t", "\n"])
    if levels and kind < 0.4:
        keys = [
            rng.choice(["a", "b", "\\u0061", "", '\\"', ":", '\\":'])
            for _ in range(rng.randint(0, 3))
        ]
        members = [f'"{key}"{space}:{written(rng, levels - 1)}' for key in keys]
        return "{" + ",".join(members) + space + "}"
    if levels and kind < 0.55:
        return "[" + ",".join(written(rng, levels - 1) for _ in range(rng.randint(0, 3))) + "]"
    if kind < 0.75:
        return space + rng.choice(
            ["0", "-0", "1.10", "1E5", "-1e-7", "true", "null", "9" * 19, "1e61"]
        )
    ending = rng.choice(["", ":", '\\":', "x"])
    return f'"{rng.choice(TROUBLE)}{ending}"{space}'


def test_the_fast_path_says_of_every_mutated_text_what_the_strict_reader_says() -> None:
    rng = random.Random(1)
    for _ in range(12_000):
        text = mutated(rng.choice(BODIES), rng)
        assert said_by(parse_value, text) == said_by(read_strictly, text), text


def test_the_fast_path_says_of_every_strangely_written_text_what_the_strict_reader_says() -> None:
    rng = random.Random(2)
    for _ in range(12_000):
        text = written(rng)
        assert said_by(parse_value, text) == said_by(read_strictly, text), text


@pytest.mark.parametrize("token", TROUBLE)
@pytest.mark.parametrize(
    "place", ["{}", '{{"a":{}}}', '{{"a":"{}"}}', '{{"{}":1,"a":2}}', '{{"a":[{}]}}']
)
def test_the_fast_path_says_the_same_of_every_trouble(token: str, place: str) -> None:
    text = place.format(token)
    assert said_by(parse_value, text) == said_by(read_strictly, text)


def test_what_real_clients_send_takes_the_fast_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "read_strictly", None)
    assert all(parse(body) == json.loads(body, parse_float=Decimal) for body in BODIES)


def test_what_is_proven_of_a_list_is_what_the_strict_reader_says_of_each_of_its_texts() -> None:
    rng = random.Random(3)
    proven_count = 0
    for _ in range(6_000):
        texts = [written(rng, 3) for _ in range(3)]
        value = proven(f"[{','.join(texts)}]", MAX_BYTES)
        if isinstance(value, list):
            proven_count += 1
            said = [said_by(read_strictly, text) for text in texts]
            assert [repr(each) for each in value] == said, texts
    assert proven_count > 500


def test_nothing_longer_than_the_limit_is_proven() -> None:
    assert proven("[1]", 3) == [1]
    assert proven("[1]", 2) is UNSET


def test_bytes_are_read_as_utf8() -> None:
    assert parse('{"a":"é"}'.encode()) == {"a": "é"}
    with pytest.raises(Refusal) as refused:
        parse(b'{"a":"\xff"}')
    assert refused.value.reason == "not_utf8"


def test_a_value_may_be_read_up_to_a_size_of_its_own() -> None:
    text = "[" + ",".join(["1"] * 10) + "]"
    assert parse_value(text, len(text)) == [1] * 10
    with pytest.raises(Refusal, match="at most 20 are read"):
        parse_value(text, 20)
