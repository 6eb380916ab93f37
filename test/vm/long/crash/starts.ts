import { access, chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '../../../../common/errors.ts';
import { codeOf } from '../../../support/snapshots-client.ts';
import { assert, exec, mountsBelow, until, type Place } from './bed.ts';
import { BASE, makeActive, makeCommitted } from './changes.ts';
import { checkAll } from './check.ts';
import { Daemon } from './daemon.ts';
import type { Model } from './model.ts';
import type { Report } from './report.ts';

/** Death of a daemon while it cleans up after a dead one, its end during work, and a worker that stands still. */
export async function starts(place: Place, report: Report): Promise<void> {
  const model: Model = new Map();
  let daemon = await (await Daemon.start(place)).ready();
  await makeCommitted(daemon.client, model, BASE);
  await makeActive(daemon.client, model, 'bystander', BASE);
  await report.check('one call waits, and no other', () => oneWaits(daemon));
  await report.check('SIGTERM while a call waits', async () => {
    daemon = await stopDuringWork(place, daemon, model);
    return 'the call was done, and the next daemon has it';
  });
  await report.check('the worker stands still, and its daemon dies', async () => {
    daemon = await workerStandsStill(place, daemon, model);
    return 'the next daemon waited';
  });
  for (const mode of ['before', 'during', 'after'] as const) {
    await report.check(`what a fall left, and a daemon killed ${mode} it clears that away`, async () => {
      const left = await leaveThings(place, daemon, model);
      const first = await Daemon.start(place, { armed: [mode, left.requests] });
      await until('it clears away', async () =>
        (await first.requests('stopped', 'start')).length > 0 ? true : undefined,
      );
      const what = await first.requests('stopped', 'start');
      await first.kill();
      daemon = await (await Daemon.start(place)).ready();
      await checkAll(place, daemon, model);
      return what.join();
    });
  }
  await daemon.stop();
}

const MUTATIONS = ['create (root)', 'create (empty)', 'snapshot'] as const;

/** The very first start makes datasets by zfs(8), behind which a script stands that kills. */
export async function firstStarts(place: Place, report: Report): Promise<void> {
  const programs = path.join(place.run, 'programs');
  await mkdir(programs, { recursive: true });
  const counter = path.join(programs, 'count');
  const script = [
    '#!/bin/sh',
    `real=${(await exec('sh', '-c', 'command -v zfs')).trim()}`,
    'case $1 in create|snapshot) ;; *) exec "$real" "$@" ;; esac',
    `n=$(($(cat ${counter} 2>/dev/null) + 1)); echo $n >${counter}`,
    '[ "$n" = "$KILL_AT" ] && [ "$KILL_WHEN" = before ] && kill -9 $PPID && exit 1',
    '"$real" "$@"; code=$?',
    '[ "$n" = "$KILL_AT" ] && kill -9 $PPID',
    'exit $code',
  ].join('\n');
  await writeFile(path.join(programs, 'zfs'), `${script}\n`);
  await chmod(path.join(programs, 'zfs'), 0o755);
  for (const [index, what] of MUTATIONS.entries()) {
    for (const when of ['before', 'after'] as const) {
      await report.check(`the first start, killed ${when} zfs ${what}`, async () => {
        await rm(counter, { force: true });
        process.env['KILL_AT'] = String(index + 1);
        process.env['KILL_WHEN'] = when;
        const first = await Daemon.start(place, { path: programs });
        assert((await first.ended) === 'SIGKILL', `it ended otherwise: ${await first.said()}`);
        const second = await (await Daemon.start(place)).ready();
        await checkAll(place, second, new Map());
        await second.client.prepare('a', '');
        await second.kill();
        await exec('sh', '-c', `umount ${place.root}/mnt/*; zfs destroy -r ${place.dataset}; rm -r ${place.root}`);
        return 'the next one serves';
      });
    }
  }
}

async function oneWaits(daemon: Daemon): Promise<string> {
  const { client } = daemon;
  await daemon.arm('after', 1);
  const waiting = client.prepare('waiting', BASE);
  await until('it stops', async () => ((await daemon.requests('stopped')).length > 0 ? true : undefined));
  const again = codeOf(client.prepare('waiting', BASE));
  await client.prepare('quick', BASE);
  await client.stat(BASE);
  assert(
    !(await client.list()).some(({ name }) => name === 'waiting'),
    'it is in the list, though it is not there yet',
  );
  assert((await codeOf(client.remove(BASE))) === Code.FailedPrecondition, 'its parent can be removed');
  await daemon.arm('release', 0);
  await waiting;
  assert((await again) === Code.AlreadyExists, 'its key was given twice');
  for (const key of ['quick', 'waiting']) await client.remove(key);
  return 'and then goes on';
}

async function stopDuringWork(place: Place, daemon: Daemon, model: Model): Promise<Daemon> {
  await makeActive(daemon.client, model, 'last-key', BASE);
  await daemon.arm('after', 2);
  const committing = codeOf(daemon.client.commit('last', 'last-key', { name: 'last' }));
  await until('it stops', async () => ((await daemon.requests('stopped')).length > 0 ? true : undefined));
  const stopping = daemon.stop();
  await sleep(1000);
  assert(!daemon.hasEnded, 'it left a call unanswered');
  await daemon.arm('release', 0);
  assert((await committing) === Code.OK, `the call was answered ${await committing}`);
  assert((await stopping) === '0', 'it did not end as it should');
  const active = model.get('last-key');
  assert(active !== undefined, 'there is no key');
  model.delete('last-key');
  model.set('last', { ...active, kind: 'committed', labels: { name: 'last' } });
  const next = await (await Daemon.start(place)).ready();
  await checkAll(place, next, model);
  return next;
}

/** As on a pool that is slow to answer. */
async function workerStandsStill(place: Place, daemon: Daemon, model: Model): Promise<Daemon> {
  const [, worker = 0] = await daemon.workers();
  assert(worker > 0, 'there is no worker');
  process.kill(worker, 'SIGSTOP');
  const lost = codeOf(daemon.client.prepare('slow', BASE, { key: 'slow' }));
  await sleep(300);
  const next = await Daemon.start(place);
  await daemon.kill();
  assert((await lost) === Code.Unavailable, `the call is answered ${await lost}`);
  await sleep(6000);
  assert(!(await next.serves()) && !next.hasEnded, 'the next daemon did not wait');
  process.kill(worker, 'SIGCONT');
  await next.ready();
  // What was asked for was done to the end before anybody looked.
  const base = model.get(BASE);
  model.set('slow', { kind: 'active', parent: BASE, labels: { key: 'slow' }, files: base?.files ?? {} });
  await checkAll(place, next, model);
  return next;
}

/** A clone without a record, a removed layer, mounts of both and a mount of a snapshot, and places for mounts. */
async function leaveThings(place: Place, daemon: Daemon, model: Model): Promise<{ requests: number }> {
  await daemon.kill();
  await sleep(500);
  const { dataset, root } = place;
  const [parent = ''] = (await exec('zfs', 'list', '-Hr', '-t', 'snapshot', '-o', 'name', dataset))
    .split('\n')
    .filter((name) => name.endsWith('@layer') && !name.includes('/empty@'));
  await exec('zfs', 'clone', parent, `${dataset}/901`);
  await exec('zfs', 'clone', '-o', 'layerfs:removed=yes', parent, `${dataset}/902`);
  for (const id of ['901', '902', '903']) await mkdir(path.join(root, 'mnt', id), { recursive: true });
  await mkdir(path.join(root, 'mnt/1-read'), { recursive: true });
  await exec('mount', '-t', 'zfs', `${dataset}/901`, path.join(root, 'mnt/901'));
  await exec('mount', '-t', 'zfs', '-o', 'ro', parent, path.join(root, 'mnt/1-read'));
  assert((await mountsBelow(path.join(root, 'mnt'))).length >= 2, 'nothing is mounted');
  assert(!model.has('901'), 'the name is taken');
  await access(path.join(root, 'store.json'));
  assert(
    (await readFile(path.join(root, 'store.json'), 'utf8')).includes(dataset),
    'store.json tells of another dataset',
  );
  // sync, what releases four places and those of two layers once more, and then what destroys.
  return { requests: 8 };
}
