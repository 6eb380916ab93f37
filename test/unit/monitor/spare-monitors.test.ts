import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { SpareMonitors } from '../../../shim/monitor/spare-monitors.ts';
import { eventually } from '../../support/eventually.ts';
import { tempDir } from '../support/temp-dir.ts';

/** A program that notes its start and its arguments, then answers each line with its pid, until its connection ends. */
const PROGRAM = `#!/bin/sh
echo "$$ $*" >>"$0.log"
while read -r line <&3; do echo "$$ $line" >&3; done
echo "$$ ended" >>"$0.log"
`;

async function spareMonitors(t: ExecutionContext) {
  const directory = await tempDir(t);
  const monitor = path.join(directory, 'monitor');
  await writeFile(monitor, PROGRAM);
  await chmod(monitor, 0o755);
  const monitors = new SpareMonitors({ monitor, driver: '/the/driver', init: '/the/init' });
  t.teardown(() => {
    monitors.close();
  });
  const log = async () => (await readFile(`${monitor}.log`, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  return { monitors, log };
}

async function ask(t: ExecutionContext, stream: Duplex): Promise<number> {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  t.teardown(() => stream.destroy());
  stream.write('who\n');
  await eventually(() => (text.endsWith('who\n') ? true : undefined));
  return Number.parseInt(text, 10);
}

test('a monitor is started with the programs that it needs', async (t) => {
  const { monitors, log } = await spareMonitors(t);
  const pid = await ask(t, await monitors.take());
  // Another one may have been made ready since.
  t.is((await log())[0], `${pid} /the/driver /the/init`);
});

test('one is kept ready, and taken once', async (t) => {
  const { monitors, log } = await spareMonitors(t);
  await monitors.prepare();
  await monitors.prepare();
  await eventually(async () => ((await log()).length === 1 ? true : undefined));
  const [first] = await log();
  const one = await ask(t, await monitors.take());
  t.is(one, Number.parseInt(first ?? '', 10));
  const other = await ask(t, await monitors.take());
  t.not(other, one);
});

test('a new one is made some time after one was taken, or a container is gone', async (t) => {
  const { monitors, log } = await spareMonitors(t);
  await ask(t, await monitors.take());
  await eventually(async () => ((await log()).length === 2 ? true : undefined));
  monitors.refill();
  await sleep(60);
  t.is((await log()).length, 2, 'there is one already');
});

test('it is known whether one is being made, or about to be', async (t) => {
  const { monitors, log } = await spareMonitors(t);
  t.false(monitors.isPreparing);
  const preparing = [monitors.prepare(), monitors.prepare()];
  t.true(monitors.isPreparing);
  await Promise.all(preparing);
  t.false(monitors.isPreparing);
  await eventually(async () => ((await log()).length === 1 ? true : undefined));
  await ask(t, await monitors.take());
  t.true(monitors.isPreparing, 'the next one');
  await eventually(() => (monitors.isPreparing ? undefined : true));
  await eventually(async () => ((await log()).length === 2 ? true : undefined));
});

test('one that died meanwhile is not handed out', async (t) => {
  const { monitors, log } = await spareMonitors(t);
  await monitors.prepare();
  await eventually(async () => ((await log()).length === 1 ? true : undefined));
  const dead = Number.parseInt((await log())[0] ?? '', 10);
  process.kill(dead, 'SIGKILL');
  await sleep(50);
  t.not(await ask(t, await monitors.take()), dead);
});

test('one that nobody took ends with its keeper', async (t) => {
  const { monitors, log } = await spareMonitors(t);
  await monitors.prepare();
  await eventually(async () => ((await log()).length === 1 ? true : undefined));
  monitors.close();
  await eventually(async () => ((await log()).some((line) => line.endsWith(' ended')) ? true : undefined));
  // And none is made any more, though somebody is still at it.
  monitors.refill();
  await monitors.prepare();
  await sleep(30);
  t.is((await log()).length, 2);
});

test('a program that is not there is an error of the one who takes', async (t) => {
  const monitors = new SpareMonitors({ monitor: '/absent/monitor', driver: 'd', init: 'i' });
  t.teardown(() => {
    monitors.close();
  });
  await t.notThrowsAsync(monitors.prepare());
  await t.throwsAsync(monitors.take(), { code: 'ENOENT' });
});
