"""Made-up transactions: the same every time, some in each period, landed once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from ingest.catalog.load import load_catalog
from ingest.facts import land_facts
from ingest.lake import ISSUED_INVOICES, write
from ingest.settlements import record_settlement
from ingest.synthetic import PERIODS, SyntheticSource, bursts, land_synthetic
from tests.ingest.landed import Lake

START = datetime(2026, 2, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATER = START + timedelta(days=1)
SOURCES = (
    SyntheticSource("meter", "event", numbers=["units"]),
    SyntheticSource("gate", "api", numbers=["bytes"], texts={"region": ["Australia", "Singapore"]}),
    SyntheticSource("desk", "ai", texts={"provider": ["openai"], "model": ["gpt-4o-mini"]}),
)
PRODUCT = """
catalog: 1
product:
  key: trial
  name: Trial
  version: 1.0.0
  effective_from: 2026-01-01
  currency: USD
  sources: [desk, gate, meter]
  settlement: {every: 5 minutes synthetic}
"""
FEE = "  setup_fee: {amount: 1.00, per: subscription, bill: immediate}\n"
SUBSCRIPTIONS = """subscription_id,name,subscriber_id,product,version,started_at,settlement
made-up,Made up,buyer,trial,1.0.0,2026-02-02T09:00:00Z,
real,Real,buyer,trial,1.0.0,2026-02-02T09:00:00Z,5 minutes
"""
FILES = {
    "sources.csv": "source_id,kind,name\nmeter,event,M\ngate,api,G\ndesk,ai,D\n",
    "metering_elements.csv": "element,type,sources\nunits,number,meter\nregion,string,gate\n",
    "subscribers.csv": "subscriber_id\nbuyer\n",
    "subscriptions.csv": SUBSCRIPTIONS,
}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def load(lake: Lake, product: str = PRODUCT) -> None:
    folder = lake.root / "catalog"
    (folder / "products").mkdir(parents=True, exist_ok=True)
    (folder / "products" / "trial.yaml").write_text(product, encoding="utf-8")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    load_catalog(folder, lake.folder, recorded_at=None, watermark=None)


def issue(lake: Lake, invoice_id: str) -> None:
    row = dict.fromkeys(ISSUED_INVOICES.names) | {"invoice_id": invoice_id}
    issued = pa.Table.from_pylist([row], ISSUED_INVOICES)
    write(issued, lake.folder / "issued_invoices" / "b.parquet")


def test_every_period_has_some_of_every_source():
    seen = Counter(
        ((burst.occurred_at - START) // timedelta(minutes=5), record["sourceId"])
        for burst in bursts("s-1", SOURCES, START)
        for record in burst.records
    )
    assert set(seen) == {
        (period, source.source_id) for period in range(PERIODS) for source in SOURCES
    }


def test_a_subscription_has_the_same_every_time_and_another_one_has_others():
    first, again = (list(bursts("s-1", SOURCES, START)) for _ in range(2))
    other = list(bursts("s-2", SOURCES, START))

    assert first == again
    assert [burst.occurred_at for burst in first] != [burst.occurred_at for burst in other]
    assert len({burst.name for burst in (*first, *other)}) == len(first) + len(other)


def test_what_events_carry_is_what_the_product_prices():
    records = [record for burst in bursts("s-1", SOURCES, START) for record in burst.records]
    regions = {
        each["value"]
        for record in records
        if record["sourceId"] == "gate"
        for each in record["elements"]
        if each["name"] == "region"
    }
    assert regions == {"Australia", "Singapore"}
    assert all(record["payload"]["units"] > 0 for record in records if "payload" in record)
    assert {record["model"] for record in records if "model" in record} == {"gpt-4o-mini"}


def test_only_what_has_occurred_is_landed_and_landing_again_adds_the_rest_once(lake):
    load(lake)
    first = land_synthetic(lake.folder, now=START + HOUR / 2)
    half = lake.events()
    rest = land_synthetic(lake.folder, now=LATER)
    files = lake.files()

    assert first == len(half) > 0
    assert max(event["occurred_at"] for event in half) <= START + HOUR / 2
    assert rest > 0
    assert land_synthetic(lake.folder, now=LATER) == 0
    assert lake.files() == files
    assert len({event["event_key"] for event in lake.events()}) == first + rest
    assert {event["subscription_id"] for event in lake.events()} == {"made-up"}
    assert all(event["received_at"] == event["occurred_at"] for event in lake.events())
    assert lake.table("quarantine") == []


def test_a_change_of_the_catalogue_leaves_what_is_landed_as_it_is(lake):
    load(lake)
    landed = land_synthetic(lake.folder, now=LATER)
    (lake.root / "catalog" / "metering_elements.csv").write_text(
        "element,type,sources\nunits,number,meter\nregion,string,gate\nsize,number,meter\n",
        encoding="utf-8",
    )
    load_catalog(lake.root / "catalog", lake.folder, recorded_at=LATER, watermark=None)

    assert land_synthetic(lake.folder, now=LATER) == 0
    assert len(lake.events()) == landed


def test_what_is_settled_already_is_not_rewritten(lake):
    load(lake)
    record_settlement(lake.folder, as_of=START + HOUR / 2, build_id="b", settled_at=LATER)
    land_synthetic(lake.folder, now=LATER)

    early = [each for each in lake.events() if each["occurred_at"] < START + HOUR / 2]
    assert early
    assert {event["known_at"] for event in early} == {LATER}


def test_the_hour_waits_for_the_setup_fee(lake):
    load(lake, PRODUCT + FEE)
    assert land_synthetic(lake.folder, now=LATER) == 0

    paid_at = (START + HOUR).isoformat()
    said = '{"fact": "payment", "invoice_id": "made-up-setup", "status": "paid", "paid_at": "%s"}'
    land_facts([lake.write(said % paid_at, "facts.ndjson")], lake.folder, now=LATER)
    land_synthetic(lake.folder, now=LATER)

    assert min(event["occurred_at"] for event in lake.events()) >= START + HOUR


@pytest.mark.parametrize("per", ["subscription", "client"])
def test_the_hour_waits_while_the_setup_invoice_is_out_and_unpaid(lake, per):
    load(lake, PRODUCT + FEE.replace("subscription", per))
    assert land_synthetic(lake.folder, now=LATER) == 0
    record_settlement(lake.folder, as_of=START + HOUR / 2, build_id="b", settled_at=LATER)
    issue(lake, "made-up-setup")
    assert land_synthetic(lake.folder, now=LATER) == 0


def test_the_hour_does_not_wait_for_a_fee_that_another_one_of_the_client_owes(lake):
    load(lake, PRODUCT + FEE.replace("subscription", "client"))
    record_settlement(lake.folder, as_of=START + HOUR / 2, build_id="b", settled_at=LATER)
    issue(lake, "real-setup")
    assert land_synthetic(lake.folder, now=LATER) > 0


def test_a_lake_without_a_catalogue_has_none(lake):
    assert land_synthetic(lake.folder, now=LATER) == 0
