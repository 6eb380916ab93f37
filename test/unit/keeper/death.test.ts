import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { exists } from '../../../common/files.ts';
import { eventually } from '../../support/eventually.ts';
import { isAlive } from '../../support/processes.ts';
import { World } from '../launcher/support/world.ts';

test('requests that a killed daemon leaves are answered by the next one', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const { pid } = await client.ask({ op: 'echo' });
  const waiting = client.send({ op: 'wait' });
  const { pid: next } = await client.ask({ op: 'dieOnce' });
  t.not(next, pid);
  t.false(client.hasAnswer(waiting));
  // One that came by the first daemon comes to the second under the same number, with what was before it.
  const notes = await world.notes();
  const calls = notes.filter(({ request }) => request === 'wait');
  t.deepEqual(
    calls.map(({ stream, connection }) => [stream, connection]),
    [
      [3, '1'],
      [3, '1'],
    ],
  );
  t.deepEqual(
    notes.flatMap(({ introduction }) => (introduction === undefined ? [] : [introduction])),
    [
      ['default', '1', '0'],
      ['default', '1', '2'],
    ],
  );
});

test('a request at which every daemon crashes is refused; the others are not', async (t) => {
  const world = await World.create(t);
  await world.start();
  const [client, other] = [await world.connect(), await world.connect()];
  const waiting = other.send({ op: 'wait' });
  await other.ask({ op: 'echo' });
  const { code, message } = await client.answer(client.send({ op: 'crash' }));
  t.is(code, 13);
  t.true(message.includes('crashed 5 times') && message.includes('exit code 3'), message);
  t.truthy((await client.ask({ op: 'echo' }))['pid']);
  t.truthy((await other.ask({ op: 'echo' }))['pid']);
  t.false(other.hasAnswer(waiting));
});

test('who has waited for long is not blamed for crashes', async (t) => {
  t.timeout(120_000);
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const waiting = client.send({ op: 'wait' });
  await client.ask({ op: 'echo' });
  await sleep(31_000);
  for (let crashes = 0; crashes < 6; crashes += 1) {
    const { pid } = await client.ask({ op: 'echo' });
    process.kill(Number(pid), 'SIGABRT');
    await eventually(async () => ((await isAlive(Number(pid))) ? undefined : true));
  }
  t.truthy((await client.ask({ op: 'echo' }))['pid']);
  t.false(client.hasAnswer(waiting));
});

test('the keeper’s socket and lock are made again when somebody removes them', async (t) => {
  const world = await World.create(t);
  await world.start();
  const keeper = await world.keeper();
  for (const name of ['keeper.sock', 'keeper.lock']) {
    const file = path.join(world.runDir, name);
    await rm(file);
    await eventually(async () => ((await exists(file)) ? true : undefined));
  }
  t.is(Number((await world.status())['keeper']), keeper);
  t.is((await world.start()).stdout, world.address);
  t.is(await world.keeper(), keeper);
});

test('a daemon whose socket somebody removed is replaced', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const { pid } = await client.ask({ op: 'echo' });
  for (const name of await readdir(path.join(world.runDir, 'daemon'))) {
    if (name.startsWith('relay.')) await rm(path.join(world.runDir, 'daemon', name));
  }
  const next = await (await world.connect()).ask({ op: 'echo' });
  t.not(next['pid'], pid);
  t.is((await client.ask({ op: 'echo' }))['pid'], next['pid']);
});

test('half of an answer is no answer', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  t.deepEqual(await client.ask({ op: 'halfOnce' }), { whole: true });
});

test('a daemon that is killed over and over loses nothing', async (t) => {
  const world = await World.create(t);
  await world.start();
  const clients = await Promise.all(Array.from({ length: 5 }, () => world.connect()));
  const end = Date.now() + 4000;
  const killing = (async () => {
    while (Date.now() < end) {
      const { daemon } = await world.status();
      // Also before it serves.
      if (Number(daemon) > 0) process.kill(Number(daemon), 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  })();
  let answers = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (Date.now() < end) {
        const { got } = await client.ask({ op: 'size', size: 10_000 }, 10_000);
        t.is(got, 10_000);
        answers++;
      }
    }),
  );
  await killing;
  t.log(`${answers} answers`);
  t.true(answers > 20);
});

test('the keeper’s death is the daemon’s', async (t) => {
  const world = await World.create(t);
  await world.start();
  const { pid } = await world.onlyReport();
  await world.kill(await world.keeper());
  await eventually(async () => ((await isAlive(pid)) ? undefined : true));
  t.is((await world.start()).stdout, world.address);
  t.not(await world.ping(), pid);
});

test('a daemon that never starts is given up, with the reason for each request', async (t) => {
  const world = await World.create(t);
  const crash = path.join(world.libDir, 'crash');
  await writeFile(crash, '');
  t.is((await world.start()).stdout, world.address, 'start does not wait for the daemon');
  const client = await world.connect();
  const { code, message } = await client.answer(client.send({ op: 'echo' }));
  t.is(code, 14);
  t.true(message.includes('exit code 1') && message.includes(world.log), message);
  t.regex(await readFile(world.log, 'utf8'), /a daemon that cannot start/);
  t.is((await world.status())['state'], 'asleep');
  // Each new request is a new try.
  t.is((await client.answer(client.send({ op: 'echo' }))).code, 14);
  await rm(crash);
  t.truthy((await client.ask({ op: 'echo' }))['pid']);
});

test('a program that is gone is told to whoever asks, and to the next launcher', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const { pid } = await client.ask({ op: 'echo' });
  await chmod(world.daemonScript, 0);
  await rm(world.daemonScript);
  process.kill(Number(pid), 'SIGKILL');
  const { code, message } = await client.answer(client.send({ op: 'wait' }));
  t.is(code, 14);
  t.true(message.includes(world.daemonScript), message);
  const { exitCode, stderr } = await world.start();
  t.is(exitCode, 1);
  t.true(stderr.includes(world.daemonScript), stderr);
  await world.installDaemon(world.libDir);
  t.is((await world.start()).exitCode, 0);
  t.truthy((await client.ask({ op: 'echo' }))['pid']);
});
