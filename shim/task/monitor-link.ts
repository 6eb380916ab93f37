import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { setTimeout as timeout } from 'node:timers/promises';
import { Code, internal, StatusError } from '../../common/errors.ts';
import type { StreamIdentity } from '../criu/streams.ts';
import type { MonitorMessage } from '../monitor/messages.ts';
import { Monitor, type MonitorListener } from '../monitor/monitor.ts';
import type { CallIdentity } from './call-identity.ts';
import { Deferred } from './deferred.ts';
import { readStatus } from './monitor-files.ts';

/** The container whose monitor it is. */
export interface MonitorOwner {
  message(message: MonitorMessage): void;
  /** The container has ended: nobody is there to get a signal. */
  readonly ended: boolean;
  /** The monitor is through: a connection that closes now has done its work. */
  isFinished(): Promise<boolean>;
  /** A lost connection was made again: what was asked last may not have arrived. */
  reconnected(): void;
  /** There is no monitor any more. */
  gone(): Promise<void>;
}

const { ESRCH, EIO } = constants.errno;

/** While the monitor is to tell nothing, or until its connection is made again. */
interface Rest {
  readonly asleep: Deferred<boolean>;
  /** Commands that wait for its end. */
  readonly unsent: string[];
  /** The connection has ended, as it was agreed. */
  isClosed: boolean;
}

/** What it is asked for takes it no time; one that does not answer is stopped, or the kernel holds it. */
const PATIENCE_MS = 10_000;

async function inTime<T>(answer: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = timeout(PATIENCE_MS, undefined, { ref: false, signal: timer.signal }).then(() => {
    const text = `the container's monitor (lxcri-monitor) has not answered in ${PATIENCE_MS / 1000} s: is it stopped?`;
    throw new StatusError(Code.DeadlineExceeded, text);
  });
  // One that is not waited for any more.
  late.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    timer.abort();
  }
}

/** What a container and its execs say to their monitor, over whichever connection there is. */
export class MonitorLink {
  readonly #directory: string;
  readonly #owner: MonitorOwner;
  readonly #signalled: Deferred<number>[] = [];
  /** Calls of clients that the monitor was asked to carry out. */
  readonly #calls = new Map<CallIdentity, { readonly command: string; readonly answer: Deferred<number> }>();
  #greeted = new Deferred<void>();
  /** Settled, but while a connection that was lost is being made again. */
  #connected: Promise<void> = Promise.resolve();
  #monitor: Monitor | undefined;
  #lost = false;
  /** A connection is gone, and it is not settled yet what that means. */
  #isUnsettled = false;
  #rest: Rest | undefined;
  /** An earlier daemon had this container. */
  #isRecovered = false;
  /** Who waits to be told of the streams. */
  readonly #describing: Deferred<readonly StreamIdentity[]>[] = [];

  constructor(directory: string, owner: MonitorOwner) {
    this.#directory = directory;
    this.#owner = owner;
  }

  /** There is, or was, a monitor. */
  get used(): boolean {
    return this.#monitor !== undefined;
  }

  /** There is one, as far as is known. */
  get isOpen(): boolean {
    return this.#monitor !== undefined && !this.#lost;
  }

  /** Gives the container to a waiting monitor. */
  run(stream: Duplex): void {
    this.#monitor = Monitor.run(stream, this.#directory, this.#listener());
  }

  /** Connects to the monitor that an earlier daemon started. @throws if there is none. */
  async connect(): Promise<void> {
    this.#isRecovered = true;
    this.#greeted = new Deferred<void>();
    this.#monitor = await Monitor.connect(this.#directory, this.#listener());
    this.#monitor.send('greet');
  }

  /** Resolves once the monitor has told all that it tells whoever connects, or is gone; or never. */
  get greeted(): Promise<void> {
    return this.#greeted.promise;
  }

  /** Says something that is not answered, or by a message. Lost if there is no monitor. */
  send(command: string): void {
    if (this.#rest === undefined) this.#monitor?.send(command);
    else this.#rest.unsent.push(command);
  }

  /**
   * Has the monitor tell all that it knows and close the connection; then it wakes the keeper when there is more. What is
   * sent meanwhile waits until `takeUp`, which has to follow. @returns whether that has been done, or there is none.
   */
  async letGo(timeoutMs: number): Promise<boolean> {
    if (this.#isUnsettled) return false;
    if (this.#monitor === undefined || this.#lost) return true;
    const rest: Rest = { asleep: new Deferred<boolean>(), unsent: [], isClosed: false };
    this.#rest = rest;
    const monitor = this.#monitor;
    monitor.send('sleep');
    const timer = setTimeout(() => {
      // One that comes to itself later would end a connection on which more has been said.
      monitor.close();
    }, timeoutMs);
    const asleep = await rest.asleep.promise;
    clearTimeout(timer);
    return asleep;
  }

  /** Ends what `letGo` has begun, and says what has waited. */
  async takeUp(): Promise<void> {
    const rest = this.#rest;
    if (rest === undefined) return;
    if (rest.isClosed) this.#connected = this.#settle(() => this.#connectAgain());
    await this.#connected;
    this.#rest = undefined;
    for (const command of rest.unsent) this.send(command);
  }

  /**
   * Has a call carried out: once, however often and by whichever daemon it is asked for.
   * @returns an errno; 0: it was done. ESRCH: there is nobody who could have.
   * @throws StatusError DeadlineExceeded if the monitor does not say: it may still do it.
   */
  async carryOut(call: CallIdentity, command: string): Promise<number> {
    await this.#connected;
    const asked = this.#calls.get(call);
    if (asked !== undefined) return inTime(asked.answer.promise);
    if (!this.isOpen) return this.#lookUp(call);
    const answer = new Deferred<number>();
    this.#calls.set(call, { command, answer });
    this.#sendCall(call, command);
    return inTime(answer.promise);
  }

  #sendCall(call: CallIdentity, command: string): void {
    this.send(`for ${call} ${command}`);
  }

  /** As carryOut, for what cannot fail; without a call it is only said. */
  async tell(call: CallIdentity | undefined, command: string): Promise<void> {
    if (call === undefined) this.send(command);
    else await this.carryOut(call, command);
  }

  /** Whether an earlier daemon may have had the call carried out. */
  mayHaveDone(call: CallIdentity | undefined): call is CallIdentity {
    return call !== undefined && this.#isRecovered;
  }

  /** A monitor that is gone has left word. */
  async #lookUp(call: CallIdentity): Promise<number> {
    const status = await readStatus(this.#directory).catch(() => undefined);
    return status?.done?.get(call) ?? ESRCH;
  }

  #answerCall(call: CallIdentity, errno: number): void {
    this.#calls.get(call)?.answer.resolve(errno);
    this.#calls.delete(call);
  }

  /** @returns the errno; 0: sent. `of` is an exec's prefix, or empty for the first process. */
  async signal(number: number, of = '', call?: CallIdentity): Promise<number> {
    if (call !== undefined) return this.carryOut(call, `${of}signal ${number}`);
    await this.#connected;
    if (this.#monitor === undefined || this.#owner.ended) return ESRCH;
    const answer = new Deferred<number>();
    this.#signalled.push(answer);
    this.send(`${of}signal ${number}`);
    return answer.promise;
  }

  /** @returns what the first process was given as its standard streams. @throws if no monitor tells. */
  async describeStreams(): Promise<readonly StreamIdentity[]> {
    await this.#connected;
    const answer = new Deferred<readonly StreamIdentity[]>();
    this.#describing.push(answer);
    this.send('describe-streams');
    if (!this.isOpen || this.#owner.ended) this.#endDescribing();
    return answer.promise;
  }

  #endDescribing(): void {
    for (const answer of this.#describing.splice(0)) answer.reject(internal('the monitor does not answer: try again'));
  }

  /** Nobody will answer any more. */
  end(): void {
    this.#answerAll(ESRCH);
    this.#endDescribing();
  }

  #answerAll(errno: number): void {
    for (const answer of this.#signalled.splice(0)) answer.resolve(errno);
  }

  #listener(): MonitorListener {
    let isAsleep = false;
    return {
      message: (message) => {
        if (message.type === 'asleep') isAsleep = true;
        else if (message.type === 'signalled') this.#signalled.shift()?.resolve(message.errno);
        else if (message.type === 'done') this.#answerCall(message.call, message.errno);
        else if (message.type === 'greeted') this.#greeted.resolve();
        else if (message.type === 'streams') this.#describing.shift()?.resolve(message.streams);
        else this.#owner.message(message);
      },
      closed: () => {
        this.#closed(isAsleep);
      },
    };
  }

  #closed(isAsleep: boolean): void {
    const rest = this.#rest;
    if (rest !== undefined && isAsleep) {
      rest.isClosed = true;
      rest.asleep.resolve(true);
      return;
    }
    this.#connected = this.#settle(() => this.#reconnectOrEnd());
    rest?.asleep.resolve(false);
  }

  async #settle(action: () => Promise<void>): Promise<void> {
    this.#isUnsettled = true;
    try {
      await action();
    } finally {
      this.#isUnsettled = false;
    }
  }

  async #connectAgain(): Promise<void> {
    try {
      await this.connect();
    } catch {
      await this.#endWithoutMonitor();
    }
  }

  /** Regular when the monitor is through. Before that, the connection alone may be lost, or somebody killed the monitor. */
  async #reconnectOrEnd(): Promise<void> {
    if (!(await this.#owner.isFinished()) && (await this.#reconnect())) return;
    await this.#endWithoutMonitor();
  }

  async #endWithoutMonitor(): Promise<void> {
    this.#lost = true;
    this.#greeted.resolve();
    this.#endDescribing();
    await this.#owner.gone();
    for (const call of this.#calls.keys()) this.#answerCall(call, await this.#lookUp(call));
  }

  /** A monitor drops whom it cannot write to at once; it tells its state to whoever connects. */
  async #reconnect(): Promise<boolean> {
    try {
      await this.connect();
      // Nobody knows whether they arrived, and a signal must not come twice.
      this.#answerAll(EIO);
      this.#endDescribing();
      for (const [call, { command }] of this.#calls) this.#sendCall(call, command);
      this.#owner.reconnected();
      return true;
    } catch {
      return false;
    }
  }
}
