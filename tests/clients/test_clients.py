"""What real clients send comes out on an invoice, once.

Only `make test-clients` runs this, as the clients live in environments of their own. They send
through a network that loses the first try of each request and the answer to the second, so that
their own retries are what gets an event through.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.paths import DataPaths
from ingest.segment_landing import land_segments
from tests.clients.peers import unreliable, vendor
from tests.deployment import Deployment

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent
SENDERS = HERE / "senders"
LISTENING = re.compile(r"http://127\.0\.0\.1:(\d+)")
WAIT_SECONDS = 60

Quantities = Mapping[str, Decimal]


@dataclass(frozen=True)
class Server:
    """A server of its own process, and the key that its senders have."""

    url: str
    key: str


def programs() -> Path:
    """Return the folder of the clients' environments."""
    folder = os.environ.get("METERHOUSE_CLIENTS")
    assert folder, "make test-clients sets up the clients and says where they are"
    return Path(folder)


@contextmanager
def serving(paths: DataPaths) -> Iterator[Server]:
    """Serve as a program of its own; when it ends, all that it took can be landed."""
    environment = {**os.environ, "METERHOUSE_DATA": str(paths.root)}
    meterhouse = str(Path(sys.executable).with_name("meterhouse"))
    made = subprocess.run(
        [meterhouse, "keys", "create", "senders", "--prefix", "hak"],
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    )
    process = subprocess.Popen(
        [meterhouse, "serve", "--port", "0"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        found = next(filter(None, map(LISTENING.search, process.stderr)))
        yield Server(found[0], made.stdout.strip())
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode in {0, -signal.SIGTERM}, told


def send(
    server: Server, name: str, command: list[str], *, retries: bool = True, **more: str
) -> None:
    """Run a sender as a program of its own; its credential is named after it."""
    network = unreliable(server.url) if retries else nullcontext(server.url)
    with network as url, vendor() as vendors:
        environment = {
            "PATH": os.environ["PATH"],
            "METERHOUSE_URL": url,
            "REVENIUM_METERING_API_KEY": server.key,
            "REVENIUM_METERING_BASE_URL": url,
            "SENDER_CREDENTIAL": f"key-of-{name}",
            "SENDER_NOW": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "OPENAI_BASE_URL": f"{vendors}/v1",
            "ANTHROPIC_BASE_URL": vendors,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"{url}/meter/v2/otlp",
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={server.key}",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            **more,
        }
        done = subprocess.run(
            command,
            env=environment,
            cwd=SENDERS,
            capture_output=True,
            timeout=120,
            check=False,
            text=True,
        )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Quantities]:
    """Every client sends; a month is settled. Returns the quantity of each line."""
    paths = DataPaths(tmp_path_factory.mktemp("clients") / "data")
    python = str(programs() / "python" / "bin" / "python")
    json_python = str(programs() / "otlp-json" / "bin" / "python")
    node = str(programs() / "node" / "otlp.mjs")
    with serving(paths) as server:
        send(server, "sdk", [python, "revenium_sdk.py"])
        send(server, "openai", [python, "openai_wrapped.py"])
        send(server, "anthropic", [python, "anthropic_wrapped.py"])
        send(server, "otlp-proto", [python, "otlp.py"], SENDER_OTLP="proto")
        send(server, "otlp-json", [json_python, "otlp.py"], SENDER_OTLP="json")
        send(server, "otlp-node", ["node", node])
        send(server, "hypercurrent", [python, "hypercurrent.py"], retries=False)
        send(server, "curl", ["bash", "element.sh"], retries=False)
    now = datetime.now(UTC)
    with pytest.MonkeyPatch.context() as environment:
        deployment = Deployment(paths, environment)
        deployment.load(HERE / "catalog")
        land_segments(paths.landing, paths.lake, now=now)
        deployment.rate(f"{now + timedelta(days=40):%Y-%m-%dT%H:%M:%SZ}")
        lines = deployment.query(
            """
            select invoices.subscription_id, coalesce(element_value, metric_key), sum(quantity)
            from marts.fct_invoice_lines as lines
            inner join marts.fct_invoices as invoices on lines.invoice_id = invoices.invoice_id
            where status = 'issued'
            group by all
            """
        )
    found: dict[str, dict[str, Decimal]] = {}
    for subscription, what, quantity in lines:
        assert isinstance(quantity, Decimal)
        found.setdefault(str(subscription), {})[str(what)] = quantity
    return found


# Transactions, input tokens, images, pages and regions, by subscription.
EXPECTED = {
    "sdk": {"transactions": 7, "input": 1200, "images": 2, "pages": 14, "Singapore": 1},
    "openai": {"transactions": 2, "input": 127},
    "anthropic": {"transactions": 1, "input": 80},
    "otlp-proto": {"transactions": 4, "input": 950, "pages": 7},
    "otlp-json": {"transactions": 4, "input": 950, "pages": 7},
    "otlp-node": {"transactions": 3, "input": 900, "pages": 7},
    "hypercurrent": {"transactions": 2, "Singapore": 1},
    "curl": {"transactions": 1},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_client_is_billed_once_for_what_it_sent(
    billed: Mapping[str, Quantities], name: str
) -> None:
    assert billed.get(name) == EXPECTED[name]
