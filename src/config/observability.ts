import { z } from 'zod';

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

const number = (message: string) => ({
  error: (issue: { code?: string | undefined }) => (issue.code === 'invalid_type' ? message : undefined),
});

/** `name=value,name=value`, each value percent-encoded, as the specification of OpenTelemetry writes headers and attributes. */
const pairs = z
  .string()
  .refine((text) => text.split(',').every(isPair), 'must be a list of name=value, percent-encoded')
  .transform((text) => Object.fromEntries(text.split(',').map(readPair)) as Record<string, string>);

/** The part of the variables that says what is told of the service, and where; those of OpenTelemetry have the names of its specification. */
export const observabilityVariables = {
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  METRICS_PORT: z.coerce.number(number('must be a port number')).int().min(0).max(65535).optional(),
  METRICS_HOST: z.string().optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z
    .literal('http/json', 'must be http/json, which every collector takes at its port for OTLP over HTTP')
    .default('http/json'),
  OTEL_EXPORTER_OTLP_HEADERS: pairs.optional(),
  OTEL_SERVICE_NAME: z.string().min(1).max(255).default('authgraph'),
  OTEL_RESOURCE_ATTRIBUTES: pairs.optional(),
  OTEL_BSP_SCHEDULE_DELAY: z.coerce
    .number(number('must be a whole number of milliseconds'))
    .int()
    .min(1)
    .max(600_000)
    .default(5000),
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number(number('must be a number')).min(0).max(1).default(1),
} as const;

type Given = z.infer<z.ZodObject<typeof observabilityVariables>> & { HOST?: string | undefined };

/** What is logged, and where metrics are served and traces sent to: nowhere unless asked for. */
export function observabilityOf(v: Given, production: boolean) {
  const { METRICS_PORT: port, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = v;
  return {
    log: { level: v.LOG_LEVEL },
    metrics:
      port === undefined
        ? undefined
        : { port, host: v.METRICS_HOST ?? v.HOST ?? (production ? '::' : '127.0.0.1') },
    traces:
      endpoint === undefined
        ? undefined
        : {
            url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
            headers: v.OTEL_EXPORTER_OTLP_HEADERS ?? {},
            attributes: { ...v.OTEL_RESOURCE_ATTRIBUTES, 'service.name': v.OTEL_SERVICE_NAME },
            delayMs: v.OTEL_BSP_SCHEDULE_DELAY,
            sampler: { name: v.OTEL_TRACES_SAMPLER, ratio: v.OTEL_TRACES_SAMPLER_ARG },
          },
  };
}

function isPair(text: string): boolean {
  const [, name, value] = /^\s*([^\s=]+)\s*=(.*)$/.exec(text) ?? [];
  try {
    return name !== undefined && typeof decodeURIComponent(value ?? '') === 'string';
  } catch {
    return false;
  }
}

function readPair(text: string): [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at).trim(), decodeURIComponent(text.slice(at + 1).trim())];
}
