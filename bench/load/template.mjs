// Requests with places to fill, {{name}}, and what is read out of the answers to them. bench/README.md describes the format.

const PLACE = /\{\{(\w+)\}\}/g;

/** Somebody who can sign up; the number makes them somebody else. */
export const personOf = (n) => ({
  n: String(n),
  email: `p${n}@example.test`,
  username: `p${n}`,
  password: `Horse-${n}-in-the-orchard`,
});

/** A template with its places filled; a place that nobody knows stays as it is. */
export const fill = (template, values) => template.replace(PLACE, (place, name) => values[name] ?? place);

/** The bytes of a job's request with these values. */
export function bytesOf({ method, path, headers = {}, body }, values, host) {
  const text = body === undefined ? undefined : fill(body, values);
  const lines = [`${method ?? 'POST'} ${fill(path, values)} HTTP/1.1`, `host: ${host}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${fill(value, values)}`);
  if (text !== undefined) lines.push(`content-length: ${Buffer.byteLength(text)}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${text ?? ''}`);
}

/** Whether the answer { status, body } is what the job expects. */
export function isRight({ status = 200, ok, not }, answer) {
  return (
    answer.status === status &&
    (ok === undefined || answer.body.includes(ok)) &&
    (not === undefined || !answer.body.includes(not))
  );
}

/** What the job's captures find, by name; `cookies` is what the answer sets, a line each. */
export function captured({ capture = [] }, body, cookies = '') {
  const found = {};
  for (const { name, header, after, before = '"' } of capture) {
    const value = between(header ? cookies : body, after, before);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function between(text, after, before) {
  const from = text.indexOf(after);
  if (from < 0) return undefined;
  const start = from + after.length;
  const end = text.indexOf(before, start);
  return text.slice(start, end < 0 ? undefined : end);
}
