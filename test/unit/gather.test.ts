import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from '@jest/globals';
import { gather } from '../../src/db/gather.js';
import { until } from '../harness/until.js';

interface Asked {
  calls: readonly string[];
  answer: (answers: (string | Error)[]) => void;
  fail: (why: Error) => void;
}

/** Somebody who is asked, and answers when the test says so. */
function slow() {
  const asked: Asked[] = [];
  const ask = (calls: readonly string[]) =>
    new Promise<(string | Error)[]>((answer, fail) => asked.push({ calls, answer, fail }));
  return { asked, ask };
}
const FOR_LONG = 60_000;
const turn = () => new Promise((resolve) => setImmediate(resolve));
const inCapitals = ({ calls, answer }: Asked) => answer(calls.map((call) => call.toUpperCase()));

describe('calls that are gathered', () => {
  it('go at once and together, where they come in one turn and nothing is under way', async () => {
    const { asked, ask } = slow();
    const call = gather(8, ask, FOR_LONG);
    const answers = Promise.all([call('a'), call('b'), call('c')]);
    await turn();
    expect(asked.map(({ calls }) => calls)).toEqual([['a', 'b', 'c']]);
    asked.forEach(inCapitals);
    expect(await answers).toEqual(['A', 'B', 'C']);
  });

  it('wait while others are under way, and go with all that have come when these return', async () => {
    const { asked, ask } = slow();
    const call = gather(3, ask, FOR_LONG);
    const answers: Promise<string>[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      answers.push(call(name));
      await turn();
    }
    const sofar = () => asked.map(({ calls }) => calls.join(''));
    expect(sofar()).toEqual(['a']);
    inCapitals(asked[0] as Asked);
    await turn();
    expect(sofar()).toEqual(['a', 'bcd']);
    inCapitals(asked[1] as Asked);
    await turn();
    expect(sofar()).toEqual(['a', 'bcd', 'ef']);
    asked.slice(2).forEach(inCapitals);
    expect(await Promise.all(answers)).toEqual(['A', 'B', 'C', 'D', 'E', 'F']);
  });

  it('are asked for in the name of the first of them, and never of one that went before', async () => {
    const caller = new AsyncLocalStorage<string>();
    const { asked, ask } = slow();
    const names: unknown[] = [];
    const call = gather(
      8,
      (calls: readonly string[]) => {
        names.push(caller.getStore());
        return ask(calls);
      },
      FOR_LONG,
    );
    const answers: Promise<string>[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      answers.push(caller.run(name, () => call(name)));
      await turn();
    }
    inCapitals(asked[0] as Asked);
    await turn();
    asked.slice(1).forEach(inCapitals);
    expect(await Promise.all(answers)).toEqual(['A', 'B', 'C', 'D']);
    expect(names).toEqual(['a', 'b']);
  });

  it('fail together or alone, and those that come later are asked for all the same', async () => {
    const { asked, ask } = slow();
    const call = gather(8, ask, FOR_LONG);
    const settled = Promise.allSettled([call('a'), call('b')]);
    await turn();
    asked[0]?.answer(['A', new Error('not this one')]);
    expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    for (const name of ['c', 'd', 'e']) {
      const lost = Promise.allSettled([call(name), call(name)]);
      await turn();
      asked.at(-1)?.fail(new Error('lost'));
      expect((await lost).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    }
    const last = call('z');
    await turn();
    inCapitals(asked.at(-1) as Asked);
    expect(await last).toBe('Z');
  });

  it('wait for nobody who hangs', async () => {
    const { asked, ask } = slow();
    const call = gather(8, ask, 20);
    call('a').catch(() => undefined);
    await turn();
    const gone = Promise.all([call('c'), call('d')]);
    await until('they go', () => asked.length === 2);
    expect(asked[1]?.calls).toEqual(['c', 'd']);
    inCapitals(asked[1] as Asked);
    expect(await gone).toEqual(['C', 'D']);
  });
});
