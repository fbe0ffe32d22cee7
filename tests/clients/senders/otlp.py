"""Export spans, metrics and logs with OpenTelemetry's own exporters for Python.

`SENDER_OTLP` says which: `proto` or `json`.
"""

import importlib
import os

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

PACKAGE = f"opentelemetry.exporter.otlp.{os.environ['SENDER_OTLP']}.http"


def exporter(module: str, name: str) -> type:
    return getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)


resource = Resource(
    {
        "service.name": "summaries",
        "revenium.subscriber.credential.value": os.environ["SENDER_CREDENTIAL"],
    }
)

traces = TracerProvider(resource=resource)
traces.add_span_processor(BatchSpanProcessor(exporter("trace_exporter", "OTLPSpanExporter")()))
tracer = traces.get_tracer("summaries")
with tracer.start_as_current_span("chat gpt-4o-mini") as span:
    span.set_attribute("gen_ai.operation.name", "chat")
    span.set_attribute("gen_ai.provider.name", "openai")
    span.set_attribute("gen_ai.request.model", "gpt-4o-mini")
    span.set_attribute("gen_ai.usage.input_tokens", 900)
    span.set_attribute("gen_ai.usage.output_tokens", 100)
traces.shutdown()

reader = PeriodicExportingMetricReader(exporter("metric_exporter", "OTLPMetricExporter")())
metrics = MeterProvider(metric_readers=[reader], resource=resource)
pages = metrics.get_meter("summaries").create_counter("pages")
pages.add(3)
# A counter is cumulative: each export tells the sum so far, and the last one is told twice.
metrics.force_flush()
pages.add(4)
metrics.force_flush()
metrics.shutdown()

logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(
    BatchLogRecordProcessor(exporter("_log_exporter", "OTLPLogExporter")())
)
logs.get_logger("summaries").emit(
    body="claude_code.api_request",
    severity_number=SeverityNumber.INFO,
    attributes={
        "event.name": "api_request",
        "model": "claude-sonnet-4-5",
        "input_tokens": "50",
        "output_tokens": "10",
        "cost_usd": "0.25",
        "transaction_id": "log-" + os.environ["SENDER_CREDENTIAL"],
    },
)
logs.shutdown()
