"""Pricing rules: what analysts wrote, checked and written anew in SQL that all engines read alike.

A rule is parsed into a tree, and its SQL is written from that tree node by node: what has no entry
in the table at the end of this module is refused. Every number is a decimal of which the digits
are known beforehand, so that no engine ever rounds on its own. Where two numbers have more digits
than an engine multiplies or adds, they are taken as far as they fit; beyond that the rule gives
null for the event, which is reported and never billed as 0.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlglot
from sqlglot import Token, TokenType, exp

from ingest.catalog.problems import did_you_mean
from ingest.catalog.values import match_value

Part = Literal["condition", "amount"]
ElementType = Literal["number", "string"]
Kind = Literal["number", "text", "condition", "instant", "null"]

EVENT_COLUMNS: Mapping[str, tuple[str, Kind]] = {
    "source": ("source_id", "text"),
    "provider": ("provider", "text"),
    "model": ("model", "text"),
    "subscription": ("subscription_id", "text"),
    "occurred_at": ("occurred_at", "instant"),
}
"""The columns that every event has, by the name that a rule gives them."""

FUNCTIONS = (
    "abs",
    "ceil",
    "coalesce",
    "contains",
    "extract",
    "floor",
    "greatest",
    "least",
    "length",
    "lower",
    "nullif",
    "round",
    "starts_with",
    "substr",
    "trim",
    "upper",
)
"""The functions that a rule may call."""

_NOT_IN_RULES = {
    "transactions": "Each event is one transaction: write 1",
    "totalCost": "A cost may become known later: price it by a pricing metric with a markup",
}
_LONGEST = 2000
_ELEMENT_WHOLE, _ELEMENT_DECIMALS = 13, 6
_LITERAL_WHOLE, _LITERAL_DECIMALS = 13, 12
# An amount below 10^13 leaves room to sum ten million of them.
_AMOUNT_WHOLE, _MOST_DECIMALS = 13, 18
_AMOUNT_TYPE = "decimal(37, 18)"
# Spark gives a sum and a product one digit more than they need, and 38 is the most there are.
_COMPARED, _COMPUTED = 38, 37
# DuckDB multiplies decimals of up to 18 digits in 64 bits, whatever the result needs.
_NARROW, _WIDE = 18, 19

_NUMBER = re.compile(r"(\d*)\.?(\d*)", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?Z?", re.ASCII)
# Spark reads \ and ${...} in a literal as more than text, older ones '' as well.
_SPECIAL = re.compile(r"(['\\$])")
_UPPER, _LOWER = "'ABCDEFGHIJKLMNOPQRSTUVWXYZ'", "'abcdefghijklmnopqrstuvwxyz'"
_BLANKS = "' ' || chr(9) || chr(10) || chr(13)"

# The engines count days of the week from different numbers, but both from Sunday on.
_DAY_OF_WEEK = "(dayofweek({0}) - dayofweek(date '1970-01-04'))"
_EXTRACTED = {
    **{part: f"extract({part} from {{0}})" for part in ("year", "month", "day", "hour", "minute")},
    "dow": _DAY_OF_WEEK,
    "isodow": f"(({_DAY_OF_WEEK} + 6) % 7 + 1)",
}
_TIME_TYPES = (exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ)
_COMPARISONS: Mapping[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_SHOWN: Mapping[Kind, str] = {
    "number": "a number",
    "text": "a text",
    "condition": "a condition",
    "instant": "a time",
    "null": "null",
}
_TYPED = "metering_elements.csv says what an element is"
_KIND_REMEDIES: Mapping[Kind, str] = {
    "number": f"A number stands without quotes; {_TYPED}",
    "text": f"A text stands in 'single quotes'; {_TYPED}",
    "condition": "Write a comparison, such as region = 'eu'",
    "instant": "Write a time in UTC, such as timestamp '2026-01-31 09:00:00'",
    "null": "Write is null, or a value",
}


class RuleError(Exception):
    """What is wrong with a rule, where, and how to mend it.

    Attributes:
        part: the text that is wrong, `condition` or `amount`.
        line: the line of the place in that text, from 1.
        column: its column, from 1.
        text: what was found, and the remedy.
    """

    def __init__(self, part: Part, line: int, column: int, text: str) -> None:
        super().__init__(f"{part} {line}:{column}: {text}")
        self.part, self.line, self.column, self.text = part, line, column, text


@dataclass(frozen=True)
class CheckedRule:
    """A rule as SQL over the columns of an event; it is exact, never fails, and may give null.

    `amount_sql` is a decimal(37, 18). `columns` are the names that the rule uses, as written.
    """

    condition_sql: str
    amount_sql: str
    columns: tuple[str, ...]


def check_rule(condition: str, amount: str, columns: Mapping[str, ElementType]) -> CheckedRule:
    """Return a rule in SQL; `columns` are the metering elements that it may name.

    Raises:
        RuleError: at the first place that is not a rule.
    """
    written_condition = _Writer("condition", condition, columns)
    written_amount = _Writer("amount", amount, columns)
    return CheckedRule(
        written_condition.sql(),
        written_amount.sql(),
        tuple(sorted(written_condition.used | written_amount.used)),
    )


@dataclass(frozen=True)
class _Value:
    """An expression in SQL; a number has at most `whole` digits before its point.

    `bare` are the digits of a literal, which are cast once only.
    """

    sql: str
    kind: Kind
    whole: int = 0
    decimals: int = 0
    bare: str = ""

    @property
    def digits(self) -> int:
        return self.whole + self.decimals

    @property
    def sql_type(self) -> str:
        return f"decimal({self.digits}, {self.decimals})"

    def written(self, sql: str) -> "_Value":
        """Return another expression of the same kind, with the same digits."""
        return replace(self, sql=sql, bare="")

    def cast(self, whole: int, decimals: int) -> "_Value":
        """Return the number with other digits, of which there must be enough."""
        if (whole, decimals) == (self.whole, self.decimals):
            return self
        return _number(
            f"{self.bare or self.sql}::decimal({whole + decimals}, {decimals})", whole, decimals
        )


def _number(sql: str, whole: int, decimals: int) -> _Value:
    return _Value(sql, "number", whole, decimals)


def _condition(sql: str) -> _Value:
    return _Value(f"({sql})", "condition")


def _text(sql: str) -> _Value:
    return _Value(sql, "text")


def _quoted(text: str) -> str:
    """Return a text as a literal that means the same to every engine."""
    pieces = (
        f"chr({ord(piece)})" if _SPECIAL.fullmatch(piece) else f"'{piece}'"
        for piece in _SPECIAL.split(text)
        if piece
    )
    literal = " || ".join(pieces) or "''"
    return f"({literal})" if " || " in literal else literal


def _ascii_lower(sql: str) -> str:
    return f"translate({sql}, {_UPPER}, {_LOWER})"


def _trimmed(sql: str) -> str:
    return f"trim(both ({_BLANKS}) from {sql})"


class _Writer:
    """Writes one part of a rule, and keeps what it found on the way."""

    def __init__(self, part: Part, text: str, columns: Mapping[str, ElementType]) -> None:
        self.part = part
        self.text = text
        self.columns = columns
        self.used: set[str] = set()
        self.overflows: list[str] = []

    def sql(self) -> str:
        """Return the whole part; a number that outgrew its digits makes all of it null."""
        try:
            root = self.parsed()
            if self.part == "condition":
                sql = self.typed(root, "condition").sql
            else:
                amount = self.narrowed(self.typed(root, "number"), _AMOUNT_WHOLE)
                sql = f"{amount.sql}::{_AMOUNT_TYPE}"
        except RecursionError:
            raise self.error(None, "is nested too deeply. Make several rules of it") from None
        if not self.overflows:
            return sql
        return f"case when {' or '.join(dict.fromkeys(self.overflows))} then null else {sql} end"

    def parsed(self) -> exp.Expr:
        if len(self.text) > _LONGEST:
            raise self.error(
                None, f"is longer than {_LONGEST} characters. Make several rules of it"
            )
        try:
            tokens = sqlglot.tokenize(self.text, dialect="duckdb")
        except sqlglot.TokenError:
            raise self.error(None, "can't be read. Close every quote") from None
        self.check_tokens(tokens)
        try:
            return sqlglot.parse_one(self.text, dialect="duckdb", into=exp.Condition)
        except sqlglot.ParseError as error:
            raise self.unread(error.errors) from None
        except TypeError:  # how the parser misses some operands
            raise self.unread([]) from None

    def unread(self, errors: Sequence[Mapping[str, Any]]) -> RuleError:
        if not errors:
            return self.error(None, "can't be read. Write one expression of SQL")
        line, end, words = (errors[0][key] for key in ("line", "col", "highlight"))
        text = f"can't be read from `{words}` on. Write one expression of SQL"
        return RuleError(self.part, line, end - len(words) + 1, text)

    def check_tokens(self, tokens: Sequence[Token]) -> None:
        if not tokens:
            raise self.error(None, "is empty. Write an expression")
        if any(token.token_type is TokenType.SEMICOLON for token in tokens):
            raise self.error(None, "has a semicolon. Write one expression, and no statement")
        if any(token.comments for token in tokens):
            raise self.error(None, "has a comment. Write it into the note of the rule")

    def error(self, node: exp.Expr | None, text: str) -> RuleError:
        """Return an error at a node, by its words, or at the start of the text."""
        start, words = self.place(node) if node else (0, "")
        before = self.text[:start]
        place = before.count("\n") + 1, start - before.rfind("\n")
        return RuleError(self.part, *place, f"`{words}` {text}" if words else text)

    def place(self, node: exp.Expr) -> tuple[int, str]:
        """Return where a node begins, and its words; the parser places names and literals only."""
        named = [node] if "start" in node.meta else node.walk()
        spans = [each.meta for each in named if "start" in each.meta]
        if spans:
            start = min(span["start"] for span in spans)
            return start, self.text[start : max(span["end"] for span in spans) + 1]
        words = node.sql()
        return max(self.text.upper().find(words.upper()), 0), words

    def value(self, node: exp.Expr) -> _Value:
        form = _FORMS.get(type(node))
        if form is None:
            raise self.error(node, _remedy(node))
        if any(part and name not in form.parts for name, part in node.args.items()):
            raise self.error(node, f"has more parts than a rule takes. Write {form.example}")
        return form.write(self, node)

    def typed(self, node: exp.Expr, kind: Kind) -> _Value:
        value = self.value(node)
        if value.kind != kind:
            raise self.error(
                node, f"is {_SHOWN[value.kind]}, not {_SHOWN[kind]}. {_KIND_REMEDIES[kind]}"
            )
        return value

    def alike(self, nodes: Iterable[exp.Expr]) -> list[_Value]:
        """Return values of one kind, nulls aside; numbers get the same digits."""
        nodes = list(nodes)
        values = [self.value(node) for node in nodes]
        kind: Kind = next((value.kind for value in values if value.kind != "null"), "null")
        for node, value in zip(nodes, values, strict=True):
            if value.kind not in (kind, "null"):
                raise self.error(
                    node, f"is {_SHOWN[value.kind]} beside {_SHOWN[kind]}. {_KIND_REMEDIES[kind]}"
                )
        return self.aligned(values, _COMPARED) if kind == "number" else values

    def aligned(self, values: Sequence[_Value], room: int) -> list[_Value]:
        decimals = max(value.decimals for value in values)
        whole = min(max(value.whole for value in values), room - decimals)
        return [
            value if value.kind == "null" else self.narrowed(value, whole).cast(whole, decimals)
            for value in values
        ]

    def narrowed(self, value: _Value, whole: int) -> _Value:
        """Return a number with fewer digits before its point; that it needs more is noted."""
        if value.whole <= whole:
            return value
        self.overflows.append(f"abs({value.sql}) >= 1{'0' * whole}::{value.sql_type}")
        narrow = replace(value, whole=whole)
        return narrow.written(f"try_cast({value.sql} as {narrow.sql_type})")

    def compared(self, nodes: Iterable[exp.Expr]) -> list[_Value]:
        """Return values that can be equal: of one kind, texts in the form in which they match."""
        nodes = list(nodes)
        values = self.alike(nodes)
        for node, value in zip(nodes, values, strict=True):
            if value.kind in ("condition", "null"):
                text = f"is {_SHOWN[value.kind]}, which nothing equals. Write is null, and, or, not"
                raise self.error(node, text)
        return [
            self.matched(node, value) if value.kind == "text" else value
            for node, value in zip(nodes, values, strict=True)
        ]

    def matched(self, node: exp.Expr, value: _Value) -> _Value:
        if isinstance(node, exp.Literal):
            return _text(_quoted(match_value(node.this)))
        return _text(_ascii_lower(_trimmed(value.sql)))

    def whole_number(self, node: exp.Expr, lowest: int) -> int:
        """Return what a literal says where an engine must know it beforehand."""
        digits = node.this if isinstance(node, exp.Literal) and not node.is_string else ""
        if re.fullmatch("[0-9]{1,4}", digits) and int(digits) >= lowest:
            return int(digits)
        raise self.error(node, f"must be a whole number from {lowest} to 9999, in digits")

    # What follows writes one form of expression each.

    def paren(self, node: exp.Expr) -> _Value:
        return self.value(node.this)

    def column(self, node: exp.Expr) -> _Value:
        name = node.name
        if not isinstance(node.this, exp.Identifier) or not name:
            raise self.error(node, "is no column. Write the name of one")
        if name in _NOT_IN_RULES:
            raise self.error(node, f"is not there in a rule. {_NOT_IN_RULES[name]}")
        known = {**self.columns, **EVENT_COLUMNS}
        if name not in known:
            remedy = did_you_mean(name, known) or f" Known are {', '.join(known)}."
            if node.this.quoted:
                remedy = " A text stands in 'single quotes'."
            raise self.error(node, f"is no column of an event and no metering element.{remedy}")
        self.used.add(name)
        if name in EVENT_COLUMNS:
            return _Value(*EVENT_COLUMNS[name])
        if self.columns[name] == "number":
            sql = f"element_numbers[{_quoted(name)}]"
            return _number(sql, _ELEMENT_WHOLE, _ELEMENT_DECIMALS)
        return _text(f"elements[{_quoted(name)}]")

    def literal(self, node: exp.Expr) -> _Value:
        if node.is_string:
            return _text(_quoted(node.this))
        parts = _NUMBER.fullmatch(node.this)
        if not parts:
            raise self.error(node, "is no decimal. Write digits and a point, as 0.001")
        whole, decimals = parts[1].lstrip("0"), parts[2].rstrip("0")
        if len(whole) > _LITERAL_WHOLE or len(decimals) > _LITERAL_DECIMALS:
            limits = f"{_LITERAL_WHOLE} digits before the point and {_LITERAL_DECIMALS} after it"
            raise self.error(node, f"is too long. Write at most {limits}")
        digits = f"{whole or 0}.{decimals}" if decimals else whole or "0"
        number = _number("", len(whole) if decimals else len(digits), len(decimals))
        return replace(number, sql=f"{digits}::{number.sql_type}", bare=digits)

    def boolean(self, node: exp.Expr) -> _Value:
        return _condition("true" if node.this else "false")

    def null(self, _: exp.Expr) -> _Value:
        return _Value("null", "null")

    def instant(self, node: exp.Expr) -> _Value:
        """Write `timestamp '…'` or `date '…'`, which the parser takes for a cast."""
        kind, literal = node.args["to"].this, node.this
        if kind not in _TIME_TYPES or not isinstance(literal, exp.Literal):
            raise self.error(node, _remedy(node))
        moment = _moment(literal.this)
        if moment is None:
            text = "is no time in UTC. Write it as '2026-01-31' or '2026-01-31 09:00:00'"
            raise self.error(literal, text)
        return _Value(f"timestamp '{moment.isoformat(sep=' ')}'", "instant")

    def connected(self, node: exp.Expr) -> _Value:
        word = "and" if isinstance(node, exp.And) else "or"
        left, right = (self.typed(each, "condition").sql for each in _operands(node))
        return _condition(f"{left} {word} {right}")

    def negated(self, node: exp.Expr) -> _Value:
        return _condition(f"not {self.typed(node.this, 'condition').sql}")

    def comparison(self, node: exp.Expr) -> _Value:
        left, right = self.compared(_operands(node))
        sign = _COMPARISONS[type(node)]
        if left.kind == "text" and sign not in ("=", "<>"):
            raise self.error(node, "asks for the order of texts. Use =, in or like")
        return _condition(f"{left.sql} {sign} {right.sql}")

    def between(self, node: exp.Expr) -> _Value:
        value, low, high = self.compared((node.this, node.args["low"], node.args["high"]))
        if value.kind == "text":
            raise self.error(node, "asks for the order of texts. Use =, in or like")
        return _condition(f"{value.sql} between {low.sql} and {high.sql}")

    def listed(self, node: exp.Expr) -> _Value:
        if not node.expressions:
            raise self.error(node, "is in no list. Write in ('a', 'b')")
        value, *choices = self.compared((node.this, *node.expressions))
        return _condition(f"{value.sql} in ({', '.join(each.sql for each in choices)})")

    def is_null(self, node: exp.Expr) -> _Value:
        if not isinstance(node.expression, exp.Null):
            raise self.error(node, "is compared by is. Write is null, or = for a value")
        value = self.value(node.this)
        return _condition(f"{value.sql} is null")

    def like(self, node: exp.Expr) -> _Value:
        text, pattern = self.typed(node.this, "text").sql, node.expression
        if not isinstance(pattern, exp.Literal) or not pattern.is_string:
            raise self.error(pattern, "is no pattern. Write it in quotes, as 'gpt-%'")
        if "\\" in pattern.this:
            raise self.error(pattern, "has a \\, which engines read differently. Use contains")
        written = _quoted(pattern.this)
        if isinstance(node, exp.ILike):
            text, written = _ascii_lower(text), _ascii_lower(written)
        word = "not like" if node.args.get("negate") else "like"
        return _condition(f"{text} {word} {written}")

    def sum(self, node: exp.Expr) -> _Value:
        sign = "+" if isinstance(node, exp.Add) else "-"
        terms = [self.typed(each, "number") for each in _operands(node)]
        left, right = self.aligned(terms, _COMPUTED)
        return _number(f"({left.sql} {sign} {right.sql})", left.whole + 1, left.decimals)

    def product(self, node: exp.Expr) -> _Value:
        left, right = (self.typed(each, "number") for each in _operands(node))
        decimals = left.decimals + right.decimals
        if decimals > _MOST_DECIMALS:
            text = f"has {decimals} decimals, and {_MOST_DECIMALS} are the most. Round a factor"
            raise self.error(node, f"{text}, as in round(bytes) * 0.001")
        room = _COMPUTED - decimals
        # Neither factor leaves the other less than half of the room, unless it needs less.
        right = self.narrowed(right, max(room // 2, room - left.whole))
        left = self.narrowed(left, room - right.whole)
        whole = left.whole + right.whole
        if max(left.digits, right.digits) <= _NARROW < left.digits + right.digits:
            left = left.cast(_WIDE - left.decimals, left.decimals)
        product = f"({left.sql} * {right.sql})::decimal({whole + decimals}, {decimals})"
        return _number(product, whole, decimals)

    def negative(self, node: exp.Expr) -> _Value:
        value = self.typed(node.this, "number")
        return value.written(f"(-{value.sql})")

    def absolute(self, node: exp.Expr) -> _Value:
        value = self.typed(node.this, "number")
        return value.written(f"abs({value.sql})")

    def rounded(self, node: exp.Expr) -> _Value:
        """Write a rounding half away from zero, which is what a cast does on both engines."""
        value = self.typed(node.this, "number")
        places = node.args.get("decimals")
        decimals = self.whole_number(places, 0) if places else 0
        return value if decimals >= value.decimals else value.cast(value.whole + 1, decimals)

    def next_whole(self, node: exp.Expr) -> _Value:
        name = "floor" if isinstance(node, exp.Floor) else "ceil"
        value = self.typed(node.this, "number")
        if not value.decimals:
            return value
        whole = value.whole + 1
        return _number(f"{name}({value.sql})::decimal({whole}, 0)", whole, 0)

    def outermost(self, node: exp.Expr) -> _Value:
        name = "greatest" if isinstance(node, exp.Greatest) else "least"
        values = self.aligned(
            [self.typed(each, "number") for each in (node.this, *node.expressions)], _COMPARED
        )
        return values[0].written(f"{name}({_joined(values)})")

    def first_known(self, node: exp.Expr) -> _Value:
        values = self.alike((node.this, *node.expressions))
        return _not_null(values).written(f"coalesce({_joined(values)})")

    def null_if(self, node: exp.Expr) -> _Value:
        left, right = self.compared(_operands(node))
        value = self.value(node.this)
        return value.written(f"(case when {left.sql} = {right.sql} then null else {value.sql} end)")

    def case(self, node: exp.Expr) -> _Value:
        branches, default = node.args["ifs"], node.args.get("default") or exp.Null()
        values = self.alike((*(branch.args["true"] for branch in branches), default))
        written = " ".join(
            f"when {self.is_branch(node.this, branch.this)} then {value.sql}"
            for branch, value in zip(branches, values, strict=False)
        )
        return _not_null(values).written(f"(case {written} else {values[-1].sql} end)")

    def is_branch(self, compared: exp.Expr | None, branch: exp.Expr) -> str:
        if compared is None:
            return self.typed(branch, "condition").sql
        left, right = self.compared((compared, branch))
        return f"{left.sql} = {right.sql}"

    def lower(self, node: exp.Expr) -> _Value:
        return _text(_ascii_lower(self.typed(node.this, "text").sql))

    def upper(self, node: exp.Expr) -> _Value:
        return _text(f"translate({self.typed(node.this, 'text').sql}, {_LOWER}, {_UPPER})")

    def trim(self, node: exp.Expr) -> _Value:
        return _text(_trimmed(self.typed(node.this, "text").sql))

    def length(self, node: exp.Expr) -> _Value:
        return _number(f"length({self.typed(node.this, 'text').sql})::decimal(10, 0)", 10, 0)

    def substr(self, node: exp.Expr) -> _Value:
        parts = [self.typed(node.this, "text").sql]
        parts.append(str(self.whole_number(node.args["start"], 1)))
        if length := node.args.get("length"):
            parts.append(str(self.whole_number(length, 0)))
        return _text(f"substr({', '.join(parts)})")

    def starts_with(self, node: exp.Expr) -> _Value:
        text, start = (self.typed(each, "text").sql for each in _operands(node))
        return _condition(f"substr({text}, 1, length({start})) = {start}")

    def contains(self, node: exp.Expr) -> _Value:
        text, piece = (self.typed(each, "text").sql for each in _operands(node))
        return _condition(f"contains({text}, {piece})")

    def extracted(self, node: exp.Expr) -> _Value:
        part = node.this.name.lower()
        if part not in _EXTRACTED:
            raise self.error(node, f"is no part of a time. Extract {', '.join(_EXTRACTED)}")
        instant = self.typed(node.expression, "instant").sql
        return _number(f"{_EXTRACTED[part].format(instant)}::decimal(4, 0)", 4, 0)


def _moment(text: str) -> datetime | None:
    """Return the time that a text without an offset names, if it names one."""
    try:
        return datetime.fromisoformat(text.removesuffix("Z")) if _INSTANT.fullmatch(text) else None
    except ValueError:
        return None


def _operands(node: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    return node.this, node.expression


def _joined(values: Iterable[_Value]) -> str:
    return ", ".join(value.sql for value in values)


def _not_null(values: Sequence[_Value]) -> _Value:
    return next((value for value in values if value.kind != "null"), values[0])


def _remedy(node: exp.Expr) -> str:
    """Return what is wrong with a node that no rule has."""
    for kinds, remedy in _REMEDIES:
        if isinstance(node, kinds):
            return f"is not possible in a rule. {remedy}"
    guess = did_you_mean(node.name, FUNCTIONS) if isinstance(node, exp.Func) else ""
    return (
        f"is not possible in a rule.{guess} There are comparisons, and, or, not, in, between, like,"
        f" case, + - * and {', '.join(FUNCTIONS)}"
    )


_REMEDIES: Sequence[tuple[tuple[type[exp.Expr], ...], str]] = (
    ((exp.Div, exp.IntDiv), "Multiply instead: * 0.001 rather than / 1000"),
    ((exp.Cast,), "Leave the type out: metering_elements.csv says which elements are numbers"),
    ((exp.Query, exp.Exists), "It sees one event and nothing else: leave the query out"),
    ((exp.AggFunc, exp.Window), "It sees one event: what adds events up is a pricing metric"),
    ((exp.Hour, exp.Day, exp.Month, exp.Year), "Write extract(hour from occurred_at)"),
    ((exp.Bracket,), 'Write the name of the element alone, in "double quotes" if it is odd'),
    ((exp.Concat, exp.DPipe), "Compare each text by itself"),
)


class _Form(NamedTuple):
    """How a kind of expression is written, the parts that it may have, and an example of it."""

    write: Callable[[_Writer, exp.Expr], _Value]
    parts: frozenset[str]
    example: str


def _form(write: Callable[[_Writer, exp.Expr], _Value], parts: str, example: str) -> _Form:
    return _Form(write, frozenset(parts.split()), example)


_TWO = "this expression"
_FORMS: Mapping[type[exp.Expr], _Form] = {
    exp.Paren: _form(_Writer.paren, "this", "(bytes > 1)"),
    exp.Column: _form(_Writer.column, "this", "the name alone"),
    exp.Literal: _form(_Writer.literal, "this is_string", "1.5 or 'text'"),
    exp.Boolean: _form(_Writer.boolean, "this", "true or false"),
    exp.Null: _form(_Writer.null, "", "null"),
    exp.Cast: _form(_Writer.instant, "this to", "timestamp '2026-01-31 09:00:00'"),
    exp.And: _form(_Writer.connected, _TWO, "a and b"),
    exp.Or: _form(_Writer.connected, _TWO, "a or b"),
    exp.Not: _form(_Writer.negated, "this", "not a"),
    **{each: _form(_Writer.comparison, _TWO, "a = b") for each in _COMPARISONS},
    exp.Between: _form(_Writer.between, "this low high", "bytes between 1 and 9"),
    exp.In: _form(_Writer.listed, "this expressions", "region in ('eu', 'us')"),
    exp.Is: _form(_Writer.is_null, _TWO, "region is null"),
    exp.Like: _form(_Writer.like, f"{_TWO} negate", "model like 'gpt-%'"),
    exp.ILike: _form(_Writer.like, f"{_TWO} negate", "model ilike 'gpt-%'"),
    exp.Add: _form(_Writer.sum, _TWO, "a + b"),
    exp.Sub: _form(_Writer.sum, _TWO, "a - b"),
    exp.Mul: _form(_Writer.product, _TWO, "a * b"),
    exp.Neg: _form(_Writer.negative, "this", "-a"),
    exp.Abs: _form(_Writer.absolute, "this", "abs(a)"),
    exp.Round: _form(_Writer.rounded, "this decimals", "round(a, 2)"),
    exp.Floor: _form(_Writer.next_whole, "this", "floor(a)"),
    exp.Ceil: _form(_Writer.next_whole, "this", "ceil(a)"),
    exp.Greatest: _form(_Writer.outermost, "this expressions ignore_nulls", "greatest(a, b)"),
    exp.Least: _form(_Writer.outermost, "this expressions ignore_nulls", "least(a, b)"),
    exp.Coalesce: _form(_Writer.first_known, "this expressions", "coalesce(a, 0)"),
    exp.Nullif: _form(_Writer.null_if, _TWO, "nullif(region, '')"),
    exp.Case: _form(_Writer.case, "this ifs default", "case when a then 1 else 2 end"),
    exp.Lower: _form(_Writer.lower, "this", "lower(region)"),
    exp.Upper: _form(_Writer.upper, "this", "upper(region)"),
    exp.Trim: _form(_Writer.trim, "this", "trim(region)"),
    exp.Length: _form(_Writer.length, "this", "length(region)"),
    exp.Substring: _form(_Writer.substr, "this start length", "substr(region, 1, 2)"),
    exp.StartsWith: _form(_Writer.starts_with, _TWO, "starts_with(model, 'gpt-')"),
    exp.Contains: _form(_Writer.contains, _TWO, "contains(model, 'mini')"),
    exp.Extract: _form(_Writer.extracted, _TWO, "extract(hour from occurred_at)"),
}
