import test from 'ava';
import { Random } from '../../chaos/random.ts';
import { ByteSink } from '../../fuzz/byte-sink.ts';
import { unansweredIn, frameOf } from '../../fuzz/frame-of.ts';
import { FrameSource } from '../../fuzz/frames.ts';
import { seedMessages } from '../../fuzz/seed-messages.ts';
import { FrameParser } from '../../../shim/ttrpc/frame-parser.ts';
import { MessageType } from '../../../shim/ttrpc/frame.ts';

const source = () => new FrameSource(seedMessages({ empty: '/tmp/none', resident: 'resident' }));

function whole(seed: number, frames: number) {
  const sink = new ByteSink(16);
  const write = source().whole();
  const random = new Random(seed, 'test');
  let answered = 0;
  for (let index = 0; index < frames; index += 1) if (write(random, sink)) answered += 1;
  return { bytes: sink.copy(), answered };
}

test('the same seed makes the same bytes, another one others', (t) => {
  t.deepEqual(whole(1, 500).bytes, whole(1, 500).bytes);
  t.notDeepEqual(whole(1, 500).bytes, whole(2, 500).bytes);
});

test('whole frames can all be read, and it is known which are to be answered', (t) => {
  const { bytes, answered } = whole(3, 20_000);
  const parser = new FrameParser();
  parser.push(bytes);
  const counts = { all: 0, answered: 0, oversize: 0 };
  for (let frame = parser.next(); frame !== undefined; frame = parser.next()) {
    counts.all += 1;
    if (frame.type === MessageType.Request || frame.type === MessageType.Data) counts.answered += 1;
    if (frame.oversize) counts.oversize += 1;
  }
  t.false(parser.insideFrame);
  t.is(counts.all, 20_000);
  t.is(counts.answered, answered);
  t.true(counts.oversize > 0);
});

test('the frame that is to blame is found again', (t) => {
  const { bytes } = whole(4, 10);
  t.is(frameOf(bytes, 1)?.readUInt32BE(4), 1);
  t.is(unansweredIn(bytes, new Set([1]))?.readUInt32BE(4), 3);
  t.is(frameOf(bytes, 99_999), undefined);
});
