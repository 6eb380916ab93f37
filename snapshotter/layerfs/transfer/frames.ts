import { createHash } from 'node:crypto';
import { dataLoss, invalidArgument } from '../../../common/errors.ts';

/**
 * The format of a sent chain (docs/layerfs.md): MAGIC, then frames: type (1 byte), length (4 bytes, big endian),
 * payload, digest (32 bytes). A digest is the SHA-256 of the digest before it, type, length and payload, so that no frame
 * can be changed, lost, doubled or moved unnoticed; the first one follows that of MAGIC.
 */
export const MAGIC = Buffer.from('LAYERFS\n\0\0\0\x01', 'latin1');
const MAGIC_WITHOUT_VERSION = 8;

export const FrameType = { manifest: 1, layer: 2, data: 3, layerEnd: 4, end: 5 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export interface Frame {
  readonly type: FrameType;
  readonly payload: Buffer;
}

const HEAD = 5;
const DIGEST = 32;
/** Only a manifest of very many labels comes near it. */
const MAX_PAYLOAD = 32 << 20;

const digestOf = (...parts: readonly Uint8Array[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Makes frames, which must go out in the order in which they are made. */
export class FrameWriter {
  #previous = digestOf(MAGIC);

  frame(type: FrameType, payload: Uint8Array): Buffer {
    const head = Buffer.alloc(HEAD);
    head.writeUInt8(type);
    head.writeUInt32BE(payload.length, 1);
    this.#previous = digestOf(this.#previous, head, payload);
    return Buffer.concat([head, payload, this.#previous]);
  }
}

const TYPES = new Set<number>(Object.values(FrameType));
const isType = (type: number): type is FrameType => TYPES.has(type);

/** Reads frames, each checked. @throws StatusError InvalidArgument for what is no such stream; DataLoss for a damaged one. */
export async function* readFrames(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  const bytes = new ByteReader(stream);
  checkMagic(await bytes.read(MAGIC.length));
  let previous = digestOf(MAGIC);
  for (;;) {
    const head = await bytes.read(HEAD);
    const [type, length] = [head.readUInt8(), head.readUInt32BE(1)];
    if (!isType(type) || length > MAX_PAYLOAD) throw damaged(bytes.position);
    const payload = await bytes.read(length);
    const digest = digestOf(previous, head, payload);
    if (!digest.equals(await bytes.read(DIGEST))) throw damaged(bytes.position);
    previous = digest;
    yield { type, payload };
    if (type !== FrameType.end) continue;
    if (!(await bytes.isAtEnd()))
      throw invalidArgument('the stream goes on after its end: was something else appended?');
    return;
  }
}

function checkMagic(found: Buffer): void {
  if (found.equals(MAGIC)) return;
  const isOurs = found.subarray(0, MAGIC_WITHOUT_VERSION).equals(MAGIC.subarray(0, MAGIC_WITHOUT_VERSION));
  throw invalidArgument(
    isOurs
      ? `the stream is of version ${found.readUInt32BE(MAGIC_WITHOUT_VERSION)}, and this daemon reads version 1: send it with the same proxmox-lxcri`
      : 'the stream is none of `proxmox-lxcri layerfs send`: is it compressed, or another file?',
  );
}

const damaged = (position: number) =>
  dataLoss(
    `the stream is damaged before byte ${position}: layers that were whole by then are kept, and nothing of others; send it again`,
  );

/** Takes a stream apart at other places than it comes in. */
class ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #chunks: Uint8Array[] = [];
  #length = 0;
  /** Bytes that were read. */
  position = 0;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  async read(count: number): Promise<Buffer> {
    if (!(await this.#fill(count))) {
      throw dataLoss(
        `the stream ends early, after ${this.position + this.#length} bytes: layers that were whole by then are kept, and nothing of others; send it again`,
      );
    }
    const all = Buffer.concat(this.#chunks);
    this.#chunks = all.length > count ? [all.subarray(count)] : [];
    this.#length = all.length - count;
    this.position += count;
    return all.subarray(0, count);
  }

  async isAtEnd(): Promise<boolean> {
    return !(await this.#fill(1));
  }

  /** @returns false if there are not so many. */
  async #fill(count: number): Promise<boolean> {
    while (this.#length < count) {
      const next = await this.#iterator.next();
      if (next.done === true) return false;
      this.#chunks.push(next.value);
      this.#length += next.value.length;
    }
    return true;
  }
}
