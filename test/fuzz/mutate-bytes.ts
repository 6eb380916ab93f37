import type { Random } from '../chaos/random.ts';
import type { ByteSink } from './byte-sink.ts';

/** Writes what has become of `source`. It knows of protobuf's wire what makes its readers stumble, and no message. */
export type ByteMutation = (random: Random, source: Uint8Array, sink: ByteSink) => void;

/** Ten bytes are the most that a varint may have; its last one may be 1. */
const VARINTS: readonly [Buffer, ...Buffer[]] = [
  Buffer.from('ffffffffffffffffff01', 'hex'), // -1
  Buffer.from('80808080808080808001', 'hex'), // the least number
  Buffer.from('ffffffffffffffff7f', 'hex'), // the greatest
  Buffer.from('ffffffffffffffffff7f', 'hex'), // more than 64 bits
  Buffer.from('ffffffffffffffffffffff01', 'hex'), // without an end
  Buffer.from('80808080808080808000', 'hex'), // 0, at length
  Buffer.from('ffffffff0f', 'hex'), // 2^32 - 1
  Buffer.from('8080808010', 'hex'), // 2^32
  Buffer.from('ffffffff07', 'hex'), // 2^31 - 1
  Buffer.from('80', 'hex'), // cut
];

const NO_UTF8: readonly [Buffer, ...Buffer[]] = [
  Buffer.from('ff', 'hex'),
  Buffer.from('c080', 'hex'), // NUL in two bytes
  Buffer.from('eda080', 'hex'), // half of a pair
  Buffer.from('f4908080', 'hex'), // beyond the last character
  Buffer.from('e282', 'hex'), // cut
];

const LONGEST_TEXT = 500_000;

/** Readers that skip groups by calling themselves run out of stack here. */
const DEEPEST = 50_000;

const START_GROUP = 3;
const LENGTH_DELIMITED = 2;

const position = (random: Random, source: Uint8Array) => random.between(0, source.length);

function flipBits(random: Random, source: Uint8Array, sink: ByteSink): void {
  const start = sink.length;
  sink.bytes(source);
  if (source.length === 0) return;
  for (let count = random.between(1, 4); count > 0; count -= 1) {
    const at = start + random.between(0, source.length - 1);
    sink.set(at, sink.at(at) ^ (1 << random.between(0, 7)));
  }
}

function truncate(random: Random, source: Uint8Array, sink: ByteSink): void {
  sink.bytes(source.subarray(0, position(random, source)));
}

function insert(random: Random, source: Uint8Array, sink: ByteSink): void {
  const at = position(random, source);
  sink.bytes(source.subarray(0, at));
  for (let count = random.between(1, 16); count > 0; count -= 1) sink.byte(random.between(0, 255));
  sink.bytes(source.subarray(at));
}

function remove(random: Random, source: Uint8Array, sink: ByteSink): void {
  const at = position(random, source);
  sink.bytes(source.subarray(0, at));
  sink.bytes(source.subarray(at + random.between(1, 8)));
}

/** The last of several equal fields counts, but of messages, which are merged. */
function repeat(random: Random, source: Uint8Array, sink: ByteSink): void {
  for (let count = source.length < 1000 && random.chance(0.01) ? 200 : random.between(2, 4); count > 0; count -= 1)
    sink.bytes(source);
}

function insertVarint(random: Random, source: Uint8Array, sink: ByteSink): void {
  const at = random.chance(0.5) ? 0 : position(random, source);
  sink.bytes(source.subarray(0, at));
  if (random.chance(0.7)) sink.varint(random.between(0, 15) << 3);
  sink.bytes(random.pick(VARINTS));
  sink.bytes(source.subarray(at));
}

/** Of the first field, whose place is known. */
function changeWireType(random: Random, source: Uint8Array, sink: ByteSink): void {
  const start = sink.length;
  sink.bytes(source);
  if (source.length > 0) sink.set(start, (sink.at(start) & ~7) | random.between(0, 7));
}

function addHugeLength(random: Random, source: Uint8Array, sink: ByteSink): void {
  sink.bytes(source);
  sink.varint((random.between(1, 12) << 3) | LENGTH_DELIMITED);
  sink.bytes(random.pick(VARINTS));
  sink.bytes(source);
}

function addNoUtf8(random: Random, source: Uint8Array, sink: ByteSink): void {
  sink.bytes(source);
  const text = random.pick(NO_UTF8);
  sink.varint((random.between(1, 9) << 3) | LENGTH_DELIMITED);
  sink.varint(text.length);
  sink.bytes(text);
}

function addText(random: Random, source: Uint8Array, sink: ByteSink): void {
  sink.bytes(source);
  const length = random.chance(0.005) ? random.between(1, LONGEST_TEXT) : random.between(1, 200);
  sink.varint((random.between(1, 9) << 3) | LENGTH_DELIMITED);
  sink.varint(length);
  sink.fill(random.between(0, 127), length);
}

function addGroups(random: Random, source: Uint8Array, sink: ByteSink): void {
  sink.bytes(source);
  sink.fill((random.between(1, 15) << 3) | START_GROUP, random.chance(0.002) ? DEEPEST : random.between(1, 40));
}

const noise: ByteMutation = (random, _, sink) => {
  for (let count = random.between(0, 64); count > 0; count -= 1) sink.byte(random.between(0, 255));
};

const MUTATIONS: readonly [ByteMutation, ...ByteMutation[]] = [
  flipBits,
  flipBits,
  truncate,
  insert,
  remove,
  repeat,
  insertVarint,
  changeWireType,
  addHugeLength,
  addNoUtf8,
  addText,
  addGroups,
  noise,
];

export const mutateBytes: ByteMutation = (random, source, sink) => {
  random.pick(MUTATIONS)(random, source, sink);
};
