"""What real clients sent, replayed through the application."""

from collections import Counter

import pytest

from ingest.api.endpoints import BY_PATH
from tests.wire.recorded import Recorded, recorded_requests

REQUESTS = recorded_requests()
OF_THE_CONNECTION = {"accept-encoding", "connection", "content-length", "host", "transfer-encoding"}


def replay(server, request: Recorded):
    headers = {
        name: value for name, value in request.headers.items() if name not in OF_THE_CONNECTION
    }
    headers["x-api-key"] = server.key
    headers.pop("authorization", None)
    return server.post(request.path, content=request.body, headers=headers)


@pytest.fixture
def later(server):
    """The requests were recorded long after the clock of the other tests."""
    server.time.pass_by(days=300)
    return server


def test_every_recorded_request_is_accepted(later):
    statuses = Counter()
    for request in REQUESTS:
        answer = replay(later, request)
        path = request.path.partition("?")[0]
        assert answer.status_code == BY_PATH[path].status, f"{request.line}: {answer.text}"
        assert not answer.headers["content-type"].endswith("json") or isinstance(
            answer.json(), dict
        )
        statuses[answer.status_code] += 1
    assert sum(statuses.values()) == len(REQUESTS)
    assert not later.refused()


def test_a_recorded_request_sent_twice_with_its_key_is_one_event(later):
    keyed = [request for request in REQUESTS if "idempotency-key" in request.headers]
    assert keyed
    for request in keyed:
        first, again = replay(later, request), replay(later, request)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.content == first.content
    ids = [(event["source_id"], event["event_id"]) for event in later.events()]
    assert len(ids) == len({request.headers["idempotency-key"] for request in keyed})
