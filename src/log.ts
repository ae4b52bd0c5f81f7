import { pino, type DestinationStream, type Logger } from 'pino';
import type { Config } from './config.js';
import { currentStep } from './domain/tracing.js';

/**
 * The service's log: JSON lines on standard output. Of an error only what never holds data of people is written: drivers
 * put rows, commands and addresses into theirs, passwords among them. What belongs to a trace says to which one.
 */
export function openLog(
  { log, traces }: Pick<Config, 'log'> & Partial<Pick<Config, 'traces'>>,
  destination?: DestinationStream,
): Logger {
  const options = {
    level: log.level,
    base: null,
    serializers: { err: describeError },
    ...(traces && { mixin: () => ({ ...currentStep()?.ids }) }),
  };
  return destination ? pino(options, destination) : pino(options);
}

interface Described {
  type: string;
  code?: string;
  stack?: string;
  cause?: Described;
}

function describeError(error: unknown): Described {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code, responseCode, nativeError, cause } = error as Error & Record<string, unknown>;
  const told = code ?? responseCode;
  const inner = nativeError ?? cause;
  return {
    type: error.name,
    ...(typeof told === 'string' || typeof told === 'number' ? { code: String(told) } : {}),
    ...(error.stack === undefined ? {} : { stack: placesOf(error.stack) }),
    ...(inner === undefined || inner === error ? {} : { cause: describeError(inner) }),
  };
}

/** Where it happened, without the message, which may quote what was sent. */
const placesOf = (stack: string) =>
  stack
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 12)
    .map((line) => line.trim())
    .join('\n');
