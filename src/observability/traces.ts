import {
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Span,
  type Tracer as OtelTracer,
} from '@opentelemetry/api';
import type * as OtelSdk from '@opentelemetry/sdk-trace-base';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import type { About, Step, Tracer } from '../domain/tracing.js';
import { presentable } from '../errors.js';

/** Traces that are being made, and their way out. */
export interface Traces extends Tracer {
  /** Sends what is left, for a few seconds at most. */
  close(): Promise<void>;
}

const FAREWELL_MS = 3000;

/** Starts sending traces. What does it is loaded here and not before. */
export async function openTraces(to: NonNullable<Config['traces']>, log: Logger): Promise<Traces> {
  const [{ OTLPTraceExporter }, { resourceFromAttributes }, sdk] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace-base'),
  ]);
  tellOf(log);
  const exporter = new OTLPTraceExporter({ url: to.url, headers: to.headers });
  const provider = new sdk.BasicTracerProvider({
    resource: resourceFromAttributes(to.attributes),
    sampler: samplerOf(sdk, to.sampler),
    spanProcessors: [new sdk.BatchSpanProcessor(exporter, { scheduledDelayMillis: to.delayMs })],
  });
  const tracer = provider.getTracer('authgraph');
  return {
    begin(name, traceparent, about) {
      const options = { kind: SpanKind.SERVER, attributes: about };
      const span = tracer.startSpan(name, options, remote(traceparent));
      // A request that is not sampled goes its way as if nobody traced.
      return span.isRecording() ? stepOf(tracer, span) : undefined;
    },
    async close() {
      const patience = new Promise((resolve) => setTimeout(resolve, FAREWELL_MS).unref());
      await Promise.race([provider.shutdown().catch(() => undefined), patience]);
    },
  };
}

/** The exporter's complaints, once until it has nothing to complain of: they may quote what was sent, so none is repeated. */
function tellOf(log: Logger): void {
  let isTold = false;
  const ignore = () => undefined;
  const warn = () => {
    if (!isTold) log.warn('traces cannot be handed over; see OTEL_EXPORTER_OTLP_ENDPOINT');
    isTold = true;
  };
  const logger = { error: warn, warn, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

type Sdk = typeof OtelSdk;

function samplerOf(sdk: Sdk, { name, ratio }: NonNullable<Config['traces']>['sampler']) {
  const own = name.endsWith('always_off')
    ? new sdk.AlwaysOffSampler()
    : name.endsWith('traceidratio')
      ? new sdk.TraceIdRatioBasedSampler(ratio)
      : new sdk.AlwaysOnSampler();
  return name.startsWith('parentbased') ? new sdk.ParentBasedSampler({ root: own }) : own;
}

/** Version, trace, parent, flags (W3C Trace Context §3.2); later versions may say more behind them. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:$|-)/;

function remote(traceparent: string | undefined): Context {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags ?? '0', 16) & TraceFlags.SAMPLED;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function stepOf(tracer: OtelTracer, span: Span): Step {
  const { traceId, spanId } = span.spanContext();
  const ids = { trace_id: traceId, span_id: spanId };
  const inside = trace.setSpan(ROOT_CONTEXT, span);
  return {
    ids,
    begin: (name, attributes, kind) =>
      stepOf(tracer, tracer.startSpan(name, { ...(attributes && { attributes }), ...kindOf(kind) }, inside)),
    note(about, name) {
      span.setAttributes(about);
      if (name !== undefined) span.updateName(name);
    },
    end(error) {
      if (error !== undefined) blame(span, error);
      span.end();
    },
  };
}

const kindOf = (kind: 'client' | undefined) => (kind === undefined ? {} : { kind: SpanKind.CLIENT });

const OUR_FAULT: ReadonlySet<string> = new Set(['SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR']);

/** Codes alone: messages may quote what was sent. A refusal is an answer, and no failure of ours. */
function blame(span: Span, error: unknown): void {
  const { code } = presentable(error);
  const about: About = { 'error.type': code };
  span.setAttributes(about);
  if (OUR_FAULT.has(code)) span.setStatus({ code: SpanStatusCode.ERROR });
}
