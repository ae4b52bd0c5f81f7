import type { Receiver } from './receiver.js';
import { evidence } from './secrets.js';

/** A step of a trace, as a collector is told of it. */
export interface Span {
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  kind: number;
  attributes: Record<string, string | number>;
  status: number;
}

interface Export {
  resourceSpans: {
    scopeSpans: {
      spans: (Omit<Span, 'attributes' | 'status'> & {
        attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
        status?: { code?: number };
      })[];
    }[];
  }[];
}

/** All that a collector was sent so far, in OTLP as JSON. */
export function spansAt({ received }: Pick<Receiver, 'received'>): Span[] {
  return received.flatMap(({ body }) => {
    evidence.text('trace', body);
    const { resourceSpans } = JSON.parse(body) as Export;
    return resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) =>
        spans.map(({ attributes, status, ...span }) => ({
          ...span,
          status: status?.code ?? 0,
          attributes: Object.fromEntries(
            attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
          ),
        })),
      ),
    );
  });
}
