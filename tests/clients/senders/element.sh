#!/usr/bin/env bash
# The request of the seeds' page on metering elements, but for its host, key and application.
curl --silent --show-error --fail-with-body --verbose --request POST \
     --url "$METERHOUSE_URL/meter/v1/api/meter" \
     --header 'content-type: application/json' \
     --header "x-api-key: $REVENIUM_METERING_API_KEY" \
     --data '
{
  "url": "https://test-asset-url.com/test/",
  "application": "'"$SENDER_CREDENTIAL"'",
  "contentType": "application/json",
  "httpProtocol": "HTTP/1.0",
  "method": "POST",
  "responseCode": 200,
  "elements": [{"name": "yourElementName",
                "value": "yourElementValue"}]
}'
