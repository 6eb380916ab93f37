/**
 * `npm run demo`: what this project does, on this machine, in about ten seconds. Every line of output is real; what was
 * started and made is gone at the end.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { Containerd } from '../../test/support/containerd.ts';
import { CtrEvents } from '../../test/support/ctr-events.ts';
import { leftovers, traces } from '../../test/support/leftovers.ts';
import { BUSYBOX_IMAGE } from '../../test/support/oci-image.ts';
import { RUNC, RUNTIME } from '../../test/support/runtimes.ts';
import { showProcesses } from './demo/processes.ts';
import { bad, command, good, headline, output, print, remark } from './demo/terminal.ts';
import { compareTimes } from './demo/times.ts';

const IMAGE = BUSYBOX_IMAGE.name;

/** Runs ctr before the eyes of the reader. */
async function show(containerd: Containerd, args: readonly string[]): Promise<void> {
  command(['ctr', ...args]);
  const { code, stdout, stderr } = await containerd.tryCtr(args);
  output(stdout);
  output(stderr);
  if (args[0] === 'run' && !args.includes('--detach')) remark(`exit status ${code}`);
  else if (code !== 0) throw new Error(`ctr ended with ${code}`);
}

async function introduce(containerd: Containerd): Promise<void> {
  headline('A containerd of its own, with an image made of busybox, in LayerFS');
  const { size } = await stat(path.join(containerd.dir, 'images.tar'));
  remark(
    `an OCI image archive of ${(size / 1e6).toFixed(1)} MB, imported by ctr; containerd looks for shims in dist/bin`,
  );
  command(['export', `CONTAINERD_ADDRESS=${containerd.address}`, `CONTAINERD_NAMESPACE=${containerd.namespace}`]);
  await show(containerd, ['images', 'ls']);
  remark(await describeStore(containerd));
  await show(containerd, ['snapshots', ...containerd.snapshotterFlags, 'ls']);
}

/** The daemon's own words on where it keeps layers. */
async function describeStore({ snapshotter }: Containerd): Promise<string> {
  const log = await readFile(snapshotter.logFile, 'utf8');
  const line = log.split('\n').find((text) => text.includes('the snapshotter serves')) ?? '{}';
  const { store, location, why } = JSON.parse(line) as Record<string, string | undefined>;
  return `layerfs-snapshotter keeps layers in its ${store} store at ${location}, since ${why}`;
}

async function runToTheEnd(containerd: Containerd): Promise<void> {
  headline('Run it as an LXC container');
  const run = ['run', '--rm', ...containerd.snapshotterFlags, '--runtime', RUNTIME, IMAGE];
  await show(containerd, [...run, 'hello', 'echo', 'hello']);
  await show(containerd, [...run, 'status', 'sh', '-c', 'echo "I am PID $$ of $(hostname)"; exit 42']);
  await show(containerd, [...run, 'typo', 'ehco', 'hello']);
}

async function runInBackground(containerd: Containerd): Promise<void> {
  headline('Let one run in the background, and look at it from outside');
  await show(containerd, [
    'run',
    '--detach',
    ...containerd.snapshotterFlags,
    '--runtime',
    RUNTIME,
    IMAGE,
    'web',
    'httpd',
    '-f',
    '-p',
    '8080',
  ]);
  await show(containerd, ['tasks', 'ls']);
  await showProcesses(containerd, 'web');
  await show(containerd, ['tasks', 'kill', '--signal', 'SIGKILL', 'web']);
}

async function showEvents(containerd: Containerd, events: CtrEvents): Promise<void> {
  await events.taskThrough('web', '/tasks/exit');
  await show(containerd, ['tasks', 'rm', 'web']);
  await show(containerd, ['containers', 'rm', 'web']);
  headline('What containerd was told of it, in order');
  command(['ctr', 'events']);
  const seen = await events.taskThrough('web', '/tasks/delete');
  for (const { topic, body } of seen) {
    print(`${topic.padEnd(14)} pid ${String(body.pid ?? '-').padEnd(7)} status ${body.exit_status ?? '-'}`);
  }
}

async function demonstrate(containerd: Containerd): Promise<void> {
  const events = await CtrEvents.start(containerd);
  await introduce(containerd);
  await runToTheEnd(containerd);
  await runInBackground(containerd);
  await showEvents(containerd, events);
  await events.stop();
  headline(`The time of \`ctr run --rm … true\`, beside ${RUNC}`);
  await compareTimes(containerd, RUNTIME, IMAGE);
}

/** @returns whether nothing is left. */
async function cleanUp(containerd: Containerd, before: ReadonlySet<string>): Promise<boolean> {
  headline('Nothing is left');
  const lines = [...(await containerd.stop()), ...leftovers(before, await traces(containerd.scope))];
  for (const line of lines) bad(line);
  if (lines.length > 0) return false;
  good(`no process, mount, cgroup or file of it; ${containerd.dir} is gone`);
  return true;
}

/** The last words of containerd and of the shim, for whoever has to find out what went wrong. */
async function showLogs(containerd: Containerd): Promise<void> {
  for (const file of [
    containerd.logFile,
    containerd.snapshotter.logFile,
    path.join(containerd.runDir, 'daemon/shim.log'),
  ]) {
    const log = await readFile(file, 'utf8').catch(() => '');
    if (log !== '') remark(`${file}:\n${log.split('\n').slice(-15).join('\n')}`);
  }
}

async function main(): Promise<number> {
  const containerd = await Containerd.start({ layerFs: true });
  const before = leftoverBaseline(await traces(containerd.scope), containerd);
  let failed = false;
  const interrupt = () => void containerd.stop().then(() => process.exit(130));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    await demonstrate(containerd);
  } catch (error) {
    bad(error instanceof Error ? error.message : String(error));
    await showLogs(containerd);
    failed = true;
  }
  return (await cleanUp(containerd, before)) && !failed ? 0 : 1;
}

/** What was there before, without containerd itself, which has to be gone in the end. */
function leftoverBaseline(found: ReadonlySet<string>, { marker }: Containerd): ReadonlySet<string> {
  return new Set([...found].filter((trace) => !trace.includes(marker)));
}

process.exitCode = await main();
