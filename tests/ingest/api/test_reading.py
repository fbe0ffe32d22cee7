"""What is read of a server: failures, health, counters, logs and the description of the API."""

import json
import logging

import pytest

from ingest import lake, segments
from ingest.api.endpoints import ENDPOINTS, OtlpEndpoint
from ingest.api.logs import JsonLines
from ingest.api.openapi import FORMS
from ingest.segment_landing import land_segments
from tests.ingest.api.served import codes

EVENTS = "/meter/v2/events"
TENANT = "/profitstream/v2/api/tenants/t-1/ingestion-failures"


def land(server) -> None:
    """Land what the server took so far."""
    server.restart()
    paths = server.settings.paths
    land_segments(paths.landing, paths.lake, now=server.time.now)
    assert not segments.unlanded(paths.landing)


def test_failures_are_listed_with_their_reasons_and_what_was_sent(server):
    server.post(EVENTS, {"transactionId": "e-1", "payload": 5})
    (failure,) = server.failures()
    assert failure["failureTimestamp"] == "2026-03-01T01:00:00Z"
    assert failure["endpoint"] == EVENTS
    assert failure["originalPayload"] == {"transactionId": "e-1", "payload": 5}
    (error,) = failure["errors"]
    assert (error["code"], error["field"], error["value"]) == ("missing_field", "payload", "5")
    assert error["resolution"]


def test_failures_are_the_same_landed_or_not(server):
    server.post(EVENTS, {"transactionId": "e-1", "payload": 5})
    server.time.pass_by(seconds=1)
    server.post(EVENTS, content=b"{")
    before = server.failures()
    land(server)
    assert server.failures() == before
    assert [failure["errors"][0]["code"] for failure in before] == ["not_json", "missing_field"]


def test_pages_go_on_from_what_waits_to_what_is_landed(server):
    for number in range(6):
        server.time.pass_by(seconds=1)
        server.post(EVENTS, {"transactionId": f"e-{number}", "payload": 5})
        if number == 2:
            land(server)
    pages = [server.get(f"{TENANT}?page={page}&size=4").json() for page in range(3)]
    assert pages[0]["page"] == {"size": 4, "totalElements": 6, "totalPages": 2, "number": 0}
    assert pages[0]["_links"]["self"]["href"] == f"{TENANT}?page=0&size=4"
    ids = [
        failure["originalPayload"]["transactionId"]
        for page in pages
        for failure in page["_embedded"]["ingestionFailureResourceList"]
    ]
    assert ids == [f"e-{number}" for number in reversed(range(6))]


def test_a_page_that_is_none_is_refused_in_the_same_shape(server):
    answer = server.get("/v1/ingestion-failures?page=-1&size=x")
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == {"query.page", "query.size"}


def test_no_list_tells_a_credential_or_a_conversation(server):
    server.post(
        EVENTS,
        {
            "payload": 5,
            "subscriberCredential": "s3cr3t",
            "inputMessages": "s3cr3t",
            "subscriber": {"credential": {"value": "s3cr3t"}},
            "requestHeaders": ["x-api-key: s3cr3t"],
        },
    )
    attribute = {"key": "revenium.subscriber.credential.value", "value": {"stringValue": "s3cr3t"}}
    span = {"startTimeUnixNano": "x", "attributes": [attribute]}
    server.post("/meter/v2/otlp", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    server.post(EVENTS, content=b'{"subscriberCredential": "s3cr3t"')
    failures = server.failures()
    assert len(failures) == 3
    assert "s3cr3t" not in json.dumps(failures)


SECRETS = {
    "a structure in the place of a text": {
        "payload": {},
        "subscriber": [{"credential": {"value": "s3cr3t"}}],
    },
    "a structure in the place of a time": {"payload": {}, "requestTime": {"password": "s3cr3t"}},
    "a text that says a password": {"payload": "password=s3cr3t"},
    "a token": {"payload": 5, "accessToken": "s3cr3t"},
    "a conversation that is too long": {"payload": {"inputMessages": "s3cr3t" * 9_000}},
}


@pytest.mark.parametrize("record", SECRETS.values(), ids=SECRETS)
def test_no_secret_comes_out_again_by_an_answer_a_list_a_segment_or_the_lake(server, record):
    answer = server.post(EVENTS, record | {"subscriberCredential": "s3cr3t"})
    assert answer.status_code == 400
    assert "s3cr3t" not in answer.text
    assert "s3cr3t" not in json.dumps(server.failures())
    assert "s3cr3t" not in json.dumps(server.refused())
    land(server)
    (kept,) = (
        file
        for file in (server.settings.paths.lake / "quarantine").iterdir()
        if file.name != "schema.parquet"
    )
    assert "s3cr3t" not in str(lake.read(kept).to_pylist())
    assert kept.stat().st_mode & 0o077 == 0


def test_of_a_structure_its_kind_is_told_and_of_a_scalar_its_text(server):
    answer = server.post(EVENTS, {"payload": {}, "subscriber": [1], "requestTime": "soon"})
    told = {error["field"]: error["value"] for error in answer.json()["errors"]}
    assert told == {"subscriber": "a list", "requestTime": "soon"}


def test_what_is_kept_of_a_refused_record_is_its_text_but_for_secrets(server):
    plain = b'{ "payload": 5.10,  "payload": 6 }'
    server.post(EVENTS, content=plain)
    server.post(EVENTS, content=b'{"payload": 5.10, "password": "x"}')
    first, second = (record["raw_text"] for record in server.refused())
    assert first == plain.decode()
    assert second == '{"payload":5.10,"password":"[redacted]"}'


def test_health_tells_the_disk_and_the_backlog(server):
    assert server.get("/healthz", key="").json() == {"status": "ok"}
    found = server.get("/readyz", key="")
    assert found.status_code == 200
    assert found.json()["unlanded_segments"] == 0
    assert found.json()["last_landing_seconds"] is None
    server.post(EVENTS, {"payload": {}})
    server.time.pass_by(seconds=7)
    said = server.get("/readyz").json()
    assert (said["unlanded_segments"], said["oldest_unlanded_seconds"]) == (1, 7.0)
    land(server)
    assert server.get("/readyz").json()["last_landing_seconds"] is not None


def test_a_full_disk_is_not_ready_and_refuses_events_until_there_is_room(serve):
    server = serve()
    server.restart(free_space_floor=1 << 62)
    assert server.get("/readyz").status_code == 503
    answer = server.post(EVENTS, {"payload": {}})
    assert (answer.status_code, codes(answer)) == (503, ["unavailable"])
    assert answer.headers["retry-after"]
    assert str(server.settings.paths.root) not in answer.text
    refused = server.post(EVENTS, {"payload": 5})
    assert refused.status_code == 503, "a refusal that can't be recorded is none yet"
    server.restart(free_space_floor=0)
    assert server.post(EVENTS, {"payload": {}}).status_code == 201


def counters(server) -> dict[str, float]:
    lines = server.get("/metrics").text.splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    }


def test_everything_is_counted(server):
    server.post(EVENTS, [{"payload": {}}, {"payload": {}}, 5])
    server.post(EVENTS, {"payload": {}}, key="")
    server.post("/unheard/of", {})
    for _ in range(2):
        server.post(EVENTS, {"payload": {}}, headers={"idempotency-key": "k"})
    counted = counters(server)
    of = f'endpoint="{EVENTS}"'
    assert counted[f'meterhouse_events_total{{{of},outcome="accepted"}}'] == 3
    assert counted[f'meterhouse_events_total{{{of},outcome="refused"}}'] == 1
    assert counted[f'meterhouse_requests_total{{{of},status="207"}}'] == 1
    assert counted[f'meterhouse_requests_total{{{of},status="401"}}'] == 1
    assert counted['meterhouse_requests_total{endpoint="other",status="404"}'] == 1
    assert counted[f"meterhouse_request_seconds_count{{{of}}}"] == 4
    assert counted["meterhouse_unauthenticated_total"] == 1
    assert counted["meterhouse_idempotent_replays_total"] == 1
    assert counted["meterhouse_segment_syncs_total"] == 2
    written = sum(path.stat().st_size for path in segments.unlanded(server.settings.paths.landing))
    assert counted["meterhouse_segment_synced_bytes_total"] == written
    assert counted["meterhouse_unlanded_segments"] == 1
    assert counted["meterhouse_free_bytes"] > 0


def test_counters_of_this_machine_need_no_key_but_behind_a_proxy_they_do(server):
    assert server.get("/metrics", key="").status_code == 401
    server.peer = "127.0.0.1"
    local = {"host": "127.0.0.1"}
    assert server.run(server.request("GET", "/metrics", headers=local)).status_code == 200
    proxied = local | {"x-forwarded-for": "192.0.2.9"}
    assert server.run(server.request("GET", "/metrics", headers=proxied)).status_code == 401


@pytest.fixture
def logged():
    """Everything that is logged, as lines."""
    lines = []

    class Kept(logging.Handler):
        def emit(self, record):
            lines.append(self.format(record))

    handler = Kept()
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("meterhouse.api")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_a_log_tells_of_refusals_but_neither_what_was_sent_nor_keys(server, logged):
    server.post(EVENTS, {"payload": {}})
    assert not logged
    server.post(EVENTS, {"payload": 5, "subscriberCredential": "s3cr3t"})
    server.post(EVENTS, {"payload": 5}, key="mh_s3cr3t")
    server.post("/s3cr3t%0d%0aforged", {"payload": 5})
    said = [json.loads(line) for line in logged]
    assert [each["status"] for each in said] == [400, 401, 404]
    assert all(each["request_id"] and each["endpoint"] in {EVENTS, "other"} for each in said)
    everything = "".join(logged)
    assert "s3cr3t" not in everything
    assert server.key not in everything


def test_every_request_is_logged_where_that_is_asked_for(serve, logged):
    server = serve(logs_requests=True)
    server.post(EVENTS, {"payload": {}})
    assert json.loads(logged[0])["status"] == 201


def test_a_failure_of_our_own_is_told_by_its_place_not_by_its_words(server, logged, monkeypatch):
    def fail(*_):
        raise ValueError("the sender said s3cr3t")

    monkeypatch.setattr("ingest.api.metering.Metering.take", fail)
    answer = server.post(EVENTS, {"payload": {}})
    assert (answer.status_code, codes(answer)) == (500, ["failed"])
    assert "s3cr3t" not in answer.text
    monkeypatch.setattr("ingest.api.reading.count_and_page", fail)
    answer = server.get("/v1/ingestion-failures")
    assert (answer.status_code, codes(answer)) == (500, ["failed"])
    everything = "".join(logged)
    assert "s3cr3t" not in everything
    assert json.loads(logged[0])["error"] == "ValueError"
    assert any(
        "metering" in place or "test_reading" in place for place in json.loads(logged[0])["trace"]
    )


def test_control_characters_cannot_forge_a_line_of_the_log():
    record = logging.LogRecord("x", logging.INFO, "", 0, "a\nb\x1b", None, None)
    assert json.loads(JsonLines().format(record))["message"] == "a\nb\x1b"
    assert "\n" not in JsonLines().format(record)


def test_the_description_tells_every_path_with_an_example(server):
    document = server.get("/openapi.json", key="").json()
    assert document["openapi"].startswith("3.1")
    for endpoint in ENDPOINTS:
        for path in endpoint.paths:
            content = document["paths"][path]["post"]["requestBody"]["content"]
            assert any("example" in each for each in content.values()), path
    assert TENANT.replace("t-1", "{tenant_id}") in document["paths"]
    assert {"/healthz", "/readyz", "/metrics"} <= document["paths"].keys()


def test_the_description_tells_what_is_easily_left_out(server):
    paths = server.get("/openapi.json", key="").json()["paths"]
    for endpoint in ENDPOINTS:
        told = paths[endpoint.path]["post"]
        names = {parameter["name"] for parameter in told["parameters"]}
        assert "Idempotency-Key" in names
        assert {"414", "431", "500"} <= told["responses"].keys()
        for answer in told["responses"].values():
            is_otlp = isinstance(endpoint, OtlpEndpoint)
            assert ("application/x-protobuf" in answer["content"]) == is_otlp
    cloud_events = paths["/v1/events"]["post"]
    assert "ce-specversion" in {parameter["name"] for parameter in cloud_events["parameters"]}
    assert "application/json" in cloud_events["requestBody"]["content"]
    assert {"414", "431", "500", "503"} <= paths["/v1/ingestion-failures"]["get"][
        "responses"
    ].keys()


@pytest.mark.parametrize("path", [each.path for each in ENDPOINTS if each.path in FORMS])
def test_what_the_description_requires_is_required(server, path):
    form = FORMS[path]
    for name in form["required"]:
        record = {key: held for key, held in form["example"].items() if key != name}
        assert server.post(path, record).status_code == 400, name
    least = {name: form["example"][name] for name in form["required"]}
    assert server.post(path, least).status_code in (200, 201)


def test_every_answer_is_one_that_the_description_tells_of(server):
    document = server.get("/openapi.json").json()
    told = document["paths"][EVENTS]["post"]["responses"]
    for body in ({"payload": {}}, {"payload": 5}, [{"payload": {}}, 5]):
        assert str(server.post(EVENTS, body).status_code) in told
