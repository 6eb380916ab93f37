import { Code, StatusError } from '../../common/errors.ts';

/** The frames of snapshotter/native/worker/words.h: a length of four bytes, little endian, and words that end with NUL. */
const LENGTH_BYTES = 4;

/** FRAME_MAX and WORDS_MAX there: beyond them the worker would end, with all that it does for others. */
const MAX_FRAME = 8 << 20;
const MAX_WORDS = 4096;

/** @throws StatusError ResourceExhausted */
export function encodeWords(words: readonly string[]): Buffer {
  const nul = words.find((word) => word.includes('\0'));
  if (nul !== undefined) throw new TypeError(`a word has a NUL byte in it: ${JSON.stringify(nul)}`);
  const payload = Buffer.from(`${words.join('\0')}\0`);
  if (payload.length > MAX_FRAME || words.length > MAX_WORDS) {
    throw new StatusError(
      Code.ResourceExhausted,
      `${payload.length} bytes in ${words.length} parts are more than one request can hold: give the snapshot fewer labels`,
    );
  }
  const head = Buffer.alloc(LENGTH_BYTES);
  head.writeUInt32LE(payload.length);
  return Buffer.concat([head, payload]);
}

/** Puts frames together from what arrives. */
export class FrameReader {
  readonly #onFrame: (words: string[]) => void;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(onFrame: (words: string[]) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) {
      this.#onFrame(frame.toString('utf8', 0, frame.length - 1).split('\0'));
    }
  }

  #take(): Buffer | undefined {
    if (this.#length < LENGTH_BYTES) return undefined;
    const length = this.#join(LENGTH_BYTES).readUInt32LE();
    if (this.#length < LENGTH_BYTES + length) return undefined;
    const all = this.#join(LENGTH_BYTES + length);
    this.#chunks = [all.subarray(LENGTH_BYTES + length)];
    this.#length = this.#chunks[0]?.length ?? 0;
    return all.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
  }

  /** @returns at least so many bytes in one piece. */
  #join(bytes: number): Buffer {
    const [first = Buffer.alloc(0)] = this.#chunks;
    if (first.length >= bytes) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}
