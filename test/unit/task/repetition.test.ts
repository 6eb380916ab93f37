import test, { type ExecutionContext } from 'ava';
import { Code, StatusError } from '../../../common/errors.ts';
import { eventually } from '../../support/eventually.ts';
import { Status } from '../../../proto/gen/containerd/v1/types/task.ts';
import { DEAD, METHODS, MortalWorld } from './mortal-world.ts';

/*
 * A daemon dies at each of the points of a call: right before and right after everything that it does for it. The next
 * one gets the same call again, and answers as the first would have; nothing happens twice, and nothing is left.
 */

const LIFE = ['create', 'start', 'exit', 'delete'];
/** More points than any call has. */
const NEVER = 1_000_000;

interface Options {
  readonly call?: string;
  readonly dieAt?: number;
}

/** What a test does to one container: everything up to the call, the call, and everything behind it. */
interface Story {
  readonly id?: string;
  /** In a run directory that is full from before the call to behind it. */
  readonly isFull?: boolean;
  readonly before: (mortal: MortalWorld, id: string) => Promise<void>;
  /** @returns its answer, without what differs each time. */
  readonly call: (mortal: MortalWorld, id: string, options: Options) => Promise<unknown>;
  readonly after: (mortal: MortalWorld, id: string) => Promise<void>;
  readonly topics: readonly string[];
  /** What monitors do for one container. */
  readonly notes: readonly string[];
}

const init = (id: string) => ({ id, execId: '' });
const one = (id: string) => ({ id, execId: `one-of-${id}` });

async function create(mortal: MortalWorld, id: string, options: Options = {}): Promise<unknown> {
  const answer = await mortal.ask(METHODS.create, await mortal.world.request(id), options);
  return answer === DEAD ? DEAD : answer.pid > 0;
}

async function start(mortal: MortalWorld, id: string, options: Options = {}): Promise<unknown> {
  const answer = await mortal.ask(METHODS.start, init(id), options);
  return answer === DEAD ? DEAD : answer.pid > 0;
}

async function created(mortal: MortalWorld, id: string): Promise<void> {
  await create(mortal, id);
}

async function running(mortal: MortalWorld, id: string): Promise<void> {
  await create(mortal, id);
  await start(mortal, id);
}

const kill = (mortal: MortalWorld, id: string, options: Options = {}) =>
  mortal.ask(METHODS.kill, { ...init(id), signal: 15, all: false }, options);
const wait = (mortal: MortalWorld, id: string, options: Options = {}) => mortal.ask(METHODS.wait, init(id), options);

async function remove(mortal: MortalWorld, id: string, options: Options = {}): Promise<unknown> {
  const answer = await mortal.ask(METHODS.delete, init(id), options);
  return answer === DEAD ? DEAD : { ...answer, pid: answer.pid > 0 };
}

async function end(mortal: MortalWorld, id: string): Promise<void> {
  await kill(mortal, id);
  await wait(mortal, id);
  await remove(mortal, id);
}

async function addExec(mortal: MortalWorld, id: string, options: Options = {}): Promise<unknown> {
  const process = { args: ['true'], cwd: '/', user: { uid: 0, gid: 0 } };
  const spec = {
    typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/Process',
    value: Buffer.from(JSON.stringify(process)),
  };
  const streams = { terminal: false, stdin: '', stdout: '', stderr: '' };
  return mortal.ask(METHODS.exec, { ...one(id), ...streams, spec }, options);
}

async function startExec(mortal: MortalWorld, id: string, options: Options = {}): Promise<unknown> {
  const answer = await mortal.ask(METHODS.start, one(id), options);
  return answer === DEAD ? DEAD : answer.pid > 0;
}

const killExec = (mortal: MortalWorld, id: string, options: Options = {}) =>
  mortal.ask(METHODS.kill, { ...one(id), signal: 10, all: false }, options);

async function endExec(mortal: MortalWorld, id: string): Promise<void> {
  await killExec(mortal, id);
  await mortal.ask(METHODS.wait, one(id));
}

async function removeExec(mortal: MortalWorld, id: string, options: Options = {}): Promise<unknown> {
  const answer = await mortal.ask(METHODS.delete, one(id), options);
  return answer === DEAD ? DEAD : { ...answer, pid: answer.pid > 0 };
}

const pause = (mortal: MortalWorld, id: string, options: Options = {}) => mortal.ask(METHODS.pause, { id }, options);
const resume = (mortal: MortalWorld, id: string, options: Options = {}) => mortal.ask(METHODS.resume, { id }, options);
const closeStdin = (mortal: MortalWorld, id: string, options: Options = {}) =>
  mortal.ask(METHODS.closeIO, { ...init(id), stdin: true }, options);

async function expectStatus(mortal: MortalWorld, id: string, status: Status): Promise<void> {
  const answer = await mortal.ask(METHODS.state, init(id));
  if (answer === DEAD || answer.status !== status) throw new Error(`${id} is not in the state ${status}`);
}

const nothing = () => Promise.resolve();
const PAUSED = ['create', 'start', 'paused', 'resumed', 'exit', 'delete'];
const WITH_EXEC = ['create', 'start', 'exec-added', 'exec-started', 'exit', 'exit', 'delete'];

const DELETE: Story = {
  before: async (mortal, id) => {
    await running(mortal, id);
    await kill(mortal, id);
    await wait(mortal, id);
  },
  ...{ call: remove, after: nothing, topics: LIFE, notes: ['started'] },
};

const EXEC_DELETE: Story = {
  before: async (mortal, id) => {
    await running(mortal, id);
    await addExec(mortal, id);
    await startExec(mortal, id);
    await endExec(mortal, id);
  },
  ...{ call: removeExec, after: end, topics: WITH_EXEC, notes: ['started', 'started exec'] },
};

const STORIES: Readonly<Record<string, Story>> = {
  create: {
    ...{ before: nothing, call: create, topics: LIFE, notes: ['started'] },
    after: async (mortal, id) => {
      await start(mortal, id);
      await end(mortal, id);
    },
  },
  'a create that fails': {
    ...{ id: 'fails', before: nothing, call: create, after: nothing, topics: [], notes: [] },
  },
  start: {
    before: created,
    call: start,
    after: end,
    topics: LIFE,
    notes: ['started'],
  },
  kill: {
    ...{ before: running, call: kill, topics: LIFE, notes: ['started', 'carried out signal 15'] },
    after: async (mortal, id) => {
      await wait(mortal, id);
      await remove(mortal, id);
    },
  },
  pause: {
    ...{ before: running, call: pause, topics: PAUSED, notes: ['started'] },
    after: async (mortal, id) => {
      await expectStatus(mortal, id, Status.PAUSED);
      await resume(mortal, id);
      await end(mortal, id);
    },
  },
  resume: {
    before: async (mortal, id) => {
      await running(mortal, id);
      await pause(mortal, id);
    },
    ...{ call: resume, topics: PAUSED, notes: ['started'] },
    after: async (mortal, id) => {
      await expectStatus(mortal, id, Status.RUNNING);
      await end(mortal, id);
    },
  },
  'the end of stdin': {
    ...{ before: running, call: closeStdin, after: end },
    ...{ topics: LIFE, notes: ['started', 'carried out close-stdin'] },
  },
  delete: DELETE,
  'a delete in a full directory': { ...DELETE, isFull: true },
  'a delete of what was never started': {
    before: created,
    ...{ call: remove, after: nothing, topics: ['create', 'exit', 'delete'], notes: [] },
  },
  'clean-up': {
    before: async (mortal, id) => {
      await running(mortal, id);
      await mortal.topicsThrough(id, 'start');
    },
    call: (mortal, id, options) => mortal.cleanUp(id, options),
    ...{ after: nothing, topics: ['create', 'start'], notes: ['started'] },
  },
  exec: {
    ...{ before: running, call: addExec, topics: WITH_EXEC, notes: ['started', 'started exec'] },
    after: async (mortal, id) => {
      await startExec(mortal, id);
      await endExec(mortal, id);
      await removeExec(mortal, id);
      await end(mortal, id);
    },
  },
  'an exec’s start': {
    before: async (mortal, id) => {
      await running(mortal, id);
      await addExec(mortal, id);
    },
    ...{ call: startExec, topics: WITH_EXEC, notes: ['started', 'started exec'] },
    after: async (mortal, id) => {
      await endExec(mortal, id);
      await removeExec(mortal, id);
      await end(mortal, id);
    },
  },
  'an exec’s kill': {
    before: async (mortal, id) => {
      await running(mortal, id);
      await addExec(mortal, id);
      await startExec(mortal, id);
    },
    ...{ call: killExec, topics: WITH_EXEC },
    notes: ['started', 'started exec', 'carried out exec signal 10'],
    after: async (mortal, id) => {
      await mortal.ask(METHODS.wait, one(id));
      await removeExec(mortal, id);
      await end(mortal, id);
    },
  },
  'an exec’s delete': EXEC_DELETE,
  'an exec’s delete in a full directory': { ...EXEC_DELETE, isFull: true },
};

/** An error is an answer too. */
const settle = (answer: Promise<unknown>) =>
  answer.catch((error: unknown) => {
    if (error instanceof StatusError) return { code: error.code, message: error.message };
    throw error;
  });

const plain = (note: string) => note.replace(/ one-of-\S+/, '');

async function nothingIsLeft(mortal: MortalWorld): Promise<void> {
  let left: readonly string[] = [];
  await eventually(async () => {
    left = await mortal.world.left();
    return left.length === 0 ? true : undefined;
  }).catch(() => {
    throw new Error(`left: ${left.join(' ')}`);
  });
}

/** @returns at how many points a daemon died. */
async function tellStory(t: ExecutionContext, story: Story): Promise<number> {
  const mortal = await MortalWorld.create(t);
  const { isFull = false } = story;
  if (isFull) await mortal.world.limit();
  let expected: unknown;
  let noted = 0;
  let deaths = 0;
  // The first round counts the points, and shows what is right.
  for (let point = 0, points = 0; point <= points; point += 1) {
    const id = `${story.id ?? 'hello'}-${String(point).padStart(3, '0')}`;
    const call = `keeper/1/${2 * point + 1}`;
    await story.before(mortal, id);
    if (isFull) await mortal.world.fill();
    const first = await settle(story.call(mortal, id, { call, dieAt: point === 0 ? NEVER : point }));
    if (point === 0) {
      expected = first;
      points = mortal.lastPoints;
    }
    // What happens beside the call may have taken its last points this time.
    if (first === DEAD) deaths += 1;
    const answer = first === DEAD ? await settle(story.call(mortal, id, { call })) : first;
    if (isFull) await mortal.world.free();
    t.deepEqual(answer, expected, `answer ${point}`);
    await story.after(mortal, id);
    const last = story.topics.at(-1);
    t.deepEqual(last === undefined ? [] : await mortal.topicsThrough(id, last), story.topics, `events ${point}`);
    await nothingIsLeft(mortal);
    const notes = await mortal.notes();
    t.deepEqual(notes.slice(noted).map(plain), story.notes, `done ${point}`);
    noted = notes.length;
    t.deepEqual(mortal.topics(id), story.topics, `events at last ${point}`);
  }
  return deaths;
}

for (const [name, story] of Object.entries(STORIES)) {
  test(`${name}: cut anywhere, it is answered as if nothing had happened`, async (t) => {
    t.timeout(300_000);
    const deaths = await tellStory(t, story);
    t.log(`${deaths} deaths`);
    t.true(deaths >= 2);
  });
}

test('who has waited for an exec that is gone does not wait for the next one of its name', async (t) => {
  const mortal = await MortalWorld.create(t);
  await running(mortal, 'hello');
  await addExec(mortal, 'hello');
  await startExec(mortal, 'hello');
  await endExec(mortal, 'hello');
  const waiting = { call: 'keeper/1/5' };
  const exit = await mortal.ask(METHODS.wait, one('hello'), waiting);
  await removeExec(mortal, 'hello', { call: 'keeper/1/7' });
  await mortal.kill();
  await addExec(mortal, 'hello', { call: 'keeper/1/9' });
  await startExec(mortal, 'hello', { call: 'keeper/1/11' });
  t.deepEqual(await mortal.ask(METHODS.wait, one('hello'), waiting), exit);
  await endExec(mortal, 'hello');
  await end(mortal, 'hello');
});

test('an exec that was not started cannot be killed by another daemon either', async (t) => {
  const mortal = await MortalWorld.create(t);
  await running(mortal, 'hello');
  await addExec(mortal, 'hello', { call: 'keeper/1/3' });
  const refused = await settle(killExec(mortal, 'hello', { call: 'keeper/1/5' }));
  t.like(refused, { code: Code.FailedPrecondition });
  await mortal.kill();
  t.deepEqual(await settle(killExec(mortal, 'hello', { call: 'keeper/1/5' })), refused);
  await removeExec(mortal, 'hello');
  await end(mortal, 'hello');
});

test('another call finds what is there', async (t) => {
  const mortal = await MortalWorld.create(t);
  await create(mortal, 'hello', { call: 'keeper/1/1' });
  await mortal.kill();
  t.true(await create(mortal, 'hello', { call: 'keeper/1/1' }));
  t.like(await settle(create(mortal, 'hello', { call: 'keeper/1/3' })), { code: Code.AlreadyExists });
  await start(mortal, 'hello', { call: 'keeper/1/5' });
  await addExec(mortal, 'hello', { call: 'keeper/1/7' });
  await mortal.kill();
  t.true(await start(mortal, 'hello', { call: 'keeper/1/5' }));
  t.like(await settle(start(mortal, 'hello', { call: 'keeper/1/9' })), { message: 'cannot start a running process' });
  t.deepEqual(await addExec(mortal, 'hello', { call: 'keeper/1/7' }), {});
  t.like(await settle(addExec(mortal, 'hello', { call: 'keeper/1/11' })), { code: Code.AlreadyExists });
  await kill(mortal, 'hello', { call: 'keeper/1/13' });
  const exit = await wait(mortal, 'hello', { call: 'keeper/1/15' });
  await remove(mortal, 'hello', { call: 'keeper/1/17' });
  await mortal.kill();
  t.like(await settle(remove(mortal, 'hello', { call: 'keeper/1/19' })), { code: Code.NotFound });
  t.like(await settle(create(mortal, 'hello', { call: 'keeper/1/1' })), {
    message: 'OCI runtime create failed: it was deleted meanwhile',
  });
  // Who asked before the delete has waited for it since; who asks now is too late.
  t.deepEqual(await wait(mortal, 'hello', { call: 'keeper/1/15' }), exit);
  t.like(await settle(wait(mortal, 'hello', { call: 'keeper/1/21' })), { code: Code.NotFound });
  await nothingIsLeft(mortal);
});
