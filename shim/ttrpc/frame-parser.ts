import { decodeHeader, HEADER_BYTES, MAX_DATA_BYTES, type Frame, type FrameHeader } from './frame.ts';

const NOTHING = Buffer.alloc(0);

/**
 * Cuts a byte stream into frames, whatever its chunking. It is pulled, not pushed, so that a reader under back-pressure
 * can stop in the middle of a chunk that holds many requests.
 *
 * A frame that lies within one chunk is handed out as a view of it. One that spans chunks is copied once, into a buffer
 * of its final size: the work stays linear even when bytes come one by one.
 */
export class FrameParser {
  #chunk: Buffer = NOTHING;
  #offset = 0;
  readonly #partialHeader = Buffer.alloc(HEADER_BYTES);
  #partialHeaderBytes = 0;
  #header: FrameHeader | undefined;
  #data: Buffer = NOTHING;
  #dataBytes = 0;

  /** Adds what was read. Only when `next()` has returned undefined is the chunk before it used up. */
  push(chunk: Buffer): void {
    this.#chunk =
      this.#offset < this.#chunk.length ? Buffer.concat([this.#chunk.subarray(this.#offset), chunk]) : chunk;
    this.#offset = 0;
  }

  /**
   * The next whole frame, or undefined when more bytes are needed. Its `data` is never written to again.
   * @throws MalformedFrameError for bytes that are no ttrpc; the parser is unusable from then on.
   */
  next(): Frame | undefined {
    const header = this.#header ?? this.#readHeader();
    if (header === undefined) return undefined;
    const data = header.length > MAX_DATA_BYTES ? this.#discard(header.length) : this.#readData(header.length);
    if (data === undefined) {
      this.#header = header;
      return undefined;
    }
    this.#header = undefined;
    this.#data = NOTHING;
    this.#dataBytes = 0;
    const { length, streamId, type, flags } = header;
    return { length, streamId, type, flags, data, oversize: length > MAX_DATA_BYTES };
  }

  /** Whether the bytes so far end inside a frame. */
  get insideFrame(): boolean {
    return this.#header !== undefined || this.#partialHeaderBytes > 0;
  }

  get #available(): number {
    return this.#chunk.length - this.#offset;
  }

  #readHeader(): FrameHeader | undefined {
    if (this.#partialHeaderBytes === 0 && this.#available >= HEADER_BYTES) {
      const header = decodeHeader(this.#chunk, this.#offset);
      this.#offset += HEADER_BYTES;
      return header;
    }
    this.#partialHeaderBytes += this.#take(this.#partialHeader, this.#partialHeaderBytes, HEADER_BYTES);
    if (this.#partialHeaderBytes < HEADER_BYTES) return undefined;
    this.#partialHeaderBytes = 0;
    return decodeHeader(this.#partialHeader, 0);
  }

  #readData(length: number): Uint8Array | undefined {
    if (this.#dataBytes === 0) {
      if (this.#available >= length) {
        this.#offset += length;
        return this.#chunk.subarray(this.#offset - length, this.#offset);
      }
      if (this.#available === 0) return undefined;
      // Memory the peer has merely announced is not touched, and so not used, before its bytes arrive.
      this.#data = Buffer.allocUnsafeSlow(length);
    }
    this.#dataBytes += this.#take(this.#data, this.#dataBytes, length);
    return this.#dataBytes < length ? undefined : this.#data;
  }

  #discard(length: number): Uint8Array | undefined {
    const bytes = Math.min(this.#available, length - this.#dataBytes);
    this.#offset += bytes;
    this.#dataBytes += bytes;
    return this.#dataBytes < length ? undefined : NOTHING;
  }

  /** Copies into `target` from `start` up to `end` as far as the chunk goes, and returns the number of bytes copied. */
  #take(target: Buffer, start: number, end: number): number {
    const bytes = Math.min(this.#available, end - start);
    this.#chunk.copy(target, start, this.#offset, this.#offset + bytes);
    this.#offset += bytes;
    return bytes;
  }
}
