import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Sleep, type Sleeper, type SleepTimes } from '../../../shim/daemon/sleep.ts';
import { eventually } from '../../support/eventually.ts';
import { recordingLogger } from '../support/recording-logger.ts';

/** A daemon that does as it is told, and notes what is asked of it. */
class Daemon implements Sleeper {
  activity = 0;
  isBusy = false;
  containers = 1;
  letsGo = true;
  keeperLets = true;
  readonly log: string[] = [];
  /** Happens while the monitors go to sleep. */
  meanwhile: () => void = () => undefined;

  letGo() {
    this.log.push('let go');
    this.meanwhile();
    return Promise.resolve(this.letsGo);
  }

  takeUp() {
    this.log.push('take up');
    return Promise.resolve();
  }

  mayEnd() {
    this.log.push('ask');
    return Promise.resolve(this.keeperLets);
  }

  end() {
    this.log.push('end');
  }

  async comesTo(word: string, times = 1) {
    await eventually(() => (this.log.filter((each) => each === word).length >= times ? true : undefined));
  }
}

function watch(t: ExecutionContext, daemon: Daemon, times: SleepTimes = { sleepMs: 60, lingerMs: 60 }) {
  const { logger, records } = recordingLogger();
  const watcher = new Sleep(daemon, times, logger);
  t.teardown(() => {
    watcher.stop();
  });
  watcher.watch();
  return { watcher, records };
}

test('a daemon with nothing to do lets go of its monitors, asks and ends', async (t) => {
  const daemon = new Daemon();
  const began = performance.now();
  watch(t, daemon);
  await daemon.comesTo('end');
  t.true(performance.now() - began >= 60);
  await sleep(100);
  t.deepEqual(daemon.log, ['let go', 'ask', 'end']);
});

test('whatever happens begins the time anew', async (t) => {
  const daemon = new Daemon();
  watch(t, daemon, { sleepMs: 200, lingerMs: 200 });
  for (let round = 0; round < 15; round++) {
    daemon.activity += 1;
    await sleep(20);
  }
  t.deepEqual(daemon.log, []);
  await daemon.comesTo('end');
});

test('a busy daemon does not sleep', async (t) => {
  const daemon = new Daemon();
  daemon.isBusy = true;
  watch(t, daemon);
  await sleep(250);
  t.deepEqual(daemon.log, []);
  daemon.isBusy = false;
  await daemon.comesTo('end');
});

test('without containers the shorter time counts, with them the one for sleep', async (t) => {
  const [empty, full] = [new Daemon(), new Daemon()];
  empty.containers = 0;
  watch(t, empty, { sleepMs: 100_000, lingerMs: 40 });
  watch(t, full, { sleepMs: 100_000, lingerMs: 40 });
  await empty.comesTo('end');
  await sleep(100);
  t.deepEqual(full.log, []);
});

test('one that the keeper keeps takes its monitors up, and asks again later', async (t) => {
  const daemon = new Daemon();
  daemon.keeperLets = false;
  watch(t, daemon);
  await daemon.comesTo('take up', 2);
  daemon.keeperLets = true;
  await daemon.comesTo('end');
  t.deepEqual(daemon.log.slice(0, 6), ['let go', 'ask', 'take up', 'let go', 'ask', 'take up']);
});

test('monitors that do not go to sleep keep their daemon', async (t) => {
  const daemon = new Daemon();
  daemon.letsGo = false;
  watch(t, daemon);
  await daemon.comesTo('take up');
  t.deepEqual(daemon.log, ['let go', 'take up']);
});

test('what the monitors say last keeps their daemon', async (t) => {
  const daemon = new Daemon();
  daemon.meanwhile = () => (daemon.activity += 1);
  watch(t, daemon);
  await daemon.comesTo('take up');
  t.deepEqual(daemon.log, ['let go', 'take up']);
});

test('a failure is told, and it is tried again', async (t) => {
  const daemon = new Daemon();
  let failures = 1;
  daemon.meanwhile = () => {
    if (failures-- > 0) throw new Error('no');
  };
  const { records } = watch(t, daemon);
  await daemon.comesTo('end');
  t.is(records.filter(({ level }) => level === 'error').length, 1);
  t.deepEqual(daemon.log.slice(0, 3), ['let go', 'take up', 'let go']);
});

test('one that is to end otherwise does not sleep any more', async (t) => {
  const daemon = new Daemon();
  const { watcher } = watch(t, daemon);
  watcher.stop();
  await sleep(150);
  t.deepEqual(daemon.log, []);
});
