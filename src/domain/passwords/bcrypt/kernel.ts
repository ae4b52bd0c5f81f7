import { fractionOfPi } from './pi.js';
import {
  add,
  and,
  call,
  constant,
  get,
  isLess,
  load,
  loadWasm,
  loopWhile,
  set,
  shiftLeft,
  shiftRight,
  store,
  subtract,
  xor,
  type Code,
} from './wasm.js';

/**
 * bcrypt's work on several passwords at once. Each of Blowfish's rounds waits for the one before, and a processor for its memory; while
 * it waits for one password it works on the next. A lane is the state of one password: its subkeys, its boxes, and what it began with.
 * @see https://www.usenix.org/legacy/events/usenix99/provos/provos.pdf
 */
export interface Kernel {
  /** Begins with the password and the salt in each lane. */
  begin(): void;
  /** Goes on for so many rounds: two to the power of the cost, in all. */
  repeat(rounds: number): void;
  /** Encrypts the text in each lane with what came of the rounds so far; there may be more. */
  finish(): void;
  /** Words of a lane, from `offset` bytes on. */
  words(lane: number, offset: number, count: number): Uint32Array;
  /** Forgets everything. */
  wipe(): void;
}

const ROUNDS = 16;
const SUBKEYS = ROUNDS + 2;
const BOX_BYTES = 4 * 256;
const WORD = 4;
const BLOCK = 8;

/** Where it stands in a lane, in bytes. The boxes follow the subkeys at once: they are filled in one go. */
const SUBKEY = 0;
const BOXES = SUBKEY + WORD * SUBKEYS;
const FILLED = BOXES + 4 * BOX_BYTES;
/** The password and the salt, each over and over, as long as the subkeys. */
export const KEY = FILLED;
export const SALT = KEY + WORD * SUBKEYS;
/** What is encrypted in the end: it becomes the hash. */
export const TEXT = SALT + WORD * SUBKEYS;
const LANE_BYTES = 8192;

/** Of the password, and of the salt. */
export const STREAM_WORDS = SUBKEYS;
/** "OrpheanBeholderScryDoubt", and what becomes of it. */
export const TEXT_WORDS = 6;
const TIMES_ENCRYPTED = 64;

/** The locals of every function: how often yet, where it is, and of each lane the halves of a block. */
const TIMES_LEFT = 0;
const AT = 1;
const HALVES = 2;
const NONE = constant(0);

interface Lane {
  readonly base: number;
  readonly left: number;
  readonly right: number;
}

const lanesOf = (count: number): Lane[] =>
  Array.from({ length: count }, (_, nth) => ({
    base: nth * LANE_BYTES,
    left: HALVES + 2 * nth,
    right: HALVES + 2 * nth + 1,
  }));

const subkey = ({ base }: Lane, nth: number): Code => load(NONE, base + SUBKEY + WORD * nth);

/** The word of a box for one byte of a half, which lies so many bits above where a word's place in bytes would have it. */
const boxed = ({ base }: Lane, box: number, place: Code): Code =>
  load(and(place, constant(WORD * 255)), base + BOXES + box * BOX_BYTES);

/** Blowfish's F. */
function mixed(lane: Lane, half: Code): Code {
  const byte = (box: number, bits: number) => boxed(lane, box, shiftRight(half, constant(bits)));
  const last = boxed(lane, 3, shiftLeft(half, constant(2)));
  return add(xor(add(byte(0, 22), byte(1, 14)), byte(2, 6)), last);
}

/** The halves of a block change places; the new left one waits on the stack for the other to have gone. */
const exchange = (lane: Lane): Code =>
  xor(get(lane.right), subkey(lane, ROUNDS + 1)) + set(lane.right, get(lane.left)) + set(lane.left, '');

/** The same for each lane. */
const each = (lanes: readonly Lane[], code: (lane: Lane) => Code): Code => lanes.map(code).join('');

/** Encrypts a block of each lane, round by round in all of them. */
function encrypt(lanes: readonly Lane[]): Code {
  const rounds = Array.from({ length: ROUNDS }, (_, round) =>
    each(lanes, (lane) => {
      const [from, to] = round % 2 === 0 ? [lane.left, lane.right] : [lane.right, lane.left];
      return set(to, xor(xor(get(to), subkey(lane, round + 1)), mixed(lane, get(from))));
    }),
  );
  const begin = each(lanes, (lane) => set(lane.left, xor(get(lane.left), subkey(lane, 0))));
  return begin + rounds.join('') + each(lanes, exchange);
}

const loop = (bytes: number, stride: number, body: Code): Code =>
  set(AT, NONE) + loopWhile(body + set(AT, add(get(AT), constant(stride))), isLess(get(AT), constant(bytes)));

/** Mixes the password or the salt into the subkeys. */
const mixIn = (lanes: readonly Lane[], stream: number): Code => {
  const one = ({ base }: Lane) =>
    store(get(AT), base + SUBKEY, xor(load(get(AT), base + SUBKEY), load(get(AT), base + stream)));
  return loop(WORD * SUBKEYS, WORD, each(lanes, one));
};

/** The same for each half of a block, which lies at that offset of it. */
const eachHalf = (lanes: readonly Lane[], code: (half: number, offset: number) => Code): Code =>
  each(lanes, ({ base, left, right }) => code(left, base) + code(right, base + WORD));

/** Fills subkeys and boxes anew, each block from the one before; the first time with the salt mixed in, one half of it and then the other. */
function fill(lanes: readonly Lane[], isSalted: boolean): Code {
  const begin = eachHalf(lanes, (half) => set(half, NONE));
  const half = and(get(AT), constant(BLOCK));
  const salt = eachHalf(lanes, (to, offset) => set(to, xor(get(to), load(half, SALT + offset))));
  const keep = eachHalf(lanes, (from, offset) => store(get(AT), SUBKEY + offset, get(from)));
  return begin + loop(FILLED, BLOCK, (isSalted ? salt : '') + encrypt(lanes) + keep);
}

const countDown = (local: number, body: Code): Code =>
  loopWhile(body + set(local, subtract(get(local), constant(1))), get(local));

/** Encrypts the text, block by block, over and over. */
function finish(lanes: readonly Lane[]): Code {
  const read = eachHalf(lanes, (to, offset) => set(to, load(get(AT), TEXT + offset)));
  const often = set(TIMES_LEFT, constant(TIMES_ENCRYPTED)) + countDown(TIMES_LEFT, encrypt(lanes));
  const keep = eachHalf(lanes, (from, offset) => store(get(AT), TEXT + offset, get(from)));
  return loop(WORD * TEXT_WORDS, BLOCK, read + often + keep);
}

/** The first is what the others call, by its place. */
function programOf(lanes: readonly Lane[]) {
  const both = [KEY, SALT].map((stream) => mixIn(lanes, stream) + NONE + call(0)).join('');
  return {
    expand: fill(lanes, false),
    begin: mixIn(lanes, KEY) + fill(lanes, true),
    repeat: countDown(TIMES_LEFT, both),
    finish: finish(lanes),
  };
}

/** Makes a kernel for so many passwords at once, of at most eight. @throws where there is no WebAssembly */
export function openKernel(count: number): Kernel {
  const locals = HALVES + 2 * count;
  const { memory, begin, repeat, finish } = loadWasm(programOf(lanesOf(count)), locals);
  const words = (lane: number, offset: number, length: number) =>
    new Uint32Array(memory.buffer, lane * LANE_BYTES + offset, length);
  const first = beginning();
  return {
    begin() {
      for (let lane = 0; lane < count; lane++) words(lane, SUBKEY, first.length).set(first);
      begin(0);
    },
    repeat,
    finish: () => finish(0),
    words,
    wipe: () => new Uint8Array(memory.buffer).fill(0),
  };
}

let begun: Uint32Array | undefined;
/** What subkeys and boxes hold at first. */
const beginning = (): Uint32Array => (begun ??= fractionOfPi((FILLED - SUBKEY) / WORD));
