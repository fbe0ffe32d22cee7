"""The same Idempotency-Key: the same answer, once, through restarts and deaths."""

import asyncio
import gzip
import json
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest

from ingest.api.call import Answer
from ingest.api.errors import ApiError
from ingest.api.idempotency import KEPT_FOR, Idempotency, SenderKey, fingerprint
from ingest.api_keys import KeyStore
from ingest.segment_writing import SegmentUnavailableError
from tests.ingest.api.served import NOW, codes

EVENTS = "/meter/v2/events"
METER = "/meter/v1/api/meter"
CALL = {"method": "GET", "responseCode": 200}
KEY = {"idempotency-key": "k-1"}
ANSWER = Answer(201, b"{}")
K = SenderKey("shop", "k")


@pytest.fixture
def store(tmp_path):
    made = Idempotency(tmp_path / "api")
    yield made
    made.close()


def refusal_of(claim) -> ApiError:
    with pytest.raises(ApiError) as refused:
        claim()
    return refused.value


def test_the_same_request_gets_the_same_answer_and_is_one_event(server):
    first = server.post(METER, CALL, headers=KEY)
    server.time.pass_by(hours=23)
    again = server.post(METER, CALL, headers=KEY)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(server.events()) == 1


def test_another_body_with_the_key_is_refused_for_good_and_kept(server):
    server.post(METER, CALL, headers=KEY)
    answer = server.post(METER, CALL | {"responseCode": 500}, headers=KEY)
    assert (answer.status_code, codes(answer)) == (409, ["idempotency_key_mismatch"])
    assert "retry-after" not in answer.headers
    assert len(server.events()) == 1
    assert [record["code"] for record in server.refused()] == ["idempotency_key_mismatch"]


def test_another_endpoint_with_the_key_is_another_request(server):
    server.post(EVENTS, {"payload": {}}, headers=KEY)
    answer = server.post("/meter/v2/ai/completions", {"payload": {}}, headers=KEY)
    assert codes(answer) == ["idempotency_key_mismatch"]


def test_an_alias_is_the_same_endpoint(server):
    body = {"transactionId": "t-1", "toolId": "search"}
    server.post("/meter/v2/tool/events", body, headers=KEY)
    assert server.post("/tool/events", body, headers=KEY).status_code == 201
    assert len(server.events()) == 1


def test_attributes_of_a_binary_cloud_event_are_part_of_the_request(server):
    attributes = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}
    assert server.post("/v1/events", content=b"", headers=KEY | attributes).status_code == 201
    other = attributes | {"ce-id": "2"}
    answer = server.post("/v1/events", content=b"", headers=KEY | other)
    assert codes(answer) == ["idempotency_key_mismatch"]


def test_a_compressed_repetition_is_the_same_request(server):
    body = json.dumps(CALL).encode()
    server.post(METER, content=body, headers=KEY)
    packed = gzip.compress(body)
    answer = server.post(METER, content=packed, headers=KEY | {"content-encoding": "gzip"})
    assert answer.headers["idempotency-replayed"] == "true"


def test_a_refusal_is_an_answer_too_and_is_recorded_once(server):
    first = server.post(EVENTS, {"payload": 5}, headers=KEY)
    again = server.post(EVENTS, {"payload": 5}, headers=KEY)
    assert first.status_code == again.status_code == 400
    assert first.content == again.content
    assert len(server.refused()) == 1


def test_the_answer_outlives_the_server(server):
    first = server.post(METER, CALL, headers=KEY)
    server.restart()
    again = server.post(METER, CALL, headers=KEY)
    assert again.content == first.content
    assert len(server.events()) == 1


def ids(server) -> list[str]:
    return [event["event_id"] for event in server.events()]


def forget(server) -> None:
    """Let so much time pass that the answers are forgotten."""
    server.time.pass_by(hours=26)
    store = Idempotency(server.settings.paths.api)
    store.prune(server.time.now)
    store.close()


@pytest.mark.parametrize("sent", [CALL, [CALL, CALL]], ids=["one", "a batch"])
def test_made_ids_are_the_same_when_the_same_request_comes_after_its_answer_is_forgotten(
    server, sent
):
    first = server.post(METER, sent, headers=KEY)
    once = ids(server)
    forget(server)
    again = server.post(METER, sent, headers=KEY)
    assert again.status_code == first.status_code
    assert "idempotency-replayed" not in again.headers
    assert ids(server) == once * 2
    assert len(set(once)) == len(once)


def test_a_key_that_is_used_anew_for_another_request_names_another_event(server):
    server.post(METER, CALL, headers=KEY)
    forget(server)
    assert server.post(METER, CALL | {"responseCode": 404}, headers=KEY).status_code == 200
    assert len(set(ids(server))) == 2


def test_no_event_of_a_batch_is_taken_for_that_of_another_key(server):
    server.post(METER, [CALL, CALL], headers={"idempotency-key": "n"})
    server.post(METER, CALL, headers={"idempotency-key": "n-1"})
    assert len(set(ids(server))) == 3


def other_key(server, name: str) -> str:
    store = KeyStore(server.settings.paths.keys)
    _, secret = store.create(name, ("meter:write",), now=NOW)
    store.close()
    return secret


def test_senders_do_not_meet_by_their_idempotency_keys(server):
    other = other_key(server, "other")
    server.post(METER, CALL, headers=KEY)
    same = server.post(METER, CALL, headers=KEY, key=other)
    assert same.status_code == 200
    assert "idempotency-replayed" not in same.headers
    assert len(set(ids(server))) == 2
    changed = server.post(METER, CALL | {"responseCode": 500}, headers=KEY, key=other)
    assert codes(changed) == ["idempotency_key_mismatch"]


def test_a_key_of_the_same_name_gets_the_answer_that_the_one_before_it_got(server):
    rotated = other_key(server, "test")
    first = server.post(METER, CALL, headers=KEY)
    again = server.post(METER, CALL, headers=KEY, key=rotated)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content


@pytest.mark.parametrize("wrap", [dict, lambda sent: [sent]], ids=["one", "a batch"])
def test_a_refusal_for_the_time_of_an_event_is_another_answer_later(server, wrap):
    late = wrap(CALL | {"requestTime": "2026-03-01T02:00:00Z"})
    assert server.post(METER, late, headers=KEY).status_code == 400
    server.time.pass_by(hours=2)
    assert server.post(METER, late, headers=KEY).status_code == 200


def test_a_batch_of_which_one_was_too_early_is_taken_again_with_the_same_ids(server):
    late = CALL | {"requestTime": "2026-03-01T02:00:00Z"}
    assert server.post(METER, [CALL, late], headers=KEY).status_code == 207
    server.time.pass_by(hours=2)
    again = server.post(METER, [CALL, late], headers=KEY)
    assert (again.status_code, again.json()["accepted"]) == (200, 2)
    first, second, third = ids(server)
    assert first == second != third


def test_a_transaction_id_comes_before_the_key(server):
    server.post(METER, CALL | {"transactionId": "t-1"}, headers=KEY)
    assert server.events()[0]["event_id"] == "t-1"


def test_a_request_that_could_not_be_kept_may_be_sent_again(server, monkeypatch):
    async def fail(*_):
        raise SegmentUnavailableError("no room")

    with monkeypatch.context() as broken:
        broken.setattr("ingest.segment_writing.SegmentWriter.append", fail)
        answer = server.post(METER, CALL, headers=KEY)
    assert (answer.status_code, codes(answer)) == (503, ["unavailable"])
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["retryAfterSeconds"] == 5
    again = server.post(METER, CALL, headers=KEY)
    assert again.status_code == 200
    assert "idempotency-replayed" not in again.headers


def test_of_requests_at_the_same_time_one_is_taken(server):
    async def race():
        return await asyncio.gather(*(server.send(METER, CALL, headers=KEY) for _ in range(20)))

    answers = server.run(race())
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {200, 409}
    for answer in answers:
        if answer.status_code == 409:
            assert codes(answer) == ["idempotency_key_in_progress"]
            assert answer.headers["retry-after"] == "1"
    assert len(server.events()) == 1


def test_a_key_that_is_too_long_is_refused(server):
    answer = server.post(METER, CALL, headers={"idempotency-key": "k" * 256})
    assert (answer.status_code, codes(answer)) == (400, ["text_too_long"])


def test_answers_are_forgotten_after_more_than_a_day(store):
    assert store.claim(K, b"1", NOW) is None
    store.keep(K, ANSWER)
    store.prune(NOW + timedelta(hours=24, minutes=59))
    assert store.claim(K, b"1", NOW).body == b"{}"
    store.prune(NOW + timedelta(hours=25, seconds=1))
    assert store.claim(K, b"2", NOW) is None


def test_a_claim_of_another_process_that_lives_is_in_progress(store, tmp_path):
    other = Idempotency(tmp_path / "api")
    assert other.claim(K, b"1", NOW) is None
    assert refusal_of(lambda: store.claim(K, b"1", NOW)).retry_after == 1
    assert refusal_of(lambda: store.claim(K, b"2", NOW)).retry_after is None
    other.keep(K, ANSWER)
    assert store.claim(K, b"1", NOW).body == b"{}"
    other.close()


def test_a_claim_of_a_process_that_died_is_taken_over_by_one(store, tmp_path):
    claimed = (
        "import os, sys, pathlib, datetime;"
        "from ingest.api.idempotency import Idempotency, SenderKey;"
        "store = Idempotency(pathlib.Path(sys.argv[1]));"
        "store.claim(SenderKey('shop', 'k'), b'1', datetime.datetime.now(datetime.UTC));"
        "os.kill(os.getpid(), 9)"
    )
    died = subprocess.run([sys.executable, "-c", claimed, str(tmp_path / "api")], check=False)
    assert died.returncode == -9
    other = Idempotency(tmp_path / "api")
    assert store.claim(K, b"1", NOW) is None
    assert refusal_of(lambda: other.claim(K, b"1", NOW)).retry_after == 1
    other.close()


@contextmanager
def held_by_another(tmp_path):
    with closing(sqlite3.connect(tmp_path / "api" / "idempotency.sqlite")) as other:
        other.execute("begin immediate")
        yield
        other.rollback()


def test_an_answer_that_could_not_be_kept_is_kept_later_for_every_process(store, tmp_path):
    other = Idempotency(tmp_path / "api")
    assert store.claim(K, b"1", NOW) is None
    with held_by_another(tmp_path):
        store.keep(K, ANSWER)
    assert refusal_of(lambda: other.claim(K, b"1", NOW)).retry_after == 1
    store.retry()
    assert other.claim(K, b"1", NOW).body == b"{}"
    assert store.claim(K, b"1", NOW).body == b"{}"
    other.close()


def test_a_key_that_could_not_be_given_back_is_given_back_with_the_next_call(store, tmp_path):
    other = Idempotency(tmp_path / "api")
    assert store.claim(K, b"1", NOW) is None
    with held_by_another(tmp_path):
        store.release(K)
    assert store.claim(SenderKey("shop", "another"), b"1", NOW) is None
    assert other.claim(K, b"2", NOW) is None
    other.close()


def test_old_answers_are_forgotten_a_thousand_at_a_time_by_an_index(store, tmp_path):
    for number in range(1_001):
        store.claim(SenderKey("shop", str(number)), b"1", NOW)
    later = NOW + KEPT_FOR + timedelta(seconds=1)
    assert [store.prune(later), store.prune(later)] == [True, False]
    with closing(sqlite3.connect(tmp_path / "api" / "idempotency.sqlite")) as other:
        assert other.execute("select count(*) from requests").fetchone() == (0,)
        plan = other.execute(
            "explain query plan select * from requests where claimed_at < 1 limit 1"
        )
        assert "USING INDEX requests_by_age" in str(plan.fetchall())


def test_what_is_kept_of_requests_is_the_server_s_alone(store, tmp_path):
    store.claim(K, b"1", NOW)
    for file in (tmp_path / "api").glob("idempotency.sqlite*"):
        assert file.stat().st_mode & 0o077 == 0


def test_keys_that_cannot_be_kept_are_answered_503(store, tmp_path):
    with held_by_another(tmp_path):
        refused = refusal_of(lambda: store.claim(K, b"1", NOW))
    assert (refused.status, refused.retry_after) == (503, 1)


def test_the_border_between_two_parts_counts():
    assert fingerprint(b"ab", b"c") != fingerprint(b"a", b"bc")
