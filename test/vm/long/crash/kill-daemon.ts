import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, type Info } from '../../../support/snapshots-client.ts';
import { assert, until, type Place } from './bed.ts';
import { BASE, OPERATIONS, REMOVAL, makeCommitted, type Change, type Operation } from './changes.ts';
import { checkAll } from './check.ts';
import { Daemon, type Mode } from './daemon.ts';
import { agrees, type Model } from './model.ts';
import type { Report } from './report.ts';

const MODES: readonly Mode[] = ['before', 'during', 'after'];

export interface Point {
  readonly operation: Operation;
  readonly mode: Mode;
  /** From 1. */
  readonly request: number;
  readonly what: string;
}

interface Stopped extends Point {
  readonly change: Change;
  /** Whether the call was answered before the daemon died. */
  answered: boolean;
}

/** So short that what comes without anybody's waiting has come. */
const QUIET_MS = 400;

/**
 * Kills the daemon before, during and after every request of every operation to its worker. A call that waits for its
 * worker keeps no other one: so each daemon has many calls stopped, each at a point of its own, before it is killed, and
 * one start serves the checks of all of them.
 */
export async function killDaemon(place: Place, report: Report): Promise<void> {
  const model: Model = new Map();
  let daemon = await (await Daemon.start(place)).ready();
  await makeCommitted(daemon.client, model, 'base-1');
  await makeCommitted(daemon.client, model, BASE, 'base-1');
  const base: Model = new Map(model);
  const rounds = await planRounds(daemon, model);
  await tidy(daemon, model, base);
  for (const [number, points] of rounds.entries()) {
    daemon = await killAmong(place, daemon, points, { model, report, number });
    await tidy(daemon, model, base);
  }
  await checkAll(place, daemon, model);
  assert((await daemon.stop()) === '0', 'the daemon did not end as it should');
}

async function planRounds(daemon: Daemon, model: Model): Promise<Point[][]> {
  const removals = await pointsOf(daemon, REMOVAL, model, MODES);
  const others: Point[] = [];
  for (const operation of OPERATIONS) others.push(...(await pointsOf(daemon, operation, model, MODES)));
  // Removed layers are destroyed one batch after another: one such point a round.
  const rounds = removals.map((point) => [point]);
  for (const [index, point] of others.entries()) rounds[index % rounds.length]?.unshift(point);
  return rounds;
}

/** Makes an operation once, to see what it asks of its worker. */
export async function pointsOf(
  daemon: Daemon,
  operation: Operation,
  model: Model,
  modes: readonly Mode[],
): Promise<Point[]> {
  const change = await operation.prepare(daemon.client, model, `dry ${operation.title}`);
  await quiet(daemon);
  await daemon.arm('pass', 0);
  await change.call(daemon.client);
  await quiet(daemon);
  change.apply(model);
  const requests = await daemon.requests('request');
  assert(requests.length > 0, `${operation.title} asks nothing of the worker`);
  return requests.flatMap((line, index) => {
    const [, ...what] = line.split(' ');
    return modes.map((mode) => ({ operation, mode, request: index + 1, what: what.join(' ') }));
  });
}

export async function quiet(daemon: Daemon): Promise<void> {
  for (let before = -1, now = 0; now !== before;) {
    before = now;
    await sleep(QUIET_MS);
    now = (await daemon.requests('request')).length;
  }
}

interface Round {
  readonly model: Model;
  readonly report: Report;
  readonly number: number;
}

async function killAmong(place: Place, daemon: Daemon, points: readonly Point[], round: Round): Promise<Daemon> {
  const { model, report, number } = round;
  const stopped: Stopped[] = [];
  for (const [index, point] of points.entries()) {
    const change = await point.operation.prepare(daemon.client, model, `round ${number} ${index}`);
    stopped.push({ ...point, change, answered: false });
  }
  await quiet(daemon);
  // It waits for the lock, and is up sooner.
  const standby = await Daemon.start(place);
  for (const each of stopped) await stopAt(daemon, each);
  assert(!(await standby.serves()), 'two daemons serve at once');
  const workers = await daemon.workers();
  await daemon.kill();
  const next = await successor(place, standby);
  for (const pid of workers) assert(!isAlive(pid), `the dead daemon's worker ${pid} still runs`);
  const infos = await next.client.list();
  await Promise.all(stopped.map((each) => judge(next, each, { infos, model, report })));
  await report.check(`round ${number}: all of it`, async () => {
    await next.client.prepare(`fresh ${number}`, BASE);
    await next.client.remove(`fresh ${number}`);
    await checkAll(place, next, model);
    return `${model.size} snapshots`;
  });
  return next;
}

/** The lock is not waited for forever. */
async function successor(place: Place, standby: Daemon): Promise<Daemon> {
  try {
    return await standby.ready();
  } catch (error) {
    if (!(await standby.said()).includes('is locked')) throw error;
    return (await Daemon.start(place)).ready();
  }
}

async function stopAt(daemon: Daemon, stopped: Stopped): Promise<void> {
  await daemon.arm(stopped.mode, stopped.request);
  stopped.change.call(daemon.client).then(
    () => (stopped.answered = true),
    () => undefined,
  );
  await until(`${stopped.operation.title} stops at its request ${stopped.request}`, async () =>
    (await daemon.requests('stopped')).length > 0 ? true : undefined,
  );
}

interface Found {
  readonly infos: readonly Info[];
  readonly model: Model;
  readonly report: Report;
}

/** What was not acknowledged has happened as a whole or not at all, and can be asked for again. */
async function judge(daemon: Daemon, stopped: Stopped, { infos, model, report }: Found): Promise<void> {
  const { operation, mode, request, what, change, answered } = stopped;
  await report.check(`${operation.title}: daemon killed ${mode} request ${request}, ${what}`, async () => {
    const after: Model = new Map(model);
    change.apply(after);
    const happened = agrees(after, infos, change.touches);
    const groups = change.isRemoval === true ? change.touches.map((name) => [name]) : [change.touches];
    const half = groups.filter((names) => !agrees(after, infos, names) && !agrees(model, infos, names));
    assert(half.length === 0, `neither before nor after: ${half.join()}`);
    assert(happened || !answered || change.isRemoval === true, 'was acknowledged, and is forgotten');
    const code = await codeOf(change.call(daemon.client));
    assert(happened ? change.repeated.includes(code) : code === 0, `its repetition is answered ${code}`);
    change.apply(model);
    return `${happened ? 'happened' : 'did not happen'}${answered ? ', acknowledged' : ''}; again: ${code}`;
  });
}

/** Removes what a round has made, so that the next one has less to check. */
export async function tidy(daemon: Daemon, model: Model, base: Model): Promise<void> {
  for (const name of [...model.keys()].toReversed()) {
    if (base.has(name)) continue;
    await daemon.client.remove(name);
    model.delete(name);
  }
  await daemon.client.cleanup();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
