"""Meter API calls with the client of the first protocol."""

import os

from hypercurrent_metering import ApiClient, Configuration, MeteringControllerApi

configuration = Configuration()
configuration.host = os.environ["METERHOUSE_URL"] + "/meter/v1/api"
client = ApiClient(configuration)
client.set_default_header("x-api-key", os.environ["REVENIUM_METERING_API_KEY"])
for number in range(2):
    client.set_default_header("Idempotency-Key", f"hypercurrent-{number}")
    MeteringControllerApi(client).meter(
        {
            "application": os.environ["SENDER_CREDENTIAL"],
            "method": "GET",
            "url": "https://api.example.test/v1/regions",
            "responseCode": 200,
            "requestMessageSize": "12",
            "elements": [{"name": "region", "value": "Singapore"}],
        }
    )
