import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { RunPaths } from '../../../shim/daemon/paths.ts';
import { forgetEarlierBoot } from '../../../shim/task/boot.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { tempDir } from '../support/temp-dir.ts';

async function runDirectory(t: Parameters<typeof tempDir>[0]) {
  const dir = await tempDir(t);
  const paths = new RunPaths(dir, '/lib', 'build');
  await mkdir(paths.container('default', 'hello'), { recursive: true });
  await mkdir(path.dirname(paths.journal('default', 'hello@1@build')), { recursive: true });
  await writeFile(paths.journal('default', 'hello@1@build'), '');
  await mkdir(path.join(dir, 'daemon'));
  const { logger, records } = recordingLogger();
  return { dir, forget: () => forgetEarlierBoot(paths, logger), records };
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

test('what was written since the boot stays', async (t) => {
  const { dir, forget, records } = await runDirectory(t);
  await forget();
  await forget();
  t.deepEqual((await readdir(dir)).sort(), ['boot-id', 'containers', 'daemon', 'events']);
  t.is(await readFile(path.join(dir, 'boot-id'), 'utf8'), await readFile(BOOT_ID, 'utf8'));
  t.deepEqual(records, []);
});

test('what was written before it is nothing any more', async (t) => {
  const { dir, forget, records } = await runDirectory(t);
  await writeFile(path.join(dir, 'boot-id'), 'another\n');
  await forget();
  t.deepEqual((await readdir(dir)).sort(), ['boot-id', 'daemon']);
  t.is(records.length, 1);
  await forget();
  t.is(records.length, 1);
});
