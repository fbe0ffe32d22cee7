"""Surrogate keys: what stands for a person, an address or a secret outside the one table of people.

The catalogue and the events use the same functions, so that a key made on one side is found on
the other. A key reveals nothing by itself, and erasing a person leaves every key where it is.
"""

import hashlib
from functools import lru_cache

# Many events of few people are the rule. Secrets are not among what is remembered.
_PEOPLE = 20_000


@lru_cache(_PEOPLE)
def subscriber_key(subscriber_id: str) -> str:
    """Return the key of a subscriber; blanks around the id do not matter, its case does."""
    return _digest(f"subscriber:{subscriber_id.strip()}")


@lru_cache(_PEOPLE)
def email_key(email: str) -> str:
    """Return the key of an e-mail address; neither blanks around it nor its case matter."""
    return _digest(f"email:{email.strip().lower()}")


def credential_key(value: str) -> str:
    """Return the key of a credential's secret value; blanks around it do not matter."""
    return _digest(f"credential:{value.strip()}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def event_key(source_id: str, event_id: str) -> str:
    """Return the key of an identity; the length keeps ('a', 'b-c') and ('a-b', 'c') apart."""
    return _digest(f"event:{len(source_id)}:{source_id}{event_id}")[:32]
