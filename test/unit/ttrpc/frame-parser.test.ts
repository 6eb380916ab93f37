import test from 'ava';
import fc from 'fast-check';
import { HEADER_BYTES, MalformedFrameError, MAX_DATA_BYTES, type Frame } from '../../../shim/ttrpc/frame.ts';
import { FrameParser } from '../../../shim/ttrpc/frame-parser.ts';
import { rawFrame } from './support.ts';

const anyFrame = fc.record({
  streamId: fc.integer({ min: 0, max: 0xffff_ffff }),
  type: fc.integer({ min: 0, max: 255 }),
  flags: fc.integer({ min: 0, max: 255 }),
  data: fc.uint8Array({ maxLength: 300 }),
});

function parseAll(parser: FrameParser, chunks: readonly Buffer[]): Frame[] {
  return chunks.flatMap((chunk) => {
    parser.push(chunk);
    return readAll(parser);
  });
}

function readAll(parser: FrameParser): Frame[] {
  const frames: Frame[] = [];
  for (let frame = parser.next(); frame !== undefined; frame = parser.next()) frames.push(frame);
  return frames;
}

/** Cuts `stream` into pieces of the given sizes, used over and over. */
function cut(stream: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let start = 0, turn = 0; start < stream.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    chunks.push(stream.subarray(start, start + size));
    start += size;
  }
  return chunks;
}

test('any frames in any chunking come out as they went in', (t) => {
  const sizes = fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 700 })), { minLength: 1, maxLength: 8 });
  const property = fc.property(fc.array(anyFrame, { maxLength: 12 }), sizes, (frames, chunkSizes) => {
    const stream = Buffer.concat(frames.map((f) => rawFrame(f.streamId, f.type, f.flags, f.data)));
    const parser = new FrameParser();
    const parsed = parseAll(parser, cut(stream, chunkSizes));
    t.deepEqual(
      parsed.map(({ streamId, type, flags, data }) => ({ streamId, type, flags, data: Buffer.from(data) })),
      frames.map((frame) => ({ ...frame, data: Buffer.from(frame.data) })),
    );
    t.false(parser.insideFrame);
  });
  fc.assert(property);
});

test('frames handed out are not overwritten by those that follow', (t) => {
  const parser = new FrameParser();
  const stream = Buffer.concat([rawFrame(1, 1, 0, Buffer.alloc(40, 'a')), rawFrame(3, 1, 0, Buffer.alloc(40, 'b'))]);
  const [first, second] = parseAll(parser, cut(stream, [7]));
  t.is(first?.data.toString(), Buffer.alloc(40, 'a').toString());
  t.is(second?.data.toString(), Buffer.alloc(40, 'b').toString());
});

test('a chunk pushed before the last one is used up is appended to it', (t) => {
  const parser = new FrameParser();
  parser.push(rawFrame(1, 1, 0, Buffer.from('one')));
  parser.push(rawFrame(3, 1, 0, Buffer.from('two')));
  t.deepEqual(
    readAll(parser).map((frame) => frame.streamId),
    [1, 3],
  );
});

test('the largest frame passes, a byte more is reported without its data, and the next frame is found', (t) => {
  const largest = rawFrame(1, 1, 0, Buffer.alloc(MAX_DATA_BYTES, 1));
  const tooLarge = rawFrame(3, 1, 0, Buffer.alloc(MAX_DATA_BYTES + 1, 2));
  const stream = Buffer.concat([largest, tooLarge, rawFrame(5, 2, 4, Buffer.from('x'))]);
  for (const size of [65_536, stream.length]) {
    const frames = parseAll(new FrameParser(), cut(stream, [size]));
    t.deepEqual(
      frames.map(({ streamId, length, oversize, data }) => [streamId, length, oversize, data.length]),
      [
        [1, MAX_DATA_BYTES, false, MAX_DATA_BYTES],
        [3, MAX_DATA_BYTES + 1, true, 0],
        [5, 1, false, 1],
      ],
    );
    t.true(frames[0]?.data.every((byte) => byte === 1));
  }
});

test('an oversize frame is reported only once its last byte is gone', (t) => {
  const parser = new FrameParser();
  const frame = rawFrame(3, 1, 0, Buffer.alloc(MAX_DATA_BYTES + 1));
  t.deepEqual(parseAll(parser, [frame.subarray(0, -1)]), []);
  t.true(parser.insideFrame);
  t.is(parseAll(parser, [frame.subarray(-1)]).length, 1);
  t.false(parser.insideFrame);
});

test('a first byte other than zero is no ttrpc, however it arrives', (t) => {
  for (const size of [1, 5, HEADER_BYTES]) {
    const parser = new FrameParser();
    t.throws(() => parseAll(parser, cut(Buffer.from('PRI * HTTP/2.0'), [size])), {
      instanceOf: MalformedFrameError,
      message: 'not a ttrpc frame: it starts with 0x505249202a2048545450, but its first byte must be zero',
    });
  }
});

test('insideFrame tells a header begun and a frame without data', (t) => {
  const parser = new FrameParser();
  const frame = rawFrame(1, 1, 0, Buffer.alloc(0));
  for (const byte of cut(frame.subarray(0, -1), [1])) {
    t.deepEqual(parseAll(parser, [byte]), []);
    t.true(parser.insideFrame);
  }
  t.is(parseAll(parser, [frame.subarray(-1)]).length, 1);
  t.false(parser.insideFrame);
});

test('any bytes at all are parsed or refused, never worse', (t) => {
  const property = fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
    try {
      parseAll(
        new FrameParser(),
        chunks.map((chunk) => Buffer.from(chunk)),
      );
    } catch (error) {
      t.true(error instanceof MalformedFrameError);
    }
  });
  fc.assert(property);
  t.pass();
});
