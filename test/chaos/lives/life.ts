import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../common/errors.ts';
import { eventually } from '../../support/eventually.ts';
import { Expectation } from '../expectation.ts';
import type { Answer, Call } from '../go-client.ts';
import type { Random } from '../random.ts';
import type { World } from '../world.ts';

/** Something that must not happen, whatever the faults. */
export class Trouble extends Error {}

/** The life cannot go on as it was meant to, with a good excuse; what there is of it has only to be removed. */
export class CutOff extends Error {}

/** How a call went: it succeeded, or its failure has this excuse, or none. */
export type Outcome = 'done' | 'restart' | 'full' | 'killed' | 'slow' | 'failed';

type Details = Omit<Call, 'op' | 'container'>;

const NOT_FOUND = 5;
const RESOURCE_EXHAUSTED = 8;
const UNAVAILABLE = 14;
const SIGKILL = 9;
const RETRY_MS = 50;
const BACK_MS = 30_000;
const LONGEST_NOTE = 200;
/** containerd's overlay snapshotter, killed before its database had what it made, is in its own way until it cleans up. */
const SNAPSHOT_LEFT = /failed to rename: rename \S*snapshots\/new-\d+ \S*snapshots\/\d+: file exists/;
const DEFINE_ATTEMPTS = 20;
const DEFINE_AGAIN_MS = 500;

const BROKEN =
  /connection|transport|\bEOF\b|closed|closing|unavailable|context canceled|broken pipe|no such file.*sock/i;
const NO_SPACE = /no space left on device/i;
const TOO_LATE = /deadline exceeded|timed out/i;

/** One container from its definition to its removal, as one client sees it. */
export abstract class Life {
  readonly id: string;
  readonly expectation = new Expectation();
  readonly startedAt = Date.now();
  endedAt = Infinity;
  /** Faults that would change how it ends pass it by. */
  readonly lasting: boolean = false;
  /** There is a monitor that can be killed. */
  hasMonitor = false;
  /** Somebody reads its stdout who can be stalled. */
  hasReader = false;
  readerVanished = false;
  /** For whoever asks where it hangs. */
  doing = 'nothing yet';
  protected readonly world: World;
  protected readonly random: Random;
  #killed = false;

  constructor(id: string, world: World, random: Random) {
    this.id = id;
    this.world = world;
    this.random = random;
  }

  abstract readonly kind: string;

  /** @throws Trouble; CutOff. */
  protected abstract live(): Promise<void>;

  isKilled(): boolean {
    return this.#killed;
  }

  /** Neither was it killed nor has its reader vanished, so far. */
  protected hasWholeOutput(): boolean {
    return !this.#killed && !this.readerVanished;
  }

  /** Its monitor or its driver is about to be killed. */
  noteKill(): void {
    this.#killed = true;
    this.expectation.kill();
  }

  /** Never rejects: what goes wrong is told to the world. */
  async run(): Promise<void> {
    try {
      await this.live();
      this.world.count(`life of kind ${this.kind}`);
    } catch (error) {
      if (error instanceof CutOff) this.world.count(`life cut off: ${error.message}`);
      else this.world.fail(`${this.id} (${this.kind}), ${this.doing}: ${messageOf(error)}`);
      this.expectation.abandon(messageOf(error));
      await this.#clear().catch((failure: unknown) => {
        this.world.fail(`${this.id} (${this.kind}) cannot be removed: ${messageOf(failure)}`);
      });
    }
    this.endedAt = Date.now();
  }

  /** One call, and what is to be thought of its failure. @throws Trouble if it was not answered in time. */
  protected async attempt(op: string, details: Details = {}): Promise<{ outcome: Outcome; answer: Answer }> {
    const from = Date.now();
    this.doing = details.exec === undefined ? op : `${op} of ${details.exec}`;
    const answer = await this.world.client.call({ op, container: this.id, ...details });
    this.world.count(`call ${op}`);
    this.noteCall(this.doing, from, answer);
    const isUnanswered = op === 'status' && details.exec === undefined && answer.code === 0 && answer.pid === 0;
    if (answer.code === 0 && !(isUnanswered && this.world.windows.touched('stopped', from)))
      return { outcome: 'done', answer };
    if (answer.status === 'timeout') throw new Trouble('hung call');
    // containerd gives a shim 2 s to tell its state (runtime/v2/shim.go); one that does not is told of with the pid 0.
    const outcome = isUnanswered ? 'slow' : this.judge(answer.message, answer.code, from);
    if (outcome !== 'failed') this.world.count(`call ${op} excused: ${EXCUSES[outcome]}`);
    if (outcome === 'restart' || outcome === 'slow') await this.#recovered();
    return { outcome, answer };
  }

  /** For the history. `from`: when it was called. */
  protected noteCall(call: string, from: number, answer: object): void {
    const told = JSON.stringify(answer).slice(0, LONGEST_NOTE);
    this.world.note(`${this.id} (${this.kind}) ${call}, ${Date.now() - from} ms: ${told}`);
  }

  /** What excuses a failure, of all that was in force since `from`. */
  protected judge(message: string, code: number, from: number): Exclude<Outcome, 'done'> {
    const { windows } = this.world;
    const full = code === RESOURCE_EXHAUSTED || NO_SPACE.test(message);
    if (full && windows.touched('full', from)) return 'full';
    const broken = code === UNAVAILABLE || BROKEN.test(message);
    if (broken && windows.touched('restart', from)) return 'restart';
    if (TOO_LATE.test(message) && (windows.touched('stopped', from) || windows.touched('restart', from))) return 'slow';
    return this.#killed ? 'killed' : 'failed';
  }

  async #recovered(): Promise<void> {
    await eventually(() => (this.world.windows.isOpen('restart') ? undefined : true), { timeoutMs: BACK_MS });
    await sleep(RETRY_MS);
  }

  /**
   * Calls until it is known what came of it. After an interruption `settled` says by the process's status whether it
   * was done all the same; without it, it does no harm to be done twice.
   * @throws Trouble if it fails without an excuse.
   */
  protected async act(
    op: string,
    details: Details = {},
    settled?: (status: string) => boolean,
  ): Promise<{ outcome: 'done' | 'full' | 'killed'; answer: Answer }> {
    let interrupted = false;
    for (;;) {
      const { outcome, answer } = await this.attempt(op, details);
      if (outcome === 'done' || outcome === 'full' || outcome === 'killed') return { outcome, answer };
      if (outcome === 'failed' && !interrupted) throw new Trouble(describe(op, answer));
      if (settled?.(await this.look(details.exec)) === true) return { outcome: 'done', answer };
      if (outcome === 'failed') throw new Trouble(`${describe(op, answer)}, after an interruption`);
      interrupted = true;
    }
  }

  /** The status of a process: created, running, paused, stopped, or none. */
  protected async look(exec?: string): Promise<string> {
    for (;;) {
      const { outcome, answer } = await this.attempt('status', exec === undefined ? {} : { exec });
      if (outcome === 'done') return answer.status;
      if (answer.code === NOT_FOUND) return 'none';
      if (outcome !== 'restart' && outcome !== 'slow') throw new Trouble(describe('status', answer));
    }
  }

  protected async define(args: readonly string[]): Promise<void> {
    let interrupted = false;
    for (let attempts = 1; ; attempts += 1) {
      const { outcome, answer } = await this.attempt('define', { args });
      if (outcome === 'done') return;
      if (SNAPSHOT_LEFT.test(answer.message) && attempts < DEFINE_ATTEMPTS) {
        await sleep(DEFINE_AGAIN_MS);
        continue;
      }
      // What there is of it cannot be told from here: containerd's own records of container and snapshot.
      if (interrupted || outcome !== 'restart') throw new Trouble(describe('define', answer));
      interrupted = true;
      await this.#forget();
    }
  }

  protected async create(details: Details = {}): Promise<void> {
    const { outcome, answer } = await this.attempt('create', details);
    if (outcome === 'failed') throw new Trouble(describe('create', answer));
    if (outcome === 'full') throw new CutOff('no room for a new container');
    if (outcome !== 'done' && (await this.look()) !== 'created') throw new CutOff(`create, when ${EXCUSES[outcome]}`);
    this.expectation.must('/tasks/create');
    this.hasMonitor = !this.lasting;
    this.hasReader = true;
  }

  /** @returns false if the container's monitor was killed at that. */
  protected async start(): Promise<boolean> {
    const { outcome, answer } = await this.act('start', {}, (status) => status !== 'created' && status !== 'none');
    if (outcome === 'full') throw new CutOff('no room to start');
    // One that was killed meanwhile has ended, whether it was started or not.
    const isSure = answer.code === 0 || !this.#killed;
    if (outcome === 'done' && isSure) this.expectation.must('/tasks/start');
    else this.expectation.may('/tasks/start');
    return outcome === 'done';
  }

  /** Waits until init has said it. */
  protected async says(text: string, exec?: string): Promise<boolean> {
    const { outcome } = await this.attempt('output', { text, ...(exec === undefined ? {} : { exec }) });
    return outcome === 'done';
  }

  protected async kill(signal: number, exec?: string): Promise<void> {
    const details = exec === undefined ? { signal } : { signal, exec };
    const { outcome } = await this.act('kill', details, (status) => status === 'stopped');
    if (outcome === 'full') throw new Trouble('kill needs room in the state directory');
  }

  /** Waits for the end of init, which is to be this one, and removes everything. */
  protected async end(exit: number): Promise<void> {
    this.expectation.must('/tasks/exit', { exit });
    const told = await this.waitFor(exit);
    this.hasMonitor = false;
    this.expectation.must('/tasks/delete', { exit });
    const { outcome, answer } = await this.act('delete', {}, (status) => status === 'none');
    if (outcome !== 'done') throw new Trouble(describe('delete', answer));
    if (answer.code !== 0) await this.act('release');
    else if (answer.exit !== told) throw new Trouble(`delete tells ${answer.exit}, wait ${told}`);
    await this.#forget();
  }

  protected async waitFor(exit: number, exec?: string): Promise<number> {
    const { outcome, answer } = await this.act('wait', exec === undefined ? {} : { exec });
    if (outcome !== 'done') throw new Trouble(describe('wait', answer));
    if (!this.expectation.allows(exit, answer.exit)) throw new Trouble(`exit status ${answer.exit} instead of ${exit}`);
    return answer.exit;
  }

  /** All that the process has written, once nobody writes any more. */
  protected async output(exec?: string): Promise<Pick<Answer, 'text' | 'bytes'>> {
    const { answer } = await this.act('output', exec === undefined ? {} : { exec });
    return answer;
  }

  async #forget(): Promise<void> {
    const { outcome, answer } = await this.act('forget');
    if (outcome !== 'done') throw new Trouble(describe('forget', answer));
  }

  /** Removes whatever there is. */
  async #clear(): Promise<void> {
    this.hasMonitor = false;
    await eventually(
      async () => {
        if ((await this.look()) !== 'none') {
          await this.attempt('kill', { signal: SIGKILL });
          await this.attempt('resume');
          await this.attempt('wait');
          await this.attempt('delete');
        }
        return (await this.look()) === 'none' ? true : undefined;
      },
      { timeoutMs: BACK_MS, intervalMs: RETRY_MS },
    );
    await this.act('release');
    await this.#forget();
  }
}

export const EXCUSES = {
  restart: 'containerd was restarted',
  full: 'the state directory was full',
  killed: 'its monitor was killed',
  slow: 'containerd gave up on a process that was stopped',
} as const satisfies Readonly<Partial<Record<Outcome, string>>>;

function describe(op: string, { code, message }: Answer): string {
  return `${op} failed with ${code}: ${message}`;
}
