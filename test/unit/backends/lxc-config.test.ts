import test from 'ava';
import fc from 'fast-check';
import { Code, StatusError } from '../../../common/errors.ts';
import { LxcConfig } from '../../../shim/backends/lxc/lxc-config.ts';
import { parseLxcConfig } from './prepare.ts';

test('a line a value', (t) => {
  const config = new LxcConfig().set('lxc.autodev', 0).set('lxc.idmap', 'u 0 1 2').set('lxc.idmap', 'g 0 1 2');
  t.is(config.toString(), 'lxc.autodev = 0\nlxc.idmap = u 0 1 2\nlxc.idmap = g 0 1 2\n');
});

const refused = [
  '',
  ' ',
  ' x',
  'x ',
  'x\t',
  '"x"',
  "'x'",
  '""',
  'a\nb',
  'a\rb',
  'a\0b',
  'a\u0085b',
  '\nlxc.hook.start-host = /x',
];
for (const value of refused) {
  test(`LXC would change ${JSON.stringify(value)}`, (t) => {
    const error = t.throws(() => new LxcConfig().set('lxc.rootfs.path', value, 'root.path'), {
      instanceOf: StatusError,
      message: /^config\.json: root\.path is /,
    });
    t.is(error.code, Code.InvalidArgument);
  });
}

for (const value of ['x', 'a b', '"x', "x'", `"x'`, '#x', 'a = b', 'a#b', 'ä', '\\n', '$x', '-1']) {
  test(`${JSON.stringify(value)} is taken as it is`, (t) => {
    const text = new LxcConfig().set('lxc.rootfs.path', value).toString();
    t.deepEqual(parseLxcConfig(text), [['lxc.rootfs.path', value]]);
  });
}

test('whatever is taken is one line, which LXC reads as it was', (t) => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc
      .array(fc.constantFrom('\n', '\r', '=', ' ', '"', "'", '#', 'lxc.hook.start-host', '/x', '\u2028', '\u0085'))
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(fc.array(value), (values) => {
      const config = new LxcConfig();
      const taken = values.filter((each) => {
        try {
          config.set('lxc.rootfs.path', each);
          return true;
        } catch (error) {
          t.true(error instanceof StatusError);
          return false;
        }
      });
      t.deepEqual(
        parseLxcConfig(config.toString()),
        taken.map((each) => ['lxc.rootfs.path', each]),
      );
      t.is(config.toString().split('\n').length, Math.max(taken.length, 1) + 1);
    }),
    { numRuns: 1000 },
  );
});
