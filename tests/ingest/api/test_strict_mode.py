"""Strict mode: what the catalogue does not know is refused, by Revenium's codes."""

import pytest

from ingest.api_keys import KeyStore
from ingest.catalog.load import load_catalog
from ingest.paths import PROJECT_ROOT
from tests.ingest.api.served import codes

EVENTS = "/meter/v2/events"
CATALOG = PROJECT_ROOT / "tests" / "scenarios" / "attribution" / "given" / "catalog"
KNOWN = {
    "productName": "Attribution ink",
    "organizationName": "Attribution North",
    "subscriptionId": "attribution-ink_first",
    "subscriber": {
        "id": "attribution-second",
        "email": "second@ATTRIBUTION.example",
        "credential": {"value": "attribution-key-ink"},
    },
}


@pytest.fixture
def strict(serve):
    server = serve(is_strict=True)
    load_catalog(CATALOG, server.settings.paths.lake, recorded_at=None, watermark=None)
    server.time.pass_by(seconds=2)
    return server


def post(server, **who):
    return server.post(EVENTS, {"payload": {}, **who})


def test_what_the_catalogue_knows_is_accepted(strict):
    answer = post(strict, **KNOWN)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("who", "code", "field"),
    [
        ({"productName": "nothing"}, "PRODUCT_NOT_FOUND", "productName"),
        ({"organizationName": "nobody"}, "CONSUMING_ORG_NOT_FOUND", "organizationName"),
        ({"subscriber": {"id": "x"}}, "SUBSCRIBER_NOT_FOUND", "subscriber.id"),
        ({"subscriber": {"email": "x@y.z"}}, "SUBSCRIBER_NOT_FOUND", "subscriber.email"),
        ({"subscriptionId": "x"}, "SUBSCRIPTION_RELATIONSHIP_NOT_FOUND", "subscriptionId"),
        (
            {"subscriber": {"id": "attribution-first", "email": "second@attribution.example"}},
            "SUBSCRIBER_NAME_ID_MISMATCH",
            "subscriber.email",
        ),
        ({"subscriberCredential": "s3cr3t"}, "CREDENTIAL_NOT_FOUND", "subscriber.credential.value"),
    ],
)
def test_what_it_does_not_know_is_refused_and_kept(strict, who, code, field):
    answer = post(strict, **who)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["code"], error["field"]) == (code, field)
    assert "s3cr3t" not in answer.text
    assert [record["code"] for record in strict.refused()] == [code]
    assert not strict.events()


def test_all_that_is_unknown_is_named(strict):
    answer = post(strict, productName="nothing", organizationName="nobody")
    assert codes(answer) == ["PRODUCT_NOT_FOUND", "CONSUMING_ORG_NOT_FOUND"]


def test_only_the_records_at_fault_of_a_batch_are_refused(strict):
    answer = strict.post(EVENTS, [{"payload": {}}, {"payload": {}, "productName": "nothing"}])
    assert answer.status_code == 207
    assert [item["status"] for item in answer.json()["items"]] == [422]


def test_what_is_loaded_later_is_known_within_seconds(serve):
    server = serve(is_strict=True)
    assert post(server, **KNOWN).status_code == 422
    load_catalog(CATALOG, server.settings.paths.lake, recorded_at=None, watermark=None)
    server.time.pass_by(seconds=2)
    assert post(server, **KNOWN).status_code == 201


@pytest.mark.parametrize("more", [[], [{"payload": {}}]], ids=["one", "a batch"])
def test_what_is_known_by_now_is_accepted_with_the_same_idempotency_key(serve, more):
    server = serve(is_strict=True)
    sent = [{"payload": {}, **KNOWN}, *more]
    key = {"idempotency-key": "k-1"}
    assert server.post(EVENTS, sent, headers=key).status_code == (207 if more else 422)
    load_catalog(CATALOG, server.settings.paths.lake, recorded_at=None, watermark=None)
    server.time.pass_by(seconds=2)
    assert server.post(EVENTS, sent, headers=key).status_code == 201


def test_otherwise_unknown_names_are_welcome(server):
    assert post(server, productName="nothing", subscriberCredential="new").status_code == 201


def test_a_product_and_a_credential_can_be_asked_for(strict):
    path = "/meter/v1/api/meter/product-key"
    assert strict.get(f"{path}?productKey=nothing").status_code == 404
    assert codes(strict.get(path)) == ["bad_value"]
    assert strict.get(f"{path}?productKey=attribution-ink").status_code == 200
    path += "?productKey=Attribution%20ink"
    answer = strict.get(path)
    assert (answer.status_code, answer.json()["valid"]) == (200, True)
    assert codes(strict.get(f"{path}&application=s3cr3t")) == ["CREDENTIAL_NOT_FOUND"]
    assert strict.get(f"{path}&application=attribution-key-ink").status_code == 200


def test_who_may_send_may_ask_for_a_product(strict):
    store = KeyStore(strict.settings.paths.keys)
    _, sending = store.create("sending", ("meter:write",), now=strict.time.now)
    store.close()
    path = "/meter/v1/api/meter/product-key?productKey=Attribution%20ink"
    assert strict.get(path, key=sending).status_code == 200
    assert codes(strict.get("/v1/ingestion-failures", key=sending)) == ["wrong_scope"]
