"""The description of the API, with an example of everything that can be sent."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ingest.api.call import PROTOBUF
from ingest.api.endpoints import ENDPOINTS, EventEndpoint, OtlpEndpoint

VERSION = "1"
DESCRIPTION = (
    "Events are answered with 2xx once they are on the disk. What is refused is answered with"
    " every field at fault, and kept with the ingestion failures. A method that a path does not"
    " have is answered with 405."
)
Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_OBJECT: Schema = {"type": "object"}
_COUNT: Schema = {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}
_INSTANT: Schema = {"type": "string", "format": "date-time"}
_SUBSCRIBER: Schema = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "email": _TEXT,
        "credential": {"type": "object", "properties": {"name": _TEXT, "value": _TEXT}},
    },
}
_WHO = {
    "subscriber": _SUBSCRIBER,
    "organizationName": _TEXT,
    "productName": _TEXT,
    "subscriptionId": _TEXT,
}
_AI = {
    "transactionId": _TEXT,
    "provider": _TEXT,
    "model": _TEXT,
    "requestTime": _INSTANT,
    "totalCost": {"oneOf": [{"type": "number", "minimum": 0}, {"type": "string"}]},
    "billingSkipped": {"type": "boolean"},
    **_WHO,
}
_AI_EXAMPLE = {
    "transactionId": "chatcmpl-4711",
    "provider": "OPENAI",
    "model": "gpt-4o-mini",
    "requestTime": "2026-03-01T00:59:58.120Z",
    "responseTime": "2026-03-01T00:59:59.010Z",
    "requestDuration": 890,
    "organizationName": "Pharma House",
    "productName": "Summaries",
    "subscriber": {"id": "buyer", "email": "buyer@example.com"},
}
_CLOUD_EVENT_EXAMPLE = {
    "specversion": "1.0",
    "id": "e-4711",
    "source": "shop",
    "type": "order.packed",
    "subject": "buyer",
    "time": "2026-03-01T00:59:58Z",
    "subscriptionid": "sub-1",
    "data": {"parcels": 2, "region": "Singapore"},
}
_RESOURCE = {"attributes": [{"key": "revenium.subscription.id", "value": {"stringValue": "sub-1"}}]}
_SPANS_EXAMPLE = {
    "resourceSpans": [
        {
            "resource": _RESOURCE,
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b174",
                            "name": "chat gpt-4o-mini",
                            "startTimeUnixNano": "1772326798120000000",
                            "endTimeUnixNano": "1772326799010000000",
                            "attributes": [
                                {
                                    "key": "gen_ai.provider.name",
                                    "value": {"stringValue": "openai"},
                                },
                                {
                                    "key": "gen_ai.request.model",
                                    "value": {"stringValue": "gpt-4o-mini"},
                                },
                                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "120"}},
                                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "30"}},
                            ],
                        }
                    ]
                }
            ],
        }
    ]
}
_LOGS_EXAMPLE = {
    "resourceLogs": [
        {
            "resource": _RESOURCE,
            "scopeLogs": [
                {
                    "logRecords": [
                        {
                            "timeUnixNano": "1772326798120000000",
                            "body": {"stringValue": "order packed"},
                            "attributes": [{"key": "parcels", "value": {"intValue": "2"}}],
                        }
                    ]
                }
            ],
        }
    ]
}
_METRICS_EXAMPLE = {
    "resourceMetrics": [
        {
            "resource": _RESOURCE,
            "scopeMetrics": [
                {
                    "metrics": [
                        {
                            "name": "parcels",
                            "sum": {
                                "aggregationTemporality": 2,
                                "isMonotonic": True,
                                "dataPoints": [
                                    {
                                        "startTimeUnixNano": "1772323200000000000",
                                        "timeUnixNano": "1772326798120000000",
                                        "asInt": "17",
                                    }
                                ],
                            },
                        }
                    ]
                }
            ],
        }
    ]
}


def _form(required: tuple[str, ...], properties: Schema, example: Schema) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "example": example,
    }


def _ai_form(example: Schema, *required: str) -> Schema:
    counts = dict.fromkeys(required, _COUNT)
    must_have = ("provider", "model", *required)
    return _form(must_have, _AI | counts, _AI_EXAMPLE | example)


FORMS: Mapping[str, Schema] = {
    "/meter/v1/api/meter": _form(
        ("method", "responseCode"),
        {
            "method": _TEXT,
            "responseCode": _COUNT,
            "application": _TEXT,
            "productKey": _TEXT,
            "url": _TEXT,
            "elements": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": _TEXT, "value": _TEXT},
                },
            },
        },
        {
            "application": "a-credential",
            "method": "GET",
            "url": "/parcels",
            "responseCode": 200,
            "elements": [{"name": "region", "value": "Singapore"}],
        },
    ),
    "/meter/v1/api/event": _form(
        ("responseCode",),
        {
            "requestId": _TEXT,
            "eventType": {"enum": ["REQUEST", "RESPONSE"]},
            "responseCode": _COUNT,
        },
        {
            "requestId": "r-4711",
            "eventType": "RESPONSE",
            "application": "a-credential",
            "method": "GET",
            "uri": "/parcels",
            "currentMillis": 1772326798120,
            "responseCode": 200,
        },
    ),
    "/meter/v2/ai/completions": _ai_form(
        {"inputTokenCount": 120, "outputTokenCount": 30, "totalTokenCount": 150}
    ),
    "/meter/v2/ai/images": _ai_form(
        {"actualImageCount": 2, "requestedImageCount": 2}, "actualImageCount"
    ),
    "/meter/v2/ai/video": _ai_form({"durationSeconds": 8}, "durationSeconds"),
    "/meter/v2/ai/audio": _ai_form({"durationSeconds": 61.5, "billingUnit": "PER_MINUTE"}),
    "/meter/v2/events": _form(
        ("payload",),
        {
            "transactionId": _TEXT,
            "payload": _OBJECT,
            "sourceId": _TEXT,
            "subscriberCredential": _TEXT,
        },
        {
            "transactionId": "e-4711",
            "sourceId": "shop",
            "subscriberCredential": "a-credential",
            "payload": {"parcels": 2, "region": "Singapore"},
        },
    ),
    "/meter/v2/apis/requests": _form(
        ("transactionId",),
        {"transactionId": _TEXT, "method": _TEXT, "resource": _TEXT, "credential": _TEXT},
        {
            "transactionId": "a-4711",
            "method": "GET",
            "resource": "/parcels",
            "credential": "a-credential",
        },
    ),
    "/meter/v2/apis/responses": _form(
        ("transactionId", "responseCode"),
        {"transactionId": _TEXT, "responseCode": _COUNT},
        {"transactionId": "a-4711", "responseCode": 200, "totalDuration": 12},
    ),
    "/meter/v2/tool/events": _form(
        ("toolId",),
        {
            "transactionId": _TEXT,
            "toolId": _TEXT,
            "timestamp": _INSTANT,
            "success": {"type": "boolean"},
        },
        {
            "transactionId": "0b5b2c1e-4d2f-4c55-9a0e-1f2f3a4b5c6d",
            "toolId": "search",
            "durationMs": 40,
            "success": True,
            "timestamp": "2026-03-01T00:59:58Z",
            "subscriberCredential": "a-credential",
        },
    ),
    "/v1/events": _form(
        ("specversion", "id", "source", "type"),
        {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": 255},
            "source": {"type": "string", "minLength": 1, "maxLength": 255},
            "type": {"type": "string", "minLength": 1},
            "time": _INSTANT,
            "datacontenttype": _TEXT,
            "data": {"description": "Any JSON; the members of an object are metering elements"},
            "data_base64": _TEXT
            | {"description": "The data, JSON or text as datacontenttype says; in place of data"},
        },
        _CLOUD_EVENT_EXAMPLE,
    ),
}
EXAMPLES: Mapping[str, Schema] = {
    **{path: form["example"] for path, form in FORMS.items()},
    "/meter/v2/otlp/v1/traces": _SPANS_EXAMPLE,
    "/meter/v2/otlp/v1/logs": _LOGS_EXAMPLE,
    "/meter/v2/otlp/v1/metrics": _METRICS_EXAMPLE,
    "/meter/v2/otlp": _SPANS_EXAMPLE,
}
_ERROR = {"$ref": "#/components/schemas/Error"}
_COMPONENTS: Schema = {
    "Accepted": {
        "type": "object",
        "required": ["id", "label", "resourceType", "signature", "created"],
        "properties": {
            "id": _TEXT | {"description": "The key of the event's identity"},
            "label": _TEXT | {"description": "Its transaction id"},
            "resourceType": _TEXT,
            "signature": _TEXT | {"description": "A hash of what was said"},
            "created": _INSTANT,
        },
    },
    "Batch": {
        "type": "object",
        "required": ["resourceType", "accepted", "refused", "created"],
        "properties": {
            "resourceType": _TEXT,
            "accepted": {"type": "integer"},
            "refused": {"type": "integer"},
            "created": _INSTANT,
            "items": {
                "type": "array",
                "description": "The records that were refused; the others are accepted",
                "items": {
                    "type": "object",
                    "required": ["index", "status", "errors"],
                    "properties": {
                        "index": {"type": "integer", "description": "Counted from 0"},
                        "status": {"type": "integer"},
                        "errors": {
                            "type": "array",
                            "items": {"$ref": "#/components/schemas/Problem"},
                        },
                    },
                },
            },
        },
    },
    "Exported": {
        "type": "object",
        "required": ["partialSuccess"],
        "properties": {"partialSuccess": _OBJECT, "processedEvents": {"type": "integer"}},
    },
    "Problem": {
        "type": "object",
        "required": ["code", "field", "message"],
        "properties": {
            name: {"type": ["string", "null"]}
            for name in ("code", "field", "message", "resolution", "value")
        },
    },
    "Error": {
        "type": "object",
        "required": ["status", "error", "message", "path", "timestamp", "errors"],
        "properties": {
            "status": {"type": "integer"},
            "error": _TEXT,
            "message": _TEXT,
            "path": _TEXT,
            "timestamp": _INSTANT,
            "details": _OBJECT,
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}},
            "retryAfterSeconds": {"type": "integer"},
        },
    },
}
_REFUSALS = {
    "400": "It can't be read; every field at fault is named",
    "401": "No key, or none that is accepted",
    "403": "The key lacks the scope meter:write",
    "408": "The body did not come in time",
    "409": "The Idempotency-Key belongs to another request, or its first is not answered yet",
    "413": "Too large, or too many records",
    "414": "A URL that is too long",
    "415": "A Content-Encoding that is not known",
    "422": "Strict mode: a name that the catalogue does not know",
    "429": "Too often with this key; Retry-After says how long to wait",
    "431": "Headers that are too long",
    "500": "The server failed; nothing is known of what was sent",
    "503": "It can't be kept now; Retry-After says when to try again",
}
_HEALTH = ("/healthz", "/readyz")
PRODUCT_KEY = "/meter/v1/api/meter/product-key"
_UNREADABLE = {
    "400": "A parameter can't be read; it is named",
    "401": "No key, or none that is accepted",
    "403": "The key lacks the scope read",
    "404": "The catalogue does not know it",
    "503": "Keys can't be checked now; Retry-After says when to try again",
}
_UNSERVED = {status: _REFUSALS[status] for status in ("414", "431")} | {"500": "The server failed"}
_PROTOBUF: Schema = {"schema": {"type": "string", "format": "binary"}}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the whole server."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        made["paths"] = {
            **{path: {"post": _operation(each)} for each in ENDPOINTS for path in each.paths},
            **{path: _readable(path, methods) for path, methods in made["paths"].items()},
        }
        components = made.setdefault("components", {})
        components["schemas"] = dict(_COMPONENTS)
        components["securitySchemes"] = {
            "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
        made["security"] = [{"key": []}, {"bearer": []}]
        app.openapi_schema = made
    return app.openapi_schema


def _readable(path: str, methods: Schema) -> Schema:
    """Return what the framework tells of a path that is read, with what it does not know."""
    responses = methods["get"]["responses"]
    # The framework's own, of a form that nothing here is answered in.
    responses.pop("422", None)
    if path in _HEALTH:
        methods["get"]["security"] = []
        responses["503"] = _response("Events can't be accepted", _OBJECT)
    else:
        responses |= {code: _response(told, _ERROR) for code, told in _UNREADABLE.items()}
    responses |= {code: _response(told, _ERROR) for code, told in _UNSERVED.items()}
    if path == PRODUCT_KEY:
        responses["403"] = _response("The key has neither meter:write nor read", _ERROR)
    if path == "/metrics":
        responses["200"] = {"description": "Counters", "content": {"text/plain": {"schema": _TEXT}}}
    return methods


def _operation(endpoint: EventEndpoint | OtlpEndpoint) -> dict[str, Any]:
    is_otlp = isinstance(endpoint, OtlpEndpoint)
    answers = [{"$ref": f"#/components/schemas/{'Exported' if is_otlp else 'Accepted'}"}]
    if not is_otlp:
        answers.append({"$ref": "#/components/schemas/Batch"})
    responses = {
        str(endpoint.status): _response("On the disk", {"anyOf": answers}),
        **{status: _response(told, _ERROR) for status, told in _REFUSALS.items()},
    }
    if not is_otlp:
        told = "Some of a batch was accepted; what was not is listed"
        responses["207"] = _response(told, {"$ref": "#/components/schemas/Batch"})
    else:
        # What comes in protobuf is answered in protobuf.
        for response in responses.values():
            response["content"][PROTOBUF] = _PROTOBUF
    return {
        "summary": endpoint.summary,
        "tags": ["OpenTelemetry" if is_otlp else "Events"],
        "parameters": [_IDEMPOTENCY_KEY, *(_ATTRIBUTES if _is_cloud_events(endpoint) else ())],
        "requestBody": {"required": True, "content": _content(endpoint)},
        "responses": responses,
    }


_IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body give the same answer",
    "schema": {"type": "string", "maxLength": 255},
}


# What makes it binary mode; any other attribute can come in the same way.
_ATTRIBUTES: tuple[Schema, ...] = tuple(
    {
        "name": f"ce-{name}",
        "in": "header",
        "required": False,
        "description": "An attribute of a CloudEvent in binary mode, whose data are the body",
        "schema": schema,
    }
    for name, schema in (
        ("specversion", {"const": "1.0"}),
        ("id", _TEXT),
        ("source", _TEXT),
        ("type", _TEXT),
    )
)


def _is_cloud_events(endpoint: EventEndpoint | OtlpEndpoint) -> bool:
    return isinstance(endpoint, EventEndpoint) and endpoint.is_cloud_events


def _content(endpoint: EventEndpoint | OtlpEndpoint) -> Schema:
    example = EXAMPLES[endpoint.path]
    if isinstance(endpoint, OtlpEndpoint):
        return {
            "application/json": {"schema": _OBJECT, "example": example},
            PROTOBUF: _PROTOBUF,
        }
    one = FORMS[endpoint.path]
    both = {"oneOf": [one, {"type": "array", "items": one}]}
    lines = {"application/x-ndjson": {"schema": _TEXT}}
    if endpoint.is_cloud_events:
        data = {"description": "In binary mode: the data"}
        return {
            "application/cloudevents+json": {"schema": one, "example": example},
            "application/cloudevents-batch+json": {"schema": {"type": "array", "items": one}},
            "application/json": {"schema": {"anyOf": [*both["oneOf"], data]}, "example": example},
            "text/plain": {"schema": _TEXT | data},
            **lines,
        }
    return {"application/json": {"schema": both, "example": example}, **lines}


def _response(told: str, schema: Schema) -> dict[str, Any]:
    return {"description": told, "content": {"application/json": {"schema": schema}}}
