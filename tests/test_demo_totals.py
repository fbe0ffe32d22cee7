"""Four invoices of the demonstration, computed again from the files alone.

The witness below shares no code with the product: plain Python, Decimal, the price calculator of
the price list's own package, and the prices as the contracts with the customers say them.
"""

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from genai_prices import Usage, calc_price

DEMO = Path(__file__).parents[1] / "seeds" / "demo"
CLOSES = {1: "2026-02-01T01:00:00+00:00", 2: "2026-03-01T01:00:00+00:00"}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def ai_calls(developer: str) -> list[dict]:
    """Return the calls of a developer, each id once."""
    calls = {}
    for month in ("01", "02"):
        path = str(DEMO / f"ai_completions_2026-{month}.ndjson.zst")
        with pa.input_stream(path, compression="zstd") as file:
            for line in file.read().decode().splitlines():
                call = json.loads(line)
                if call.get("subscriber", {}).get("id") == developer:
                    calls.setdefault(call["transactionId"], call)
    return list(calls.values())


def known_by(events: list[dict], month: int, close: int) -> list[dict]:
    """Return the events of a month that were received before a close."""
    return [
        event
        for event in events
        if instant(event["requestTime"]).month == month
        and instant(event["receivedAt"]) < instant(CLOSES[close])
    ]


def invoice(demo, invoice_id: str) -> tuple[Decimal, list[Decimal]]:
    total = demo.query(
        "select total_amount from marts.fct_invoices where invoice_id = ?", invoice_id
    )
    lines = demo.query(
        "select amount from marts.fct_invoice_lines where invoice_id = ? order by line_number",
        invoice_id,
    )
    return total[0][0], [amount for (amount,) in lines]


def team_tokens(tokens: Decimal) -> list[Decimal]:
    """20 million free, the next 80 at 0.50 a million after 5.00, above at 0.40 a million."""
    lines = [Decimal(0)] if tokens else []
    if tokens > 20_000_000:
        second = min(tokens, Decimal(100_000_000)) - 20_000_000
        lines.append(cents(second * Decimal("0.0000005") + 5))
    if tokens > 100_000_000:
        lines.append(cents((tokens - 100_000_000) * Decimal("0.0000004")))
    return lines


def team_charges(calls: list[dict]) -> tuple[list[Decimal], Decimal]:
    tokens = sum((Decimal(call["totalTokenCount"]) for call in calls), Decimal(0))
    return team_tokens(tokens), cents(Decimal(len(calls)) * Decimal("0.0025"))


def test_a_team_invoice_with_late_usage_is_what_the_files_say(demo):
    calls = ai_calls("dev-031")
    billed_tokens, billed_calls = team_charges(known_by(calls, 1, 1))
    late_tokens, late_calls = team_charges(known_by(calls, 1, 2))
    own_tokens, own_calls = team_charges(known_by(calls, 2, 2))
    adjustments = [sum(late_tokens) - sum(billed_tokens), late_calls - billed_calls]
    expected = [Decimal(60), *own_tokens, own_calls, *[change for change in adjustments if change]]

    assert len(known_by(calls, 1, 2)) > len(known_by(calls, 1, 1)) > 0
    assert invoice(demo, "CA-031-0002") == (sum(expected), expected)


def vendor_cost(call: dict) -> Decimal:
    """Ask the price list's own calculator; it counts cached tokens as part of the input."""
    cached = call["cacheReadTokenCount"]
    usage = Usage(
        input_tokens=call["inputTokenCount"] + cached,
        cache_read_tokens=cached,
        output_tokens=call["outputTokenCount"],
    )
    return calc_price(
        usage,
        model_ref=call["model"],
        provider_id=call["provider"],
        genai_request_timestamp=instant(call["requestTime"]),
    ).total_price


@pytest.mark.parametrize("developer", ["dev-002", "dev-041", "dev-059"])
def test_a_cost_plus_invoice_is_what_the_price_list_calculates(demo, developer):
    calls = known_by(ai_calls(developer), 1, 1)
    cost = sum(map(vendor_cost, calls), Decimal(0))
    expected = [Decimal(150), cents(cost * Decimal("1.20"))]

    assert cost > 0
    assert invoice(demo, f"CA-{developer[4:]}-0001") == (sum(expected), expected)


def readable_api_calls() -> Iterator[dict]:
    with gzip.open(DEMO / "api_calls.ndjson.gz", "rt", encoding="utf-8") as file:
        for line in file:
            try:
                call = json.loads(line)
            except json.JSONDecodeError:
                continue
            if "method" in call and call["requestTime"].endswith("Z"):
                yield call


def test_a_region_invoice_is_what_the_log_says(demo):
    calls = known_by([c for c in readable_api_calls() if c["application"] == "app-07"], 2, 2)
    listed = {"com": 30, "edu": 20, "gov": 20, "net": 15, "jp": 50, "uk": 40, "au": 50}
    regions = {e["value"] for call in calls for e in call["elements"] if e["name"] == "region"}
    count = Decimal(len(calls))
    tiers = [Decimal(100), Decimal(90), cents((count - 300) * Decimal("0.35"))]
    fees = [Decimal(listed.get(region, 10)) for region in sorted(regions)]
    total, lines = invoice(demo, "SP-07-0002")

    assert count > 300
    assert len(regions) > 5
    assert lines == [*tiers, *fees]
    assert total == sum(tiers) + sum(fees)


def test_an_invoice_in_euros_from_a_csv_file_is_what_the_file_says(demo):
    with pa.input_stream(str(DEMO / "edits.csv.zst"), compression="zstd") as file:
        edits = list(csv.DictReader(file.read().decode().splitlines()))
    edits = known_by([e for e in edits if e["subscriberCredential"] == "fr.wikipedia"], 1, 1)
    added = sum(Decimal(edit["payload.added"]) for edit in edits)
    expected = [
        Decimal(10),
        Decimal(0),
        cents(Decimal(len(edits) - 100) * Decimal("0.02")),
        Decimal(10),
        cents((added - 10_000) * Decimal("0.0004")),
    ]

    assert len(edits) > 100
    assert added > 10_000
    assert invoice(demo, "WK-fr-0001") == (sum(expected), expected)
