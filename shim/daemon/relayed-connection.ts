import type { Socket } from 'node:net';
import { checkIdentifier } from '../oci/container-id.ts';
import { decodeHeader, HEADER_BYTES } from '../ttrpc/frame.ts';
import { FrameType, splitWords } from './keeper-protocol.ts';

/** The first byte of HTTP/2's connection preface, `PRI * HTTP/2.0`. A ttrpc frame begins with its length: 0x00. */
const HTTP2_FIRST_BYTE = 'P'.charCodeAt(0);

const MAX_INTRODUCTION_BYTES = 1024;

/** A client's connection, as the keeper introduces it. */
export interface Introduction {
  /** Whose calls come by it: containerd 1.6 does not say, but each namespace has a socket of its own. */
  readonly namespace: string;
  /** Its number in the keeper's life, in decimal. */
  readonly connection: string;
  /** The highest stream id that it has used, with an earlier daemon; 0: none. */
  readonly lastStreamId: number;
}

export interface RelayedConnectionHandlers {
  ttrpc(socket: Socket, introduction: Introduction): void;
  grpc(socket: Socket, introduction: Introduction): void;
}

/** Reads who it is, and the first byte behind that, which tells ttrpc from gRPC; what was read too much is put back. */
export function receiveConnection(socket: Socket, handlers: RelayedConnectionHandlers): void {
  let read = Buffer.alloc(0);
  // One that ends before it said anything is no fault.
  const ignore = () => undefined;
  socket.on('error', ignore);
  const onReadable = () => {
    const chunk = socket.read() as Buffer | null;
    const end = chunk === null ? undefined : introductionEnd((read = Buffer.concat([read, chunk])));
    if (chunk === null || end === undefined) {
      socket.destroy();
      return;
    }
    if (read.length <= end) return;
    socket.off('readable', onReadable);
    socket.off('error', ignore);
    socket.unshift(read.subarray(end));
    const introduction = parseIntroduction(read.subarray(HEADER_BYTES, end));
    if (introduction === undefined) socket.destroy();
    else if (read[end] === HTTP2_FIRST_BYTE) handlers.grpc(socket, introduction);
    else handlers.ttrpc(socket, introduction);
  };
  socket.on('readable', onReadable);
}

/** Where the introduction ends, as far as is known; undefined if it is none. */
function introductionEnd(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER_BYTES) return HEADER_BYTES;
  if (bytes.readUInt32BE(0) > MAX_INTRODUCTION_BYTES) return undefined;
  const { length, type } = decodeHeader(bytes, 0);
  return type === FrameType.Introduction ? HEADER_BYTES + length : undefined;
}

function parseIntroduction(data: Buffer): Introduction | undefined {
  try {
    const [namespace = '', connection = '', last = ''] = splitWords(data, 3).words;
    return { namespace: checkIdentifier(namespace, 'namespace'), connection, lastStreamId: Number(last) };
  } catch {
    return undefined;
  }
}
