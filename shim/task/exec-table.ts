import { alreadyExists, notFound } from '../../common/errors.ts';
import type { ExecMessage, ExitRecord } from '../monitor/messages.ts';
import { Exec, type ExecContainer } from './exec.ts';
import { readExecs, removeExec, writeExec, type ExecPlan, type ExecRecord } from './exec-record.ts';
import { processDoesNotExist } from './messages.ts';
import { stateError } from './state-error.ts';

/** The execs of one container. */
export class ExecTable {
  readonly #container: ExecContainer;
  readonly #execs = new Map<string, Exec>();
  /** Ids of execs that are being written. */
  readonly #reserved = new Set<string>();

  constructor(container: ExecContainer) {
    this.#container = container;
  }

  /** @throws StatusError NotFound. */
  get(execId: string): Exec {
    const exec = this.#execs.get(execId);
    if (exec === undefined) throw notFound(processDoesNotExist(execId));
    return exec;
  }

  /** Adds one that is to be started later. @throws StatusError AlreadyExists. */
  async add(record: ExecRecord, plan: ExecPlan): Promise<void> {
    const { execId } = record;
    if (this.#execs.has(execId) || this.#reserved.has(execId)) throw alreadyExists(`id ${execId} exists already`);
    this.#reserved.add(execId);
    try {
      await this.#write(record, plan);
      const exec = new Exec(record, this.#container);
      this.#execs.set(execId, exec);
      await exec.announce();
    } finally {
      this.#reserved.delete(execId);
    }
  }

  /** All of it, or nothing. */
  async #write(record: ExecRecord, plan: ExecPlan): Promise<void> {
    const { directory } = this.#container;
    await writeExec(directory, record, plan).catch(async (error: unknown) => {
      await removeExec(directory, record.execId).catch(() => undefined);
      throw stateError(error, directory);
    });
  }

  async delete(execId: string): Promise<{ readonly pid: number; readonly exit: ExitRecord | undefined }> {
    const exec = this.get(execId);
    const exit = await exec.delete();
    this.#execs.delete(execId);
    return { pid: exec.pid, exit };
  }

  /** Finds those of an earlier daemon, before the monitor tells more. */
  async recover(): Promise<void> {
    for (const { record, status } of await readExecs(this.#container.directory)) {
      const exec = new Exec(record, this.#container);
      this.#execs.set(record.execId, exec);
      await exec.announce();
      exec.recover(status);
    }
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
