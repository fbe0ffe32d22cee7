import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price, data_snapshot
from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, TieredPrices

from ingest import prices
from ingest.prices import PriceListError, import_ai_prices, price_rows
from tests.ingest.landed import NOW, Lake

SEED = 20261121
DRAWS_PER_KIND = 100
CALLS_PER_MODEL = 3
TOKEN_STEP = Decimal("0.000000000001")
PRICES = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok")
OTHER_CASES = [("anthropic", "claude-opus-4-5"), ("openai", "gpt-4o"), ("openai", "gpt-4o-mini")]


@dataclass(frozen=True)
class Call:
    """One AI call; `input` leaves out what was read from a cache or written to it."""

    at: datetime
    input: int
    cache_read: int
    cache_creation: int
    output: int


def cost(rows: Sequence[Mapping[str, Any]], call: Call) -> Decimal:
    """Evaluate price rows as documented: the last rule that holds, its highest threshold."""
    second = call.at.hour * 3600 + call.at.minute * 60 + call.at.second
    total = call.input + call.cache_read + call.cache_creation

    def holds(row: Mapping[str, Any]) -> bool:
        start, end = row["day_from_second"], row["day_until_second"]
        if start is None:
            in_day = True
        elif start <= end:
            in_day = start <= second < end
        else:
            in_day = second >= start or second < end
        return bool(in_day and row["valid_from"] <= call.at and total > row["above_input_tokens"])

    row = max(filter(holds, rows), key=lambda row: (row["rule_order"], row["above_input_tokens"]))
    return Decimal(
        call.input * row["usd_per_input_token"]
        + call.cache_read * row["usd_per_cache_read_token"]
        + call.cache_creation * row["usd_per_cache_creation_token"]
        + call.output * row["usd_per_output_token"]
    )


def stated(model: ModelInfo) -> Sequence[ModelPrice]:
    if isinstance(model.prices, ModelPrice):
        return [model.prices]
    return [conditional.prices for conditional in model.prices]


def conditions(model: ModelInfo) -> set[str]:
    listed: Sequence[ConditionalPrice] = (
        () if isinstance(model.prices, ModelPrice) else model.prices
    )
    return {type(conditional.constraint).__name__ for conditional in listed}


def is_exact(model: ModelInfo) -> bool:
    """Return whether all prices of a token have at most 12 decimals."""
    values = [getattr(price, name) for price in stated(model) for name in PRICES]
    flat = [value for value in values if isinstance(value, Decimal)]
    for value in values:
        if isinstance(value, TieredPrices):
            flat += [value.base, *(tier.price for tier in value.tiers)]
    return all(value == value.quantize(Decimal("0.000001")) for value in flat)


MODELS = [
    (provider.id, model)
    for provider in data_snapshot.get_snapshot().providers
    for model in provider.models
    if price_rows(provider.id, model.id)
]
KINDS: dict[str, Callable[[ModelInfo], bool]] = {
    "flat": lambda model: isinstance(model.prices, ModelPrice),
    "tiered": lambda model: any(
        isinstance(getattr(price, name), TieredPrices) for price in stated(model) for name in PRICES
    ),
    "dated": lambda model: "StartDateConstraint" in conditions(model),
    "by time of day": lambda model: "TimeOfDateConstraint" in conditions(model),
}


def boundaries(rows: Sequence[Mapping[str, Any]]) -> tuple[list[datetime], list[int]]:
    """Return the instants and thresholds at which a model's price changes."""
    day = NOW.replace(hour=0)
    times = [row["valid_from"] for row in rows if row["valid_from"].year > 1970]
    for name in ("day_from_second", "day_until_second"):
        times += [day + timedelta(seconds=row[name]) for row in rows if row[name] is not None]
    return times, [row["above_input_tokens"] for row in rows if row["above_input_tokens"] > 0]


def draw(drawn: random.Random, rows: Sequence[Mapping[str, Any]]) -> Call:
    """Draw a call: half of them at the very edge of a price."""
    times, thresholds = boundaries(rows)
    at = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=drawn.randrange(4 * 365 * 86_400))
    if times and drawn.random() < 0.5:
        at = drawn.choice(times) + timedelta(seconds=drawn.choice((-1, 0, 1)))
    total = drawn.choice((0, 1, drawn.randrange(1_000_000)))
    if thresholds and drawn.random() < 0.5:
        total = drawn.choice(thresholds) + drawn.choice((-1, 0, 1))
    cache_read = drawn.randint(0, total)
    cache_creation = drawn.randint(0, total - cache_read)
    new = total - cache_read - cache_creation
    return Call(at, new, cache_read, cache_creation, drawn.randrange(100_000))


@pytest.mark.parametrize(("kind", "fits"), KINDS.items(), ids=KINDS)
def test_a_cost_by_price_rows_is_the_package_s_own(
    kind: str, fits: Callable[[ModelInfo], bool]
) -> None:
    drawn = random.Random(f"{SEED}{kind}")
    chosen = [(provider, model) for provider, model in MODELS if fits(model)]
    assert chosen
    for _ in range(DRAWS_PER_KIND):
        provider, model = drawn.choice(chosen)
        rows = price_rows(provider, model.id)
        for call in (draw(drawn, rows) for _ in range(CALLS_PER_MODEL)):
            total = call.input + call.cache_read + call.cache_creation
            usage = Usage(
                input_tokens=total,
                cache_read_tokens=call.cache_read,
                cache_write_tokens=call.cache_creation,
                output_tokens=call.output,
            )
            theirs = calc_price(
                usage, model.id, provider_id=provider, genai_request_timestamp=call.at
            ).total_price
            ours = cost(rows, call)
            tolerance = 0 if is_exact(model) else TOKEN_STEP / 2 * (total + call.output)
            assert abs(ours - theirs) <= tolerance, (provider, model.id, call)


def test_nearly_every_model_of_the_list_has_exact_prices() -> None:
    rounded = [model.id for _, model in MODELS if not is_exact(model)]
    assert len(MODELS) > 1_000
    assert len(rounded) * 50 < len(MODELS)


def test_every_model_of_the_list_has_rows_that_fit_the_lake_or_none() -> None:
    for provider, model in MODELS:
        rows = price_rows(provider, model.id)
        assert rows[0]["rule_order"] == 0
        assert rows[0]["above_input_tokens"] == -1
        assert rows[0]["valid_from"] == prices.EPOCH
        for row in rows:
            rates = [value for name, value in row.items() if name.startswith("usd_per_")]
            assert len(rates) == 4
            assert all(isinstance(rate, Decimal) and 0 <= rate < 10**6 for rate in rates)


def test_a_model_with_a_price_per_request_has_no_rows() -> None:
    asked = [
        (provider.id, model)
        for provider in data_snapshot.get_snapshot().providers
        for model in provider.models
        if any(price.requests_kcount is not None for price in stated(model))
    ]
    assert asked
    assert not any(price_rows(provider, model.id) for provider, model in asked)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "no-such-model"),
        ("no-such-provider", "gpt-4o"),
        ("self-hosted", "x"),
        ("", ""),
    ],
)
def test_a_model_that_the_list_does_not_know_has_no_rows(provider: str, model: str) -> None:
    assert price_rows(provider, model) == []


def land_calls(lake: Lake, models: Sequence[tuple[str, str]]) -> None:
    lines = [
        f'{{"transactionId":"{number}","provider":"{provider}","model":"{model}"}}\n'
        for number, (provider, model) in enumerate(models)
    ]
    lake.land(lake.write("".join(lines)))


def list_is(release: str, monkeypatch: pytest.MonkeyPatch, **changed: Decimal) -> None:
    """Let another release be installed, in which some models have another price of input."""
    lookup = prices.listed_model

    def other(provider: str, model: str) -> ModelInfo | None:
        info = lookup(provider, model)
        if info is None or model.replace("-", "_") not in changed:
            return info
        price = ModelPrice(input_mtok=changed[model.replace("-", "_")], output_mtok=Decimal(1))
        return ModelInfo(id=info.id, match=info.match, prices=price)

    monkeypatch.setattr(prices, "version", lambda _: release)
    monkeypatch.setattr(prices, "listed_model", other)


def test_importing_twice_adds_nothing(lake: Lake) -> None:
    land_calls(lake, [*OTHER_CASES, ("self-hosted", "campus")])
    first = import_ai_prices(lake.folder, now=NOW)
    assert first.new_models == OTHER_CASES
    assert first.unknown_models == [("self-hosted", "campus")]
    files, rows = lake.files(), lake.table("ai_prices")
    assert {row["recorded_at"] for row in rows} == {prices.EPOCH}

    again = import_ai_prices(lake.folder, now=NOW + timedelta(days=1))
    assert (again.new_models, again.unknown_models) == ([], first.unknown_models)
    assert lake.files() == files
    assert lake.table("ai_prices") == rows


def test_a_model_that_is_used_later_adds_its_own_prices_only(lake: Lake) -> None:
    land_calls(lake, OTHER_CASES[:1])
    import_ai_prices(lake.folder, now=NOW)
    before = lake.table("ai_prices")
    land_calls(lake, OTHER_CASES)
    assert import_ai_prices(lake.folder, now=NOW).new_models == OTHER_CASES[1:]
    assert [row for row in lake.table("ai_prices") if row["model"] == OTHER_CASES[0][1]] == before


def test_another_release_with_the_same_prices_is_taken_over(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_calls(lake, OTHER_CASES)
    import_ai_prices(lake.folder, now=NOW)
    for release in ("90.0", "90.1", "90.2"):
        list_is(release, monkeypatch)
        assert import_ai_prices(lake.folder, now=NOW).new_models == OTHER_CASES


def test_another_release_with_other_prices_is_refused_and_names_the_models(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_calls(lake, OTHER_CASES)
    import_ai_prices(lake.folder, now=NOW)
    files = lake.files()
    list_is("99.0", monkeypatch, gpt_4o=Decimal(7), gpt_4o_mini=Decimal(7))

    with pytest.raises(PriceListError, match=r": openai/gpt-4o, openai/gpt-4o-mini\. .*--accept"):
        import_ai_prices(lake.folder, now=NOW)
    assert lake.files() == files


def test_an_accepted_release_is_not_asked_about_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_calls(lake, OTHER_CASES)
    import_ai_prices(lake.folder, now=NOW)
    list_is("99.0", monkeypatch, gpt_4o=Decimal(7))
    accepted = import_ai_prices(lake.folder, now=NOW, accept_changes=True)
    assert accepted.price_list == "genai-prices 99.0"
    assert accepted.new_models == OTHER_CASES
    assert {row["recorded_at"] for row in lake.table("ai_prices")} == {prices.EPOCH, NOW}

    assert import_ai_prices(lake.folder, now=NOW).new_models == []
    list_is("99.1", monkeypatch, gpt_4o=Decimal(7))
    assert import_ai_prices(lake.folder, now=NOW + timedelta(days=1)).new_models == OTHER_CASES


def test_a_release_that_no_longer_knows_a_model_leaves_its_prices(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_calls(lake, OTHER_CASES)
    import_ai_prices(lake.folder, now=NOW)
    monkeypatch.setattr(prices, "version", lambda _: "99.0")
    monkeypatch.setattr(prices, "listed_model", lambda *_: None)
    assert import_ai_prices(lake.folder, now=NOW).unknown_models == OTHER_CASES
