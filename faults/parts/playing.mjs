// Scenarios as processes, several at a time where that is asked for, and what is shown of them meanwhile.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ONE = fileURLToPath(new URL('../one.mjs', import.meta.url));
/** What hangs for longer has failed, in milliseconds. */
const LONGEST_MS = 600_000;
/** How much of what a process complained about is shown, in characters. */
const MOST_WORDS = 4000;

const secondsSince = (began) => Math.round((performance.now() - began) / 1000);

/**
 * Plays scenarios.
 * @param ways.width how many at a time
 * @param ways.env variables for each besides
 * @returns their reports, in the order of the names
 */
export async function play(names, { isQuick, width, env }) {
  const began = performance.now();
  const screen = openScreen(names.length, began);
  const reports = new Map();
  const left = [...names];
  const player = async () => {
    while (left.length > 0) {
      const name = left.shift();
      screen.begins(name);
      const started = performance.now();
      const report = await playOne(name, { isQuick, env, progress: (at) => screen.at(name, at) });
      reports.set(name, { ...report, seconds: secondsSince(started) });
      screen.ends(name, reports.get(name));
    }
  };
  await Promise.all(Array.from({ length: width }, player));
  return names.map((name) => reports.get(name));
}

function playOne(name, { isQuick, env, progress }) {
  const child = fork(ONE, [name, isQuick ? 'quick' : 'whole'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
  let report;
  let complaint = '';
  child.stderr.on('data', (part) => (complaint = `${complaint}${part}`.slice(-MOST_WORDS)));
  child.on('message', (word) => (word.report ? ({ report } = word) : progress(word.at)));
  return new Promise((resolve) =>
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve(report ?? { name, failed: `The scenario ended with ${code ?? signal}.\n${complaint}` });
    }),
  );
}

/** Lines of what has begun and ended; on a terminal, the last one says where those under way are. */
function openScreen(all, began) {
  const { stderr } = process;
  const underWay = new Map();
  let begun = 0;
  const draw = () => {
    if (!stderr.isTTY) return;
    const places = [...underWay].map(([name, { at }]) => `${name}: ${at}`).join(' · ');
    stderr.write(`\r\x1b[K${secondsSince(began)} s  ${places}`.slice(0, stderr.columns ?? 100));
  };
  const line = (text) => {
    stderr.write(`${stderr.isTTY ? '\r\x1b[K' : ''}${text}\n`);
    draw();
  };
  return {
    begins(name) {
      underWay.set(name, { number: ++begun, at: 'begins' });
      if (!stderr.isTTY) line(`${begun} of ${all}: ${name} …`);
      draw();
    },
    at(name, at) {
      underWay.get(name).at = at;
      draw();
    },
    ends(name, report) {
      const { number } = underWay.get(name);
      underWay.delete(name);
      line(
        `${number} of ${all}: ${name}, ${report.seconds} s: ${wordOf(report)}  (${secondsSince(began)} s in all)`,
      );
      for (const violation of (report.violations ?? []).slice(0, 20)) line(`    ${violation}`);
    },
  };
}

const wordOf = ({ skipped, failed, kills, violations }) =>
  skipped ? `SKIPPED: ${skipped}` : (failed ?? `${kills} kills, ${violations.length} violations`);
