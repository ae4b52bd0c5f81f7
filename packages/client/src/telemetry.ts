import type { Attributes, Counter, Tracer } from '@opentelemetry/api';
import type { TokenRejection } from './answers.js';

/** Where an answer came from: proved here, asked for, or trusted without being able to ask. */
export type Source = 'local' | 'remote' | 'trusted';

/** Spans and counters by the API of OpenTelemetry; nothing where the application has none. */
export interface Telemetry {
  readonly verified: (source: Source, reason: TokenRejection | null) => void;
  readonly observe: <T>(name: string, call: () => Promise<T>) => Promise<T>;
}

const NAME = '@authgraph/client';
const ERROR_STATUS = 2;

/** Looks for the API without waiting for it. */
export function openTelemetry(): Telemetry {
  let tracer: Tracer | undefined;
  let verifications: Counter | undefined;
  let calls: Counter | undefined;
  import('@opentelemetry/api').then(
    ({ trace, metrics }) => {
      tracer = trace.getTracer(NAME);
      const meter = metrics.getMeter(NAME);
      verifications = meter.createCounter('authgraph.client.verifications', {
        description: 'Tokens that were verified, by where the answer came from and what it was',
      });
      calls = meter.createCounter('authgraph.client.calls', {
        description: 'Calls of the auth service, by operation and outcome',
      });
    },
    () => undefined,
  );
  return {
    verified: (source, reason) => {
      if (verifications === undefined) return;
      verifications.add(1, reason === null ? VALID[source] : attributesOf(source, reason));
    },
    async observe(name, call) {
      const span = tracer?.startSpan(`authgraph ${name}`, { kind: 2 });
      try {
        const answer = await call();
        calls?.add(1, attributesOf(name, 'ok'));
        return answer;
      } catch (error) {
        span?.setStatus({ code: ERROR_STATUS });
        calls?.add(1, attributesOf(name, (error as { code?: string }).code ?? 'error'));
        throw error;
      } finally {
        span?.end();
      }
    },
  };
}

const attributes = (kind: string, outcome: string): Attributes => ({
  'authgraph.kind': kind,
  'authgraph.outcome': outcome,
});

/** The same few objects again and again: this is counted on the hot path. */
const VALID: Readonly<Record<Source, Attributes>> = {
  local: attributes('local', 'VALID'),
  remote: attributes('remote', 'VALID'),
  trusted: attributes('trusted', 'VALID'),
};

const made = new Map<string, Attributes>();

function attributesOf(what: string, outcome: string): Attributes {
  const key = `${what} ${outcome}`;
  let known = made.get(key);
  if (!known) made.set(key, (known = attributes(what, outcome)));
  return known;
}
