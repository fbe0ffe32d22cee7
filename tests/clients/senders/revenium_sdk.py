"""Send one record of every kind with Revenium's Python SDK, as its users do."""

import os

from revenium_middleware import flush_metering, report_tool_call
from revenium_middleware._metering import ReveniumMetering

CREDENTIAL = os.environ["SENDER_CREDENTIAL"]
NOW = os.environ["SENDER_NOW"]
SUBSCRIBER = {"id": "user-7", "credential": {"name": "team-a", "value": CREDENTIAL}}
CALL = {
    "request_duration": 1340,
    "request_time": NOW,
    "response_time": NOW,
    "subscriber": SUBSCRIBER,
}

client = ReveniumMetering(
    api_key=os.environ["REVENIUM_METERING_API_KEY"],
    base_url=os.environ["REVENIUM_METERING_BASE_URL"],
)
client.ai.create_completion(
    completion_start_time=NOW,
    cost_type="AI",
    input_token_count=1200,
    output_token_count=310,
    total_token_count=1510,
    is_streamed=False,
    model="gpt-4o-mini",
    provider="openai",
    stop_reason="END",
    transaction_id="sdk-completion",
    **CALL,
)
client.ai.create_image(
    model="dall-e-3",
    provider="openai",
    actual_image_count=2,
    requested_image_count=2,
    transaction_id="sdk-image",
    **CALL,
)
client.ai.create_video(
    model="gen4_turbo",
    provider="runway",
    duration_seconds=5.0,
    transaction_id="sdk-video",
    **CALL,
)
client.ai.create_audio(
    model="whisper-1",
    provider="openai",
    duration_seconds=12.5,
    transaction_id="sdk-audio",
    **CALL,
)
client.events.create(
    payload={"region": "Singapore", "pages": 14},
    source_type="SDK_PYTHON",
    subscriber_credential=CREDENTIAL,
    transaction_id="sdk-event",
)
# The response first: a transaction is one whichever half arrives before the other.
client.apis.meter_response(response_code=200, transaction_id="sdk-api", total_duration=124)
client.apis.meter_request(
    transaction_id="sdk-api", credential=CREDENTIAL, method="POST", resource="/v1/summaries"
)
report_tool_call(
    "firecrawl",
    operation="scrape",
    duration_ms=1234,
    subscriber_credential=CREDENTIAL,
    transaction_id="0b5a3b52-6a5f-4c0e-9a0e-3f3c8f5e2d10",
)
while flush_metering(10):
    pass
