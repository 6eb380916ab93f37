import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '../../../../common/errors.ts';
import { codeOf } from '../../../support/snapshots-client.ts';
import { assert, exec, mountsBelow, until, type Place } from './bed.ts';
import { BASE, filesOf, makeActive, makeCommitted } from './changes.ts';
import { checkAll } from './check.ts';
import { Daemon } from './daemon.ts';
import { failureOf, fill, idOf } from './help.ts';
import type { Model } from './model.ts';
import type { Report } from './report.ts';

/** What goes wrong around one daemon while it serves; whatever it is, the rest is untouched. */
export async function faults(place: Place, report: Report): Promise<void> {
  const bed = new Bed(place, report, await (await Daemon.start(place)).ready());
  await makeCommitted(bed.client, bed.model, 'base-1');
  await makeCommitted(bed.client, bed.model, BASE, 'base-1');
  await makeActive(bed.client, bed.model, 'bystander', BASE);
  await bed.check('quota', quota);
  await bed.check('busy elsewhere', busyElsewhere);
  await bed.check('removed under load', removedUnderLoad);
  await bed.check('committed under load', committedUnderLoad);
  await bed.check('unmounted by hand', unmountedByHand);
  await bed.check('destroyed by hand', destroyedByHand);
  await bed.check('host fell', hostFell);
  assert((await bed.daemon.stop()) === '0', 'the daemon did not end as it should');
}

class Bed {
  readonly place: Place;
  readonly model: Model = new Map();
  readonly #report: Report;
  daemon: Daemon;

  constructor(place: Place, report: Report, daemon: Daemon) {
    this.place = place;
    this.#report = report;
    this.daemon = daemon;
  }

  get client() {
    return this.daemon.client;
  }

  get mnt(): string {
    return path.join(this.place.root, 'mnt');
  }

  /** Shows it, and that all the rest is as it was. */
  check(title: string, show: (bed: Bed) => Promise<string>): Promise<void> {
    return this.#report.check(title, async () => {
      const text = await show(this);
      await checkAll(this.place, this.daemon, this.model);
      return text;
    });
  }

  async restart(): Promise<void> {
    await this.daemon.kill();
    this.daemon = await (await Daemon.start(this.place)).ready();
  }

  async source(key: string): Promise<string> {
    return (await this.client.mounts(key))[0]?.source ?? '';
  }
}

const LABEL = 'containerd.io/snapshot/max-size';

async function quota({ client, model, place }: Bed): Promise<string> {
  const [mount] = await client.prepare('small', BASE, { [LABEL]: '8M' });
  const [other] = await client.prepare('other', BASE);
  const errno = await fill(mount?.source ?? '', 32);
  assert(errno === 'EDQUOT' || errno === 'ENOSPC', `32 MiB of 8 could be written: ${errno}`);
  assert((await fill(other?.source ?? '', 32)) === 'no error', 'another layer was limited too');
  for (const size of ['0', '-1', '8 Q', 'all', '']) {
    const code = await codeOf(client.prepare(`bad ${size}`, BASE, { [LABEL]: size }));
    assert(code === Code.InvalidArgument, `size "${size}" is answered ${code}`);
  }
  const tooSmall = await failureOf(client.prepare('too small', BASE, { [LABEL]: '10K' }));
  for (const key of ['small', 'other']) await client.remove(key);
  assert(tooSmall.code === Code.FailedPrecondition, `less than the parent holds: ${tooSmall.code}`);
  await checkGone(place, client, model.size);
  return `${errno}; ${tooSmall.details}`;
}

/** Datasets, without views and the two of the store's own. */
async function datasets({ dataset }: Place): Promise<string[]> {
  const text = await exec('zfs', 'list', '-Hr', '-o', 'name', dataset);
  return text
    .trim()
    .split('\n')
    .filter((name) => name !== dataset && name !== `${dataset}/empty`);
}

async function checkGone(place: Place, client: Bed['client'], expected: number): Promise<void> {
  await client.cleanup();
  const left = await datasets(place);
  assert(left.length === expected, `${expected} datasets are expected: ${left.join()}`);
}

/**
 * As in a container that was started in between, in a mount namespace of its own. Its copy of the daemon's own mounts
 * goes when the daemon removes their places; that of a client's mount does not.
 */
async function busyElsewhere(bed: Bed): Promise<string> {
  const { client, place, model } = bed;
  const [held] = await client.prepare('held', BASE);
  await client.prepare('free', BASE);
  const target = path.join(place.run, 'elsewhere');
  await mkdir(target, { recursive: true });
  await exec('mount', '--bind', held?.source ?? '', target);
  const holder = await holdMounts();
  await exec('umount', target);
  try {
    for (const key of ['held', 'free']) await client.remove(key);
    await makeActive(client, model, 'meanwhile', BASE);
    await client.cleanup();
    const left = (await datasets(place)).length - model.size;
    assert(left === 1, `${left} wait instead of one`);
    await bed.restart();
    assert((await codeOf(bed.client.stat('held'))) === Code.NotFound, 'what was removed is back');
    await bed.client.remove('meanwhile');
    model.delete('meanwhile');
    await bed.client.cleanup();
    assert((await datasets(place)).length - model.size === left, 'another one did not go');
    return 'it waited, and no other';
  } finally {
    await end(holder);
    await until('the busy ones go', async () => {
      await bed.client.cleanup();
      return (await datasets(place)).length === model.size ? true : undefined;
    });
  }
}

async function holdMounts(): Promise<ChildProcess> {
  const holder = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', 'echo held; exec sleep 1000']);
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  return holder;
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** A client's mount, with a process that writes to it without a pause. */
async function writerOn(bed: Bed, key: string): Promise<{ target: string; writer: ChildProcess }> {
  const target = path.join(bed.place.run, `client ${key}`);
  await mkdir(target, { recursive: true });
  await exec('mount', '--bind', await bed.source(key), target);
  const loop = 'cd "$1"; i=0; echo on; while :; do i=$((i+1)); echo $i >f$((i%50)); done';
  const writer = spawn('sh', ['-c', loop, 'sh', target]);
  await new Promise((resolve) => writer.stdout.once('data', resolve));
  return { target, writer };
}

async function removedUnderLoad(bed: Bed): Promise<string> {
  const { client, place, model } = bed;
  await client.prepare('loaded', BASE);
  const { target, writer } = await writerOn(bed, 'loaded');
  await client.prepare('with it', BASE);
  for (const key of ['loaded', 'with it']) await client.remove(key);
  await client.cleanup();
  const left = (await datasets(place)).length - model.size;
  assert(left === 1, `${left} wait instead of one`);
  assert((await readdir(target)).length > 1, 'the writer has lost its files');
  await client.prepare('loaded', BASE);
  await end(writer);
  await exec('umount', target);
  await checkGone(place, client, model.size + 1);
  await client.remove('loaded');
  return 'it went once it was unmounted';
}

async function committedUnderLoad(bed: Bed): Promise<string> {
  const { client, place } = bed;
  await client.prepare('written', BASE);
  const { target, writer } = await writerOn(bed, 'written');
  await sleep(300);
  await client.commit('frozen', 'written');
  const look = path.join(place.run, 'look');
  const [view] = await client.view('look', 'frozen');
  await mkdir(look, { recursive: true });
  await exec('mount', '-t', 'zfs', '-o', 'ro', view?.source ?? '', look);
  const sums = () => exec('sh', '-c', `cd ${look} && cat f* | md5sum`);
  const before = await sums();
  await sleep(500);
  assert((await sums()) === before, 'a committed layer changes');
  await end(writer);
  await exec('umount', look);
  await exec('umount', target);
  for (const name of ['look', 'frozen']) await client.remove(name);
  return 'a view of it stands still';
}

async function unmountedByHand(bed: Bed): Promise<string> {
  await exec('umount', await bed.source('bystander'));
  const source = await bed.source('bystander');
  assert((await readdir(source)).includes('bystander'), 'Mounts did not mount it again');
  return 'Mounts mounts it again';
}

async function destroyedByHand(bed: Bed): Promise<string> {
  const { place, model, client } = bed;
  for (const name of ['lost-active', 'well']) await makeActive(client, model, name, BASE);
  for (const name of ['lost-leaf', 'lost-snapshot']) await makeCommitted(client, model, name, BASE);
  const files = filesOf(model, 'lost-snapshot');
  await client.cleanup();
  const [active, leaf, snapshot] = await Promise.all(
    ['lost-active', 'lost-leaf', 'lost-snapshot'].map((name) => idOf(place, name)),
  );
  await exec('umount', await bed.source('lost-active'));
  await exec('zfs', 'destroy', '-r', `${place.dataset}/${active}`);
  await exec('zfs', 'destroy', '-r', `${place.dataset}/${leaf}`);
  await exec('zfs', 'destroy', `${place.dataset}/${snapshot}@layer`);
  const errors = [
    await failureOf(client.mounts('lost-active')),
    await failureOf(client.commit('of lost', 'lost-active')),
    await failureOf(client.prepare('on leaf', 'lost-leaf')),
    await failureOf(client.view('of leaf', 'lost-leaf')),
    await failureOf(client.prepare('on snapshot', 'lost-snapshot')),
    await failureOf(client.usage('lost-leaf')),
  ];
  const vague = errors.filter(({ code }) => code !== Code.FailedPrecondition && code !== Code.DataLoss);
  assert(vague.length === 0, JSON.stringify(vague));
  await bed.restart();
  for (const name of ['lost-active', 'lost-leaf', 'lost-snapshot', 'lost-snapshot-key']) {
    assert((await codeOf(bed.client.stat(name))) === Code.NotFound, `${name} is still there`);
    model.delete(name);
  }
  assert((await bed.daemon.said()).includes('whose snapshot @layer somebody destroyed'), 'nobody is told');
  // Its image is pulled again; what it held is kept until somebody decides.
  await makeCommitted(bed.client, model, 'lost-snapshot', BASE);
  assert(
    Object.keys(files).length > 0 && (await datasets(place)).includes(`${place.dataset}/${snapshot}`),
    'it is gone',
  );
  await exec('zfs', 'destroy', '-r', `${place.dataset}/${snapshot}`);
  return errors[0]?.details ?? '';
}

/** All mounts and all of /run are gone. */
async function hostFell(bed: Bed): Promise<string> {
  await bed.daemon.kill();
  await sleep(500);
  const mounted = await mountsBelow(bed.mnt);
  for (const point of mounted) await exec('umount', point);
  await rm(bed.place.run, { recursive: true });
  await rm(path.join(bed.mnt), { recursive: true });
  await writeFile(path.join(bed.place.root, 'lock'), '');
  bed.daemon = await (await Daemon.start(bed.place)).ready();
  const source = await bed.source('bystander');
  assert((await readdir(source)).includes('bystander'), 'Mounts did not mount it again');
  return `${mounted.length} were mounted`;
}
