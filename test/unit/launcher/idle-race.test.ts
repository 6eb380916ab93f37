import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { eventually } from '../../support/eventually.ts';
import { isAlive } from '../../support/processes.ts';
import { World } from './support/world.ts';

const LINGER_MS = 120;

/** The daemons linger shortly and dawdle at every step of their end, so that starts meet each of its moments. */
const env = { LXCRI_TEST_LINGER_MS: `${LINGER_MS}`, LXCRI_TEST_DAWDLE_MS: '12' };
const DURATION_MS = 15_000;

/** Longer than this from `start` to the connection, and the daemon's linger may rightly be over. */
const FRESH_MS = 100;

interface Tally {
  connected: number;
  stale: number;
  readonly daemons: Set<number>;
}

async function startAndConnect(world: World, bundle: string, tally: Tally): Promise<void> {
  await sleep(Math.random() * 10);
  const before = performance.now();
  const { stdout, stderr } = await world.start('hello', { env, cwd: bundle });
  if (stdout !== world.address) throw new Error(`start printed ${JSON.stringify(stdout + stderr)}`);
  try {
    tally.daemons.add(await world.ping());
    tally.connected++;
  } catch (error) {
    // This process shares two processors with all others: what it was too late for proves nothing.
    if (performance.now() - before < FRESH_MS) throw error;
    tally.stale++;
  }
}

/** A few starts at once, then silence until about the time at which a daemon would end; over and over. */
async function hammer(world: World, tally: Tally): Promise<void> {
  const bundles = ['b0', 'b1', 'b2', 'b3', 'b4'].map((name) => path.join(world.bundle, name));
  for (const bundle of bundles) await mkdir(bundle);
  const end = performance.now() + DURATION_MS;
  while (performance.now() < end) {
    const some = bundles.slice(0, 1 + Math.floor(Math.random() * bundles.length));
    await Promise.all(some.map((bundle) => startAndConnect(world, bundle, tally)));
    await sleep(LINGER_MS * (0.8 + Math.random() * 0.8));
  }
}

test('no address is ever dead, however daemons come and go', async (t) => {
  const world = await World.create(t);
  const tally: Tally = { connected: 0, stale: 0, daemons: new Set() };
  await hammer(world, tally);
  t.log(`${tally.connected} connections to ${tally.daemons.size} daemons, ${tally.stale} of no account`);
  t.true(tally.connected > 50);
  t.true(tally.daemons.size > 3);

  // In the end nothing is left: no daemon, no socket, no lock, no cgroup of a daemon that lives no more.
  for (const pid of tally.daemons)
    await eventually(async () => ((await isAlive(pid)) ? undefined : true), { timeoutMs: 5000 });
  t.deepEqual(await world.leftInRunDir(), ['daemon', 'daemon/shim.log']);
});
