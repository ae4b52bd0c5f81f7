import { ServerResponse } from 'node:http';
import type { Step } from '../domain/tracing.js';
import { together } from './together.js';

/** A request that has come, as far as its answer must know of it. */
export interface Arrival {
  /** As in the log and in x-request-id. */
  readonly requestId: string;
  /** Null where the address is not ours, as it may hold anything. */
  readonly path: string | null;
  /** On the clock that never goes back, in milliseconds. */
  readonly at: number;
  /** Of the step that is its trace. */
  readonly ids: Step['ids'] | undefined;
  /** Whether no connection is to be used again once its answer is out. */
  readonly house: { readonly isDraining: boolean };
}

/**
 * An answer that knows its request. However it is written: it has the request's number, is taken for what it says it is, and
 * ends a connection that is to end.
 */
export class Reply extends ServerResponse {
  /** Undefined for what Node answers by itself, as a request that it cannot read. */
  arrival: Arrival | undefined = undefined;

  /** The request's number. */
  get requestId(): string {
    return this.arrival?.requestId ?? '';
  }

  /** Node calls it, too, where headers were set one by one. */
  override writeHead(status: number, ...rest: unknown[]): this {
    if (this.arrival) {
      this.setHeader('x-request-id', this.requestId);
      this.setHeader('x-content-type-options', 'nosniff');
      this.#leave();
    }
    return super.writeHead(status, ...(rest as []));
  }

  /**
   * Answers in one piece, which costs a fraction of setting headers one by one.
   * @param headers names and values in turn, besides those that were set before
   */
  answer(status: number, headers: readonly string[], text: string): void {
    const length = Buffer.byteLength(text);
    const own = ['x-request-id', this.requestId, 'x-content-type-options', 'nosniff'];
    this.#leave();
    super.writeHead(status, [...own, ...headers, 'content-length', String(length)]);
    // What is ASCII needs no encoding.
    together(() => this.end(text, length === text.length ? 'latin1' : 'utf8'));
  }

  #leave(): void {
    if (this.arrival?.house.isDraining === true) this.shouldKeepAlive = false;
  }
}
