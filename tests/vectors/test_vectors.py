"""Numeric cases of other billing systems, all of them rated in one deployment."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.paths import PROJECT_ROOT
from tests.rating import rate_folder
from tests.vectors.cases import AS_OF, Case, case_of, is_beyond
from tests.vectors.differences import BEYOND, DIFFERENCES, KINDS_BEYOND
from tests.vectors.given import write_catalog, write_events
from tests.vectors.rated import Rated
from tests.vectors.vector import figures, read_vectors

VECTORS = read_vectors(Path(__file__).parent / "rating.jsonl")
CASES = [case_of(vector) for vector in VECTORS if not is_beyond(vector)]
# While charges in advance may still be cancelled, and while usage may still come late.
BEFORE = ("2023-05-01T00:00:00Z", "2026-02-05T00:00:00Z")
DOCUMENT = (PROJECT_ROOT / "docs" / "vectors.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def documents(tmp_path_factory) -> dict[str, dict[str, Any]]:
    """What is answered to all vectors at once, as of several instants."""
    folder = tmp_path_factory.mktemp("vectors")
    all_given = [case.given for case in CASES]
    write_catalog(all_given, folder / "catalog")
    write_events(all_given, folder / "events.ndjson")
    return {
        as_of: rate_folder(folder / "catalog", [folder / "events.ndjson"], None, as_of)
        for as_of in (*BEFORE, AS_OF)
    }


@pytest.fixture(scope="module")
def rated(documents) -> Rated:
    """The invoices of all vectors when all of them are out."""
    return Rated(documents[AS_OF])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.vector.id)
def test_a_vector_comes_out(rated, case: Case):
    assert case.told(rated) == case.expected, f"{case.vector.kind} of {case.vector.source}"


@pytest.mark.parametrize("as_of", BEFORE)
def test_an_invoice_that_is_out_stays_as_it_is(documents, as_of):
    earlier, last = (issued_hashes(documents[each]) for each in (as_of, AS_OF))

    assert earlier
    assert earlier == {invoice_id: last.get(invoice_id) for invoice_id in earlier}


def issued_hashes(document: dict[str, Any]) -> dict[str, str]:
    return {
        invoice["invoice_id"]: invoice["content_hash"]
        for invoice in document["invoices"]
        if invoice["status"] == "issued"
    }


def test_every_vector_that_the_requirement_covers_is_a_case():
    assert [each.id for each in VECTORS if each.seed_relevant and is_beyond(each)] == []


@pytest.mark.parametrize("vector_id", DIFFERENCES)
def test_what_is_decided_otherwise_differs(vector_id):
    (vector,) = (each for each in VECTORS if each.id == vector_id)

    assert figures(DIFFERENCES[vector_id].figures) != figures(vector.expected)


def test_the_document_lists_what_does_not_come_out():
    _, decided, beyond = re.split(r"\n## (?:Decided otherwise|What we do not have)\n", DOCUMENT)
    numbers = Counter(
        each.id if each.id in BEYOND else each.kind for each in VECTORS if is_beyond(each)
    )

    assert set(re.findall(r"^\| `(.+?)` \|", decided, re.MULTILINE)) == DIFFERENCES.keys()
    listed = re.findall(r"^\| `(.+?)` \| (\d+) \|", beyond, re.MULTILINE)
    assert {name: int(number) for name, number in listed} == numbers
    assert numbers.keys() == KINDS_BEYOND | BEYOND


def test_the_document_says_how_many_come_out():
    others = sum(map(is_beyond, VECTORS))
    covered = [each.id for each in VECTORS if each.seed_relevant]
    otherwise = len(DIFFERENCES.keys() & set(covered))
    text = " ".join(DOCUMENT.replace("**", "").split())

    assert f"{len(CASES) - len(DIFFERENCES)} come out, {len(DIFFERENCES)} are decided" in text
    assert f"and {others} need what we do not have" in text
    assert f"{len(covered) - otherwise} come out and {otherwise} are decided otherwise" in text


def test_a_vector_of_an_unknown_kind_is_told():
    with pytest.raises(LookupError, match="barter is no known kind"):
        case_of(replace(VECTORS[0], kind="barter"))
