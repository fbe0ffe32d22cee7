"""Call Anthropic's client wrapped by Revenium's middleware; the wrapper does the metering."""

import os

import anthropic
import revenium_middleware.anthropic  # noqa: F401 - importing it wraps the client
from revenium_middleware import flush_metering

METADATA = {
    "subscriber": {
        "id": "user-9",
        "credential": {"name": "team-c", "value": os.environ["SENDER_CREDENTIAL"]},
    }
}

anthropic.Anthropic(api_key="vendor-key").messages.create(
    model="claude-sonnet-4-5",
    max_tokens=64,
    messages=[{"role": "user", "content": "Summarise."}],
    usage_metadata=METADATA,
)
while flush_metering(10):
    pass
