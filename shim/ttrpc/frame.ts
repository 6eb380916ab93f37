/** Bytes before the data of every frame: u32be data length, u32be stream id, u8 type, u8 flags (PROTOCOL.md of containerd/ttrpc). */
export const HEADER_BYTES = 10;

/** The most data one frame may carry, in bytes; containerd's Go code has the same fixed limit. */
export const MAX_DATA_BYTES = 4 << 20;

/**
 * The protocol reserves the first byte of a frame as zero, so a length from here on is no ttrpc at all. Without this
 * check a peer that speaks something else would make us silently swallow gigabytes.
 */
const RESERVED_LENGTH = 1 << 24;

/** Frame types. A receiver ignores a type it does not know. */
export const MessageType = { Request: 1, Response: 2, Data: 3 } as const;

export interface FrameHeader {
  /** Length of the data that follows, in bytes. */
  readonly length: number;
  /** Odd for streams a client opened. */
  readonly streamId: number;
  /** One of {@link MessageType}, or a number this version does not know. */
  readonly type: number;
  readonly flags: number;
}

/** A whole frame. `oversize` frames exceed {@link MAX_DATA_BYTES}; their bytes were discarded and `data` is empty. */
export interface Frame extends FrameHeader {
  readonly data: Uint8Array;
  readonly oversize: boolean;
}

/** The bytes are not ttrpc; the connection they came from cannot be read any further. */
export class MalformedFrameError extends Error {
  override readonly name = 'MalformedFrameError';
}

/**
 * Reads a header from `bytes` at `offset`, where {@link HEADER_BYTES} must be readable.
 * @throws MalformedFrameError if the reserved first byte is not zero.
 */
export function decodeHeader(bytes: Buffer, offset: number): FrameHeader {
  const length = bytes.readUInt32BE(offset);
  if (length >= RESERVED_LENGTH) {
    const start = bytes.toString('hex', offset, offset + HEADER_BYTES);
    throw new MalformedFrameError(`not a ttrpc frame: it starts with 0x${start}, but its first byte must be zero`);
  }
  return {
    length,
    streamId: bytes.readUInt32BE(offset + 4),
    type: bytes.readUInt8(offset + 8),
    flags: bytes.readUInt8(offset + 9),
  };
}

/** Writes the header of a frame into the first {@link HEADER_BYTES} of `frame`; the data is all that comes after. */
export function writeHeader(frame: Uint8Array, streamId: number, type: number, flags = 0): void {
  const view = new DataView(frame.buffer, frame.byteOffset, HEADER_BYTES);
  view.setUint32(0, frame.byteLength - HEADER_BYTES);
  view.setUint32(4, streamId);
  view.setUint8(8, type);
  view.setUint8(9, flags);
}

/** What is said of a frame over the limit, in the words of containerd's Go code. */
export function oversizeMessage(length: number): string {
  return `message length ${length} exceed maximum message size of ${MAX_DATA_BYTES}`;
}
