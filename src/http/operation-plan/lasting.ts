import { TypeNameMetaFieldDef } from 'graphql';
import { Lasting, Written } from '../../domain/lasting.js';
import { completeObject } from './completing.js';
import { isPromise, isProperty, type Complete, type Step } from './running.js';

/** In characters: longer texts are written anew each time. */
const LONGEST = 1000;

/** Whether nothing but an object itself decides what is told of it. */
export const isFixed = (steps: readonly Step[]): boolean =>
  steps.every(({ field, below }) => (field === TypeNameMetaFieldDef || isProperty(field)) && isFixed(below));

/** As `completeObject`, of steps that are {@link isFixed}: of something lasting it answers a {@link Written} where nothing went wrong. */
export function completeLasting(steps: readonly Step[]): Complete {
  const complete = completeObject(steps);
  return (run, step, path, value) => {
    if (!(value instanceof Lasting)) return complete(run, step, path, value);
    const known = value.written;
    if (known?.by === steps) return known;
    const { faults } = run;
    const completed = complete(run, step, path, value);
    if (isPromise(completed) || run.faults > faults) return completed;
    const written = new Written(JSON.stringify(completed), steps);
    if (written.text.length <= LONGEST) value.written = written;
    return written;
  };
}
