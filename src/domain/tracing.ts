import { AsyncLocalStorage } from 'node:async_hooks';

/** What is said of a step; never a value that a caller sent. */
export type About = Readonly<Record<string, string | number>>;

/** A part of the work for one request, as a trace shows it: with a beginning, an end, and steps inside. */
export interface Step {
  /** What lines of the log say, so that they are found beside the trace. */
  readonly ids: { readonly trace_id: string; readonly span_id: string };
  /** Begins a step inside of this one. @param kind `client` for what another program does */
  begin(name: string, about?: About, kind?: 'client'): Step;
  /** Says more of it. */
  note(about: About, name?: string): void;
  /** @param error what it ended with, if not well */
  end(error?: unknown): void;
}

/** Begins traces. */
export interface Tracer {
  /**
   * @param traceparent of whoever asks (W3C Trace Context), where it is believed
   * @returns undefined where this one is not to be traced
   */
  begin(name: string, traceparent: string | undefined, about: About): Step | undefined;
}

const steps = new AsyncLocalStorage<Step>();

/** The step that is under way here; undefined where nothing is traced, which costs a few nanoseconds to find out. */
export const currentStep = (): Step | undefined => steps.getStore();

/** Does `work` as this step, or part of it. */
export const during = <T>(step: Step, work: () => T): T => steps.run(step, work);

/** Does `work` as a step of its own, where the request is traced. */
export function within<T>(name: string, work: () => T, about?: About, kind?: 'client'): T {
  const outer = steps.getStore();
  return outer ? untilDone(outer.begin(name, about, kind), work) : work();
}

/** Does `work` as this step, which ends with it; an error that is answered is one that is thrown. */
export function untilDone<T>(step: Step, work: () => T): T {
  try {
    const result = steps.run(step, work);
    if (!(result instanceof Promise)) step.end();
    else
      result.then(
        (value: unknown) => step.end(value instanceof Error ? value : undefined),
        (error: unknown) => step.end(error),
      );
    return result;
  } catch (error) {
    step.end(error);
    throw error;
  }
}
