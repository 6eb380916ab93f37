import { decodeHeader, HEADER_BYTES, MessageType, type FrameHeader } from '../../shim/ttrpc/frame.ts';

/** The first frame of a stream among whole frames; undefined if there is none. */
export const frameOf = (bytes: Buffer, stream: number): Buffer | undefined =>
  findFrame(bytes, ({ streamId }) => streamId === stream);

/** The first frame that wants an answer, and has none: what came behind it may just have waited. */
export const unansweredIn = (bytes: Buffer, answered: ReadonlySet<number>): Buffer | undefined =>
  findFrame(
    bytes,
    ({ streamId, type }) => (type === MessageType.Request || type === MessageType.Data) && !answered.has(streamId),
  );

function findFrame(bytes: Buffer, isIt: (header: FrameHeader) => boolean): Buffer | undefined {
  for (let start = 0; start + HEADER_BYTES <= bytes.length;) {
    const header = decodeHeader(bytes, start);
    const end = start + HEADER_BYTES + header.length;
    if (isIt(header)) return bytes.subarray(start, end);
    start = end;
  }
  return undefined;
}
