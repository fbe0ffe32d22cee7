"""Pricing rules: what they say of an event, what is refused, and that every digit is exact."""

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, localcontext

import duckdb
import pytest

from ingest.paths import PROJECT_ROOT
from ingest.rules import EVENT_COLUMNS, FUNCTIONS, CheckedRule, RuleError, check_rule

COLUMNS = {
    "region": "string",
    "bytes": "number",
    "seconds": "number",
    "it's an odd-name": "string",
}
GUIDE = PROJECT_ROOT / "docs" / "pricing-rules.md"


@dataclass(frozen=True)
class Given:
    """An event as the models see it."""

    elements: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, Decimal | int | str] = field(default_factory=dict)
    source: str = "api"
    provider: str | None = None
    model: str | None = None
    subscription: str = "sub-1"
    occurred_at: str = "2026-01-05 09:30:00"


def answers(rules: Sequence[CheckedRule], event: Given) -> list[tuple[bool | None, Decimal | None]]:
    """Evaluate rules as the models do; a failing expression fails the test."""
    columns = ", ".join(f"({rule.condition_sql}), ({rule.amount_sql})" for rule in rules)
    with duckdb.connect() as connection:
        row = connection.execute(
            f"""
            select {columns} from (
                select
                    $source as source_id,
                    $provider as provider,
                    $model as model,
                    $subscription as subscription_id,
                    $occurred_at::timestamp as occurred_at,
                    map($names, $texts)::map(varchar, varchar) as elements,
                    map($numbered, $numbers)::map(varchar, decimal(19, 6)) as element_numbers
            )
            """,
            {
                "source": event.source,
                "provider": event.provider,
                "model": event.model,
                "subscription": event.subscription,
                "occurred_at": event.occurred_at,
                "names": list(event.elements),
                "texts": list(event.elements.values()),
                "numbered": list(event.numbers),
                "numbers": [str(number) for number in event.numbers.values()],
            },
        ).fetchone()
    assert row
    return list(zip(row[::2], row[1::2], strict=True))


def matches(condition: str, event: Given) -> bool | None:
    return answers([check_rule(condition, "1", COLUMNS)], event)[0][0]


def amount(text: str, event: Given) -> Decimal | None:
    return answers([check_rule("true", text, COLUMNS)], event)[0][1]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("region = 'eu'", True),
        ("region = 'eu ' and region in ('us', 'EU')", True),
        ("region <> 'eu' or region not in ('eu', 'us')", False),
        ("not (region = 'us') and true", True),
        ("case region when 'eu' then bytes > 1 else false end", True),
        ("nullif(region, 'EU') is null", True),
        ("trim(region) like 'E_'", True),
        ("region like 'e%'", False),
        ("region ilike ' e%' and region not like 'us%'", True),
        ("starts_with(region, ' E') and contains(region, 'EU')", True),
        ("lower(trim(region)) like 'eu' and upper(region) like ' EU '", True),
        ("length(region) = 4 and substr(region, 2, 1) = 'e'", True),
        ("region is not null and seconds is null", True),
        ("bytes between 1 and 2.5 and bytes not between 2 and 3", True),
        ("bytes >= 1.5 and bytes <= 1.5 and bytes < 2 and bytes > 0.5", True),
        ("bytes in (1, 1.50)", True),
        ("-bytes = -1.5 and -bytes < -1", True),
        ("source = 'API' and subscription = 'sub-1' and model is null", True),
        (
            "occurred_at >= timestamp '2026-01-05 09:30:00' and occurred_at < date '2026-01-06'",
            True,
        ),
        ("occurred_at between date '2026-01-05' and timestamp '2026-01-05T09:30Z'", True),
        ("extract(isodow from occurred_at) = 1 and extract(dow from occurred_at) = 1", True),
        ("extract(hour from occurred_at) * 60 + extract(minute from occurred_at) = 570", True),
        ("extract(year from occurred_at) = 2026 and extract(month from occurred_at) = 1", True),
        ("extract(day from occurred_at) = 5", True),
        ("\"it's an odd-name\" = 'a\\b ${c} it''s'", True),
        ("seconds > 1", None),
        ("seconds > 1 or bytes > 1", True),
        ("seconds > 1 and bytes > 9", False),
    ],
)
def test_a_condition_reads_an_event(condition, expected):
    event = Given(
        elements={"region": " EU ", "it's an odd-name": "A\\B ${c} it's"},
        numbers={"bytes": "1.5"},
    )
    assert matches(condition, event) is expected


def test_the_days_of_the_week_begin_with_monday_or_sunday():
    days = [Given(occurred_at=f"2026-01-{day:02} 12:00:00") for day in range(4, 12)]
    iso = "extract(isodow from occurred_at)"
    assert [amount(iso, day) for day in days] == [7, 1, 2, 3, 4, 5, 6, 7]
    assert [amount("extract(dow from occurred_at)", day) for day in days] == [*range(7), 0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", "2"),
        (".5 + 0.50", "1"),
        ("bytes * 0.000000000001", "0.000000000002500000"),
        ("bytes - -1", "3.5"),
        ("abs(-bytes) * 1_000", "2500"),
        ("round(bytes) + round(-bytes)", "0"),
        ("round(bytes * 0.1, 1)", "0.3"),
        ("round(2.345, 2) + bytes", "4.85"),
        ("floor(-bytes) + ceil(bytes)", "0"),
        ("greatest(bytes, 0.5) + least(bytes, seconds, 0.5)", "3"),
        ("coalesce(seconds, null, bytes)", "2.5"),
        ("case when bytes > 2 then 0.10 when bytes > 1 then 7 end", "0.1"),
        ("case when bytes > 9 then 1 end", None),
        ("seconds * 2", None),
        ("nullif(bytes, 2.5)", None),
        ("nullif(bytes, 2)", "2.5"),
    ],
)
def test_an_amount_is_computed_from_an_event(text, expected):
    found = amount(text, Given(numbers={"bytes": "2.5"}))
    assert found == (None if expected is None else Decimal(expected))


def test_letters_beyond_ascii_keep_their_case_as_they_do_on_every_engine():
    event = Given(elements={"region": "ÉÉ"})
    assert matches("region = 'éé' or region ilike 'éé' or lower(region) like 'éé'", event) is False


def test_the_columns_of_a_rule_are_told_by_their_names():
    rule = check_rule("region = 'eu' and model is null", "bytes * 2", COLUMNS)
    assert rule.columns == ("bytes", "model", "region")


def test_an_event_column_hides_an_element_of_the_same_name():
    rule = check_rule("model = 'm'", "1", {"model": "number"})
    assert answers([rule], Given(model="M"))[0][0] is True


@pytest.mark.parametrize("largest", ["9999999999999.999999", "-9999999999999.999999"])
@pytest.mark.parametrize(
    "text",
    [
        "bytes * bytes",
        "coalesce(bytes * bytes, 5)",
        "greatest(bytes * bytes * 0.000001, 5)",
        "case when bytes * bytes * 0.000001 > 1 then 1 else 2 end",
        "bytes * 2",
        "bytes + bytes",
    ],
)
def test_a_number_that_outgrows_its_digits_has_no_answer_instead_of_a_wrong_one(text, largest):
    assert amount(text, Given(numbers={"bytes": largest})) is None
    assert amount(text, Given(numbers={"bytes": 3})) is not None


def test_a_product_of_two_elements_is_exact_to_twelve_decimals():
    event = Given(numbers={"bytes": "999999.999999", "seconds": "999999.999999"})
    assert amount("bytes * seconds", event) == Decimal("999999.999999") ** 2


@dataclass(frozen=True)
class Drawn:
    """An expression and what it means, computed without a limit of digits."""

    text: str
    meaning: Callable[[Mapping[str, Decimal]], Decimal]


def draw(pick: random.Random, depth: int) -> Drawn:
    if depth == 0 or pick.random() < 0.1:
        return pick.choice([_element, _element, _literal])(pick)
    left, right = draw(pick, depth - 1), draw(pick, depth - 1)
    return pick.choice(
        [
            Drawn(f"({left.text} + {right.text})", lambda e: left.meaning(e) + right.meaning(e)),
            Drawn(f"({left.text} - {right.text})", lambda e: left.meaning(e) - right.meaning(e)),
            Drawn(f"({left.text} * {right.text})", lambda e: left.meaning(e) * right.meaning(e)),
            Drawn(f"({left.text} * {right.text})", lambda e: left.meaning(e) * right.meaning(e)),
            Drawn(f"(-{left.text})", lambda e: -left.meaning(e)),
            Drawn(f"abs({left.text})", lambda e: abs(left.meaning(e))),
            Drawn(
                f"greatest({left.text}, {right.text})",
                lambda e: max(left.meaning(e), right.meaning(e)),
            ),
            Drawn(
                f"least({left.text}, {right.text})",
                lambda e: min(left.meaning(e), right.meaning(e)),
            ),
            Drawn(
                f"case when {left.text} > {right.text} then {left.text} else 0.5 end",
                lambda e: left.meaning(e) if left.meaning(e) > right.meaning(e) else Decimal("0.5"),
            ),
            Drawn(
                f"round({left.text}, 3)",
                lambda e: left.meaning(e).quantize(Decimal("0.001"), ROUND_HALF_UP),
            ),
            Drawn(f"floor({left.text})", lambda e: left.meaning(e).to_integral_value(ROUND_FLOOR)),
            Drawn(f"ceil({left.text})", lambda e: left.meaning(e).to_integral_value(ROUND_CEILING)),
        ]
    )


def _element(pick: random.Random) -> Drawn:
    name = pick.choice(["bytes", "seconds"])
    return Drawn(name, lambda event: event[name])


def _literal(pick: random.Random) -> Drawn:
    digits = pick.choice(["7", "0.1", "12.5", "0.000000000003", "123456.789", "1000000000000"])
    return Drawn(digits, lambda _: Decimal(digits))


@pytest.mark.parametrize("seed", range(6))
def test_every_expression_is_exact_or_has_no_answer(seed):
    pick = random.Random(seed)
    drawn, rules = [], []
    while len(rules) < 80:
        expression = draw(pick, pick.randint(1, 4))
        # What has too many decimals is refused.
        with suppress(RuleError):
            rules.append(check_rule("true", expression.text, COLUMNS))
            drawn.append(expression)
    for size in (1, 3, 6, 10, 12):
        numbers = {
            name: Decimal(pick.randint(-(10 ** (size + 6)), 10 ** (size + 6))) / 1_000_000
            for name in ("bytes", "seconds")
        }
        found = answers(rules, Given(numbers=numbers))
        with localcontext(Context(prec=500)):
            for expression, (_, value) in zip(drawn, found, strict=True):
                expected = expression.meaning(numbers)
                assert value in (None, expected), expression.text
                # Only what has many digits on the way may have no answer.
                assert value is not None or size > 1 or "*" in expression.text


REFUSED = [
    ("", "1:1", "is empty"),
    (
        "bytes >\n  bites",
        "2:3",
        "`bites` is no column of an event and no metering element. Did",
    ),
    ('region = "eu"', "1:10", "A text stands in 'single quotes'"),
    ("region", "1:1", "`region` is a text, not a condition"),
    ("bytes = '5'", "1:9", "`'5'` is a text beside a number"),
    ("region = 5", "1:10", "`5` is a number beside a text"),
    ("region > 'a'", "1:1", "asks for the order of texts"),
    ("region between 'a' and 'b'", "1:1", "asks for the order of texts"),
    ("(bytes > 1) = true", "1:2", "which nothing equals"),
    ("region = null", "1:10", "`NULL` is null, which nothing equals. Write is null"),
    ("bytes is true", "1:1", "is compared by is"),
    ("occurred_at > '2026-01-01'", "1:15", "Write a time in UTC, such as timestamp '"),
    ("occurred_at > timestamp '2026-01-01 00:00:00+01:00'", "1:25", "is no time in UTC"),
    ("occurred_at > date '2026-02-30'", "1:20", "is no time in UTC"),
    ("occurred_at > timestamptz '2026-01-01'", "1:27", "is not possible in a rule"),
    ("occurred_at > current_date", "1:15", "is not possible in a rule"),
    ("hour(occurred_at) = 1", "1:1", "Write extract(hour from occurred_at)"),
    ("extract(week from occurred_at) = 1", "1:19", "Extract year, month, day"),
    ("bytes / 2 > 1", "1:1", "Multiply instead: * 0.001"),
    ("bytes // 2 > 1", "1:1", "Multiply instead: * 0.001"),
    ("bytes % 2 = 1", "1:1", "is not possible in a rule"),
    ("bytes > 1e3", "1:9", "`1e3` is no decimal. Write digits and a point"),
    ("bytes > 0x10", "1:10", "can't be read"),
    ("bytes > 12345678901234", "1:9", "at most 13 digits before the point and 12 after"),
    ("bytes > 0.1234567890123", "1:9", "at most 13 digits before the point and 12 after"),
    ("bytes * seconds * bytes * 0.1 > 1", "1:1", "has 19 decimals, and 18 are the most"),
    ("bytes::double > 1", "1:1", "Leave the type out"),
    ("try_cast(region as int) > 1", "1:10", "Leave the type out"),
    ("cast(region as date) > occurred_at", "1:6", "Leave the type out"),
    ("sum(bytes) > 1", "1:1", "It sees one event"),
    ("row_number() over () = 1", "1:1", "It sees one event"),
    ("lower(region) filter (where true) = 'a'", "1:1", "is not possible in a rule"),
    ("region in (select 'eu')", "1:1", "Write region in ('eu', 'us')"),
    ("exists (select 1)", "1:16", "It sees one event and nothing else"),
    ("region in ()", "1:1", "is in no list"),
    ("region in (bytes)", "1:12", "`bytes` is a number beside a text"),
    ("pg_sleep(5) = 1", "1:1", "`pg_sleep` is not possible in a rule"),
    ("lowr(region) = 'eu'", "1:1", "Did you mean 'lower'"),
    ("trim(both 'x' from region) = 'eu'", "1:11", "Write trim(region)"),
    ("region || 'a' = 'b'", "1:1", "Compare each text by itself"),
    ("region = 'a' 'b'", "1:10", "Compare each text by itself"),
    ("elements['region'] = 'eu'", "1:1", "Write the name of the element alone"),
    ("api.region = 'eu'", "1:1", "Write the name alone"),
    ("region like bytes", "1:13", "is no pattern"),
    ("region like 'a\\%'", "1:13", "engines read differently"),
    ("region like 'a' escape 'b'", "1:1", "is not possible in a rule"),
    ("region like any ('a')", "1:18", "is no pattern"),
    ("region between symmetric 'a' and 'b'", "1:1", "Write bytes between 1 and 9"),
    ("round(bytes, -1) = 1", "1:15", "must be a whole number from 0"),
    ("round(bytes, seconds) = 1", "1:14", "must be a whole number from 0"),
    ("substr(region, 0) = 'a'", "1:16", "must be a whole number from 1"),
    ("length(bytes) = 1", "1:8", "`bytes` is a number, not a text"),
    ("transactions = 1", "1:1", "Each event is one transaction"),
    ("totalCost > 1", "1:1", "price it by a pricing metric with a markup"),
    ("* = 1", "1:1", "is not possible in a rule"),
    ("region = $1", "1:1", "is not possible in a rule"),
    ("region = :a", "1:10", "is not possible in a rule"),
    ("region = $$eu$$", "1:10", "is not possible in a rule"),
    ("region = E'eu'", "1:10", "is not possible in a rule"),
    ("true -- always", "1:1", "has a comment"),
    ("true /* always */", "1:1", "has a comment"),
    ("true;", "1:1", "has a semicolon"),
    ("true; drop table events", "1:1", "has a semicolon"),
    ("select true", "1:1", "can't be read"),
    ("bytes > 1 seconds", "1:11", "can't be read from `seconds` on"),
    ("bytes >", "1:7", "can't be read"),
    ("region = 'eu", "1:1", "Close every quote"),
    ("(" * 900 + "true" + ")" * 900, "1:1", "is nested too deeply"),
    ("true or " * 300 + "true", "1:1", "is longer than 2000 characters"),
    ("case when true then null end", "1:1", "is null, not a condition"),
    ("case when bytes > 1 then 1 else 'a' end = 1", "1:33", "is a text beside a number"),
]


@pytest.mark.parametrize(("text", "place", "reason"), REFUSED)
def test_what_is_no_rule_is_refused_by_its_place_and_with_a_remedy(text, place, reason):
    with pytest.raises(RuleError) as refused:
        check_rule(text, "1", COLUMNS)
    assert str(refused.value).startswith(f"condition {place}: ")
    assert reason in refused.value.text


@pytest.mark.parametrize("text", ["'5'", "bytes > 1", "null", "occurred_at", "coalesce(null)"])
def test_an_amount_is_a_number(text):
    with pytest.raises(RuleError, match=r"^amount 1:") as refused:
        check_rule("true", text, COLUMNS)
    assert refused.value.part == "amount"
    assert "not a number" in refused.value.text


@pytest.mark.parametrize(
    "evil", ["'", "''", "\\", "\\'", "x' or 'a' = 'a", "${env:PATH}", "%s {{ 1 }}"]
)
def test_no_text_and_no_name_of_an_element_can_become_sql(evil):
    columns = {evil: "string"}
    name = evil.replace('"', '""')
    literal = evil.replace("'", "''")
    rule = check_rule(f'"{name}" = \'{literal}\' and "{name}" is not null', "1", columns)
    assert answers([rule], Given(elements={evil: evil}))[0][0] is True
    assert answers([rule], Given(elements={evil: "other"}))[0][0] is False
    assert re.findall(r"[\\$]|''", rule.condition_sql) == []


def test_no_text_brings_the_check_down():
    pick = random.Random(1)
    words = " ".join(text for text, _, _ in REFUSED if len(text) < 100).split()
    for _ in range(1500):
        text = " ".join(pick.choices(words, k=pick.randint(1, 8)))
        with suppress(RuleError):
            check_rule(text, "1", COLUMNS)
        with suppress(RuleError):
            check_rule("true", text, COLUMNS)


GUIDE_COLUMNS = {
    "region": "string",
    "plan": "string",
    "inputTokenCount": "number",
    **dict.fromkeys(("bytes", "width", "height"), "number"),
}


def guide_rows(heading: str) -> list[list[str]]:
    """Return the rows of the one table below a heading of the guide, without their backticks."""
    section = GUIDE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")
    lines = [line for line in section[0].splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize(("condition", "text", "said", "answer"), guide_rows("Examples"))
def test_an_example_of_the_guide_comes_out(condition, text, said, answer):
    values = json.loads(said)
    fixed = {
        name: values.pop(name) for name in ("source", "model", "occurred_at") if name in values
    }
    elements = {name: value for name, value in values.items() if isinstance(value, str)}
    numbers = {name: value for name, value in values.items() if name not in elements}
    rule = check_rule(condition, text, GUIDE_COLUMNS)
    is_match, found = answers([rule], Given(elements=elements, numbers=numbers, **fixed))[0]
    words = {False: "no match", None: "no answer"}
    assert words.get(is_match) == answer if answer.startswith("no") else found == Decimal(answer)


@pytest.mark.parametrize(("written", "_why", "instead"), guide_rows("What is refused"))
def test_what_the_guide_calls_refused_is_refused_and_its_remedy_is_not(written, _why, instead):
    with pytest.raises(RuleError):
        check_rule(written, "1", GUIDE_COLUMNS)
    check_rule(instead, "1", GUIDE_COLUMNS)


def test_the_guide_has_every_function_and_every_column():
    text = GUIDE.read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", text))
    assert {*FUNCTIONS, *EVENT_COLUMNS} <= words
