"""A pricing rule of a catalogue's folder, tried on events before it goes live."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

from ingest import lake
from ingest.catalog.entries import Catalog, Entry, read_catalog
from ingest.catalog.models import Product, ProductFile
from ingest.catalog.problems import CatalogError, did_you_mean
from ingest.catalog.surroundings import surroundings
from ingest.event import Event
from ingest.forms.detection import READERS, detect
from ingest.records import Record, read_records
from ingest.refusal import Refusal
from ingest.rules import EVENT_COLUMNS, CheckedRule, ElementType, RuleError, check_rule

_COLUMNS = ("source_id", "provider", "model", "subscription_id", "elements", "element_numbers")
_SCHEMA = pa.schema(
    [*(lake.METER_EVENTS.field(name) for name in _COLUMNS), ("occurred_at", pa.timestamp("us"))]
)


class UnknownRuleError(Exception):
    """A catalogue has no rule of the name that was asked for."""


@dataclass(frozen=True)
class FoundRule:
    """A rule of a product version, checked; it holds from `valid_from` until before `valid_to`.

    `columns` are the metering elements that it may name, with their types.
    """

    name: str
    condition: str
    amount: str
    currency: str
    valid_from: datetime
    valid_to: datetime | None
    checked: CheckedRule
    columns: Mapping[str, ElementType]


@dataclass(frozen=True)
class Answer:
    """What a rule says of one record of a file.

    Attributes:
        position: the record's position in its file, from 1.
        event_id: the event's id, where it has one.
        is_match: whether the condition holds; None where it has no answer.
        amount: what the event costs by the rule; None where there is no answer.
        is_in_force: whether the rule holds when the event occurred.
        lacking: which values that the rule names the event does not have.
        refusal: why the record can't be read as an event; nothing else is known then.
    """

    position: int
    event_id: str | None = None
    is_match: bool | None = None
    amount: Decimal | None = None
    is_in_force: bool = True
    lacking: tuple[str, ...] = ()
    refusal: str | None = None


def find_rules(folder: Path, name: str) -> list[FoundRule]:
    """Return the rules of one name, in the order of the files; a rule may change over time.

    The name is `product-key/rule-key`, or `product-key@version/rule-key`. What else is wrong in the
    folder does not matter, as long as the rule is found.

    Raises:
        CatalogError: the rule is broken, or files are in which it may be.
        UnknownRuleError: there is no such rule.
    """
    catalog, problems = read_catalog(folder)
    columns = surroundings(catalog).rule_columns()
    found, known = [], set()
    for entry, number in _rules(catalog):
        product = entry.form.product
        rule_key = product.pricing_rules[number].key
        rule_name = f"{product.product_id}/{rule_key}"
        known.add(rule_name)
        if name in (rule_name, f"{product.key}/{rule_key}"):
            found.append(_found(rule_name, entry, number, columns))
    if not found and problems:
        raise CatalogError(problems)
    if not found:
        there_are = f" There are {', '.join(sorted(known))}" if known else " No product has any"
        raise UnknownRuleError(f"there is no rule '{name}'.{did_you_mean(name, known)}{there_are}")
    return found


def _rules(catalog: Catalog) -> Iterator[tuple[Entry[ProductFile], int]]:
    for entry in catalog.products:
        for number in range(len(entry.form.product.pricing_rules)):
            yield entry, number


def _found(
    name: str, entry: Entry[ProductFile], number: int, columns: Mapping[str, ElementType]
) -> FoundRule:
    product: Product = entry.form.product
    rule = product.pricing_rules[number]
    try:
        checked = check_rule(rule.condition, rule.amount, columns)
    except RuleError as error:
        place = ("product", "pricing_rules", number, error.part)
        text = f"{error.line}:{error.column}: {error.text}"
        raise CatalogError([entry.problem(place, text)]) from None
    return FoundRule(
        name,
        rule.condition,
        rule.amount,
        product.currency,
        *product.rule_span(rule),
        checked,
        columns,
    )


def try_rule(rule: FoundRule, file: Path) -> Iterator[Answer]:
    """Yield what a rule says of each record of a file, in whatever wire form it is.

    The subscription is the one that the event names; to which it will be attributed is not asked.

    Raises:
        FileFormatError: the file is damaged or of no known format.
    """
    read = [(record, _event(record)) for record in read_records(file)]
    events = [event for _, event in read if isinstance(event, Event)]
    answers = iter(_evaluated(rule.checked, [_row(event) for event in events]))
    for record, event in read:
        if isinstance(event, Refusal):
            yield Answer(record.position, refusal=str(event))
            continue
        is_match, amount = next(answers)
        yield Answer(
            record.position,
            event.event_id,
            is_match,
            amount,
            _is_in_force(rule, event.occurred_at),
            tuple(_lacking(rule, event)),
        )


def _event(record: Record) -> Event | Refusal:
    if isinstance(record.content, Refusal):
        return record.content
    try:
        return READERS[detect(record.content)](record.content)
    except Refusal as refusal:
        return refusal


def _evaluated(
    rule: CheckedRule, rows: Sequence[Mapping[str, object]]
) -> list[tuple[bool | None, Decimal | None]]:
    with duckdb.connect() as connection:
        events = connection.from_arrow(pa.Table.from_pylist(rows, schema=_SCHEMA))
        # None of this text is the analyst's: check_rule wrote it.
        return events.project(f"{rule.condition_sql}, {rule.amount_sql}").fetchall()


def _row(event: Event) -> dict[str, object]:
    occurred_at = event.occurred_at
    return {
        "source_id": event.source_id,
        "provider": event.ai and event.ai.provider,
        "model": event.ai and event.ai.model,
        "subscription_id": event.identity.subscription_id,
        "elements": list(event.elements.items()),
        "element_numbers": list(event.element_numbers.items()),
        "occurred_at": occurred_at and occurred_at.astimezone(UTC).replace(tzinfo=None),
    }


def _is_in_force(rule: FoundRule, moment: datetime | None) -> bool:
    if moment is None:
        return True
    return rule.valid_from <= moment and (rule.valid_to is None or moment < rule.valid_to)


def _lacking(rule: FoundRule, event: Event) -> Iterator[str]:
    row = _row(event)
    for name in rule.checked.columns:
        if name in EVENT_COLUMNS:
            is_lacking = row[EVENT_COLUMNS[name][0]] is None
        else:
            is_number = rule.columns[name] == "number"
            is_lacking = name not in (event.element_numbers if is_number else event.elements)
        if is_lacking and name in event.elements:
            yield f"{name} '{event.elements[name]}' is no number"
        elif is_lacking:
            yield f"{name} is missing"
