import { alreadyExists, notFound } from '../../common/errors.ts';
import type { ExecMessage, ExitRecord } from '../monitor/messages.ts';
import { Exec, type ExecContainer } from './exec.ts';
import type { CallIdentity } from './call-identity.ts';
import {
  readExecs,
  readExecStatus,
  removeExec,
  writeExec,
  type ExecPlan,
  type ExecRecord,
  type FoundExec,
} from './exec-record.ts';
import { CANNOT_EXEC, CONTAINER_NOT_CREATED, processDoesNotExist } from './messages.ts';
import { stateError } from './state-error.ts';
import { plainError } from './task-process.ts';

/** What a Delete answers. */
export interface DeletedProcess {
  readonly pid: number;
  readonly exit: ExitRecord | undefined;
}

/** The execs of one container. */
export class ExecTable {
  readonly #container: ExecContainer;
  readonly #execs = new Map<string, Exec>();
  /** Those that are being written. */
  readonly #adding = new Map<string, Promise<void>>();
  /** Of an earlier daemon, until `recover` has been through. */
  #found: readonly FoundExec[] = [];
  #closed = false;

  constructor(container: ExecContainer) {
    this.#container = container;
  }

  /** @throws StatusError NotFound. */
  get(execId: string): Exec {
    const exec = this.#execs.get(execId);
    if (exec === undefined) throw notFound(processDoesNotExist(execId));
    return exec;
  }

  /** Whether the call has added one already, which is announced then. */
  async has(execId: string, call: CallIdentity | undefined): Promise<boolean> {
    if (call === undefined || this.#execs.get(execId)?.record.call !== call) return false;
    await this.#container.announcements.written();
    return true;
  }

  /** Adds one that is to be started later. @throws StatusError AlreadyExists; NotFound when the container is going. */
  async add(record: ExecRecord, plan: ExecPlan): Promise<void> {
    const { execId } = record;
    if (this.#closed) throw notFound(CONTAINER_NOT_CREATED);
    if (this.#execs.has(execId) || this.#adding.has(execId)) throw alreadyExists(`id ${execId} exists already`);
    const adding = this.#add(record, plan);
    this.#adding.set(execId, adding);
    try {
      await adding;
    } finally {
      this.#adding.delete(execId);
    }
  }

  async #add(record: ExecRecord, plan: ExecPlan): Promise<void> {
    await this.#write(record, plan);
    await this.#checkAlive(record.execId);
    const exec = new Exec(record, this.#container);
    this.#execs.set(record.execId, exec);
    await exec.announce();
  }

  /** What happens to an exec is told before the container's end: one that ended while this was written gets none. */
  async #checkAlive(execId: string): Promise<void> {
    if (this.#container.status !== 'stopped') return;
    await removeExec(this.#container.directory, execId);
    throw plainError(CANNOT_EXEC.stopped);
  }

  /** None will be added any more: the container is going, and that is the last that is told of it. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#adding.values());
  }

  /** All of it, or nothing. */
  async #write(record: ExecRecord, plan: ExecPlan): Promise<void> {
    const { directory } = this.#container;
    await writeExec(directory, record, plan).catch(async (error: unknown) => {
      await removeExec(directory, record.execId).catch(() => undefined);
      throw stateError(error, directory);
    });
  }

  /** @returns what it was answered, if it was carried out before; else how the exec ended. */
  async delete(execId: string, call?: CallIdentity): Promise<DeletedProcess> {
    const { answers } = this.#container;
    const kept = answers.find(call);
    if (kept !== undefined && this.#execs.get(execId)?.identity !== kept.of) {
      return { pid: kept.pid ?? 0, exit: kept.exit };
    }
    const exec = this.get(execId);
    const exit = await exec.delete(call);
    this.#execs.delete(execId);
    return { pid: exec.pid, exit };
  }

  /** Finds those of an earlier daemon, of which the monitor tells more. */
  async find(): Promise<void> {
    this.#found = await readExecs(this.#container.directory);
    for (const { record } of this.#found) this.#execs.set(record.execId, new Exec(record, this.#container));
  }

  /** Takes up what is on disk, once the container's own beginnings are told: before any exec's. */
  async recover(): Promise<void> {
    this.tellFound();
    await this.#container.announcements.forgetExecsBut(new Set(this.#execs.keys()));
  }

  /** Decides at once what is to be told of those on disk: the container's end comes behind it. */
  tellFound(): void {
    const found = this.#found;
    this.#found = [];
    for (const { record, ...rest } of found) {
      const exec = this.get(record.execId);
      void exec.announce();
      exec.recover(rest);
    }
  }

  /** Takes up what a monitor that is gone wrote of their ends. */
  async reread(): Promise<void> {
    for (const exec of this.#execs.values()) {
      exec.reread(await readExecStatus(this.#container.directory, exec.execId));
    }
  }

  /** The id of one that runs, or is being started; undefined: none is. */
  get running(): string | undefined {
    return [...this.#execs.values()].find((exec) => exec.isAlive)?.execId;
  }

  /** Which exec a process of the container is, by pid. */
  get ids(): ReadonlyMap<number, string> {
    return new Map([...this.#execs.values()].map(({ pid, execId }) => [pid, execId]));
  }

  receive(execId: string, message: ExecMessage): void {
    this.#execs.get(execId)?.receive(message);
  }

  reconnected(): void {
    for (const exec of this.#execs.values()) exec.reconnected();
  }

  containerEnded(exit: ExitRecord): void {
    for (const exec of this.#execs.values()) exec.containerEnded(exit);
  }
}
