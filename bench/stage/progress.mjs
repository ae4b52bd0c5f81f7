// What is under way, on stderr: one line that changes on a terminal, a line for each step elsewhere.

let last = '';

/** A step that may be overwritten by the next one. */
export function step(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Something that stays. */
export function say(text) {
  if (text === last) return;
  last = text;
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}\n` : `${text}\n`);
}

/** Seconds as people say them. */
export function inWords(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}
