import path from 'node:path';
import { writeFile } from 'node:fs/promises';
import test from 'ava';
import { execa } from 'execa';
import { findErrors } from '../../../shim/criu/log-errors.ts';
import { describeStream, fits, streamKind } from '../../../shim/criu/streams.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const FIFO = { mode: 0o10700, mount: 31n, inode: 0x3fen };

test('a stream is called as criu calls it', (t) => {
  t.deepEqual(describeStream(['/in', '/out', ''], 1, FIFO), { kind: 'fifo', key: 'file[1f:3fe]' });
  t.deepEqual(describeStream(['', 'binary:///logger', ''], 2, FIFO), { kind: 'pipe', key: 'pipe:[1022]' });
  t.is(describeStream(['', '', ''], 0, { ...FIFO, mode: 0o20666 }).kind, 'none');
  t.is(describeStream(['', 'file:///log', ''], 1, { ...FIFO, mode: 0o100644 }).kind, 'file');
  t.throws(() => describeStream(['', '', ''], 0, { mode: 0, mount: 0n, inode: 0n }), { message: /Linux 5\.8/ });
});

test('what a new stream will be', async (t) => {
  const dir = await makeTempDir();
  const [fifo, file] = [path.join(dir, 'fifo'), path.join(dir, 'file')];
  await execa('mkfifo', [fifo]);
  await writeFile(file, '');
  t.is(await streamKind(['', fifo, ''], 0), 'none');
  t.is(await streamKind(['', fifo, ''], 1), 'fifo');
  t.is(await streamKind(['', `fifo://${fifo}`, ''], 1), 'fifo');
  t.is(await streamKind(['', file, ''], 1), 'file');
  t.is(await streamKind(['', 'file:///not/yet', ''], 1), 'file');
  t.is(await streamKind(['', 'binary:///logger', ''], 2), 'pipe');
  t.is(await streamKind(['', 'binary:///logger', ''], 0), 'none');
  t.is(await streamKind(['/dev/zero', '', ''], 0), 'device');
});

test('what fits into whose place', (t) => {
  t.true(fits('none', 'fifo'));
  t.true(fits('fifo', 'fifo'));
  t.true(fits('pipe', 'none'));
  t.false(fits('fifo', 'none'));
  t.false(fits('pipe', 'file'));
  t.false(fits('file', 'fifo'));
});

test('criu’s errors are found in its log', (t) => {
  const log = [
    '(00.000001) Version: 4.1',
    '(00.087578) Warn  (criu/cr-restore.c:1043): Set flags',
    'Error: ipv4: Address already assigned.',
    '(01.279734)      1: Error (criu/mount-v2.c:891): mnt-v2: Failed: Invalid argument',
    '(01.279734)      1: Error (criu/mount-v2.c:891): mnt-v2: Failed: Invalid argument',
    '(01.301523) Error (criu/cr-restore.c:2320): Restoring FAILED.',
  ].join('\n');
  t.deepEqual(findErrors(log), [
    'ipv4: Address already assigned.',
    'mnt-v2: Failed: Invalid argument',
    'Restoring FAILED.',
  ]);
  t.deepEqual(findErrors(''), []);
});
