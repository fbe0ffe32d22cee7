"""API keys: what is accepted, what is kept of them, and who can change that."""

import math
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.api_keys import KeyStore, KeyStoreError, is_well_formed

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path):
    made = KeyStore(tmp_path / "keys")
    yield made
    made.close()


def test_a_key_is_found_by_itself_alone(store):
    key, secret = store.create("shop", ["meter:write"], now=NOW)
    _, other = store.create("shop", ["meter:write"], now=NOW)
    assert store.find(secret, NOW) == key
    assert store.find(other, NOW) != key
    assert store.find(secret[:-1], NOW) is None
    assert store.find(secret.swapcase(), NOW) is None
    assert store.find("", NOW) is None


def test_a_key_that_another_process_made_is_known_at_once(store, tmp_path):
    server = KeyStore(tmp_path / "keys")
    assert server.find("mh_unknown", NOW) is None
    _, secret = store.create("shop", ["meter:write"], now=NOW)
    assert server.find(secret, NOW)
    server.close()


def test_a_mistyped_key_is_known_by_its_checksum(store):
    _, secret = store.create("shop", ["read"], now=NOW)
    assert is_well_formed(secret)
    for at in range(len("mh_"), len(secret)):
        other = "a" if secret[at] != "a" else "b"
        assert not is_well_formed(secret[:at] + other + secret[at + 1 :])


def test_a_key_has_256_random_bits_behind_its_prefix(store):
    secrets = [store.create("x", ["read"], now=NOW)[1] for _ in range(20)]
    assert len(set(secrets)) == 20
    assert {len(secret) for secret in secrets} == {len("mh_") + 43 + 6}
    # 62^43 > 2^256: every one of the random bits is in the text.
    assert 62**43 > 2**256 > 62**42


def test_the_prefix_can_be_what_a_client_demands(store):
    _, secret = store.create("sdk", ["meter:write"], now=NOW, prefix="hak")
    assert secret.startswith("hak_")
    assert store.find(secret, NOW)
    _, tenant = store.create("sdk", ["meter:write"], now=NOW, prefix="rev_mk_acme")
    assert store.find(tenant, NOW)
    with pytest.raises(KeyStoreError, match="is not possible"):
        store.create("sdk", ["read"], now=NOW, prefix="Hak-")


def test_nothing_that_is_kept_tells_the_key(store, tmp_path):
    _, secret = store.create("shop", ["meter:write"], now=NOW)
    store.find(secret, NOW)
    random = secret.removeprefix("mh_")
    for file in (tmp_path / "keys").iterdir():
        assert random.encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0, f"{file.name} can be read by others"


def test_the_hash_is_worthless_without_the_pepper(store, tmp_path):
    _, secret = store.create("shop", ["meter:write"], now=NOW)
    store.close()
    (tmp_path / "keys" / "pepper").write_bytes(b"another")
    again = KeyStore(tmp_path / "keys")
    assert again.find(secret, NOW) is None
    again.close()


def test_a_pepper_that_is_gone_or_open_is_told_with_the_remedy(store, tmp_path):
    pepper = tmp_path / "keys" / "pepper"
    store.create("shop", ["meter:write"], now=NOW)
    pepper.chmod(0o644)
    with pytest.raises(KeyStoreError, match="chmod 600"):
        KeyStore(tmp_path / "keys")
    pepper.unlink()
    with pytest.raises(KeyStoreError, match="put it back from a backup"):
        KeyStore(tmp_path / "keys")


def test_a_key_ends_at_its_expiry(store):
    _, secret = store.create("shop", ["meter:write"], now=NOW, expires_at=NOW + DAY)
    assert store.find(secret, NOW + DAY - timedelta(microseconds=1))
    assert store.find(secret, NOW + DAY) is None
    with pytest.raises(KeyStoreError, match="expired already"):
        store.create("shop", ["meter:write"], now=NOW, expires_at=NOW)


def test_a_revocation_holds_in_another_process_within_a_second(store, tmp_path):
    key, secret = store.create("shop", ["meter:write"], now=NOW)
    server = KeyStore(tmp_path / "keys")
    assert server.find(secret, NOW)
    assert [revoked.key_id for revoked in store.revoke("shop", now=NOW)] == [key.key_id]
    assert server.find(secret, NOW + timedelta(seconds=1)) is None
    server.close()
    with pytest.raises(KeyStoreError, match="no live key 'shop'"):
        store.revoke("shop", now=NOW)


def test_both_keys_are_accepted_while_a_rotation_overlaps(store):
    old, secret = store.create(
        "shop", ["meter:write", "read"], now=NOW, prefix="hak", requests_per_second=5
    )
    new, successor = store.rotate("shop", now=NOW, overlap=DAY, prefix="hak")
    assert (new.name, new.scopes, new.requests_per_second) == ("shop", old.scopes, 5)
    assert store.find(secret, NOW + DAY / 2)
    assert store.find(successor, NOW + DAY / 2)
    assert store.find(secret, NOW + DAY) is None
    assert store.find(successor, NOW + DAY)


def test_a_rotation_does_not_lengthen_the_life_of_the_old_key(store):
    _, secret = store.create("shop", ["read"], now=NOW, expires_at=NOW + DAY / 2)
    store.rotate("shop", now=NOW, overlap=DAY)
    assert store.find(secret, NOW + DAY / 2) is None


def test_a_rotated_key_has_the_prefix_and_the_lifetime_of_the_one_before(store):
    store.create("shop", ["read"], now=NOW, expires_at=NOW + 30 * DAY, prefix="hak")
    for days in (10, 20):
        new, secret = store.rotate("shop", now=NOW + days * DAY, overlap=DAY)
        assert secret.startswith("hak_")
        assert new.expires_at == NOW + (days + 30) * DAY
    other, secret = store.rotate(
        "shop", now=NOW + 20 * DAY, overlap=DAY, prefix="rev", lifetime=7 * DAY
    )
    assert secret.startswith("rev_")
    assert other.expires_at == NOW + 27 * DAY
    with pytest.raises(KeyStoreError, match="expired already"):
        store.rotate("shop", now=NOW + 21 * DAY, overlap=DAY, lifetime=0 * DAY)


def test_a_store_of_before_is_opened_and_its_keys_are_rotated(store, tmp_path):
    _, secret = store.create("shop", ["read"], now=NOW, prefix="hak")
    store.close()
    with closing(sqlite3.connect(tmp_path / "keys" / "keys.sqlite")) as older:
        older.execute("alter table api_keys drop column prefix")
        older.execute("alter table api_keys drop column lifetime_seconds")
    again = KeyStore(tmp_path / "keys")
    assert again.find(secret, NOW)
    new, successor = again.rotate("shop", now=NOW, overlap=DAY)
    assert successor.startswith("mh_")
    assert new.expires_at is None
    again.close()


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_a_rate_that_nobody_can_be_held_to_is_refused(store, rate):
    with pytest.raises(KeyStoreError, match="is not possible"):
        store.create("shop", ["read"], now=NOW, requests_per_second=rate)


def test_a_second_rotation_replaces_the_newest_key(store):
    store.create("shop", ["read"], now=NOW)
    second, _ = store.rotate("shop", now=NOW, overlap=DAY)
    third, _ = store.rotate("shop", now=NOW + DAY / 2, overlap=DAY)
    ends = {key.key_id: key.expires_at for key in store.all_keys()}
    assert ends[second.key_id] == NOW + DAY / 2 + DAY
    assert ends[third.key_id] is None


def test_admin_may_everything_and_others_what_they_were_given(store):
    admin, _ = store.create("ops", ["admin"], now=NOW)
    sender, _ = store.create("shop", ["meter:write"], now=NOW)
    assert admin.may("read")
    assert admin.may("meter:write")
    assert sender.may("meter:write")
    assert not sender.may("read")
    assert not sender.may("admin")


def test_the_last_use_is_kept_to_the_minute(store):
    key, _ = store.create("shop", ["read"], now=NOW)
    for seconds in (0, 30, 59, 61):
        store.note_use(key, NOW + timedelta(seconds=seconds))
    (kept,) = store.all_keys()
    assert kept.last_used_at == NOW + timedelta(seconds=61)


def test_a_store_that_cannot_be_written_still_lets_keys_in(store, tmp_path):
    key, secret = store.create("shop", ["read"], now=NOW)
    with sqlite3.connect(tmp_path / "keys" / "keys.sqlite") as other:
        other.execute("begin immediate")
        store.note_use(key, NOW)
        assert store.find(secret, NOW)
        other.rollback()
    other.close()


def test_two_processes_that_start_together_share_one_pepper(tmp_path: Path):
    first, second = KeyStore(tmp_path / "keys"), KeyStore(tmp_path / "keys")
    _, secret = first.create("shop", ["read"], now=NOW)
    assert second.find(secret, NOW)
    first.close()
    second.close()
