import { mkdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { exec } from '../../common/exec.ts';
import { alreadyExists, invalidArgument, notFound } from '../../common/errors.ts';
import { hasErrorCode, makePassableDirectory, readTextIfExists } from '../../common/files.ts';
import type { Logger } from '../../common/logger.ts';
import type { CreateTaskRequest } from '../../proto/gen/containerd/task/v2/task.ts';
import type { Backend } from '../backends/backend.ts';
import type { RunPaths } from '../daemon/paths.ts';
import { EventJournal } from '../events/event-journal.ts';
import { EventQueue } from '../events/event-queue.ts';
import { parseEventTarget, type EventTarget } from '../events/event.ts';
import type { Courier } from '../events/courier.ts';
import { createPublisher, type Publisher } from '../events/publisher.ts';
import { parseMonitorStatus, type ExitRecord } from '../monitor/messages.ts';
import { Plan } from '../monitor/plan.ts';
import { SpareMonitors } from '../monitor/spare-monitors.ts';
import { checkIdentifier } from '../oci/container-id.ts';
import { readSpec } from '../oci/read-spec.ts';
import type { Spec } from '../oci/spec.ts';
import { Container } from './container.ts';
import { writeContainerRecord, type ContainerRecord } from './container-record.ts';
import { newJournalName, parseJournalName } from './journal-name.ts';
import { CONTAINER_NOT_CREATED } from './messages.ts';
import { prepareRestore } from './restoring.ts';
import { planRootfsMounts } from './rootfs-mounts.ts';
import { planStdio } from './stdio.ts';
import { stateError } from './state-error.ts';
import { readTaskOptions } from './task-options.ts';

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
  readonly #publishers = new Map<string, Publisher>();
  /** The newest queue of each id that still has events to send: a container of the same id sends after it. */
  readonly #queues = new Map<string, EventQueue>();
  /** All queues that may still get events, or send some. */
  readonly #unfinished = new Set<EventQueue>();

  constructor(options: RegistryOptions) {
    const { paths, backend } = options;
    this.#options = options;
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

  /** Creates a container up to the point where only Start is missing. If it fails, nothing of it is left. */
  async create(namespace: string, request: CreateTaskRequest): Promise<Container> {
    const id = checkIdentifier(request.id, 'container id');
    const key = keyOf(namespace, id);
    if (this.#containers.has(key) || this.#creating.has(key)) throw alreadyExists(`container ${id} exists already`);
    const abort = new AbortController();
    const creating = this.#create(namespace, id, request, abort.signal);
    this.#creating.set(key, { creating, abort });
    try {
      const container = await creating;
      this.#containers.set(key, container);
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

  async #create(namespace: string, id: string, request: CreateTaskRequest, signal: AbortSignal): Promise<Container> {
    const { paths, backend, logger } = this.#options;
    const { bundle, rootfs } = request;
    const { stdin, stdout, stderr, terminal } = request;
    const stdio = { stdin, stdout, stderr, terminal };
    const plan = new Plan();
    planStdio(stdio, { namespace, id, hostNetwork: this.#hostNetwork }, plan);
    const { ioUid, ioGid, criu, ...options } = readTaskOptions(request.options);
    if (ioUid !== 0 || ioGid !== 0) plan.add('stdio-owner', ioUid, ioGid);
    const checkpoint = request.checkpoint === '' ? options.checkpoint : request.checkpoint;
    checkBundle(bundle);

    const [{ value: spec, warnings }, publisher] = await Promise.all([
      readSpec(bundle),
      readTextIfExists(path.join(bundle, 'publisher')),
    ]);
    for (const warning of warnings) logger.warn({ namespace, id }, warning);
    checkTerminal(terminal, spec.process.terminal);
    const target = parseEventTarget(publisher ?? '');
    const directory = paths.container(namespace, id);
    const mountTarget = path.join(bundle, 'rootfs');
    const wanted = { namespace, id, bundle, directory, spec };
    const [prepared, restore] = await Promise.all([
      backend.prepare({ ...wanted, restored: checkpoint !== '' }),
      checkpoint === '' ? undefined : prepareRestore(backend, { ...wanted, checkpoint, criu, stdio }),
      checkRootfs(spec, rootfs.length > 0 ? mountTarget : undefined),
    ]);
    planRootfsMounts(rootfs, mountTarget, plan);
    plan.append(prepared.plan);

    const { cgroups, execDefaults } = prepared;
    const build = paths.build;
    const journal = newJournalName(id, build);
    const identity = { namespace, id, bundle, backend: backend.name, build, journal };
    const record = { ...identity, stdio, rootfs, target, cgroups, execDefaults, criu, checkpoint };
    const files = [...prepared.files, ...(restore === undefined ? [] : [restore])];
    return this.#launch({ record, directory, files, plan, signal });
  }

  async #launch({ record, directory, files, plan, signal }: Launch): Promise<Container> {
    await makeStateDirectory(directory, record.id).catch(async (error: unknown) => {
      await this.#removeEmptyParents(record);
      throw stateError(error, directory);
    });
    const container = this.#newContainer(record, directory);
    try {
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
      return container;
    } catch (error) {
      await container.withdraw();
      await rm(directory, { recursive: true, force: true });
      await this.#removeEmptyParents(record);
      throw error;
    }
  }

  /**
   * The containerd way: it has to be stopped, or never started.
   * @throws StatusError NotFound.
   */
  async delete(namespace: string, id: string): Promise<{ pid: number; exit: ExitRecord }> {
    const container = await this.#findOnceCreated(namespace, id);
    if (container === undefined) throw notFound(CONTAINER_NOT_CREATED);
    const exit = await container.delete();
    await this.#forget(container);
    return { pid: container.pid, exit };
  }

  /** Removes a container in any state, without events. @returns how it ended; undefined: there is none. */
  async cleanUp(namespace: string, id: string): Promise<{ pid: number; exit: ExitRecord } | undefined> {
    const container = await this.#findOnceCreated(namespace, id);
    if (container === undefined) {
      await this.#removeUnreadable(namespace, id);
      return undefined;
    }
    const exit = await container.abandon();
    await this.#forget(container);
    return { pid: container.pid, exit };
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
    await rm(directory, { recursive: true, force: true, maxRetries: 10 });
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
    return new Container({ record, directory, events, logger, cleanUp, hostNetwork, backend });
  }

  #newQueue({ namespace, id, journal: name }: Pick<ContainerRecord, 'namespace' | 'id' | 'journal'>): EventQueue {
    const { paths, logger } = this.#options;
    const key = keyOf(namespace, id);
    const after = this.#queues.get(key)?.finished;
    const journal = new EventJournal(paths.journal(namespace, name));
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

  ownsJournal(namespace: string, name: string): boolean {
    return this.find(namespace, parseJournalName(name).id)?.record.journal === name;
  }

  /** Sends what a container that is gone still owed when its daemon died. @throws what makes a journal unreadable. */
  async adoptJournal(namespace: string, name: string): Promise<void> {
    const queue = this.#newQueue({ namespace, id: parseJournalName(name).id, journal: name });
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
    const { exit } = parseMonitorStatus(await readFile(path.join(directory, 'status'), 'utf8'));
    if (exit === undefined) throw new Error(`${directory}/status has no exit after a cleanup`);
    return exit;
  }

  /** Adds a container that an earlier daemon left (recovery.ts). */
  adopt(record: ContainerRecord, directory: string): Container {
    const container = this.#newContainer(record, directory);
    this.#containers.set(keyOf(record.namespace, record.id), container);
    return container;
  }

  close(): void {
    this.#monitors.close();
  }
}

/** A create under way, and how it is ended. */
interface Creation {
  readonly creating: Promise<Container>;
  readonly abort: AbortController;
}

/** What a container starts from. */
interface Launch {
  readonly record: ContainerRecord;
  readonly directory: string;
  /** To be written into the directory, by name. */
  readonly files: PlanFiles;
  readonly plan: Plan;
  /** Aborted when the container is to be removed before it is there. */
  readonly signal: AbortSignal;
}

function whenAborted(signal: AbortSignal, action: () => void): void {
  if (signal.aborted) action();
  else signal.addEventListener('abort', action);
}

const keyOf = (namespace: string, id: string) => `${namespace}/${id}`;

function checkBundle(bundle: string): void {
  if (bundle.includes('\0')) throw invalidArgument('bundle contains a NUL character');
  if (!path.isAbsolute(bundle)) {
    throw invalidArgument(`bundle is ${JSON.stringify(bundle)}: expected an absolute path`);
  }
}

/** The monitor takes its word from the one, the init from the other. */
function checkTerminal(asked: boolean, specified: boolean): void {
  if (asked === specified) return;
  throw invalidArgument(
    `terminal is ${asked}, and process.terminal in config.json is ${specified}: make them the same`,
  );
}

async function checkRootfs(spec: Spec, mountTarget: string | undefined): Promise<void> {
  const { path: root } = spec.root;
  const found = await stat(mountTarget ?? root).catch((error: unknown) => error as Error);
  if (found instanceof Error) {
    if (!hasErrorCode(found, 'ENOENT', 'ENOTDIR')) throw found;
    throw invalidArgument(`config.json: root.path is ${JSON.stringify(root)}: there is no such directory`);
  }
  if (!found.isDirectory()) {
    throw invalidArgument(`config.json: root.path is ${JSON.stringify(root)}: expected a directory`);
  }
  if (mountTarget !== undefined && path.resolve(root) !== mountTarget) {
    throw invalidArgument(
      `config.json: root.path is ${JSON.stringify(root)}: expected ${mountTarget}, where the rootfs is mounted`,
    );
  }
}

async function makeStateDirectory(directory: string, id: string): Promise<void> {
  await makePassableDirectory(path.dirname(directory));
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if (hasErrorCode(error, 'EEXIST')) throw alreadyExists(`container ${id} exists already`);
    throw error;
  }
}

type PlanFiles = readonly (readonly [name: string, text: string])[];

async function writePlans(directory: string, files: PlanFiles, plan: Plan): Promise<void> {
  const all = [...files, ['monitor.plan', plan.toString()] as const];
  await Promise.all(all.map(([name, text]) => writeFile(path.join(directory, name), text, { mode: 0o600 })));
}
