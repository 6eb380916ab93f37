import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../common/errors.ts';
import { Containerd } from '../support/containerd.ts';
import { keepLogs } from '../support/kept-logs.ts';
import { leftovers, traces, untilNothingIsLeft } from '../support/leftovers.ts';
import { DIST_BIN } from '../support/runtimes.ts';
import { EventTap } from './event-tap.ts';
import type { Fault } from './faults/fault.ts';
import { GoClient } from './go-client.ts';
import { checkEvents } from './ledger.ts';
import { Load } from './load.ts';
import { scheduleOf, type Appointment } from './schedule.ts';
import { World } from './world.ts';

export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: number;
  /** How many containers come and go at a time. */
  readonly containers: number;
  readonly faults: readonly Fault[];
}

export interface ChaosResult {
  readonly seed: number;
  readonly minutes: number;
  readonly lives: number;
  readonly events: number;
  readonly counts: Readonly<Record<string, number>>;
  /** By the fault's name: what it did, and how often. */
  readonly faults: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly failures: readonly string[];
  /** Where the logs of a run that failed are. */
  readonly logs?: string;
}

const SHIM_DIR = path.join(import.meta.dirname, 'shim');
const LINGER_MS = 1000;
const SLEEP_MS = 1500;
const PROGRESS_MS = 5000;
/** With so many, one more says nothing new. */
const ENOUGH_FAILURES = 20;
const MINUTE_MS = 60_000;

type Struck = Record<string, Record<string, number>>;

/** One run in a containerd of its own, of which nothing is left afterwards. `signal` ends it early. */
export async function runChaos(
  options: ChaosOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<ChaosResult> {
  const containerd = await Containerd.start({
    lingerMs: LINGER_MS,
    shimDir: SHIM_DIR,
    runDirMount: 'size=8m,nr_inodes=8192,mode=711',
    environment: {
      LXCRI_CHAOS_SHIM: path.join(DIST_BIN, 'containerd-shim-lxcri-v1'),
      LXCRI_SLEEP_MS: String(SLEEP_MS),
    },
  });
  try {
    return await runIn(containerd, options, say, signal);
  } finally {
    await containerd.stop();
  }
}

async function runIn(containerd: Containerd, options: ChaosOptions, say: (line: string) => void, signal: AbortSignal) {
  const world = await makeWorld(containerd, say);
  const before = await traces(containerd.scope);
  const load = new Load(world, options.seed);
  const struck: Struck = {};
  load.start(options.containers);
  const stop = reportProgress(world, load, struck, options, say);
  try {
    await afflict(world, options, struck, signal);
    say('no more faults; the last containers come to their ends');
    await load.finish();
  } finally {
    stop();
  }
  for (const wrong of await checkEvents(world, load.lives)) world.fail(wrong);
  await closeWorld(world);
  for (const left of await whatIsLeft(containerd, before)) world.fail(`left: ${left}`);
  const logs =
    world.failures.length > 0
      ? await keepLogs(containerd, `lxcri-chaos-${options.seed}`, { 'history.log': historyOf(world) })
      : undefined;
  for (const forced of await containerd.stop()) world.fail(`had to be ended by force: ${forced}`);
  return {
    seed: options.seed,
    minutes: options.minutes,
    lives: load.lives.length,
    events: world.tap.taken.length,
    counts: Object.fromEntries([...world.counts].sort(([a], [b]) => a.localeCompare(b))),
    faults: struck,
    failures: world.failures,
    ...(logs === undefined ? {} : { logs }),
  };
}

async function makeWorld(containerd: Containerd, say: (text: string) => void): Promise<World> {
  const fifos = path.join(containerd.dir, 'fifos');
  await mkdir(fifos);
  const tap = await EventTap.listen(path.join(containerd.dir, 'tap.sock'), `${containerd.address}.ttrpc`);
  const client = await GoClient.start(containerd, fifos);
  return new World({ containerd, tap, client, fifos, say });
}

async function closeWorld({ client, tap, containerd }: World): Promise<void> {
  await client.close();
  // Its daemon has told everything by now; what it would still tell is a failure already.
  await untilNothingIsLeft(async () => [...(await traces(containerd.scope))], { timeoutMs: LINGER_MS + 2000 });
  await tap.close();
}

/** Strikes with every fault, each by its own schedule, until the time is over. */
async function afflict(world: World, options: ChaosOptions, struck: Struck, signal: AbortSignal): Promise<void> {
  const started = Date.now();
  const durationMs = options.minutes * MINUTE_MS;
  const isOver = () => signal.aborted || world.failures.length >= ENOUGH_FAILURES;
  const strike = async ({ at, fault, random }: Appointment) => {
    while (Date.now() < started + at && !isOver()) await sleep(Math.min(100, started + at - Date.now()));
    if (isOver()) return;
    world.note(`${fault.name}: begins`);
    const done = await fault.strike(world, random).catch((error: unknown) => {
      world.fail(`${fault.name}: ${messageOf(error)}`);
      return 'failed';
    });
    const counts = (struck[fault.name] ??= {});
    const what = done ?? 'nothing there';
    world.note(`${fault.name}: ${what}`);
    counts[what] = (counts[what] ?? 0) + 1;
  };
  const lines = options.faults.map(async (fault) => {
    for (const appointment of scheduleOf(fault, options.seed, durationMs)) await strike(appointment);
  });
  await Promise.all([...lines, untilOver(started + durationMs, isOver)]);
}

async function untilOver(end: number, isOver: () => boolean): Promise<void> {
  while (Date.now() < end && !isOver()) await sleep(100);
}

function reportProgress(world: World, load: Load, struck: Struck, { minutes }: ChaosOptions, say: (s: string) => void) {
  const started = Date.now();
  const timer = setInterval(() => {
    const faults = Object.values(struck).reduce((sum, counts) => sum + total(counts), 0);
    const now = `${clock(Date.now() - started)} of ${clock(minutes * MINUTE_MS)}`;
    const lives = `${load.lives.length} containers (${world.lives.size} now)`;
    say(`${now}: ${lives}, ${world.tap.taken.length} events, ${faults} faults, ${world.failures.length} failures`);
  }, PROGRESS_MS);
  return () => {
    clearInterval(timer);
  };
}

export const total = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

function clock(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

/** containerd renames a bundle before it removes it, and if it is killed between never looks at that again. */
const CONTAINERDS_OWN = /^file \S*\/io\.containerd\.runtime\.v2\.task\/[^/]+\/\./;

const whatIsLeft = ({ scope }: Containerd, before: ReadonlySet<string>) =>
  untilNothingIsLeft(async () =>
    leftovers(before, await traces(scope)).filter((trace) => !CONTAINERDS_OWN.test(trace)),
  );

const historyOf = ({ history }: World) => `${history.join('\n')}\n`;
