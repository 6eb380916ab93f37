/** The life of machines: they end with their owner, whatever its end is, and leave nothing behind. */
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { eventually } from '../../support/eventually.ts';
import { listProcesses } from '../../support/processes.ts';
import { startVm } from '../start-vm.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');

/** The command line of package.json, without npm in between, so that we know the owner's pid. */
function runInVm(...argv: string[]) {
  return execa('node', ['--import=tsx', 'test/vm/main.ts', 'run', ...argv], {
    cwd: ROOT,
    stdin: 'ignore',
    reject: false,
    timeout: 300_000,
  });
}

/** The first part of the name of a process's run directory, which its QEMU and its ssh have in their arguments. */
const marker = (owner: { pid?: number | undefined }) => `lxvm-${String(owner.pid)}-`;

async function processesWith(text: string): Promise<string[]> {
  return (await listProcesses()).map(({ command }) => command).filter((command) => command.includes(text));
}

const runDirectories = async (text: string) => (await readdir('/var/tmp')).filter((name) => name.startsWith(text));

/** A machine of another process, in which a command has started. */
async function startedElsewhere() {
  const owner = runInVm('sh', '-c', 'echo started; sleep 600');
  await new Promise((resolve) => owner.stdout.once('data', resolve));
  // In an object, since what an async function returns is awaited.
  return { owner };
}

test.serial('npm run vm gives what the command gives', async (t) => {
  const { exitCode, stdout, stderr } = await runInVm('sh', '-c', 'echo out; echo err >&2; exit 7');
  t.deepEqual({ exitCode, stdout, stderr }, { exitCode: 7, stdout: 'out', stderr: 'err' });
});

test.serial('an owner that is told to end takes its machine with it', async (t) => {
  const { owner } = await startedElsewhere();
  t.not((await processesWith(marker(owner))).length, 0);
  owner.kill('SIGTERM');
  t.is((await owner).exitCode, 143);
  t.deepEqual(await processesWith(marker(owner)), []);
  t.deepEqual(await runDirectories(marker(owner)), []);
});

test.serial('so does one that is killed; the next start removes its files', async (t) => {
  const { owner } = await startedElsewhere();
  owner.kill('SIGKILL');
  await owner;
  const gone = async () => ((await processesWith(marker(owner))).length === 0 ? true : undefined);
  t.true(await eventually(gone));
  t.is((await runDirectories(marker(owner))).length, 1);
  const next = await startVm();
  await next.stop();
  t.deepEqual(await runDirectories(marker(owner)), []);
  await t.throwsAsync(access(next.runDirectory));
});

test.serial('a machine that boots, instead of going on from a saved state', async (t) => {
  const vm = await startVm({ boot: true });
  t.teardown(() => vm.stop());
  t.is(await vm.succeed(['systemctl', 'is-system-running', '--wait']), 'running');
});
