import { Code } from '../../../../common/errors.ts';
import { codeOf, type Info } from '../../../support/snapshots-client.ts';
import { assert, type Place } from './bed.ts';
import { BASE, OPERATIONS, REMOVAL, makeCommitted } from './changes.ts';
import { checkAll } from './check.ts';
import { Daemon, type Mode } from './daemon.ts';
import { pointsOf, quiet, tidy, type Point } from './kill-daemon.ts';
import { agrees, type Model } from './model.ts';
import type { Report } from './report.ts';

const MODES: readonly Mode[] = ['worker-before', 'worker-during', 'worker-after'];

/**
 * Kills the worker, while the daemon lives, before, during and after every request of every operation: the call succeeds
 * or fails clearly, its repetition succeeds, and what the daemon believes is what the pool holds.
 */
export async function killWorker(place: Place, report: Report): Promise<void> {
  const model: Model = new Map();
  let daemon = await (await Daemon.start(place)).ready();
  await makeCommitted(daemon.client, model, 'base-1');
  await makeCommitted(daemon.client, model, BASE, 'base-1');
  const base: Model = new Map(model);
  const points: Point[] = [];
  for (const operation of [...OPERATIONS, REMOVAL]) points.push(...(await pointsOf(daemon, operation, model, MODES)));
  for (const [index, point] of points.entries()) await killAt(daemon, point, { model, report, tag: `point ${index}` });
  await report.check('all of it', async () => {
    await checkAll(place, daemon, model);
    return `${model.size} snapshots`;
  });
  await daemon.kill();
  daemon = await (await Daemon.start(place)).ready();
  await report.check('all of it, as the next daemon finds it', async () => {
    await checkAll(place, daemon, model);
    return `${model.size} snapshots`;
  });
  await tidy(daemon, model, base);
  await checkAll(place, daemon, model);
  await daemon.stop();
}

async function findAll({ client }: Daemon, names: readonly string[]): Promise<Info[]> {
  const found = await Promise.all(names.map((name) => client.stat(name).catch(() => undefined)));
  return found.filter((info) => info !== undefined);
}

interface Context {
  readonly model: Model;
  readonly report: Report;
  readonly tag: string;
}

async function killAt(daemon: Daemon, point: Point, { model, report, tag }: Context): Promise<void> {
  const { operation, mode, request, what } = point;
  await report.check(`${operation.title}: ${mode} request ${request}, ${what}`, async () => {
    const change = await operation.prepare(daemon.client, model, tag);
    await quiet(daemon);
    await daemon.arm(mode, request);
    const code = await codeOf(change.call(daemon.client));
    assert(code === Code.OK || code === Code.Unavailable, `is answered ${code}`);
    const after: Model = new Map(model);
    change.apply(after);
    const found = await findAll(daemon, change.touches);
    const happened = agrees(after, found, change.touches);
    assert(happened || agrees(model, found, change.touches), 'neither before nor after');
    assert(happened === (code === Code.OK) || change.isRemoval === true, `happened: ${happened}, but answered ${code}`);
    const again = happened ? Code.OK : await codeOf(change.call(daemon.client));
    assert(again === Code.OK, `its repetition is answered ${again}`);
    change.apply(model);
    return `answered ${code}${happened ? '' : `; again: ${again}`}`;
  });
}
