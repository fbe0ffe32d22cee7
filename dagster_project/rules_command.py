"""The `meterhouse rules` commands: pricing rules, before they go live."""

import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import cyclopts
from rich.markup import escape

from dagster_project.cli import CATALOG, INVALID, USAGE, console, fail, must_exist
from ingest.catalog.problems import CatalogError
from ingest.records import FileFormatError
from ingest.rule_trials import Answer, FoundRule, UnknownRuleError, find_rules, try_rule

rules = cyclopts.App(name="rules")


@rules.command(name="test")
def try_on(rule: str, /, *, event: Path, catalog: Path = CATALOG) -> None:
    """Print what a pricing rule says of events: whether it matches, the amount, or why neither.

    Nothing is landed or loaded. When a rule is in force is shown, and does not stop the test.

    Parameters
    ----------
    rule
        `product-key/rule-key`, or `product-key@version/rule-key` for one version only.
    event
        A file of events in any form that `land` takes.
    catalog
        The folder with `products/*.yaml` and the CSV files.
    """
    must_exist(event)
    try:
        for found in find_rules(catalog, rule):
            sys.stdout.writelines(f"{line}\n" for line in _told(found, event))
    except CatalogError as error:
        console.print(escape(str(error)), soft_wrap=True)
        sys.exit(INVALID)
    except FileFormatError as error:
        fail(error, INVALID)
    except UnknownRuleError as error:
        fail(error, USAGE)


def _told(rule: FoundRule, event: Path) -> Iterator[str]:
    until = f" until before {_instant(rule.valid_to)}" if rule.valid_to else ""
    yield f"{rule.name} from {_instant(rule.valid_from)}{until}"
    yield f"  condition: {rule.condition}"
    yield f"  amount: {rule.amount}"
    for answer in try_rule(rule, event):
        place = f"{event.name}:{answer.position}"
        who = f" {answer.event_id}" if answer.event_id else ""
        yield f"{place}{who}: {_said(answer, rule.currency)}"


def _said(answer: Answer, currency: str) -> str:
    if answer.refusal:
        return f"not an event: {answer.refusal}"
    if answer.is_match is False:
        return "no match"
    if answer.is_match is None or answer.amount is None:
        part = "condition" if answer.is_match is None else "amount"
        why = ", ".join(answer.lacking) or "a number is too large, or the rule says null"
        return f"the {part} has no answer: {why}"
    remark = "" if answer.is_in_force else ", but the rule is not in force when it occurred"
    return f"match, {_plain(answer.amount)} {currency}{remark}"


def _plain(amount: Decimal) -> str:
    return f"{amount:f}".rstrip("0").rstrip(".")


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
