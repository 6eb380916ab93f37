import test from 'ava';
import fc from 'fast-check';
import { Code, StatusError } from '../../../common/errors.ts';
import { checkIdentifier } from '../../../shim/oci/container-id.ts';

for (const id of ['a', '0', 'k8s.io', 'a-b_c.d', 'A1', 'a'.repeat(76), 'f'.repeat(64)]) {
  test(`${id.slice(0, 20)} (${id.length}) is an id`, (t) => {
    t.is(checkIdentifier(id, 'container id'), id);
  });
}

for (const id of [
  '',
  '.',
  '..',
  'a/b',
  '../a',
  'a..b',
  'a-',
  '-a',
  'a\n',
  'a b',
  'ä',
  'a\0',
  'a'.repeat(77),
  'x'.repeat(300),
]) {
  test(`${JSON.stringify(id).slice(0, 20)} (${id.length}) is none`, (t) => {
    const error = t.throws(() => checkIdentifier(id, 'exec id'), { instanceOf: StatusError });
    t.is(error.code, Code.InvalidArgument);
    t.true(error.message.startsWith('exec id "'));
    t.true(error.message.length < 250);
  });
}

test('what passes is one harmless path component', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'Z', '9', '.', '-', '_', '/', '\n', ' ') }), (id) => {
      try {
        checkIdentifier(id, 'id');
      } catch {
        return;
      }
      t.regex(id, /^[A-Za-z0-9._-]{1,76}$/);
      t.notRegex(id, /^\.|\.\.|\.$/);
    }),
  );
});
