"""Call OpenAI's client wrapped by Revenium's middleware; the wrapper does the metering."""

import os

import openai
import revenium_middleware.openai  # noqa: F401 - importing it wraps the client
from revenium_middleware import flush_metering

METADATA = {
    "subscriber": {
        "id": "user-8",
        "credential": {"name": "team-b", "value": os.environ["SENDER_CREDENTIAL"]},
    }
}
MESSAGES = [{"role": "user", "content": "Summarise."}]

client = openai.OpenAI(api_key="vendor-key")
client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, usage_metadata=METADATA)
client.embeddings.create(
    model="text-embedding-3-small", input="Summarise.", usage_metadata=METADATA
)
while flush_metering(10):
    pass
