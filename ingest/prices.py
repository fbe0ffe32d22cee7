"""The public price list of AI models, as dated rows for the models that events name.

The list is the installed release of `genai-prices`; it is never updated over the network. Every
provider and model, as the senders write them, is looked up once per release, with that package's
own matching of names.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.metadata import version
from pathlib import Path

import duckdb
import pyarrow as pa
from genai_prices import data_snapshot
from genai_prices.types import (
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from ingest import lake

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLION = Decimal(1_000_000)
TOKEN_STEP = Decimal("0.000000000001")
_UNITS = {
    "usd_per_input_token": "input_mtok",
    "usd_per_cache_read_token": "cache_read_mtok",
    "usd_per_cache_creation_token": "cache_write_mtok",
    "usd_per_output_token": "output_mtok",
}


class PriceListError(Exception):
    """The installed price list can't be taken over as it is."""


@dataclass(frozen=True)
class PriceImport:
    """What an import found.

    Attributes:
        price_list: name and version of the list.
        new_models: provider and model of those whose prices were added.
        unknown_models: those that the list does not know; their usage has no cost.
    """

    price_list: str
    new_models: Sequence[tuple[str, str]]
    unknown_models: Sequence[tuple[str, str]]


def import_ai_prices(
    lake_folder: Path, *, now: datetime, accept_changes: bool = False
) -> PriceImport:
    """Add the list's prices for every model that the lake's events name; known ones are left.

    Args:
        lake_folder: the lake.
        now: when this is done. The first release counts as always known, a later one from the
            instant at which it was first taken over: it never changes what was priced before.
        accept_changes: take over another release although prices in it differ.

    Raises:
        PriceListError: another release was in use, and it priced a model differently.
    """
    lake.prepare(lake_folder)
    price_list = f"genai-prices {version('genai-prices')}"
    known = lake.read_all(lake_folder / "ai_prices").to_pylist()
    used = _models_of_events(lake_folder)
    if not accept_changes:
        _refuse_changes(known, price_list)
    held = {(row["provider"], row["model"]) for row in known if row["price_list"] == price_list}
    found = {pair: price_rows(*pair) for pair in used if pair not in held}
    recorded_at = _recorded_at(known, price_list, now)
    rows = [
        {"price_list": price_list, "recorded_at": recorded_at, **row}
        for priced in found.values()
        for row in priced
    ]
    if rows:
        digest = hashlib.sha256(repr([price_list, *sorted(found)]).encode()).hexdigest()[:16]
        path = lake_folder / "ai_prices" / f"{price_list.replace(' ', '-')}-{digest}.parquet"
        lake.write(pa.Table.from_pylist(rows, schema=lake.AI_PRICES), path)
    return PriceImport(
        price_list,
        [pair for pair, priced in found.items() if priced],
        [pair for pair, priced in found.items() if not priced],
    )


def _recorded_at(known: Sequence[Mapping[str, object]], price_list: str, now: datetime) -> datetime:
    stamps = [row["recorded_at"] for row in known if row["price_list"] == price_list]
    if stamps:
        return min(stamp for stamp in stamps if isinstance(stamp, datetime))
    return now if known else EPOCH


def price_rows(provider: str, model: str) -> list[dict[str, object]]:
    """Return the dated prices of one model, in USD a token, rounded to 12 decimals.

    There are none if the list does not know the model, or does not price it by tokens alone.
    """
    info = listed_model(provider, model)
    if info is None:
        return []
    return [
        {"provider": provider, "model": model, "rule_order": order, **condition, **prices}
        for order, (condition, price) in enumerate(_rules(info))
        for prices in _thresholds(price)
    ]


@cache
def listed_model(provider: str, model: str) -> ModelInfo | None:
    """Return what the installed list says of a model, by its own matching of names, if anything."""
    try:
        return data_snapshot.get_snapshot().find_provider_model(model, None, provider, None)[1]
    except LookupError:
        return None


def _rules(info: ModelInfo) -> Iterator[tuple[Mapping[str, object], ModelPrice]]:
    """Yield conditions and prices in the list's order: of those that hold, the last one counts."""
    always = {"valid_from": EPOCH, "day_from_second": None, "day_until_second": None}
    if isinstance(info.prices, ModelPrice):
        yield always, info.prices
        return
    for order, conditional in enumerate(info.prices):
        match conditional.constraint:
            # The first rule also serves where no other holds, whatever it says itself.
            case _ if order == 0:
                yield always, conditional.prices
            case None:
                yield always, conditional.prices
            case StartDateConstraint(start_date=start):
                yield (
                    always | {"valid_from": datetime.combine(start, time(), UTC)},
                    conditional.prices,
                )
            case TimeOfDateConstraint(start_time=start, end_time=end):
                yield (
                    always | {"day_from_second": _second(start), "day_until_second": _second(end)},
                    conditional.prices,
                )


def _second(instant: time) -> int:
    moment = datetime.combine(EPOCH.date(), instant, instant.tzinfo or UTC).astimezone(UTC)
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _thresholds(price: ModelPrice) -> Iterator[dict[str, object]]:
    """Yield one row per threshold: above it, the whole call has these prices.

    A price that also has a part per request yields none: a cost without that part would be wrong.
    """
    if price.requests_kcount is not None:
        return
    stated = {name: getattr(price, unit, None) for name, unit in _UNITS.items()}
    if stated["usd_per_input_token"] is None and stated["usd_per_output_token"] is None:
        return
    starts = {tier.start for value in stated.values() for tier in _tiers(value)}
    for above in (-1, *sorted(starts)):
        at_input = _price_above(stated["usd_per_input_token"], above)
        prices = {name: _price_above(value, above) for name, value in stated.items()}
        # Tokens of a cache that has no price of its own are input like any other.
        for name in ("usd_per_cache_read_token", "usd_per_cache_creation_token"):
            prices[name] = at_input if stated[name] is None else prices[name]
        yield {"above_input_tokens": above, **prices}


def _tiers(value: Decimal | TieredPrices | None) -> Iterable[Tier]:
    return value.tiers if isinstance(value, TieredPrices) else ()


def _price_above(value: Decimal | TieredPrices | None, above: int) -> Decimal:
    if value is None:
        return Decimal(0)
    if isinstance(value, TieredPrices):
        reached = [tier.price for tier in value.tiers if tier.start <= above]
        per_million = reached[-1] if reached else value.base
    else:
        per_million = value
    # The list has prices with the noise of a binary float, such as 0.18000000000000002.
    return (per_million / MILLION).quantize(TOKEN_STEP, ROUND_HALF_UP)


def _models_of_events(lake_folder: Path) -> list[tuple[str, str]]:
    with duckdb.connect() as connection:
        return connection.execute(
            "select distinct provider, model from read_parquet($glob)"
            " where provider is not null and model is not null order by all",
            {"glob": f"{lake_folder}/meter_events/**/*.parquet"},
        ).fetchall()


def _refuse_changes(known: Sequence[Mapping[str, object]], price_list: str) -> None:
    """Compare the release that the lake holds last of each model with what this one says now."""
    latest: dict[tuple[str, str], tuple[str, str]] = {}
    before: dict[tuple[str, str], list[dict[str, object]]] = {}
    for row in known:
        pair = (str(row["provider"]), str(row["model"]))
        release = (str(row["recorded_at"]), str(row["price_list"]))
        if release > latest.get(pair, ("", "")):
            latest[pair], before[pair] = release, []
        if release == latest[pair]:
            stated = {key: row[key] for key in row if key not in {"price_list", "recorded_at"}}
            before[pair].append(stated)
    changed = [
        f"{provider}/{model}"
        for (provider, model), rows in sorted(before.items())
        # A model that this release no longer knows keeps the prices that it had.
        if latest[provider, model][1] != price_list
        and (said := price_rows(provider, model))
        and sorted(rows, key=_place) != sorted(said, key=_place)
    ]
    if changed:
        raise PriceListError(
            f"{price_list} prices these models otherwise than the list in use:"
            f" {', '.join(changed)}. Review the difference, then import with --accept-changes; it"
            " holds for events that become known from then on"
        )


def _place(row: Mapping[str, object]) -> tuple[int, int]:
    return int(str(row["rule_order"])), int(str(row["above_input_tokens"]))
