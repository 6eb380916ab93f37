import test from 'ava';
import { encodeKeeperFrame, FrameType, splitWords } from '../../../shim/daemon/keeper-protocol.ts';
import { FrameParser } from '../../../shim/ttrpc/frame-parser.ts';

test('a frame has the bytes that the keeper reads', (t) => {
  const frame = encodeKeeperFrame(FrameType.Publish, ['ns/j#1', '/run/c'], Buffer.from([0, 1]));
  t.is(
    Buffer.from(frame).toString('hex'),
    `00000010000000002300${Buffer.from('ns/j#1\0/run/c\0').toString('hex')}0001`,
  );
  t.is(Buffer.from(encodeKeeperFrame(FrameType.Loaded)).toString('hex'), '00000000000000002000');
});

test('words come back, and what is behind them', (t) => {
  const parser = new FrameParser();
  parser.push(Buffer.from(encodeKeeperFrame(FrameType.Published, ['schlüssel', ''], Buffer.from('A\0b'))));
  const data = parser.next()?.data ?? new Uint8Array();
  t.deepEqual(splitWords(data, 2).words, ['schlüssel', '']);
  t.is(Buffer.from(splitWords(data, 2).rest).toString(), 'A\0b');
  t.deepEqual(splitWords(data, 0).words, []);
});

test('words that are missing are a fault', (t) => {
  t.throws(() => splitWords(Buffer.from('one\0two'), 2), { message: /has 1 words: expected 2/ });
});
