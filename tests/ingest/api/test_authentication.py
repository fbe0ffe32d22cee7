"""No key, no service: scopes, loopback, rates, and what strangers leave behind."""

from datetime import timedelta

import pytest

from ingest.api_keys import KeyStore
from tests.ingest.api.served import NOW, codes

EVENTS = "/meter/v2/events"
ONE = {"payload": {}}
READ = ["/v1/ingestion-failures", "/profitstream/v2/api/tenants/t-1/ingestion-failures", "/metrics"]


@pytest.fixture
def make_key(server):
    def make(*scopes, **terms):
        store = KeyStore(server.settings.paths.keys)
        made = store.create("other", scopes, now=NOW, **terms)
        store.close()
        server.time.pass_by(seconds=1)
        return made

    return make


def test_without_a_key_there_is_no_service_and_nothing_is_kept(server):
    for key, code in (("", "missing_key"), ("mh_wrong", "bad_key")):
        answer = server.post(EVENTS, ONE, key=key)
        assert (answer.status_code, codes(answer)) == (401, [code])
    assert not server.refused()
    assert not server.events()


def test_a_key_comes_as_a_header_of_its_own_or_as_bearer(server):
    bearer = {"authorization": f"Bearer {server.key}"}
    assert server.post(EVENTS, ONE, key="", headers=bearer).status_code == 201
    assert server.post(EVENTS, ONE, headers={"authorization": "Bearer x"}).status_code == 201
    basic = {"authorization": f"Basic {server.key}"}
    assert server.post(EVENTS, ONE, key="", headers=basic).status_code == 401


def test_a_key_does_only_what_its_scope_says(server, make_key):
    _, sender = make_key("meter:write")
    _, reader = make_key("read")
    _, admin = make_key("admin")
    assert server.post(EVENTS, ONE, key=sender).status_code == 201
    assert codes(server.post(EVENTS, ONE, key=reader)) == ["wrong_scope"]
    assert server.post(EVENTS, ONE, key=admin).status_code == 201
    for path in READ:
        assert server.get(path, key=reader).status_code == 200, path
        assert server.get(path, key=admin).status_code == 200, path
        assert server.get(path, key=sender).status_code == 403, path
        assert server.get(path, key="").status_code == 401, path


def test_a_revoked_or_expired_key_is_refused_within_a_second(server, make_key):
    key, secret = make_key("meter:write", expires_at=NOW + timedelta(hours=1))
    assert server.post(EVENTS, ONE, key=secret).status_code == 201
    store = KeyStore(server.settings.paths.keys)
    store.revoke(key.key_id, now=NOW)
    store.close()
    server.time.pass_by(seconds=1)
    assert server.post(EVENTS, ONE, key=secret).status_code == 401
    _, other = make_key("meter:write", expires_at=NOW + timedelta(hours=1))
    server.time.pass_by(hours=1)
    assert server.post(EVENTS, ONE, key=other).status_code == 401


def test_the_use_of_a_key_is_seen(server, make_key):
    key, secret = make_key("meter:write")
    server.post(EVENTS, ONE, key=secret)
    store = KeyStore(server.settings.paths.keys)
    (seen,) = [each for each in store.all_keys() if each.key_id == key.key_id]
    store.close()
    assert seen.last_used_at == server.time.now


def test_a_key_that_is_used_too_often_waits(server, make_key):
    _, secret = make_key("meter:write", requests_per_second=0.5)
    assert server.post(EVENTS, ONE, key=secret).status_code == 201
    answer = server.post(EVENTS, ONE, key=secret)
    assert (answer.status_code, codes(answer)) == (429, ["rate_limited"])
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["retryAfterSeconds"] == 2
    assert server.post(EVENTS, ONE).status_code == 201, "another key is another rate"
    server.time.pass_by(seconds=2)
    assert server.post(EVENTS, ONE, key=secret).status_code == 201


def test_two_seconds_worth_may_come_at_once(serve):
    server = serve(limits={"requests_per_second": 5})
    assert [server.post(EVENTS, ONE).status_code for _ in range(11)] == [201] * 10 + [429]


def test_an_open_server_takes_events_of_this_machine_without_a_key(serve):
    server = serve(is_open_on_loopback=True)
    assert server.post(EVENTS, ONE, key="").status_code == 401, "from another machine"
    server.peer = "127.0.0.1"
    local = {"host": "127.0.0.1:8500"}
    assert server.post(EVENTS, ONE, key="", headers=local).status_code == 201
    assert server.post(EVENTS, ONE, key="", headers={"host": "localhost"}).status_code == 201
    assert server.post(EVENTS, ONE, key="", headers={"host": "[::1]:8500"}).status_code == 201
    assert server.post(EVENTS, ONE, key="wrong", headers=local).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1", "origin": "https://evil.example"},
        {"host": "127.0.0.1", "x-forwarded-for": "192.0.2.7"},
        {"host": "127.0.0.1", "forwarded": "for=192.0.2.7"},
        {"host": "127.0.0.1", "x-real-ip": "192.0.2.7"},
    ],
    ids=["a name that was rebound", "a page in a browser", "a proxy", "a newer proxy", "nginx"],
)
def test_what_only_looks_like_this_machine_needs_a_key(serve, headers):
    server = serve(is_open_on_loopback=True)
    server.peer = "127.0.0.1"
    assert server.post(EVENTS, ONE, key="", headers=headers).status_code == 401


def test_what_speaks_as_a_proxy_that_was_told_nothing_needs_a_key(serve):
    """Nginx's bare `proxy_pass` adds no header, and speaks HTTP/1.0."""
    server = serve(is_open_on_loopback=True)
    heard = []

    async def receive():
        return {"type": "http.request", "body": b'{"payload": {}}'}

    async def send(message):
        heard.append(message)

    def scope(http_version: str):
        return {
            "type": "http",
            "http_version": http_version,
            "method": "POST",
            "path": EVENTS,
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1:8500")],
            "client": ("127.0.0.1", 50_000),
        }

    for http_version in ("1.0", "1.1"):
        server.run(server.app(scope(http_version), receive, send))
    assert [message["status"] for message in heard if "status" in message] == [401, 201]


def test_a_server_that_is_not_open_wants_a_key_of_this_machine_too(server):
    server.peer = "127.0.0.1"
    assert server.post(EVENTS, ONE, key="", headers={"host": "127.0.0.1"}).status_code == 401
