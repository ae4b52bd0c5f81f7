import type { RequestListener } from 'node:http';

/** Answers requests of node:http. */
export type Hive = RequestListener & { dispose(): Promise<void> | void };

export function openHive(supergraph: string, env: Readonly<Record<string, string | undefined>>): Hive;
