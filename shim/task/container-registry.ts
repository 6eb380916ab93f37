import { mkdir, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { exec } from '../../common/exec.ts';
import { Code, StatusError, alreadyExists, notFound } from '../../common/errors.ts';
import { hasErrorCode, makePassableDirectory, readTextIfExists } from '../../common/files.ts';
import type { Logger } from '../../common/logger.ts';
import { SpaceReserve } from '../../common/space-reserve.ts';
import type { CreateTaskRequest } from '../../proto/gen/containerd/task/v2/task.ts';
import type { Backend } from '../backends/backend.ts';
import type { RunPaths } from '../daemon/paths.ts';
import { EventJournal } from '../events/event-journal.ts';
import { EventQueue } from '../events/event-queue.ts';
import type { EventTarget } from '../events/event.ts';
import type { Courier } from '../events/courier.ts';
import { createPublisher, type Publisher } from '../events/publisher.ts';
import {
  endedNow,
  parseMonitorStatus,
  SIGKILLED_STATUS,
  type ExitRecord,
  type MonitorStatus,
} from '../monitor/messages.ts';
import { SpareMonitors } from '../monitor/spare-monitors.ts';
import { checkIdentifier } from '../oci/container-id.ts';
import type { CallIdentity } from './call-identity.ts';
import { Container, InterruptedCreation } from './container.ts';
import { writeContainerRecord, type ContainerRecord } from './container-record.ts';
import { planCreation, writePlans } from './creation-plan.ts';
import type { DeletedProcess } from './exec-table.ts';
import { journalOwner } from './journal-name.ts';
import { KeptAnswers, processName, throwIfRefused } from './kept-answers.ts';
import { CONTAINER_NOT_CREATED, createFailed } from './messages.ts';
import { stateError } from './state-error.ts';

export interface RegistryOptions {
  readonly paths: RunPaths;
  readonly backend: Backend;
  readonly logger: Logger;
  /** Brings events to containerd. */
  readonly courier: Courier;
  /** A path of the host's network namespace, in which this process may not be. */
  readonly hostNetwork?: string;
}

/** Killing what a dead monitor left may have to wait for its processes: shim/native/monitor/cgroup-removal.c waits 2 s. */
const CLEANUP_TIMEOUT_MS = 20_000;

/** How long a create may keep a removal waiting, of the 5 s that containerd gives it. */
const CREATE_PATIENCE_MS = 1000;

/** All containers of this daemon. */
export class ContainerRegistry {
  readonly #options: RegistryOptions;
  readonly #monitors: SpareMonitors;
  readonly #containers = new Map<string, Container>();
  /** Creates under way: no second one of the same id comes between, and whoever removes the container waits. */
  readonly #creating = new Map<string, Creation>();
  /** Containers on disk of which nothing can be read. */
  readonly #unreadable = new Set<string>();
  readonly #answers: KeptAnswers;
  readonly #reserve: SpaceReserve;
  /** Removals that an earlier daemon began and this one finished: their calls may come again, and be without an answer. */
  readonly #finished = new Map<string, Promise<RemovedContainer>>();
  readonly #publishers = new Map<string, Publisher>();
  /** The newest queue of each id that still has events to send: a container of the same id sends after it. */
  readonly #queues = new Map<string, EventQueue>();
  /** All queues that may still get events, or send some. */
  readonly #unfinished = new Set<EventQueue>();

  constructor(options: RegistryOptions) {
    const { paths, backend, logger } = options;
    this.#options = options;
    this.#reserve = new SpaceReserve(paths.reserve);
    this.#answers = new KeptAnswers(paths.answers, logger, this.#reserve);
    this.#monitors = new SpareMonitors({ monitor: paths.monitorProgram, driver: backend.driver, init: backend.init });
  }

  /** Gets ready for a container that is about to be created. */
  prepare(): void {
    void this.#monitors.prepare();
  }

  /** Something is under way that ends sooner or later, and is better ended by this daemon than by the next one. */
  get isBusy(): boolean {
    if (this.#creating.size > 0 || this.#monitors.isPreparing) return true;
    return (
      [...this.#unfinished].some((queue) => queue.isOwing) ||
      [...this.#containers.values()].some(({ isDumping }) => isDumping)
    );
  }

  /**
   * Lets go of all monitors: each wakes the keeper when it has something to tell from then on. What is to be said to one
   * waits until `takeUp`. @returns whether all have confirmed it.
   */
  async letGo(timeoutMs: number): Promise<boolean> {
    const links = [...this.#containers.values()].map(({ link }) => link);
    return (await Promise.all(links.map((link) => link.letGo(timeoutMs)))).every(Boolean);
  }

  /** Connects to those monitors again. */
  async takeUp(): Promise<void> {
    await Promise.all([...this.#containers.values()].map(({ link }) => link.takeUp()));
  }

  get #hostNetwork(): string {
    return this.#options.hostNetwork ?? '/proc/self/ns/net';
  }

  /** Containers, and creates under way. */
  get size(): number {
    return this.#containers.size + this.#creating.size;
  }

  /**
   * Waits for a create that is under way, as runc's shim does: a client may have found the task by then, and have its
   * stdin to close.
   * @throws StatusError NotFound.
   */
  async get(namespace: string, id: string): Promise<Container> {
    const creation = this.#creating.get(keyOf(namespace, id));
    const container = this.find(namespace, id) ?? (await creation?.creating.catch(() => undefined));
    if (container === undefined) throw notFound(CONTAINER_NOT_CREATED);
    return container;
  }

  find(namespace: string, id: string): Container | undefined {
    return this.#containers.get(keyOf(namespace, id));
  }

  /**
   * Creates a container up to the point where only Start is missing. If it fails, nothing of it is left. A call that an
   * earlier daemon has begun to carry out is answered with what has come of it.
   */
  async create(namespace: string, request: CreateTaskRequest, call?: CallIdentity): Promise<Container> {
    const id = checkIdentifier(request.id, 'container id');
    const key = keyOf(namespace, id);
    // Without waiting for anything: whoever comes next finds the creation.
    const begun = this.#findBegun(key, call);
    if (begun !== undefined) return begun;
    if (this.#containers.has(key) || this.#creating.has(key)) throw alreadyExists(`container ${id} exists already`);
    const abort = new AbortController();
    return this.#track(key, { creating: this.#create({ namespace, id, call }, request, abort.signal), abort, call });
  }

  /** What there is of a call that has come before. @throws what it was refused with. */
  #findBegun(key: string, call: CallIdentity | undefined): Promise<Container> | undefined {
    if (call === undefined) return undefined;
    throwIfRefused(this.#answers.find(call));
    const creation = this.#creating.get(key);
    if (creation?.call === call) return creation.creating;
    const container = this.#containers.get(key);
    if (container?.record.call === call) return Promise.resolve(container);
    if (this.#answers.findRemoval(call) === undefined) return undefined;
    throw new StatusError(Code.Unknown, createFailed('it was deleted meanwhile'));
  }

  async #track(key: string, creation: Creation): Promise<Container> {
    this.#creating.set(key, creation);
    try {
      const container = await creation.creating;
      this.#containers.set(key, container);
      this.#finished.delete(key);
      return container;
    } finally {
      this.#creating.delete(key);
    }
  }

  /**
   * A client that gives up on its Create has containerd remove the container at once: what comes of the Create then
   * would have no owner, so the removal begins when it is over. One that hangs is ended.
   */
  async #findOnceCreated(namespace: string, id: string): Promise<Container | undefined> {
    const creation = this.#creating.get(keyOf(namespace, id));
    if (creation === undefined) return this.find(namespace, id);
    const { creating, abort } = creation;
    const timer = setTimeout(() => {
      abort.abort();
    }, CREATE_PATIENCE_MS);
    const container = await creating.catch(() => undefined);
    clearTimeout(timer);
    return container;
  }

  async #create(
    identity: { readonly namespace: string; readonly id: string; readonly call: CallIdentity | undefined },
    request: CreateTaskRequest,
    signal: AbortSignal,
  ): Promise<Container> {
    const context = { ...this.#options, hostNetwork: this.#hostNetwork };
    const { record, directory, files, plan } = await planCreation(context, identity, request);
    await makeStateDirectory(directory, record.id).catch(async (error: unknown) => {
      await this.#removeEmptyParents(record);
      throw stateError(error, directory);
    });
    const container = this.#newContainer(record, directory);
    const launch = async () => {
      await Promise.all([writePlans(directory, files, plan), writeContainerRecord(directory, record)]).catch(
        (error: unknown) => {
          throw stateError(error, directory);
        },
      );
      const created = container.create(await this.#monitors.take());
      whenAborted(signal, () => {
        container.abort();
      });
      await created;
    };
    return this.#orRollBack(container, launch());
  }

  /** Of a container whose creation fails nothing is left but the answer. */
  async #orRollBack(container: Container, created: Promise<unknown>): Promise<Container> {
    try {
      await created;
      return container;
    } catch (error) {
      const { record, directory } = container;
      await container.withdraw();
      // Before the directory, which is what the next daemon would find else.
      if (!(error instanceof InterruptedCreation)) await this.#answers.keepError(record.call, error);
      await removeStateDirectory(directory);
      await this.#removeEmptyParents(record);
      throw error;
    }
  }

  /**
   * The containerd way: it has to be stopped, or never started.
   * @throws StatusError NotFound.
   */
  async delete(namespace: string, id: string, call?: CallIdentity): Promise<RemovedContainer> {
    const container = await this.#findOnceCreated(namespace, id);
    const kept = this.#removalBefore(container, call);
    if (kept !== undefined) return kept;
    if (container === undefined) return this.#finishedRemoval(namespace, id, notFound(CONTAINER_NOT_CREATED), call);
    try {
      const exit = await container.delete(call);
      await this.#forget(container);
      return { pid: container.pid, exit };
    } catch (error) {
      if (this.find(namespace, id) === container) throw error;
      return this.#finishedRemoval(namespace, id, error, call);
    }
  }

  /** What came of a removal that this daemon has finished. @throws the error, if it has not. */
  async #finishedRemoval(
    namespace: string,
    id: string,
    error: unknown,
    call: CallIdentity | undefined,
  ): Promise<RemovedContainer> {
    // That would be this daemon itself, finishing it.
    if (call === undefined) throw error;
    const key = keyOf(namespace, id);
    const finished = this.#removalBefore(undefined, call) ?? (await this.#finished.get(key)?.catch(() => undefined));
    if (finished === undefined) throw error;
    this.#finished.delete(key);
    return finished;
  }

  /** What an earlier daemon had ready to answer, unless what is to be removed is still there. */
  #removalBefore(container: Container | undefined, call: CallIdentity | undefined) {
    const kept = this.#answers.find(call);
    if (kept?.exit === undefined || container?.record.journal === kept.of) return undefined;
    return { pid: kept.pid ?? 0, exit: kept.exit };
  }

  /** Removes a container in any state, without events. @returns how it ended; undefined: there is none. */
  async cleanUp(
    namespace: string,
    id: string,
    call?: CallIdentity,
  ): Promise<{ pid: number; exit: ExitRecord } | undefined> {
    const container = await this.#findOnceCreated(namespace, id);
    const kept = this.#removalBefore(container, call);
    if (kept !== undefined) return kept;
    if (container === undefined) {
      await this.#removeUnreadable(namespace, id);
      const { pid = 0, exit } = this.#answers.findAbandonment(processName(namespace, id, '')) ?? {};
      return exit === undefined ? undefined : { pid, exit };
    }
    const exit = await container.abandon(call);
    await this.#forget(container);
    return { pid: container.pid, exit };
  }

  /** Removes an exec. */
  async deleteExec(namespace: string, id: string, execId: string, call?: CallIdentity): Promise<DeletedProcess> {
    const container = this.find(namespace, id);
    const kept = this.#answers.find(call);
    // The whole container may be gone since.
    if (container === undefined && kept !== undefined) return { pid: kept.pid ?? 0, exit: kept.exit };
    return (await this.get(namespace, id)).execs.delete(execId, call);
  }

  /** Waits for a process's end; one may have been removed since the call came. @throws StatusError NotFound. */
  async wait(namespace: string, id: string, execId: string, call?: CallIdentity): Promise<ExitRecord> {
    const end = this.#answers.findEnd(processName(namespace, id, execId), call);
    return end ?? (await this.get(namespace, id)).process(execId).wait();
  }

  /** Notes a container that an earlier daemon left and nobody can take over; only cleanUp is to be done about it. */
  addUnreadable(namespace: string, id: string): void {
    this.#unreadable.add(keyOf(namespace, id));
  }

  async #removeUnreadable(namespace: string, id: string): Promise<void> {
    const { paths, logger } = this.#options;
    if (!this.#unreadable.has(keyOf(namespace, id))) return;
    const directory = paths.container(namespace, id);
    await this.#cleanUpAfterMonitor(directory).catch((error: unknown) => {
      logger.warn({ namespace, id, err: error }, 'what a container left that cannot be read may not all be removed');
    });
    // Its monitor, which may live, writes there until it has noticed the end.
    await removeStateDirectory(directory);
    this.#unreadable.delete(keyOf(namespace, id));
  }

  async #forget(container: Container): Promise<void> {
    this.#monitors.refill();
    const { record } = container;
    if (this.find(record.namespace, record.id) === container) {
      this.#containers.delete(keyOf(record.namespace, record.id));
    }
    await this.#removeEmptyParents(record);
  }

  /** The directories and cgroups above a container's, which it shares with others of its namespace. */
  async #removeEmptyParents({ namespace, id }: ContainerRecord): Promise<void> {
    const others = [...this.#containers.keys(), ...this.#creating.keys()].filter((key) => key !== keyOf(namespace, id));
    if (others.some((key) => key.startsWith(`${namespace}/`))) return;
    await rmdir(path.join(this.#options.paths.containers, namespace)).catch(() => undefined);
  }

  /** Makes the object of a container, new or found. */
  #newContainer(record: ContainerRecord, directory: string): Container {
    const { logger } = this.#options;
    const events = this.#newQueue(record);
    const cleanUp = (at: string) => this.#cleanUpAfterMonitor(at);
    const { backend } = this.#options;
    const hostNetwork = this.#hostNetwork;
    const answers = this.#answers;
    return new Container({ record, directory, events, answers, logger, cleanUp, hostNetwork, backend });
  }

  #newQueue({ namespace, id, journal: name }: Pick<ContainerRecord, 'namespace' | 'id' | 'journal'>): EventQueue {
    const { paths, logger } = this.#options;
    const key = keyOf(namespace, id);
    const after = this.#queues.get(key)?.finished;
    const journal = new EventJournal(paths.journal(namespace, name), this.#reserve);
    const publisher = (target: EventTarget) => this.#publisher(target);
    const queue = new EventQueue({ namespace, id, journal, publisher, logger, after });
    this.#queues.set(key, queue);
    this.#unfinished.add(queue);
    void queue.finished.then(() => {
      this.#unfinished.delete(queue);
      if (this.#queues.get(key) === queue) this.#queues.delete(key);
    });
    return queue;
  }

  /** Sends what a container that is gone still owed when its daemon died. @throws what makes a journal unreadable. */
  async adoptJournal(namespace: string, name: string): Promise<void> {
    const queue = this.#newQueue({ namespace, id: journalOwner(name), journal: name });
    try {
      await queue.recover();
    } catch (error) {
      // A later container of the same id must not wait for it.
      await queue.discard();
      throw error;
    }
    queue.finish();
  }

  /** One for all containers of one containerd. */
  #publisher(target: EventTarget): Publisher {
    const key = JSON.stringify(target);
    const publisher = this.#publishers.get(key) ?? createPublisher(target, this.#options.courier);
    this.#publishers.set(key, publisher);
    return publisher;
  }

  async #cleanUpAfterMonitor(directory: string): Promise<ExitRecord> {
    await exec(this.#options.paths.monitorProgram, ['--cleanup', directory, this.#hostNetwork], {
      timeoutMs: CLEANUP_TIMEOUT_MS,
    });
    const text = await readTextIfExists(path.join(directory, 'status'));
    // There was no container yet that could have ended.
    if (text === undefined) return endedNow(SIGKILLED_STATUS);
    const { exit } = parseMonitorStatus(text);
    if (exit === undefined) throw new Error(`${directory}/status has no exit after a cleanup`);
    return exit;
  }

  /** Takes over a container that an earlier daemon left, and what that had begun to do (recovery.ts). */
  async adopt(found: FoundContainer): Promise<Container> {
    const { record, directory, status, isAbandoned } = found;
    const { namespace, id } = record;
    const container = this.#newContainer(record, directory);
    if (isAbandoned) container.resumeAbandonment();
    if (status === undefined) {
      await this.#adoptCreation(container);
    } else {
      this.#containers.set(keyOf(namespace, id), container);
      await container.recover(status);
    }
    if (isAbandoned) this.#finish(this.cleanUp(namespace, id), record);
    else if (container.isBeingDeleted) this.#finish(this.#deleteAgain(record), record);
    return container;
  }

  /** Whoever asks for it finds a creation that is under way, as it was; if nothing comes of it, nothing is left. */
  async #adoptCreation(container: Container): Promise<void> {
    const { namespace, id, call } = container.record;
    const abort = new AbortController();
    await container.recover(undefined);
    whenAborted(abort.signal, () => {
      container.abort();
    });
    const creating = this.#orRollBack(container, container.created());
    const tracked = this.#track(keyOf(namespace, id), { creating, abort, call }).catch(() => undefined);
    if (!container.link.isOpen) await tracked;
  }

  #deleteAgain({ namespace, id }: ContainerRecord): Promise<RemovedContainer> {
    const removal = this.delete(namespace, id);
    this.#finished.set(keyOf(namespace, id), removal);
    return removal;
  }

  #finish(removal: Promise<unknown>, { namespace, id }: ContainerRecord): void {
    removal.catch((error: unknown) => {
      this.#options.logger.warn({ namespace, id, err: error }, 'what an earlier daemon began to remove is still there');
    });
  }

  /** Before anything is taken over. */
  async recoverAnswers(): Promise<void> {
    await Promise.all([this.#answers.recover(), this.#reserve.fill()]);
  }

  async close(): Promise<void> {
    this.#monitors.close();
    await this.#answers.close();
    if (this.size === 0) await this.#reserve.remove();
  }
}

interface RemovedContainer {
  readonly pid: number;
  readonly exit: ExitRecord;
}

/** A create under way, whose it is, and how it is ended. */
interface Creation {
  readonly call: CallIdentity | undefined;
  readonly creating: Promise<Container>;
  readonly abort: AbortController;
}

function whenAborted(signal: AbortSignal, action: () => void): void {
  if (signal.aborted) action();
  else signal.addEventListener('abort', action);
}

const keyOf = (namespace: string, id: string) => `${namespace}/${id}`;

async function makeStateDirectory(directory: string, id: string): Promise<void> {
  await makePassableDirectory(path.dirname(directory));
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if (hasErrorCode(error, 'EEXIST')) throw alreadyExists(`container ${id} exists already`);
    throw error;
  }
}

/** A monitor that has noticed its daemon's end late may still write there. */
export async function removeStateDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 10 });
}

/** A container of an earlier daemon. */
export interface FoundContainer {
  readonly record: ContainerRecord;
  readonly directory: string;
  /** Undefined: it was being created. */
  readonly status: MonitorStatus | undefined;
  readonly isAbandoned: boolean;
}
