import { decodeHeader, HEADER_BYTES } from '../../shim/ttrpc/frame.ts';

/** The first frame of a stream among whole frames; undefined if there is none. */
export function frameOf(bytes: Buffer, stream: number): Buffer | undefined {
  for (let start = 0; start + HEADER_BYTES <= bytes.length;) {
    const { length, streamId } = decodeHeader(bytes, start);
    const end = start + HEADER_BYTES + length;
    if (streamId === stream) return bytes.subarray(start, end);
    start = end;
  }
  return undefined;
}
