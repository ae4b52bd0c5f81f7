import { writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** What can stand in a database. */
type Value = string | number | Value[] | { [name: string]: Value };

/** A branch of the search tree: for bit 0 and bit 1 where to go on, or where in the data section the answer is. */
type Branch = [Way, Way];
type Way = Branch | { data: number } | undefined;

/**
 * Writes a small database in the MaxMind DB format, version 2.0: networks in CIDR notation, and what is known of each.
 * @see https://maxmind.github.io/MaxMind-DB/
 */
export function writeMmdb(file: string, networks: Record<string, Value>): void {
  const root: Branch = [undefined, undefined];
  const data: Buffer[] = [];
  let length = 0;
  for (const [network, value] of Object.entries(networks)) {
    const encoded = encode(value);
    plant(root, bitsOf(network), { data: length });
    data.push(encoded);
    length += encoded.length;
  }
  const nodes = number(root);
  const tree = Buffer.concat([...nodes.keys()].map((branch) => record(branch, nodes)));
  const marker = Buffer.from('\u00ab\u00cd\u00efMaxMind.com', 'latin1');
  writeFileSync(file, Buffer.concat([tree, Buffer.alloc(16), ...data, marker, metadata(nodes.size)]));
}

/** As bits of an IPv6 address; IPv4 has its place at the beginning of the tree, under 96 zeros. */
function bitsOf(network: string): number[] {
  const [address, prefix] = ipaddr.parseCIDR(network);
  const isV6 = isIPv6(network.split('/')[0] ?? '');
  const bytes = [...(isV6 ? [] : Array.from({ length: 12 }, () => 0)), ...address.toByteArray()];
  const bits = bytes.flatMap((byte) => Array.from({ length: 8 }, (_, at) => (byte >> (7 - at)) & 1));
  return bits.slice(0, isV6 ? prefix : prefix + 96);
}

function plant(root: Branch, bits: readonly number[], leaf: { data: number }): void {
  let branch = root;
  for (const bit of bits.slice(0, -1)) {
    const next = branch[bit as 0 | 1];
    if (Array.isArray(next)) branch = next;
    else branch = branch[bit as 0 | 1] = [undefined, undefined];
  }
  branch[(bits.at(-1) ?? 0) as 0 | 1] = leaf;
}

function number(branch: Branch, nodes = new Map<Branch, number>()): Map<Branch, number> {
  nodes.set(branch, nodes.size);
  for (const way of branch) if (Array.isArray(way)) number(way, nodes);
  return nodes;
}

/** Two numbers of 24 bits: the next node, or beyond their count nothing, or beyond that and 16 a place among the data. */
function record(branch: Branch, nodes: Map<Branch, number>): Buffer {
  const buffer = Buffer.alloc(6);
  for (const [at, way] of branch.entries()) {
    const found = Array.isArray(way) ? nodes.get(way) : nodes.size + (way ? 16 + way.data : 0);
    buffer.writeUIntBE(found ?? 0, at * 3, 3);
  }
  return buffer;
}

function metadata(nodeCount: number): Buffer {
  return encode({
    node_count: nodeCount,
    record_size: 24,
    ip_version: 6,
    database_type: 'Test-City',
    languages: ['en'],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_790_000_000,
    description: { en: 'For tests.' },
  });
}

/** Types of the data section. */
const TEXT = 2;
const UNSIGNED = 6;
const MAP = 7;
const LIST = 11;

function encode(value: Value): Buffer {
  if (typeof value === 'string')
    return Buffer.concat([control(TEXT, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'number') {
    const buffer = Buffer.alloc(4);
    buffer.writeUInt32BE(value);
    return Buffer.concat([control(UNSIGNED, 4), buffer]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(LIST, value.length), ...value.map(encode)]);
  const entries = Object.entries(value);
  return Buffer.concat([
    control(MAP, entries.length),
    ...entries.flatMap(([name, one]) => [encode(name), encode(one)]),
  ]);
}

/** Sizes below 29 fit the first byte; types above 7 have a byte of their own. */
function control(type: number, size: number): Buffer {
  const [written, more] = size < 29 ? [size, []] : [29, [size - 29]];
  return Buffer.from(type > 7 ? [written, type - 7, ...more] : [(type << 5) | written, ...more]);
}
