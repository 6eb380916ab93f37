import { setTimeout as sleep } from 'node:timers/promises';
import { comparison, type Answer, type Difference } from '../../support/compare.ts';

/* containerd goes and comes back, in the middle of things. */

const SLEEP = ['sleep', '1000'];
/**
 * Says a line each time it is told to, and ends at the second. It has one child, always the same: to look at its
 * processes at any moment gives one answer.
 */
const TALKER = [
  'sh',
  '-c',
  `sleep 1000 >/dev/null 2>&1 & p=$!; n=0
   trap 'n=$((n+1)); echo heard $n; [ $n -lt 2 ] || { kill $p; exit 6; }' USR1
   echo ready; while :; do wait; done`,
];
const USR1 = 10;

comparison.same('a container that runs', async (task, step) => {
  await task.run(TALKER);
  await task.says('ready');
  await task.kill(USR1);
  await task.says('heard 1');
  await comparison.withoutContainerd();
  await step('state', () => task.state());
  await step('pids', () => task.pids());
  await step('it hears', () => task.kill(USR1));
  await step('wait', () => task.wait());
  await step('delete', () => task.delete());
  await step('output', () => task.output());
  await step('events since', () => task.events('/tasks/delete'));
});

comparison.same('an exec that runs', async (task, step) => {
  await task.run(SLEEP);
  await task.exec('talks', TALKER);
  await task.start('talks');
  await task.says('ready', 'talks');
  await task.kill(USR1, { execId: 'talks' });
  await task.says('heard 1', 'talks');
  await comparison.withoutContainerd();
  await step('state', () => task.state('talks'));
  await step('pids', () => task.pids());
  await step('it hears', () => task.kill(USR1, { execId: 'talks' }));
  await step('wait', () => task.wait('talks'));
  await step('delete', () => task.delete('talks'));
  await step('output', () => task.output('talks'));
  await step('another', () => task.execute('next', ['echo', 'here']));
});

comparison.same('an exec that ends meanwhile', async (task, step) => {
  await task.run(SLEEP);
  await task.exec('ends', ['sh', '-c', 'sleep 1; echo bye; exit 4']);
  await task.start('ends');
  await comparison.withoutContainerd(() => sleep(1500));
  await step('state', () => task.state('ends'));
  await step('wait', () => task.wait('ends'));
  await step('output', () => task.output('ends'));
  await step('delete', () => task.delete('ends'));
});

/** containerd 1.7 asks for the processes of what it finds, and takes a task without any for a leaked one. */
const given = (answer: Answer): Difference => ({
  row: 'A container that ends while containerd is away, from 1.7 on',
  ours: answer,
  theirs: [answer, { code: 5, says: ['not found'] }],
});

comparison.same(
  'a container that ends meanwhile',
  async (task, step) => {
    await task.run(['sh', '-c', 'sleep 1; echo bye; exit 4']);
    await comparison.withoutContainerd(() => sleep(1500));
    await step('state', () => task.state());
    await step('wait', () => task.wait());
    await step('output', () => task.output());
    await step('delete', () => task.delete());
  },
  {
    state: given({
      ok: { id: 'ID', status: 'STOPPED', pid: 'gone', exitStatus: 4, terminal: false, exited: true },
    }),
    wait: given({ ok: { exitStatus: 4, exited: true } }),
    delete: given({ ok: { id: '', exitStatus: 4, exited: true, pid: true } }),
  },
);

comparison.same('a container that was not started yet', async (task, step) => {
  await task.define(['sh', '-c', 'echo late; exit 2']);
  await task.create();
  await comparison.withoutContainerd();
  await step('state', () => task.state());
  await step('start', () => task.start());
  await step('wait', () => task.wait());
  await step('output', () => task.output());
});

comparison.same('a paused container', async (task, step) => {
  await task.run(TALKER);
  await task.says('ready');
  await task.pause();
  await comparison.withoutContainerd();
  await step('state', () => task.state());
  await step('pause', () => task.pause());
  await step('resume', () => task.resume());
  await step('state, resumed', () => task.state());
  await task.kill(USR1);
  await task.says('heard 1');
  await task.kill(USR1);
  await step('wait', () => task.wait());
  await step('output', () => task.output());
});

comparison.same('a terminal', async (task, step) => {
  const talker = ['sh', '-c', 'trap "stty size" WINCH; echo ready; while :; do sleep 0.02; done'];
  await task.run(talker, ['--tty'], { terminal: true });
  await task.says('ready');
  await task.resize(100, 30);
  await task.says('30 100');
  await comparison.withoutContainerd();
  await step('state', () => task.state());
  await step('resize', () => task.resize(120, 40));
  await task.says('40 120');
  await step('kill', () => task.kill(9));
  await step('wait', () => task.wait());
  await step('delete', () => task.delete());
  await step('output', () => task.output());
});
