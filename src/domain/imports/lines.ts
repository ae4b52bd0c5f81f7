/** A line of a file; `text` is undefined where it cannot be read, and `fault` says why. */
export interface Line {
  /** Counted from 1. */
  number: number;
  text?: string;
  fault?: string;
}

/** Longest line, in bytes: no account needs a tenth of it. */
const LONGEST = 64 * 1024;
const NEWLINE = 0x0a;

/** Cuts a file into lines without ever holding more of it than a chunk and a line. Empty lines are left out, yet counted. */
export async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let number = 0;
  let begun: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer) => {
    length += part.length;
    if (length <= LONGEST) begun.push(part);
  };
  const finish = () => {
    const line = lineOf(++number, begun, length);
    begun = [];
    length = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, end));
      from = end + 1;
      const line = finish();
      if (line) yield line;
    }
    add(chunk.subarray(from));
  }
  const last = finish();
  if (last) yield last;
}

function lineOf(number: number, parts: Buffer[], length: number): Line | undefined {
  if (length > LONGEST) return { number, fault: `The line is longer than ${LONGEST} bytes.` };
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)).trim();
    return text === '' ? undefined : { number, text };
  } catch {
    return { number, fault: 'The line is not UTF-8.' };
  }
}
