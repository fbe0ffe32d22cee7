"""Whatever is sent: an answer that is no failure of ours, and a record of what was refused."""

import gzip
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.api.endpoints import ENDPOINTS
from ingest.api.openapi import EXAMPLES

PATHS = [endpoint.path for endpoint in ENDPOINTS]
CONTENT_TYPES = ["application/json", "application/x-ndjson", "application/x-protobuf", "text/plain"]
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(min_value=10**30, max_value=10**90),
        st.floats(),
        st.text(st.characters(codec=None)),
        st.sampled_from(
            ["1e400", "NaN", "-1", "2199-01-01T00:00:00Z", "\x00", "\ud800", "x" * 300]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def bodies(draw) -> tuple[str, bytes]:
    """A path, and a body that is nearly one of its own."""
    path = draw(st.sampled_from(PATHS))
    if draw(st.booleans()):
        return path, draw(st.binary(max_size=300))
    record = json.loads(json.dumps(EXAMPLES[path]))
    for _ in range(draw(st.integers(0, 3))):
        at = record
        while True:
            places = list(at) if isinstance(at, dict) else range(len(at))
            place = draw(st.sampled_from([*places])) if places else None
            if place is None or not isinstance(at[place], dict | list) or draw(st.booleans()):
                break
            at = at[place]
        if place is not None:
            at[place] = draw(VALUES)
    body = json.dumps(record).encode()
    return path, body if draw(st.booleans()) else b"[" + body + b"," + body + b"]"


@given(
    sent=bodies(),
    content_type=st.sampled_from(CONTENT_TYPES),
    encoding=st.sampled_from(["", "gzip", "deflate"]),
    is_packed=st.booleans(),
)
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_body_makes_the_server_fail(server, sent, content_type, encoding, is_packed):
    path, body = sent
    if encoding == "gzip" and is_packed:
        body = gzip.compress(body)
    before = len(server.refused())
    headers = {"content-type": content_type, "content-encoding": encoding}
    answer = server.post(path, content=body, headers=headers)
    assert answer.status_code < 500, (path, body, answer.text)
    if answer.status_code >= 400:
        assert len(server.refused()) > before, (path, body, answer.text)
    server.restart()
    for segment in server.settings.paths.landing.glob("*.ndjson"):
        segment.unlink()
