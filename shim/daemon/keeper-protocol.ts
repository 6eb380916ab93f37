import { HEADER_BYTES, writeHeader } from '../ttrpc/frame.ts';

/**
 * What the keeper and its daemon say to each other (shim/native/keeper): frames with ttrpc's header and stream id 0. An
 * introduction begins each relayed connection; the others go over the control socket. Data are words that NUL ends, and
 * for some, bytes behind them.
 */
export const FrameType = {
  /** NAMESPACE CONNECTION LAST: whose connection it is, its number, and the highest stream id that it has used. */
  Introduction: 0x10,

  /** The code is loaded, and nothing on disk has been touched. */
  Loaded: 0x20,
  /** All containers are recovered: connections may come. */
  Ready: 0x21,
  /** REQUESTS CONTAINERS: may the daemon end? It has read so many requests in its life. */
  Sleep: 0x22,
  /** KEY ADDRESS and a ttrpc request, to be sent to containerd. */
  Publish: 0x23,
  /** KEY: it is written down that this was answered. */
  Recorded: 0x24,

  /** No other daemon is left. */
  Begin: 0x30,
  Go: 0x31,
  Stay: 0x32,
  /** A successor is loaded. */
  Handover: 0x33,
  /** KEY, then `A` and containerd's ttrpc response, or `F` and why nobody knows of one. */
  Published: 0x34,
  /** A Create is about to come. */
  Announced: 0x35,
} as const;

const NOTHING = new Uint8Array(0);

/** A whole frame. No word may contain NUL. */
export function encodeKeeperFrame(type: number, words: readonly string[] = [], rest: Uint8Array = NOTHING): Uint8Array {
  const text = Buffer.from(words.map((word) => `${word}\0`).join(''));
  const frame = Buffer.concat([Buffer.alloc(HEADER_BYTES), text, rest]);
  writeHeader(frame, 0, type);
  return frame;
}

/** So many words, and the bytes behind them. @throws Error if there are fewer. */
export function splitWords(data: Uint8Array, count: number): { readonly words: string[]; readonly rest: Uint8Array } {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const words: string[] = [];
  let start = 0;
  while (words.length < count) {
    const end = bytes.indexOf(0, start);
    if (end < 0) throw new Error(`a frame of the keeper's has ${words.length} words: expected ${count}`);
    words.push(bytes.toString('utf8', start, end));
    start = end + 1;
  }
  return { words, rest: bytes.subarray(start) };
}
