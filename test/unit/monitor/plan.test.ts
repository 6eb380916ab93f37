import test from 'ava';
import fc from 'fast-check';
import { Plan } from '../../../shim/monitor/plan.ts';
import { parsePlan, wordsOf } from '../support/native-plan.ts';

test('words are ended by NUL, numbers are decimal', (t) => {
  const plan = new Plan().add('mount', 'a b', 12, 3n, '').add('none');
  t.is(plan.toString(), 'mount\0a b\x0012\x003\0\0none\0');
  t.is(new Plan().toString(), '');
});

test('any words but NUL survive the way', (t) => {
  const word = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(fc.array(word, { minLength: 1 })), (operations) => {
      const plan = new Plan();
      for (const [name = '', ...args] of operations) plan.add(name, ...args);
      t.deepEqual(wordsOf(plan.toString()), operations.flat());
    }),
  );
});

test('numbers survive the way, however large', (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (number) => {
      t.deepEqual(wordsOf(new Plan().add('rlimit', number).toString()), ['rlimit', number.toString()]);
      t.regex(new Plan().add('x', Number(number & 0xffff_ffffn)).toString(), /^x\0[0-9]+\0$/);
    }),
  );
});

test('a word with NUL would be two: it is refused', (t) => {
  t.throws(() => new Plan().add('env', 'A=b\0C=d'), { instanceOf: TypeError });
});

test('one plan may be added to another', (t) => {
  const first = new Plan().add('stdio', 0, '');
  const second = new Plan().add('order', 'x');
  t.is(first.append(second).toString(), 'stdio\x000\0\0order\0x\0');
  t.is(second.toString(), 'order\0x\0');
});

test('however long that is', (t) => {
  const long = new Plan();
  for (let count = 0; count < 200_000; count += 1) long.add('arg', 'x');
  t.is(new Plan().append(long).toString().length, 200_000 * 'arg\0x\0'.length);
});

test('the tables of the native programs can be read', (t) => {
  const plan = new Plan().add('field', 'mounts[0]').add('tree', '/x', 1).add('order', 'o');
  t.deepEqual(parsePlan(plan.toString(), 'monitor'), [
    { name: 'tree', args: ['/x', '1'], field: 'mounts[0]' },
    { name: 'order', args: ['o'], field: 'mounts[0]' },
  ]);
  t.throws(() => parsePlan('tree\0/x\0', 'monitor'), { message: /has 1 arguments/ });
  t.throws(() => parsePlan('trees\0/x\0', 'monitor'), { message: /knows no operation/ });
});
