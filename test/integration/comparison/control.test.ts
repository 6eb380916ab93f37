import { setTimeout as sleep } from 'node:timers/promises';
import { BAD_INPUT, comparison } from '../../support/compare.ts';

/* What a client does to a container that runs. */

const SLEEP = ['sleep', '1000'];

comparison.same('pause and resume, with their events', async (task, step) => {
  await task.define(SLEEP);
  await task.create();
  await step('pause, created', () => task.pause());
  await step('resume, created', () => task.resume());
  await task.start();
  await step('resume, running', () => task.resume());
  await step('pause', () => task.pause());
  await step('state', () => task.state());
  await step('pause again', () => task.pause());
  await step('start', () => task.start());
  await step('delete', () => task.delete());
  await step('pids', () => task.pids());
  await step('resume', () => task.resume());
  await step('state, resumed', () => task.state());
  await task.kill(9);
  await task.wait();
  await step('pause, stopped', () => task.pause());
  await step('resume, stopped', () => task.resume());
  await task.delete();
  await step('events', () => task.events('/tasks/delete'));
});

comparison.same('SIGKILL ends what is paused', async (task, step) => {
  await task.run(SLEEP);
  await task.pause();
  await step('kill', () => task.kill(9, { all: true }));
  await step('wait', async () => {
    // runc's shim leaves it frozen, and dying, where the kernel does not let it.
    await task.resume().catch(() => undefined);
    return task.wait();
  });
});

comparison.same(
  'update',
  async (task, step) => {
    await task.run(SLEEP);
    await step('memory', () => task.update({ memory: { limit: 64 << 20 } }));
    await step('pids', () => task.update({ pids: { limit: 50 } }));
    await step('cpu', () => task.update({ cpu: { shares: 512, quota: 50_000, period: 100_000 } }));
    await step('nothing', () => task.update({}));
    await step('no limit', () => task.update({ memory: { limit: -1 }, pids: { limit: -1 } }));
    await step('a negative share', () => task.update({ cpu: { shares: -1 } }));
    await step('a negative period', () => task.update({ cpu: { period: -5 } }));
    await step('cpus that there are not', () => task.update({ cpu: { cpus: '4000' } }));
    await step('cpus that are none', () => task.update({ cpu: { cpus: 'first' } }));
    await step('memory of the wrong type', () => task.update({ memory: { limit: 'much' } }));
    await step('a list', () => task.update([]));
    await step('another type', () => task.update({}, 'types.containerd.io/opencontainers/runtime-spec/1/Process'));
    await step('it goes on', () => task.state());
    await task.kill(9);
    await task.wait();
    await step('when it has ended', () => task.update({ pids: { limit: 50 } }));
  },
  {
    'a negative share': BAD_INPUT,
    'a negative period': BAD_INPUT,
    'cpus that there are not': BAD_INPUT,
    'cpus that are none': BAD_INPUT,
    'memory of the wrong type': BAD_INPUT,
    'a list': BAD_INPUT,
    'another type': BAD_INPUT,
  },
);

comparison.same('processes and metrics', async (task, step) => {
  await task.define(['sh', '-c', 'sleep 1000 & sleep 1000']);
  await task.create();
  await step('pids, created', () => task.pids());
  await step('metrics, created', () => task.metrics());
  await task.start();
  await sleep(200);
  await step('pids', () => task.pids());
  await step('metrics', () => task.metrics());
  await task.pause();
  await step('metrics, paused', () => task.metrics());
  await task.resume();
  await task.kill(9);
  await task.wait();
  await step('metrics, stopped', () => task.metrics());
});

comparison.same('sizes and streams without a terminal', async (task, step) => {
  await task.define(SLEEP);
  await task.create();
  await step('resize, created', () => task.resize(80, 24));
  await step('closeIO, created', () => task.closeStdin());
  await task.start();
  await step('resize', () => task.resize(80, 24));
  await step('resize to nothing', () => task.resize(0, 0));
  await step('closeIO', () => task.closeStdin());
  await step('closeIO again', () => task.closeStdin());
  await task.kill(9);
  await task.wait();
  await step('resize, stopped', () => task.resize(80, 24));
  await step('closeIO, stopped', () => task.closeStdin());
});

comparison.same('a checkpoint at the wrong moment', async (task, step) => {
  await task.define(SLEEP);
  await task.create();
  await step('created', () => task.checkpoint());
  await task.start();
  await task.kill(9);
  await task.wait();
  await step('stopped', () => task.checkpoint());
});

const TERMINAL = { terminal: true };

comparison.same(
  'the sizes of terminals',
  async (task, step) => {
    const loop = ['sh', '-c', 'while :; do sleep 0.1; done'];
    await task.define(loop, ['--tty']);
    await task.create(TERMINAL);
    await step('created', () => task.resize(81, 24));
    await task.start();
    await step('a usual one', () => task.resize(80, 25));
    await step('none', () => task.resize(0, 0));
    await step('the largest', () => task.resize(65_535, 65_535));
    await step('too large', () => task.resize(65_536, 24));
    await step('far too large', () => task.resize(4_294_967_295, 24));
    // It waits for the size: on a slow machine Resize comes late.
    const sized = 'while [ "$(stty size 2>/dev/null)" != "43 132" ]; do sleep 0.1; done; stty size';
    await task.exec('size', ['sh', '-c', sized], {}, TERMINAL);
    await step('an exec’s', async () => {
      await task.start('size');
      await task.resize(132, 43, 'size');
      await task.wait('size');
      await task.delete('size');
      return task.output('size');
    });
    await step('an exec’s that is gone', () => task.resize(80, 25, 'size'));
    await step('closeIO', () => task.closeStdin());
    await task.kill(9);
    await task.wait();
    await step('when it has ended', () => task.resize(80, 25));
  },
  { 'too large': BAD_INPUT, 'far too large': BAD_INPUT },
);
