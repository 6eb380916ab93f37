import test from 'ava';
import { Code, StatusError } from '../../../../common/errors.ts';
import { encodeWords } from '../../../../snapshotter/stores/worker-frames.ts';

test('a request that would end the worker, and with it what others asked for, is not sent', (t) => {
  for (const words of [['x'.repeat(8 << 20)], Array.from({ length: 4097 }, () => 'x')]) {
    const error = t.throws(() => encodeWords(words), { instanceOf: StatusError });
    t.is(error.code, Code.ResourceExhausted);
  }
  t.notThrows(() => encodeWords(['x'.repeat((8 << 20) - 1)]));
});
