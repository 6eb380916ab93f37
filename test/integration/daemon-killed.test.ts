import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { CtrEvents } from '../support/ctr-events.ts';
import { eventually } from '../support/eventually.ts';
import { daemonServes, keeperStatus, killKeptDaemon } from '../support/keeper.ts';
import { SEED, seededRandom } from '../support/seeded-random.ts';
import { useContainerd } from '../support/with-containerd.ts';

/*
 * kill -9 of the daemon, over and over, while containers run: the keeper starts another one each time, and neither
 * containerd nor a container notices. A thousand times by hand: LXCRI_TEST_KILLS=1000.
 */
const KILLS = Number(process.env['LXCRI_TEST_KILLS'] ?? 20);
const CONTAINERS = 10;
/** What a kill may take where a daemon needs long to start. */
const PATIENCE_MS = 5000;
const LIFE = ['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete'];

let events: CtrEvents;

test.serial.after.always('stop listening', () => events.stop());
const fixture = useContainerd(test);
test.serial.before('listen', async () => {
  events = await CtrEvents.start(fixture.containerd);
});

const taskList = async () => (await fixture.containerd.ctr(['tasks', 'ls'])).stdout.split('\n').toSorted();

/** An init that ends with this status when it is told to. */
const patient = (exit: number) => ['sh', '-c', `trap "exit ${exit}" TERM; while :; do sleep 0.1; done`];

async function serves(not = 0): Promise<number> {
  return (await daemonServes(fixture.containerd.runDir, { not })).daemon;
}

test.serial(`the daemon killed ${KILLS} times beside ${CONTAINERS} containers`, async (t) => {
  t.timeout(60_000 + KILLS * PATIENCE_MS);
  t.log(`LXCRI_TEST_SEED=${SEED}`);
  const random = seededRandom(SEED);
  const { runDir, logFile } = fixture.containerd;
  const statuses = Array.from({ length: CONTAINERS }, (_, index) => index + 1);
  const ids: string[] = [];
  for (const status of statuses) ids.push(await fixture.runDetached(t, patient(status), ['--null-io']));
  for (const id of ids) await events.taskThrough(id, '/tasks/start');
  const before = await taskList();
  const { keeper } = await keeperStatus(runDir);
  const log = await readFile(logFile, 'utf8');

  let last = 0;
  for (let kills = 0; kills < KILLS; kills += 1) {
    // Every other one may serve first: where it takes longer to start than to be killed, none ever would. It also has
    // to answer, as the keeper waits ever longer before it starts another of those that never do.
    if (kills % 2 === 0) {
      await serves(last);
      t.deepEqual(await taskList(), before);
    }
    await sleep(random() * 300);
    last = await eventually(async () => (await killKeptDaemon(runDir)) || undefined);
  }

  await serves(last);
  t.is((await keeperStatus(runDir)).keeper, keeper);
  t.is((await readFile(logFile, 'utf8')).slice(log.length), '');
  t.deepEqual(await taskList(), before);
  for (const id of ids) await fixture.containerd.ctr(['tasks', 'kill', '--signal', 'SIGTERM', id]);
  for (const [index, id] of ids.entries()) {
    await events.taskThrough(id, '/tasks/exit');
    const { stderr } = await fixture.containerd.tryCtr(['tasks', 'rm', id]);
    t.regex(stderr, new RegExp(`non-zero exit code ${index + 1}\\b`));
    const seen = await events.taskThrough(id, '/tasks/delete');
    t.deepEqual(
      seen.map(({ topic }) => topic),
      LIFE,
    );
    t.is(seen[2]?.body.exit_status, index + 1);
  }
});
