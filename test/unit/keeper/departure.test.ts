import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { eventually } from '../../support/eventually.ts';
import { isAlive } from '../../support/processes.ts';
import { World } from '../launcher/support/world.ts';

const LINGER_MS = 150;
const env = { LXCRI_LINGER_MS: `${LINGER_MS}` };

test('without containers, clients and launchers the keeper departs, and leaves nothing', async (t) => {
  const world = await World.create(t);
  await world.start('hello', { env });
  const keeper = await world.keeper();
  const client = await world.connect();
  await client.ask({ op: 'sleep', containers: 0 });
  await eventually(async () => ((await world.status())['state'] === 'asleep' ? true : undefined));
  await sleep(2 * LINGER_MS);
  t.true(await isAlive(keeper), 'it has a client');
  client.close();
  await world.departed(keeper);
  t.deepEqual(await world.leftInRunDir(), []);
});

test('with a container the keeper stays, without a daemon', async (t) => {
  const world = await World.create(t);
  await world.start('hello', { env });
  const keeper = await world.keeper();
  const client = await world.connect();
  await client.ask({ op: 'sleep', containers: 1 });
  client.close();
  await sleep(3 * LINGER_MS);
  t.like(await world.status(), { keeper: `${keeper}`, daemon: '-', state: 'asleep', connections: '0' });
});

test('SIGTERM ends keeper and daemon well', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const { pid } = await client.ask({ op: 'echo' });
  const keeper = await world.keeper();
  process.kill(keeper, 'SIGTERM');
  await once(client.socket, 'end');
  await world.departed(keeper);
  t.false(await isAlive(Number(pid)));
  await world.noted('handover');
  t.deepEqual(await world.leftInRunDir(), ['daemon', 'daemon/keeper.log']);
});

test('a keeper is not to be confused', async (t) => {
  const world = await World.create(t);
  await world.start();
  t.regex(await world.tellKeeper('dance'), /^error there are: listen/);
  t.regex(await world.tellKeeper('listen ../x b /l'), /^error the namespace/);
  t.regex(await world.tellKeeper('listen default'), /^error it is: listen/);
  t.regex(await world.tellKeeper('replace b l'), /^error it is: replace/);
  t.regex(await world.tellKeeper('x'.repeat(10_000)), /^error the line is too long/);
  const silent = connect(world.keeperSocket);
  await once(silent, 'connect');
  t.truthy(await world.ping());
  silent.destroy();
});

/** Longer than this from `start` to the connection, and the keeper's linger may rightly be over. */
const FRESH_MS = 100;

interface Tally {
  connected: number;
  stale: number;
  readonly keepers: Set<number>;
}

async function startAndConnect(world: World, bundle: string, tally: Tally): Promise<void> {
  await sleep(Math.random() * 10);
  const before = performance.now();
  const { stdout, stderr } = await world.start('hello', { env, cwd: bundle });
  if (stdout !== world.address) throw new Error(`start printed ${JSON.stringify(stdout + stderr)}`);
  try {
    const client = await world.connect();
    tally.keepers.add(await world.keeper());
    await client.ask({ op: 'sleep', containers: 0 });
    client.close();
    tally.connected++;
  } catch (error) {
    // This process shares two processors with all others: what it was too late for proves nothing.
    if (performance.now() - before < FRESH_MS) throw error;
    tally.stale++;
  }
}

test('no address is ever dead, however keepers come and go', async (t) => {
  const world = await World.create(t);
  const tally: Tally = { connected: 0, stale: 0, keepers: new Set() };
  const bundles = Array.from({ length: 20 }, (_, i) => path.join(world.bundle, `b${i}`));
  for (const bundle of bundles) await mkdir(bundle);
  const end = performance.now() + 12_000;
  while (performance.now() < end) {
    const some = bundles.slice(0, 1 + Math.floor(Math.random() * bundles.length));
    await Promise.all(some.map((bundle) => startAndConnect(world, bundle, tally)));
    await sleep(LINGER_MS * (0.8 + Math.random() * 0.8));
  }
  t.log(`${tally.connected} connections by ${tally.keepers.size} keepers, ${tally.stale} of no account`);
  t.true(tally.connected > 20);
  t.true(tally.keepers.size > 2);
  for (const keeper of tally.keepers) await world.departed(keeper);
  t.deepEqual(await world.leftInRunDir(), []);
});
