import type { Random } from '../chaos/random.ts';
import { ByteSink } from './byte-sink.ts';
import { mutateBytes } from './mutate-bytes.ts';
import type { SeedMessage } from './seed-messages.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Types of frames: RFC 9113, section 6. */
const DATA = 0;
const HEADERS = 1;
const SETTINGS = 4;

const END_STREAM = 1;
const END_HEADERS = 4;
/** Ten calls have to pass through the window of a connection, which has 65,535 bytes in the beginning. */
const MOST_DATA = 6000;

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

/**
 * A call over gRPC whose message is mutated. HTTP/2 itself is not broken any further: Node 20 never closes a connection
 * that it gave up with a GOAWAY of its own, even if the peer is gone, and no program can tell (docs/testing-chaos.md).
 */
export function writeHttp2(random: Random, message: SeedMessage, sink: ByteSink, stream: number): void {
  const payload = mutated(random, message.payload).subarray(0, MOST_DATA);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(payload.length, 1);
  if (random.chance(0.1)) prefix[random.between(0, 4)] = random.between(0, 255);
  const data = random.chance(0.1) ? payload : Buffer.concat([prefix, payload]);
  frame(sink, { type: HEADERS, flags: END_HEADERS, stream, data: fields(message) });
  frame(sink, { type: DATA, flags: END_STREAM, stream, data });
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

function mutated(random: Random, bytes: Buffer): Buffer {
  const sink = new ByteSink(1024);
  mutateBytes(random, bytes, sink);
  return sink.copy();
}
