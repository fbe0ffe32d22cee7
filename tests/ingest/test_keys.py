import hashlib

from ingest.keys import credential_key, email_key, subscriber_key


def test_a_key_is_the_hash_of_a_kind_and_a_value() -> None:
    assert subscriber_key("anna") == hashlib.sha256(b"subscriber:anna").hexdigest()
    assert email_key("anna@example.com") == hashlib.sha256(b"email:anna@example.com").hexdigest()
    assert credential_key("sk-1") == hashlib.sha256(b"credential:sk-1").hexdigest()


def test_blanks_do_not_matter_and_case_only_in_names_and_secrets() -> None:
    assert subscriber_key(" anna\t") == subscriber_key("anna") != subscriber_key("Anna")
    assert credential_key(" sk-1 ") == credential_key("sk-1") != credential_key("SK-1")
    assert email_key(" Anna@Example.com ") == email_key("anna@example.com")


def test_the_same_text_of_another_kind_has_another_key() -> None:
    assert len({subscriber_key("a"), email_key("a"), credential_key("a")}) == 3
