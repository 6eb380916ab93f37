import test from 'ava';
import { Code, StatusError } from '../../../../common/errors.ts';
import { parseFilters } from '../../../../snapshotter/service/filter.ts';

const matches = async (filter: string, name: string) =>
  (await parseFilters([filter]))(([field]) => (field === 'name' ? name : undefined));

test('a regular expression is looked for anywhere in the value', async (t) => {
  t.true(await matches('name~=sha256', 'default/1/sha256:00'));
  t.true(await matches('name~="(?i)SHA256"', 'default/1/sha256:00'));
  t.false(await matches('name~=/^sha256/', 'default/1/sha256:00'));
});

test('a regular expression is in Go’s syntax', async (t) => {
  for (const [expression, value] of [
    ['(?P<algorithm>sha\\d+):', 'sha256:00'],
    ['^[[:alpha:]]+$', 'web'],
    ['\\Aweb\\z', 'web'],
    ['\\Qa.b\\E', 'a.b'],
    ['a(?s:.)b', 'a\nb'],
    ['^\\pL+$', 'größe'],
  ] as const) {
    t.true(await matches(`name~=/${expression}/`, value), expression);
    t.false(await matches(`name~=/${expression}/`, '-'), expression);
  }
});

test('no regular expression takes for ever, since every other call waits for it', async (t) => {
  // One that backtracks would still be at it.
  t.false(await matches('name~=/^(a+)+$/', `${'a'.repeat(4000)}!`));
});

test('a mistake is told with where it is', async (t) => {
  for (const [filter, message] of [
    ['name=="\\UFFFFFFFF"', /expected a character in each escape at character/],
    ['kind=active', /filter "kind=active": expected one of the operators ==, != and ~= at character 5/],
    ['name~=(?=a)', /"\(\?=a\)" is no regular expression: .*unsupported Perl syntax/],
    [`name~=/${'('.repeat(20_000)}${')'.repeat(20_000)}/`, /^filter "name/],
  ] as const) {
    const error = await t.throwsAsync(matches(filter, 'x'), { instanceOf: StatusError });
    t.is(error.code, Code.InvalidArgument, error.message.slice(0, 100));
    t.regex(error.message, message);
  }
});
