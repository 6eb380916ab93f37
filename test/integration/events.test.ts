import test from 'ava';
import { CtrEvents } from '../support/ctr-events.ts';
import { useContainerd } from '../support/with-containerd.ts';

let events: CtrEvents;

test.serial.after.always('stop listening', () => events.stop());
const fixture = useContainerd(test);
test.serial.before('listen', async () => {
  events = await CtrEvents.start(fixture.containerd);
});

const LIFE = ['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete'];

async function runToTheEnd(command: readonly string[]): Promise<string> {
  const id = fixture.newId();
  await fixture.containerd.tryCtr(fixture.runArgs(['--rm'], command, { id }));
  return id;
}

test.serial('a life: create, start, exit, delete, of the same process', async (t) => {
  const id = await runToTheEnd(['sh', '-c', 'exit 3']);
  const seen = await events.taskThrough(id, '/tasks/delete');
  t.deepEqual(
    seen.map(({ topic }) => topic),
    LIFE,
  );
  const [create, start, exit, deleted] = seen.map(({ body }) => body);
  t.true((create?.pid ?? 0) > 1);
  t.is(start?.pid, create?.pid);
  t.like(exit, { pid: create?.pid, exit_status: 3, id }); // of init, hence the container's own id
  t.like(deleted, { pid: create?.pid, exit_status: 3 });
});

test.serial('containers side by side have their events each in order', async (t) => {
  const ids = await Promise.all(Array.from({ length: 12 }, () => runToTheEnd(['true'])));
  for (const id of ids) {
    const seen = await events.taskThrough(id, '/tasks/delete');
    t.deepEqual(
      seen.map(({ topic }) => topic),
      LIFE,
    );
  }
});

test.serial('a killed container says so in its exit', async (t) => {
  const id = await fixture.runDetached(t, ['sleep', '1000']);
  await fixture.containerd.ctr(['tasks', 'kill', '--signal', 'SIGKILL', id]);
  const seen = await events.taskThrough(id, '/tasks/exit');
  t.is(seen.at(-1)?.body.exit_status, 137);
});

test.serial('a command that cannot be run was never started', async (t) => {
  const id = await runToTheEnd(['no-such-program']);
  const later = await runToTheEnd(['true']);
  await events.taskThrough(later, '/tasks/delete');
  t.false(events.ofTask(id).some(({ topic }) => topic === '/tasks/start' || topic === '/tasks/exit'));
});
