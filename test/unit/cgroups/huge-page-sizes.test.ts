import { readdir } from 'node:fs/promises';
import test from 'ava';
import { readHugePageSizes } from '../../../shim/cgroups/huge-page-sizes.ts';

test('the sizes of this host, as the kernel names them in cgroups', async (t) => {
  const names = await readdir('/sys/kernel/mm/hugepages').catch(() => []);
  const known: Readonly<Record<string, string>> = { 64: '64KB', 2048: '2MB', 32768: '32MB', 1048576: '1GB' };
  const expected = names.map((name) => known[/\d+/.exec(name)?.[0] ?? '']);
  t.deepEqual(await readHugePageSizes(), expected);
});
