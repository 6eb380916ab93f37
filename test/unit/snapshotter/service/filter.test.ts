import test from 'ava';
import { Code, StatusError } from '../../../../common/errors.ts';
import { parseFilters } from '../../../../snapshotter/service/filter.ts';

const matches = (filter: string, name: string) =>
  parseFilters([filter])(([field]) => (field === 'name' ? name : undefined));

test('a regular expression is looked for anywhere in the value', (t) => {
  t.true(matches('name~=sha256', 'default/1/sha256:00'));
  t.true(matches('name~="(?i)SHA256"', 'default/1/sha256:00'));
  t.false(matches('name~=/^sha256/', 'default/1/sha256:00'));
});

test('a regular expression that would take for ever is refused, since every other call waits for it', (t) => {
  const started = Date.now();
  const error = t.throws(() => matches('name~=/^(a+)+$/', `${'a'.repeat(40)}!`), { instanceOf: StatusError });
  t.is(error.code, Code.InvalidArgument);
  t.regex(error.message, /takes too long/);
  t.true(Date.now() - started < 5000);
});

test('what JavaScript refuses in a filter is the caller’s mistake', (t) => {
  for (const filter of ['name=="\\UFFFFFFFF"', `name~=/${'('.repeat(20_000)}${')'.repeat(20_000)}/`]) {
    const error = t.throws(() => matches(filter, 'x'), { instanceOf: StatusError });
    t.is(error.code, Code.InvalidArgument, error.message.slice(0, 100));
  }
});
