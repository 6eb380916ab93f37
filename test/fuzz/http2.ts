import type { Random } from '../chaos/random.ts';
import { ByteSink } from './byte-sink.ts';
import { mutateBytes } from './mutate-bytes.ts';
import type { SeedMessage } from './seed-messages.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Types of frames: RFC 9113, section 6. */
const DATA = 0;
const HEADERS = 1;
const SETTINGS = 4;
const LAST_TYPE = 9;

const END_STREAM = 1;
const END_HEADERS = 4;
/** Of HTTP/2, before its data. */
const HEADER_BYTES = 9;

/** What gRPC asks with, without a table or Huffman's code: RFC 7541, section 6. */
function fields({ service, method }: SeedMessage): Buffer {
  const literal = (text: string) => [Buffer.from([text.length]), Buffer.from(text)];
  return Buffer.concat([
    Buffer.from([0x83, 0x86, 0x04]), // POST, http, and the path follows
    ...literal(`/${service}/${method}`),
    ...[Buffer.from([0x00]), ...literal('te'), ...literal('trailers')],
    ...[Buffer.from([0x00]), ...literal('content-type'), ...literal('application/grpc')],
  ]);
}

/** Writes how a connection of HTTP/2 begins: the keeper knows it by its first byte and relays whatever follows. */
export function writePreface(random: Random, sink: ByteSink): void {
  const start = sink.length;
  sink.bytes(PREFACE);
  frame(sink, { type: SETTINGS, flags: 0, stream: 0, data: Buffer.alloc(0) });
  if (random.chance(0.3)) sink.set(start + random.between(1, PREFACE.length - 1), random.between(0, 255));
}

/** A call over gRPC, with whatever may be wrong with it. @returns how many frames it has. */
export function writeHttp2(random: Random, message: SeedMessage, sink: ByteSink, stream: number): number {
  const payload = mutated(random, message.payload);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(payload.length, 1);
  const headers = random.chance(0.2) ? mutated(random, fields(message)) : fields(message);
  const data = random.chance(0.1) ? payload : Buffer.concat([prefix, payload]);
  if (random.chance(0.1)) frame(sink, anything(random, data));
  const start = sink.length;
  frame(sink, { type: HEADERS, flags: END_HEADERS, stream, data: headers });
  frame(sink, { type: DATA, flags: END_STREAM, stream, data: data.subarray(0, 16_000) });
  if (random.chance(0.1)) sink.set(start + random.between(0, HEADER_BYTES - 1), random.between(0, 255));
  return 2;
}

interface Http2Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly data: Buffer;
}

function frame(sink: ByteSink, { type, flags, stream, data }: Http2Frame): void {
  sink.byte(data.length >>> 16);
  sink.byte((data.length >>> 8) & 0xff);
  sink.byte(data.length & 0xff);
  sink.byte(type);
  sink.byte(flags);
  sink.uint32(stream);
  sink.bytes(data);
}

/** Frames of all types, of which most are wrong here. */
function anything(random: Random, data: Buffer): Http2Frame {
  const type = random.between(0, LAST_TYPE + 2);
  const size = random.pick([0, 1, 4, 5, 6, 8, 12, 100]);
  return { type, flags: random.between(0, 255), stream: random.between(0, 9), data: data.subarray(0, size) };
}

function mutated(random: Random, bytes: Buffer): Buffer {
  const sink = new ByteSink(1024);
  mutateBytes(random, bytes, sink);
  return sink.copy();
}
