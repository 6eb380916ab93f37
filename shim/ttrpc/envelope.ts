import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { HEADER_BYTES, MessageType, writeHeader } from './frame.ts';

/** The messages around every payload (proto/ttrpc.proto), written by hand so that the header shares their buffer. */
export interface Request {
  service: string;
  method: string;
  payload: Uint8Array;
  /** Nanoseconds from when the caller sent it; 0 is no limit. */
  timeoutNano: bigint;
  /** In the order of the wire; a key may come more than once. */
  metadata: [key: string, value: string][];
}

export interface Response {
  /** Absent, or with code 0, when the call succeeded. */
  status: Status | undefined;
  payload: Uint8Array;
}

/** google.rpc.Status without its details, which neither containerd nor this project sends. */
export interface Status {
  code: number;
  message: string;
}

/** Tags as they are on the wire: the field's number, then how its value is written. */
const varint = (field: number) => (field << 3) | WireType.Varint;
const delimited = (field: number) => (field << 3) | WireType.LengthDelimited;
const Tag = {
  RequestService: delimited(1),
  RequestMethod: delimited(2),
  RequestPayload: delimited(3),
  RequestTimeoutNano: varint(4),
  RequestMetadata: delimited(5),
  KeyValueKey: delimited(1),
  KeyValueValue: delimited(2),
  ResponseStatus: delimited(1),
  ResponsePayload: delimited(2),
  StatusCode: varint(1),
  StatusMessage: delimited(2),
};

const NO_BYTES = new Uint8Array(0);
const HEADER_SPACE = new Uint8Array(HEADER_BYTES);

/** A whole request frame. It may exceed the limit of a frame: the caller checks its length. */
export function encodeRequestFrame(streamId: number, request: Request): Uint8Array {
  const writer = new BinaryWriter().raw(HEADER_SPACE);
  writer.uint32(Tag.RequestService).string(request.service);
  writer.uint32(Tag.RequestMethod).string(request.method);
  if (request.payload.length > 0) writer.uint32(Tag.RequestPayload).bytes(request.payload);
  if (request.timeoutNano !== 0n) writer.uint32(Tag.RequestTimeoutNano).int64(request.timeoutNano);
  for (const [key, value] of request.metadata) {
    writer.uint32(Tag.RequestMetadata).fork();
    writer.uint32(Tag.KeyValueKey).string(key);
    writer.uint32(Tag.KeyValueValue).string(value);
    writer.join();
  }
  const frame = writer.finish();
  writeHeader(frame, streamId, MessageType.Request);
  return frame;
}

/** A whole response frame of a call that succeeded. It may exceed the limit of a frame: the caller checks its length. */
export function encodeReplyFrame(streamId: number, payload: Uint8Array): Uint8Array {
  const writer = new BinaryWriter().raw(HEADER_SPACE);
  if (payload.length > 0) writer.uint32(Tag.ResponsePayload).bytes(payload);
  const frame = writer.finish();
  writeHeader(frame, streamId, MessageType.Response);
  return frame;
}

/** A whole response frame of a call that failed. */
export function encodeStatusFrame(streamId: number, status: Status): Uint8Array {
  const writer = new BinaryWriter().raw(HEADER_SPACE);
  writer.uint32(Tag.ResponseStatus).fork();
  writer.uint32(Tag.StatusCode).int32(status.code);
  writer.uint32(Tag.StatusMessage).string(status.message);
  writer.join();
  const frame = writer.finish();
  writeHeader(frame, streamId, MessageType.Response);
  return frame;
}

/** @throws any error if the bytes are no Request. Text must be UTF-8, as Go's decoder demands. */
export function decodeRequest(data: Uint8Array): Request {
  const request: Request = { service: '', method: '', payload: NO_BYTES, timeoutNano: 0n, metadata: [] };
  eachField(data, (tag, reader) => {
    if (tag === Tag.RequestService) request.service = reader.string(true);
    else if (tag === Tag.RequestMethod) request.method = reader.string(true);
    else if (tag === Tag.RequestPayload) request.payload = reader.bytes();
    else if (tag === Tag.RequestTimeoutNano) request.timeoutNano = BigInt(reader.int64());
    else if (tag === Tag.RequestMetadata) request.metadata.push(decodeKeyValue(reader.bytes()));
    else return false;
    return true;
  });
  return request;
}

/** @throws any error if the bytes are no Response. */
export function decodeResponse(data: Uint8Array): Response {
  const response: Response = { status: undefined, payload: NO_BYTES };
  eachField(data, (tag, reader) => {
    if (tag === Tag.ResponseStatus) response.status = decodeStatus(reader.bytes());
    else if (tag === Tag.ResponsePayload) response.payload = reader.bytes();
    else return false;
    return true;
  });
  return response;
}

function decodeKeyValue(data: Uint8Array): [string, string] {
  const pair: [string, string] = ['', ''];
  eachField(data, (tag, reader) => {
    if (tag === Tag.KeyValueKey) pair[0] = reader.string(true);
    else if (tag === Tag.KeyValueValue) pair[1] = reader.string(true);
    else return false;
    return true;
  });
  return pair;
}

function decodeStatus(data: Uint8Array): Status {
  const status: Status = { code: 0, message: '' };
  eachField(data, (tag, reader) => {
    if (tag === Tag.StatusCode) status.code = reader.int32();
    // An error's text must not be lost to a stray byte in it.
    else if (tag === Tag.StatusMessage) status.message = reader.string();
    else return false;
    return true;
  });
  return status;
}

/** Calls `read` for each field; one that it returns false for, without having read, is skipped as unknown. */
function eachField(data: Uint8Array, read: (tag: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(data);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (!read((field << 3) | wireType, reader)) reader.skip(wireType, field);
  }
}
