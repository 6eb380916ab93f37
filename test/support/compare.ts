import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { ClientTask } from './client-task.ts';
import type { Containerd } from './containerd.ts';
import { ContainerdClient } from './containerd-client.ts';
import { CtrEvents } from './ctr-events.ts';
import { LXCRI, RUNC } from './runtimes.ts';
import { useContainerd, type ContainerdFixture } from './with-containerd.ts';

/** What a call was answered with. Of an error's text, what callers look for. */
export type Answer = { readonly ok: unknown } | { readonly code: number; readonly says: readonly string[] };

type Answers = ReadonlyMap<string, Answer>;

/** Makes one step, and notes what it is answered with; errors too. */
export type Step = (name: string, action: () => Promise<unknown>) => Promise<void>;

/** Where a step's answers are not to be the same, and which row of docs/differences.md says so. */
export interface Difference {
  readonly row: string;
  readonly ours: Answer;
  /** One of these; runc and containerd differ by version. */
  readonly theirs: readonly Answer[];
}

/** What is no valid request: refused with InvalidArgument, by the field's name. */
export const BAD_INPUT: Difference = {
  row: 'Bad input',
  ours: { code: 3, says: [] },
  theirs: [{ ok: undefined }, { code: 2, says: [] }, { code: 2, says: ['OCI runtime exec failed'] }],
};

export type Differences = Readonly<Record<string, Difference>>;

/** What Docker, nerdctl, ctr and the kubelet look for in texts, and what else tells one failure from another. */
const LOOKED_FOR = [
  'already exists',
  'already finished',
  'cannot delete a running process',
  'executable file not found',
  'is a directory',
  'no such container',
  'no such exec',
  'no such file or directory',
  'no such process',
  'not a directory',
  'not found',
  'not running',
  'OCI runtime create failed',
  'OCI runtime exec failed',
  'permission denied',
  'process does not exist',
  'process not created',
];

async function answerOf(action: () => Promise<unknown>): Promise<Answer> {
  try {
    return { ok: await action() };
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || !('details' in error)) throw error;
    const details = String(error.details).toLowerCase();
    return { code: Number(error.code), says: LOOKED_FOR.filter((text) => details.includes(text.toLowerCase())).sort() };
  }
}

const DOCUMENT = path.resolve(import.meta.dirname, '../../docs/differences.md');

/** The first column of every row. */
async function documentedRows(): Promise<ReadonlySet<string>> {
  const lines = (await readFile(DOCUMENT, 'utf8')).split('\n').filter((line) => line.startsWith('| '));
  return new Set(lines.map((line) => line.split(' | ')[0]?.replace(/^\| /, '').trim() ?? ''));
}

/** Cases that are run on runc's shim and on this one, under the same containerd; what a client sees is compared. */
class Comparison {
  readonly #fixture: ContainerdFixture;
  #world: { containerd: Containerd; client: ContainerdClient; events: CtrEvents } | undefined;

  constructor() {
    test.serial.after.always('let go of containerd', () => this.#disconnect());
    // Between two containers of this shim there is one of runc's: emulated, a new daemon takes longer than that.
    this.#fixture = useContainerd(test, { lingerMs: 15_000 });
    test.serial.before('watch its events', () => this.#connect());
  }

  /** Ends containerd, lets something happen, and starts it again. */
  async withoutContainerd(meanwhile: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    await this.#disconnect();
    await this.#fixture.containerd.terminate();
    await meanwhile();
    await this.#fixture.containerd.launch();
    await this.#connect();
  }

  async #connect(): Promise<void> {
    const { containerd } = this.#fixture;
    const [client, events] = [new ContainerdClient(containerd), await CtrEvents.start(containerd)];
    // In place: tasks keep it.
    this.#world = Object.assign(this.#world ?? {}, { containerd, client, events });
  }

  async #disconnect(): Promise<void> {
    this.#world?.client.close();
    await this.#world?.events.stop();
  }

  /**
   * A case; every difference that it shows must be one that is declared, and every declared one must be documented.
   * `expected` are answers that both must give: that two are alike could also be since nothing works.
   */
  same(
    name: string,
    run: (task: ClientTask, step: Step) => Promise<void>,
    differences: Differences = {},
    expected: Readonly<Record<string, Answer>> = {},
  ): void {
    test.serial(name, async (t) => {
      const [ours, theirs] = [await this.#play(LXCRI, run), await this.#play(RUNC, run)];
      t.deepEqual([...ours.keys()].sort(), [...theirs.keys()].sort());
      const isAlike = (step: string) => isDeepStrictEqual(ours.get(step), theirs.get(step));
      const unlike = [...ours.keys()].filter((step) => !(step in differences) && !isAlike(step));
      for (const step of unlike) t.deepEqual(ours.get(step), theirs.get(step), step);
      for (const [step, answer] of Object.entries(expected)) t.deepEqual(theirs.get(step), answer, step);
      const rows = await documentedRows();
      for (const [step, difference] of Object.entries(differences)) {
        t.deepEqual(ours.get(step), difference.ours, `${step}, here`);
        const there = theirs.get(step);
        const isExpected = difference.theirs.some((one) => isDeepStrictEqual(one, there));
        t.true(isExpected, `${step}, there: ${JSON.stringify(there)}`);
        t.true(rows.has(difference.row), `docs/differences.md has no row "${difference.row}"`);
      }
    });
  }

  async #play(runtime: string, run: (task: ClientTask, step: Step) => Promise<void>): Promise<Answers> {
    if (this.#world === undefined) throw new Error('containerd did not start; see the before hook');
    const answers = new Map<string, Answer>();
    const step: Step = async (name, action) => {
      if (answers.has(name)) throw new Error(`two steps are named ${name}`);
      answers.set(name, await answerOf(action));
    };
    const task = new ClientTask(this.#fixture.newId(), runtime, this.#world);
    try {
      await run(task, step);
    } finally {
      await task.destroy();
    }
    return answers;
  }
}

/** Of the process, whichever files' tests it runs. */
export const comparison = new Comparison();
