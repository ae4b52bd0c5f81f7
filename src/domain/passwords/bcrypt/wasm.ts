/** Instructions of WebAssembly, in their binary form: each character is a byte. @see https://webassembly.github.io/spec/core/binary/ */
export type Code = string;

const bytes = (...values: number[]): Code => String.fromCharCode(...values);
/** LEB128 of a number of at most 32 bits without a sign. */
const unsigned = (value: number): Code =>
  value < 0x80 ? bytes(value) : bytes((value & 0x7f) | 0x80) + unsigned(value >>> 7);
/** LEB128 of a number of at most 32 bits with its sign. */
const signed = (value: number): Code =>
  value >= -64 && value < 64 ? bytes(value & 0x7f) : bytes((value & 0x7f) | 0x80) + signed(value >> 7);

/** The instructions. What one works on is given as the code that leaves it on the stack. */
export const constant = (value: number): Code => bytes(0x41) + signed(value);
export const get = (local: number): Code => bytes(0x20) + unsigned(local);
export const set = (local: number, value: Code): Code => value + bytes(0x21) + unsigned(local);

const WORD_ALIGNED = 2;
/** The word at `address + offset` bytes. */
export const load = (address: Code, offset: number): Code =>
  address + bytes(0x28, WORD_ALIGNED) + unsigned(offset);
export const store = (address: Code, offset: number, value: Code): Code =>
  address + value + bytes(0x36, WORD_ALIGNED) + unsigned(offset);

const binary = (operation: number) => (left: Code, right: Code) => left + right + bytes(operation);
export const isLess = binary(0x49);
export const add = binary(0x6a);
export const subtract = binary(0x6b);
export const and = binary(0x71);
export const xor = binary(0x73);
export const shiftLeft = binary(0x74);
export const shiftRight = binary(0x76);

/** Does it, and again for as long as the condition is not zero. */
export const loopWhile = (body: Code, condition: Code): Code =>
  bytes(0x03, 0x40) + body + condition + bytes(0x0d, 0x00, 0x0b);
/** Calls a function of the module, by its place in it. */
export const call = (place: number): Code => bytes(0x10) + unsigned(place);

const WORD = 0x7f;
const vector = (items: readonly Code[]): Code => unsigned(items.length) + items.join('');
const sized = (code: Code): Code => unsigned(code.length) + code;
const section = (id: number, content: Code): Code => bytes(id) + sized(content);
const named = (name: string, kind: number, place: number): Code =>
  sized(name) + bytes(kind) + unsigned(place);

/** What a module offers: its memory, and functions that take a word and give nothing back. */
export type WasmExports<Name extends string> = {
  readonly memory: { readonly buffer: ArrayBuffer };
} & Readonly<Record<Name, (word: number) => void>>;

/** As much of it as is used here; the types of Node leave it to the browser's. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: object };
};

/**
 * Loads functions with one page of memory, 64 KiB. @throws where there is no WebAssembly
 * @param locals how many words each function has to itself, the one that it is given included
 */
export function loadWasm<Name extends string>(
  functions: Readonly<Record<Name, Code>>,
  locals: number,
): WasmExports<Name> {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(moduleOf(functions, locals)));
  return instance.exports as WasmExports<Name>;
}

function moduleOf(functions: Readonly<Record<string, Code>>, locals: number): Uint8Array {
  const takesOneWord = bytes(0x60) + vector([bytes(WORD)]) + vector([]);
  const bodies = Object.values(functions).map((code) =>
    sized(vector([unsigned(locals - 1) + bytes(WORD)]) + code + bytes(0x0b)),
  );
  const names = Object.keys(functions).map((name, place) => named(name, 0, place));
  const sections = [
    section(1, vector([takesOneWord])),
    section(3, vector(bodies.map(() => unsigned(0)))),
    section(5, vector([bytes(0x00, 0x01)])),
    section(7, vector([named('memory', 2, 0), ...names])),
    section(10, vector(bodies)),
  ];
  return Buffer.from('\0asm' + bytes(1, 0, 0, 0) + sections.join(''), 'latin1');
}
