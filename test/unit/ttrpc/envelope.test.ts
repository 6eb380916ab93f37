import test from 'ava';
import fc from 'fast-check';
import { Request, Response } from '../../../proto/gen/ttrpc.ts';
import {
  decodeRequest,
  decodeResponse,
  encodeReplyFrame,
  encodeRequestFrame,
  encodeStatusFrame,
} from '../../../shim/ttrpc/envelope.ts';
import { decodeHeader, HEADER_BYTES, MessageType } from '../../../shim/ttrpc/frame.ts';

const anyText = fc.string({ unit: 'grapheme', maxLength: 60 });
const anyPayload = fc.uint8Array({ maxLength: 400 });
const anyRequest = fc.record({
  service: anyText,
  method: anyText,
  payload: anyPayload,
  timeoutNano: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  metadata: fc.array(fc.tuple(anyText, anyText), { maxLength: 4 }),
});
const anyStatus = fc.record({ code: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), message: anyText });

/** Checks the header and returns what comes after it. */
function dataOf(frame: Uint8Array, streamId: number, type: number): Buffer {
  const bytes = Buffer.from(frame);
  const header = decodeHeader(bytes, 0);
  if (header.streamId !== streamId || header.type !== type || header.flags !== 0) throw new Error('wrong header');
  if (header.length !== bytes.length - HEADER_BYTES) throw new Error('wrong length');
  return bytes.subarray(HEADER_BYTES);
}

test('a request is written and read as the generated code does it', (t) => {
  const property = fc.property(anyRequest, (request) => {
    const generated = {
      ...request,
      payload: Buffer.from(request.payload),
      metadata: request.metadata.map(([key, value]) => ({ key, value })),
    };
    t.deepEqual(Request.decode(dataOf(encodeRequestFrame(7, request), 7, MessageType.Request)), generated);
    const decoded = decodeRequest(Request.encode(generated).finish());
    t.deepEqual({ ...decoded, payload: Buffer.from(decoded.payload) }, { ...request, payload: generated.payload });
  });
  fc.assert(property);
});

test('a reply is written and read as the generated code does it', (t) => {
  const property = fc.property(anyPayload, (payload) => {
    const response = Response.decode(dataOf(encodeReplyFrame(9, payload), 9, MessageType.Response));
    t.deepEqual(response, { status: undefined, payload: Buffer.from(payload) });
    const decoded = decodeResponse(Response.encode(response).finish());
    t.is(decoded.status, undefined);
    t.deepEqual(Buffer.from(decoded.payload), Buffer.from(payload));
  });
  fc.assert(property);
});

test('a status is written and read as the generated code does it, its details left out', (t) => {
  const property = fc.property(anyStatus, (status) => {
    const response = Response.decode(dataOf(encodeStatusFrame(11, status), 11, MessageType.Response));
    t.deepEqual(response.status, { ...status, details: [] });
    const details = [{ typeUrl: 'a', value: Buffer.from('b') }];
    const detailed = Response.encode({ status: { ...status, details }, payload: Buffer.alloc(0) }).finish();
    t.deepEqual(decodeResponse(detailed).status, status);
  });
  fc.assert(property);
});

test('a well-known frame has the bytes of the specification', (t) => {
  const request = { service: 's', method: 'm', payload: Buffer.from('p'), timeoutNano: 300n };
  const frame = encodeRequestFrame(1, { ...request, metadata: [['k', 'v']] });
  t.is(
    Buffer.from(frame).toString('hex'),
    '00000014000000010100' + '0a0173' + '12016d' + '1a0170' + '20ac02' + '2a060a016b120176',
  );
  t.is(Buffer.from(encodeReplyFrame(3, Buffer.alloc(0))).toString('hex'), '00000000000000030200');
});

test('unknown fields, and known ones of another wire type, are skipped', (t) => {
  const known = Request.encode({ service: 's', method: 'm', payload: Buffer.alloc(0), timeoutNano: 0n, metadata: [] });
  const unknown = '3a0161' + '9a0600' + '0807' + '4d01020304' + '5108070605040302ff' + '5b08015c';
  const request = decodeRequest(Buffer.concat([Buffer.from(unknown, 'hex'), known.finish()]));
  t.deepEqual([request.service, request.method], ['s', 'm']);
});

test('what is no message is refused', (t) => {
  const cases = {
    'a length beyond the end': '0a05ab',
    'a field number of zero': '020161',
    'a wire type that does not exist': '0f',
    'an end of a group that never began': '0c',
    'a group without an end': '5b0801',
    'a number cut short': '20ff',
    'text that is not UTF-8': '0a01ff',
    'a broken key-value pair': '2a020a05',
  };
  for (const [name, hex] of Object.entries(cases))
    t.throws(() => decodeRequest(Buffer.from(hex, 'hex')), undefined, name);
});

test('any bytes are decoded or refused with an Error', (t) => {
  const property = fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    for (const decode of [decodeRequest, decodeResponse]) {
      try {
        decode(bytes);
      } catch (error) {
        t.true(error instanceof Error);
      }
    }
  });
  fc.assert(property, { numRuns: 1000 });
  t.pass();
});
