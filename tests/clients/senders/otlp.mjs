// Export a span and a counter with OpenTelemetry's own exporters for Node.
import { metrics } from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { TracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace';

const base = process.env.METERHOUSE_URL + '/meter/v2/otlp/v1';
const headers = { 'x-api-key': process.env.REVENIUM_METERING_API_KEY };
const resource = resourceFromAttributes({
  'service.name': 'summaries',
  'revenium.subscriber.credential.value': process.env.SENDER_CREDENTIAL,
});

const traces = new TracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor({
    exporter: new OTLPTraceExporter({ url: base + '/traces', headers, compression: 'gzip' }),
  })],
});
const span = traces.getTracer('summaries').startSpan('chat gpt-4o-mini');
span.setAttributes({
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': 'gpt-4o-mini',
  'gen_ai.usage.input_tokens': 900,
  'gen_ai.usage.output_tokens': 100,
});
span.end();
await traces.shutdown();

const reader = new PeriodicExportingMetricReader({
  exporter: new OTLPMetricExporter({ url: base + '/metrics', headers }),
});
const provider = new MeterProvider({ resource, readers: [reader] });
const pages = provider.getMeter('summaries').createCounter('pages');
pages.add(3);
await provider.forceFlush();
pages.add(4);
await provider.shutdown();
