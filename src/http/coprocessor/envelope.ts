import { BodyRefused } from '../body.js';

/** The version of the router's protocol that is spoken. */
const VERSION = 1;

/**
 * What is done at each stage of a router. What goes down to the subgraphs is looked at; what comes back is let through, for a
 * router that sends it as well.
 */
const STAGES = {
  RouterRequest: 'checked',
  SupergraphRequest: 'checked',
  ExecutionRequest: 'checked',
  SubgraphRequest: 'checked',
  RouterResponse: 'passed',
  SupergraphResponse: 'passed',
  ExecutionResponse: 'passed',
  SubgraphResponse: 'passed',
} as const;
type Stage = keyof typeof STAGES;

/** Headers as the router sends them: every value of a name in a list. */
export type HeaderLists = Readonly<Record<string, readonly string[]>>;

/** What a router says of a request of its client. The client's own words are in the headers alone. */
export interface Envelope {
  readonly stage: Stage;
  readonly id: string | undefined;
  /** Whether there is a `control`, as there is with requests. */
  readonly isControlled: boolean;
  /** Undefined where the router is not told to send them. */
  readonly headers: HeaderLists | undefined;
  /** What the router knows of the request so far; undefined where it is not told to send it. */
  readonly entries: Readonly<Record<string, unknown>> | undefined;
  /** The subgraph that is about to be asked. */
  readonly serviceName: string | undefined;
}

/** Reads what a router has sent. @throws {BodyRefused} 400 for what it cannot have sent */
export function readEnvelope(body: unknown): Envelope {
  if (!isObject(body) || body['version'] !== VERSION) throw new BodyRefused(400, 'Version 1 is spoken here.');
  const { stage, id, control, headers, context, serviceName } = body;
  if (typeof stage !== 'string' || !isStage(stage)) throw new BodyRefused(400, 'There is no such stage.');
  if (headers !== undefined && !isHeaders(headers))
    throw new BodyRefused(400, 'Headers are lists of texts by name.');
  const entries = isObject(context) && isObject(context['entries']) ? context['entries'] : undefined;
  const isControlled = control !== undefined;
  return { stage, id: asText(id), isControlled, headers, entries, serviceName: asText(serviceName) };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isStage = (name: string): name is Stage => Object.hasOwn(STAGES, name);

const isHeaders = (value: unknown): value is HeaderLists =>
  isObject(value) &&
  Object.values(value).every((list) => Array.isArray(list) && list.every((one) => typeof one === 'string'));

const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Whether tokens are looked at in this stage. */
export const isChecked = ({ stage }: Envelope): boolean => STAGES[stage] === 'checked';

/** Every value of a header, however its name is written. */
export const valuesOf = (headers: HeaderLists, name: string): string[] =>
  Object.entries(headers).flatMap(([key, values]) => (key.toLowerCase() === name ? values : []));

/** The same headers without these names, however they are written. */
export const without = (headers: HeaderLists, names: readonly string[]): HeaderLists =>
  Object.fromEntries(Object.entries(headers).filter(([key]) => !names.includes(key.toLowerCase())));
