import { KEY, openKernel, SALT, STREAM_WORDS, TEXT, TEXT_WORDS, type Kernel } from './kernel.js';

/** A password, and how bcrypt is to hash it: `$2a$` or `$2b$`, the cost, `$` and 22 characters of salt; what follows is not looked at. */
export interface Lane {
  readonly input: string;
  readonly setting: string;
}

const SETTING_CHARACTERS = 29;
const SALT_AT = 7;
const COST_AT = 4;
const MAGIC = Buffer.from('OrpheanBeholderScryDoubt');
/** bcrypt leaves out the last one of its text. */
const HASH_BYTES = 23;
/** bcrypt reads no more of a password, the NUL at its end included. */
const KEY_BYTES = 72;

const kernels = new Map<number, Kernel>();

function kernelOf(lanes: number): Kernel {
  const kernel = kernels.get(lanes) ?? openKernel(lanes);
  kernels.set(lanes, kernel);
  return kernel;
}

/**
 * bcrypt of several passwords at once, in hardly more time than one takes: whole hashes, in their order.
 * @param cost whose time it takes; no lane has a higher one, and what a cheaper one has come to is kept on the way
 * @throws where there is no WebAssembly
 */
export function hashSideBySide(lanes: readonly Lane[], cost: number): string[] {
  const kernel = kernelOf(lanes.length);
  begin(kernel, lanes);
  const reached = new Map<number, string[]>();
  let rounds = 0;
  for (const stop of ascending([...lanes.map(costOf), cost])) {
    kernel.repeat(2 ** stop - rounds);
    rounds = 2 ** stop;
    reached.set(stop, finish(kernel, lanes));
  }
  kernel.wipe();
  return lanes.map((lane, nth) => reached.get(costOf(lane))?.[nth] ?? '');
}

const ascending = (numbers: readonly number[]) => [...new Set(numbers)].sort((one, other) => one - other);

const costOf = ({ setting }: Lane) => Number(setting.slice(COST_AT, COST_AT + 2));

function begin(kernel: Kernel, lanes: readonly Lane[]): void {
  lanes.forEach((lane, nth) => {
    kernel.words(nth, KEY, STREAM_WORDS).set(streamOf(keyOf(lane)));
    kernel.words(nth, SALT, STREAM_WORDS).set(streamOf(fromRadix64(saltOf(lane.setting))));
  });
  kernel.begin();
}

/** `$2a$` counts the bytes of a password in a byte; of none at all it still reads one. */
function keyOf({ input, setting }: Lane): Buffer {
  const key = Buffer.concat([Buffer.from(input), Buffer.alloc(1)]);
  const length = setting.startsWith('$2a') ? key.length % 256 || 1 : key.length;
  return key.subarray(0, Math.min(length, KEY_BYTES));
}

/** The hash that each lane has come to. */
function finish(kernel: Kernel, lanes: readonly Lane[]): string[] {
  const texts = lanes.map((_, lane) => kernel.words(lane, TEXT, TEXT_WORDS));
  for (const text of texts) text.set(streamOf(MAGIC).subarray(0, TEXT_WORDS));
  kernel.finish();
  return texts.map((text, lane) => textOf(lanes[lane]?.setting ?? '', text));
}

const saltOf = (setting: string) => setting.slice(SALT_AT, SETTING_CHARACTERS);

/** Bytes over and over, as words, the first byte on top. */
function streamOf(bytes: Buffer): Uint32Array {
  const repeated = Buffer.alloc(4 * STREAM_WORDS, bytes);
  return Uint32Array.from({ length: STREAM_WORDS }, (_, at) => repeated.readUInt32BE(4 * at));
}

function textOf(setting: string, words: Uint32Array): string {
  const bytes = Buffer.alloc(4 * TEXT_WORDS);
  words.forEach((word, at) => bytes.writeUInt32BE(word, 4 * at));
  // As the library writes it: the last digit has bits that belong to no byte, whatever they were.
  const salt = toRadix64(fromRadix64(saltOf(setting)));
  return setting.slice(0, SALT_AT) + salt + toRadix64(bytes.subarray(0, HASH_BYTES));
}

/** bcrypt's Base64 has the same digits in another order. */
const DIGITS = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const USUAL_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

const fromRadix64 = (text: string): Buffer => Buffer.from(inDigits(text, DIGITS, USUAL_DIGITS), 'base64');
const toRadix64 = (bytes: Buffer): string =>
  inDigits(bytes.toString('base64').replace(/=+$/, ''), USUAL_DIGITS, DIGITS);
const inDigits = (text: string, from: string, to: string): string =>
  [...text].map((digit) => to[from.indexOf(digit)]).join('');
