import type { Random } from '../chaos/random.ts';
import { HEADER_BYTES, MAX_DATA_BYTES, MessageType } from '../../shim/ttrpc/frame.ts';
import type { ByteSink } from './byte-sink.ts';
import { mutateBytes } from './mutate-bytes.ts';
import type { SeedMessage } from './seed-messages.ts';

/** A request's envelope up to its payload, and the payload. */
interface Template {
  readonly envelope: Buffer;
  readonly payload: Buffer;
}

/** Tags of a request: proto/ttrpc.proto. */
const SERVICE = 0x0a;
const METHOD = 0x12;
const PAYLOAD = 0x1a;
const TIMEOUT = 0x20;

/** Out of range of any; 0x10 is what the keeper introduces a connection to the daemon with. */
const ODD_TYPES: readonly [number, ...number[]] = [0, 2, 4, 0x10, 0x11, 0x7f, 0xff];
const ODD_STREAMS: readonly [number, ...number[]] = [0, 2, 4, 2 ** 31, 2 ** 32 - 2];
const LENGTHS: readonly [number, ...number[]] = [
  0,
  ...[1, 9, 10, 0xffff, MAX_DATA_BYTES, MAX_DATA_BYTES + 1, 0xffffff, 0x1000000, 0x80000000, 0xffffffff],
];

/** Frames of one connection. @returns whether the frame is to be answered. */
export type FrameWriter = (random: Random, sink: ByteSink) => boolean;

/** What is drawn into the frames of a run. */
export class FrameSource {
  readonly #templates: readonly [Template, ...Template[]];

  constructor([first, ...others]: readonly [SeedMessage, ...SeedMessage[]]) {
    this.#templates = [toTemplate(first), ...others.map(toTemplate)];
  }

  /**
   * Frames that each end where they say: all can be read, and it is known which are to be answered. Their streams rise
   * from 1, but for a few.
   */
  whole(): FrameWriter {
    let stream = -1;
    return (random, sink) => {
      const kind = random.fraction();
      if (kind < 0.9) return this.#request(random, sink, (stream += 2));
      if (kind < 0.96) return this.#oddEnvelope(random, sink, (stream += 2));
      if (kind < 0.9998) return this.#oddHeader(random, sink, stream);
      return oversize(random, sink, (stream += 2));
    };
  }

  /** Frames that are broken, so that whoever reads them loses his place. */
  broken(): FrameWriter {
    let stream = -1;
    return (random, sink) => {
      const start = sink.length;
      this.#request(random, sink, (stream += 2));
      if (random.chance(0.8)) return true;
      damage(random, sink, start);
      return true;
    };
  }

  #request(random: Random, sink: ByteSink, stream: number): boolean {
    const start = header(sink, stream, MessageType.Request);
    this.#data(random, sink);
    endFrame(sink, start);
    return true;
  }

  /** A sound header, and something else than a request. */
  #oddEnvelope(random: Random, sink: ByteSink, stream: number): boolean {
    const start = sink.length;
    this.#request(random, sink, stream);
    const data = sink.copy(start + HEADER_BYTES);
    sink.truncate(start);
    header(sink, stream, MessageType.Request);
    mutateBytes(random, data, sink);
    endFrame(sink, start);
    return true;
  }

  /** Types and streams that must not be. Unknown types are ignored, all else is refused. */
  #oddHeader(random: Random, sink: ByteSink, lastStream: number): boolean {
    const start = sink.length;
    this.#request(random, sink, 0);
    sink.set(start + 9, random.between(0, 255));
    if (random.chance(0.5)) {
      sink.set(start + 8, random.pick(ODD_TYPES));
      sink.setUint32(start + 4, random.chance(0.5) ? lastStream + 2 : random.pick(ODD_STREAMS));
      return false;
    }
    const isData = random.chance(0.5);
    if (isData) sink.set(start + 8, MessageType.Data);
    const used = lastStream > 0 ? random.between(0, (lastStream - 1) / 2) * 2 + 1 : 0;
    sink.setUint32(start + 4, random.chance(0.5) ? used : random.pick(ODD_STREAMS));
    return true;
  }

  /** What a request has in it: mutated, but one in ten. */
  #data(random: Random, sink: ByteSink): void {
    const { envelope, payload } = random.pick(this.#templates);
    sink.bytes(envelope);
    if (random.chance(0.1)) {
      sink.varint(payload.length);
      sink.bytes(payload);
    } else {
      mutatedPayload(random, payload, sink);
    }
    // Now and then a time limit, which may be over at once.
    if (random.chance(0.05)) {
      sink.byte(TIMEOUT);
      sink.varint(random.between(0, 2_000_000_000));
    }
  }
}

/** Its length is only known afterwards: three bytes are kept free for it, which a varint may have. */
function mutatedPayload(random: Random, payload: Buffer, sink: ByteSink): void {
  const at = sink.length;
  sink.fill(0, 3);
  mutateBytes(random, payload, sink);
  const size = sink.length - at - 3;
  sink.set(at, (size & 0x7f) | 0x80);
  sink.set(at + 1, ((size >>> 7) & 0x7f) | 0x80);
  sink.set(at + 2, (size >>> 14) & 0x7f);
}

function header(sink: ByteSink, stream: number, type: number): number {
  const start = sink.length;
  sink.uint32(0);
  sink.uint32(stream >>> 0);
  sink.byte(type);
  sink.byte(0);
  return start;
}

function endFrame(sink: ByteSink, start: number): void {
  sink.setUint32(start, sink.length - start - HEADER_BYTES);
}

/** One byte more than is taken; all of them come. */
function oversize(random: Random, sink: ByteSink, stream: number): boolean {
  const start = header(sink, stream, MessageType.Request);
  sink.fill(random.between(0, 255), MAX_DATA_BYTES + random.between(1, 1000));
  endFrame(sink, start);
  return true;
}

/** Of the frame that begins at `start`, and is the last one. */
function damage(random: Random, sink: ByteSink, start: number): void {
  const size = sink.length - start;
  switch (random.between(0, 5)) {
    case 0:
      sink.setUint32(start, random.pick(LENGTHS));
      break;
    case 1:
      sink.setUint32(start, Math.max(0, size - HEADER_BYTES + random.between(-12, 12)));
      break;
    case 2:
      sink.truncate(start + random.between(0, size));
      break;
    case 3:
      sink.truncate(start);
      for (let count = random.between(1, 100); count > 0; count -= 1) sink.byte(random.between(0, 255));
      break;
    case 4:
      for (let index = 0; index < HEADER_BYTES; index += 1) sink.set(start + index, random.between(0, 255));
      break;
    default:
      sink.set(start + random.between(0, size - 1), random.between(0, 255));
  }
}

function toTemplate({ service, method, payload }: SeedMessage): Template {
  const field = (tag: number, text: string) => [Buffer.from([tag, text.length]), Buffer.from(text)];
  const envelope = Buffer.concat([...field(SERVICE, service), ...field(METHOD, method), Buffer.from([PAYLOAD])]);
  return { envelope, payload };
}
