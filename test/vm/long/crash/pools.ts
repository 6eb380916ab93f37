import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { Code } from '../../../../common/errors.ts';
import { codeOf } from '../../../support/snapshots-client.ts';
import { assert, exec, mountsBelow, place, type Place } from './bed.ts';
import { BASE, makeActive, makeCommitted } from './changes.ts';
import { checkAll } from './check.ts';
import { Daemon } from './daemon.ts';
import { failureOf, fill, type Failure } from './help.ts';
import type { Model } from './model.ts';
import type { Report } from './report.ts';

const POOL = 'small';
const IMAGE = '/var/tmp/small.img';
const CLEAR: readonly number[] = [Code.FailedPrecondition, Code.Unavailable];

/** What goes wrong with a pool as a whole: a small one, that can be filled and taken away. */
export async function pools({ name }: Place, report: Report): Promise<void> {
  await exec('truncate', '-s', '160M', IMAGE);
  await exec('zpool', 'create', '-O', 'mountpoint=none', POOL, IMAGE);
  const here = place(name, POOL);
  const model: Model = new Map();
  let daemon = await (await Daemon.start(here)).ready();
  await makeCommitted(daemon.client, model, 'base-1');
  await makeCommitted(daemon.client, model, BASE, 'base-1');
  await makeActive(daemon.client, model, 'bystander', BASE);
  const check = (title: string, show: () => Promise<string>) =>
    report.check(title, async () => {
      const text = await show();
      await checkAll(here, daemon, model);
      return text;
    });
  await check('full pool', async () => {
    const { code, text } = await fullPool(daemon, model);
    assert(code === Code.ResourceExhausted, `Prepare in a full pool is answered ${code}`);
    return text;
  });
  await check('full quota of the root', async () => {
    await exec('zfs', 'set', 'quota=20M', here.dataset);
    const { text } = await fullPool(daemon, model);
    await exec('zfs', 'set', 'quota=none', here.dataset);
    return text;
  });
  await check('exported under the daemon', () => exported(here, daemon, model));
  await check('started without its pool', async () => {
    await daemon.kill();
    const text = await startedWithout(here);
    daemon = await (await Daemon.start(here)).ready();
    return text;
  });
  await check('started without its dataset', async () => {
    await daemon.kill();
    await unmountAll(here);
    await exec('zfs', 'rename', here.dataset, `${POOL}/other`);
    const text = await refused(here);
    await exec('zfs', 'rename', `${POOL}/other`, here.dataset);
    daemon = await (await Daemon.start(here)).ready();
    return text;
  });
  await daemon.stop();
  await unmountAll(here);
  await exec('zpool', 'destroy', POOL);
  await rm(IMAGE);
}

async function fullPool({ client }: Daemon, model: Model): Promise<{ code: number; text: string }> {
  await makeActive(client, model, 'late', BASE);
  const [big] = await client.prepare('big', BASE);
  const [second] = await client.prepare('second', BASE);
  const errno = await fill(big?.source ?? '', 300);
  assert(errno === 'ENOSPC' || errno === 'EDQUOT', `it is not full: ${errno}`);
  await fill(second?.source ?? '', 20);
  const answers = [
    await failureOf(client.prepare('more', BASE)),
    await failureOf(client.view('look', BASE)),
    await failureOf(client.update('late', { full: 'yes' })),
    await failureOf(client.commit('late-done', 'late')),
  ];
  const wrong = answers.filter(({ code }) => code !== Code.OK && code !== Code.ResourceExhausted);
  assert(wrong.length === 0, JSON.stringify(wrong));
  const vague = answers.filter(({ code, details }) => code !== Code.OK && !details.includes('zfs list -o space'));
  assert(vague.length === 0, `no mend is told: ${JSON.stringify(vague)}`);
  assert((await client.list()).length === model.size + 2 + granted(answers.slice(0, 2)), 'the list is not as it was');
  for (const key of ['big', 'second']) await client.remove(key);
  if (answers[0]?.code === Code.OK) await client.remove('more');
  await client.cleanup();
  for (const [key, answer] of [
    ['look', answers[1]],
    ['late-done', answers[3]],
  ] as const) {
    if (answer?.code === Code.OK) await client.remove(key);
  }
  if (answers[3]?.code !== Code.OK) await client.remove('late');
  model.delete('late');
  await client.cleanup();
  const [mount] = await client.prepare('more', BASE);
  assert((await fill(mount?.source ?? '', 8)) === 'no error', 'nothing was freed');
  await client.remove('more');
  const text = `answered ${answers.map(({ code }) => code).join()}; ${answers.map(({ details }) => details).join('; ')}`;
  return { code: answers[0]?.code ?? 0, text };
}

const granted = (answers: readonly Failure[]) => answers.filter(({ code }) => code === Code.OK).length;

async function unmountAll({ root }: Place): Promise<void> {
  for (const point of await mountsBelow(path.join(root, 'mnt'))) await exec('umount', point);
}

async function exported(here: Place, { client }: Daemon, model: Model): Promise<string> {
  await client.prepare('to be removed', BASE);
  await unmountAll(here);
  await exec('zpool', 'export', '-f', POOL);
  const failures = [
    await failureOf(client.mounts('bystander')),
    await failureOf(client.prepare('new', BASE)),
    await failureOf(client.view('new view', BASE)),
    await failureOf(client.commit('new layer', 'bystander')),
    await failureOf(client.update('bystander', {})),
    await failureOf(client.usage('bystander')),
  ];
  const wrong = failures.filter(({ code }) => !CLEAR.includes(code));
  assert(wrong.length === 0, JSON.stringify(wrong));
  assert((await client.list()).length === model.size + 1, 'the list is not as it was');
  await client.remove('to be removed');
  await client.cleanup();
  await exec('zpool', 'import', '-d', path.dirname(IMAGE), POOL);
  await client.mounts('bystander');
  await client.prepare('new', BASE);
  await client.remove('new');
  return failures[0]?.details ?? '';
}

async function startedWithout(here: Place): Promise<string> {
  await unmountAll(here);
  await exec('zpool', 'export', POOL);
  const text = await refused(here);
  await exec('zpool', 'import', '-d', path.dirname(IMAGE), POOL);
  return text;
}

/** A daemon that does not start, and changes nothing. */
async function refused(here: Place): Promise<string> {
  const file = path.join(here.root, 'store.json');
  const before = await readFile(file, 'utf8');
  const daemon = await Daemon.start(here);
  assert((await daemon.ended) === '1', 'it serves without its layers');
  daemon.client.close();
  const said = await daemon.said();
  assert(said.includes(here.dataset) && said.includes('import'), `it does not say why: ${said}`);
  assert((await readFile(file, 'utf8')) === before, 'it forgot where its layers are');
  assert((await codeOf(exec('zfs', 'list', here.dataset)).catch(() => -1)) === -1, 'it made another dataset');
  return said.trim();
}
