/** Instructions of WebAssembly, in their binary form. @see https://webassembly.github.io/spec/core/binary/ */
export type Code = readonly number[];

/** LEB128 of a number of at most 32 bits without a sign. */
const unsigned = (value: number): Code =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
/** LEB128 of a number of at most 32 bits with its sign. */
const signed = (value: number): Code =>
  value >= -64 && value < 64 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];

export const constant = (value: number): Code => [0x41, ...signed(value)];
export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];

const WORD_ALIGNED = 2;
/** The word at `address + offset` bytes. */
export const load = (address: Code, offset: number): Code => [
  ...address,
  ...[0x28, WORD_ALIGNED],
  ...unsigned(offset),
];
export const store = (address: Code, offset: number, value: Code): Code => [
  ...address,
  ...value,
  ...[0x36, WORD_ALIGNED],
  ...unsigned(offset),
];

const binary =
  (operation: number) =>
  (left: Code, right: Code): Code => [...left, ...right, operation];
export const isLess = binary(0x49);
export const add = binary(0x6a);
export const subtract = binary(0x6b);
export const and = binary(0x71);
export const xor = binary(0x73);
export const shiftLeft = binary(0x74);
export const shiftRight = binary(0x76);

/** Does it, and again for as long as the condition is not zero. */
export const repeat = (body: Code, condition: Code): Code => [
  ...[0x03, 0x40],
  ...body,
  ...condition,
  ...[0x0d, 0x00, 0x0b],
];
/** Calls a function of the module, by its place in it. */
export const call = (place: number): Code => [0x10, ...unsigned(place)];

/** A function that gives nothing back. Its parameters come first among its locals; all are words. */
export interface WasmFunction {
  parameters: number;
  /** Besides the parameters. */
  locals: number;
  code: Code;
}

const WORD = 0x7f;
const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const sized = (code: Code): Code => [...unsigned(code.length), ...code];
const section = (id: number, content: Code): Code => [id, ...sized(content)];
const named = (name: string, kind: number, place: number): Code => [
  ...sized([...Buffer.from(name)]),
  ...[kind, ...unsigned(place)],
];

/** What a module offers: its memory, and the last of its functions. */
export interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly run: (...words: number[]) => void;
}

/** As much of it as is used here; the types of Node leave it to the browser's. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: object };
};

/** Loads functions with one page of memory, 64 KiB. @throws where there is no WebAssembly */
export function loadWasm(functions: readonly WasmFunction[]): WasmExports {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(moduleOf(functions)));
  return instance.exports as WasmExports;
}

function moduleOf(functions: readonly WasmFunction[]): Uint8Array {
  const types = functions.map(({ parameters }) => [0x60, ...vector(Array(parameters).fill([WORD])), 0]);
  const bodies = functions.map(({ locals, code }) =>
    sized([...vector([[...unsigned(locals), WORD]]), ...code, 0x0b]),
  );
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(3, vector(functions.map((_, place) => unsigned(place)))),
    ...section(5, vector([[0x00, 0x01]])),
    ...section(7, vector([named('memory', 2, 0), named('run', 0, functions.length - 1)])),
    ...section(10, vector(bodies)),
  ]);
}
