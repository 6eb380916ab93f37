import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { makeTempDir } from '../../support/temp-dir.ts';

const LOGGER = path.resolve(import.meta.dirname, '../../../common/logger.ts');

/** Runs a program that logs to a file, in a process of its own, since that has to end. */
const logTo = (file: string, program: string) => {
  const text = `import { openSync } from 'node:fs'; import { createLogger } from ${JSON.stringify(LOGGER)};
    const logger = createLogger('info', openSync(${JSON.stringify(file)}, 'a')); ${program}`;
  return promisify(execFile)(process.execPath, ['--import=tsx', '--input-type=module', '--eval', text], {
    timeout: 30_000,
  });
};

test('lines are there when the process has ended', async (t) => {
  const dir = await makeTempDir();
  t.teardown(() => rm(dir, { recursive: true }));
  const file = path.join(dir, 'log');
  await logTo(file, `logger.info({ a: 1 }, 'one'); logger.warn('two'); logger.flush(() => process.exit(0));`);
  const lines = (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  t.is(lines.length, 2);
  t.like(lines[0], { level: 30, a: 1, msg: 'one' });
  t.like(lines[1], { level: 40, msg: 'two' });
});

test('a disk without room neither ends the process nor keeps it from ending', async (t) => {
  const program = `for (let i = 0; i < 1000; i += 1) logger.info('x'.repeat(1000));
    setTimeout(() => { logger.info('again'); console.log('alive'); logger.flush(() => process.exit(0)); }, 50);`;
  const { stdout } = await logTo('/dev/full', program);
  t.is(stdout, 'alive\n');
});
