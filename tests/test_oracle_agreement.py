"""The models and the oracle agree on random cases, invoice by invoice and line by line.

`METERHOUSE_ORACLE_CASES` says how many cases are drawn, `METERHOUSE_ORACLE_SEED` the first one's
seed. A difference names its case: that number as the seed and 1 as the number of cases repeat it.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.oracle import cases
from tests.oracle.catalog import normal
from tests.rating import rate_folder

COUNT = int(os.environ.get("METERHOUSE_ORACLE_CASES", "2000"))
SEED = int(os.environ.get("METERHOUSE_ORACLE_SEED", "1"))
# Cases that the models and the oracle once told apart, found among 50,000 and more.
ONCE_DIFFERENT = (
    *(400876, 501080, 502197, 503234, 508260, 509061, 512866, 522604, 525327, 528657),
    *(529382, 530623, 530738, 531160, 531474, 531861, 533299, 533593, 535787, 536945),
    *(540514, 541972, 543090, 543810, 544378, 545492, 545790, 546337, 548829, 549755),
    *(605511, 608301, 612216, 616272, 620815, 621236, 635532, 704702),
)
MOST_SHOWN = 25
INVOICE = (
    *("kind", "subscription_id", "product", "cut_off_at", "currency", "status"),
    *("total_amount", "amount_due"),
)
PERIOD = ("period_started_at", "period_ended_at")
LINE = (
    *("kind", "metric", "rule", "tier", "element_value", "quantity", "amount", "fraction"),
    *("period_started_at", "period_ended_at", "adjusts_invoice_id"),
)

# What is bought once has no period of its own: the end of the one that it is shown with may differ.
BOUGHT_ONCE = {"setup", "purchase"}

Told = Mapping[str, Any]


def batches() -> dict[str, list[int]]:
    """Return the seeds by the instant that is settled: one catalogue and one build for each."""
    seeds: dict[str, list[int]] = {}
    for seed in (*range(SEED, SEED + COUNT), *ONCE_DIFFERENT):
        seeds.setdefault(cases.AS_OFS[seed % len(cases.AS_OFS)], []).append(seed)
    return seeds


def issued(document: Told) -> dict[str, Told]:
    invoices = document["invoices"]
    return {each["invoice_id"]: each for each in invoices if each["status"] != "draft"}


def differences(expected: Mapping[str, Told], found: Mapping[str, Told]) -> Iterator[str]:
    """Yield how two sets of invoices differ, a missing invoice as one difference."""
    for invoice_id in sorted(expected.keys() | found.keys()):
        if invoice_id not in found:
            yield f"{invoice_id} is missing: {shown(expected[invoice_id])}"
        elif invoice_id not in expected:
            yield f"{invoice_id} is too much: {shown(found[invoice_id])}"
        else:
            yield from between(invoice_id, expected[invoice_id], found[invoice_id])


def between(invoice_id: str, expected: Told, found: Told) -> Iterator[str]:
    fields = INVOICE + (PERIOD if expected["kind"] in {"period", "adjustment"} else ())
    for name in fields:
        if expected[name] != found[name]:
            yield f"{invoice_id}: {name} {expected[name]}, found {found[name]}"
    missing, unexpected = lines(expected), lines(found)
    for line in list(missing):
        if line in unexpected:
            missing.remove(line)
            unexpected.remove(line)
    yield from (f"{invoice_id}: missing {line}" for line in missing)
    yield from (f"{invoice_id}: too much {line}" for line in unexpected)


def lines(invoice: Told) -> list[str]:
    return sorted(told(line) for line in invoice["lines"])


def told(line: Told) -> str:
    """Return what is compared of a line, as a text that people can read."""
    values = {name: line[name] for name in LINE}
    if line["element_value"] is not None:
        values["element_value"] = normal(line["element_value"])
    if line["kind"] == "adjustment":
        values["fraction"] = None
    if line["metric"] in BOUGHT_ONCE:
        values["period_ended_at"] = None
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)


def shown(invoice: Told) -> str:
    return f"{invoice['kind']} of {invoice['total_amount']}, {lines(invoice)}"


@pytest.mark.parametrize("as_of", batches())
def test_models_and_oracle_agree(as_of, tmp_path):
    batch = [cases.draw(seed) for seed in batches()[as_of]]
    catalog, events, facts = cases.write(batch, tmp_path)
    found = issued(rate_folder(catalog, [events], facts, as_of))
    problems = []
    for case in batch:
        ours = {name: each for name, each in found.items() if name.startswith(f"{case.prefix}-s")}
        told_of = list(differences(issued(case.rated()), ours))
        problems += [f"case {case.seed}: {text}" for text in told_of]

    disagreeing = {problem.partition(":")[0] for problem in problems}
    summary = f"{len(disagreeing)} of {len(batch)} cases differ (settled {as_of}), first:"
    assert not problems, "\n".join([summary, *problems[:MOST_SHOWN]])
