import path from 'node:path';
import { Metrics as MetricsV1 } from '../../proto/gen/io/containerd/cgroups/v1/metrics.ts';
import { Metrics as MetricsV2 } from '../../proto/gen/io/containerd/cgroups/v2/metrics.ts';
import { ProcessDetails } from '../../proto/gen/containerd/runc/v1/options.ts';
import { type CreateTaskRequest, type ExecProcessRequest } from '../../proto/gen/containerd/services/tasks/v1/tasks.ts';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import type { Containerd } from './containerd.ts';
import type { ContainerdClient } from './containerd-client.ts';
import type { CtrEvents } from './ctr-events.ts';
import { encodeSpec, processSpec, type ProcessSpec } from './execs.ts';
import { FifoReader } from './fifo-reader.ts';
import { makeFifo } from './make-fifo.ts';
import { isAlive } from './processes.ts';

type Streams = Pick<CreateTaskRequest, 'stdin' | 'stdout' | 'stderr' | 'terminal'>;

const STATUS_NAMES = new Map<number, string>(Object.entries(Status).map(([name, number]) => [number, name]));

/** Where it lives. Another client may take the place of one whose containerd was restarted. */
export interface ClientWorld {
  readonly containerd: Containerd;
  readonly client: ContainerdClient;
  readonly events: CtrEvents;
}

/**
 * One container, and what a client of containerd does with its task. Answers are such that two runtimes can give the
 * same: a pid is told by whether it lives, a time by whether there is one.
 */
export class ClientTask {
  readonly id: string;
  readonly runtime: string;
  readonly #world: ClientWorld;
  /** By exec id. */
  readonly #readers = new Map<string, readonly FifoReader[]>();
  readonly #opened: FifoReader[] = [];
  #made = 0;

  constructor(id: string, runtime: string, world: ClientWorld) {
    this.id = id;
    this.runtime = runtime;
    this.#world = world;
  }

  get #tasks() {
    return this.#world.client.tasks;
  }

  /** All that the process has said, once it has ended and nobody can say more. */
  async output(execId = ''): Promise<string> {
    const readers = this.#readers.get(execId) ?? [];
    return (await Promise.all(readers.map((reader) => reader.text()))).join('');
  }

  /** Resolves once the process has said it: it is where its script has that. */
  async says(text: string, execId = ''): Promise<void> {
    await this.#readers.get(execId)?.[0]?.shows(text);
  }

  /** Makes the container; of the task there is nothing yet. */
  async define(args: readonly string[], flags: readonly string[] = []): Promise<void> {
    await this.#world.client.createContainer(this.id, this.runtime, args, flags);
  }

  async create(changes: Partial<CreateTaskRequest> = {}) {
    const mounts = await this.#world.client.mounts(this.id);
    const { pid } = await this.#withStreams('', changes.terminal ?? false, (streams) =>
      this.#tasks.call('create', {
        containerId: this.id,
        rootfs: mounts,
        ...streams,
        ...{ checkpoint: undefined, options: undefined, runtimePath: '' },
        ...changes,
      }),
    );
    return { pid: await tellPid(pid) };
  }

  async start(execId = '') {
    return { pid: (await this.#tasks.call('start', { containerId: this.id, execId })).pid > 0 };
  }

  /** A container that runs. */
  async run(args: readonly string[], flags: readonly string[] = [], changes: Partial<CreateTaskRequest> = {}) {
    await this.define(args, flags);
    await this.create(changes);
    await this.start();
  }

  async state(execId = '') {
    const { process } = await this.#tasks.call('get', { containerId: this.id, execId });
    if (process === undefined) throw new Error('a state without a process');
    const { status, exitStatus, terminal, pid, id, exitedAt } = process;
    return {
      id: this.#nameOf(id),
      status: STATUS_NAMES.get(status),
      pid: await tellPid(pid),
      ...{ exitStatus, terminal, exited: (exitedAt?.seconds ?? 0n) > 0n },
    };
  }

  async wait(execId = '') {
    const { exitStatus, exitedAt } = await this.#tasks.call('wait', { containerId: this.id, execId });
    return { exitStatus, exited: (exitedAt?.seconds ?? 0n) > 0n };
  }

  async kill(signal: number, { execId = '', all = false } = {}) {
    await this.#tasks.call('kill', { containerId: this.id, execId, signal, all });
  }

  async delete(execId = '') {
    const { id, exitStatus, exitedAt, pid } = await (execId === ''
      ? this.#tasks.call('delete', { containerId: this.id })
      : this.#tasks.call('deleteProcess', { containerId: this.id, execId }));
    return { id: this.#nameOf(id), exitStatus, exited: (exitedAt?.seconds ?? 0n) > 0n, pid: pid > 0 };
  }

  async exec(
    execId: string,
    args: readonly string[],
    changes: ProcessSpec = {},
    request: Partial<ExecProcessRequest> = {},
  ) {
    const spec = encodeSpec(processSpec(args, changes));
    await this.#withStreams(execId, request.terminal ?? false, (streams) =>
      this.#tasks.call('exec', { containerId: this.id, execId, ...streams, spec, ...request }),
    );
  }

  /** From its beginning to its end. */
  async execute(execId: string, args: readonly string[], changes: ProcessSpec = {}) {
    await this.exec(execId, args, changes);
    await this.start(execId);
    const { exitStatus } = await this.wait(execId);
    await this.delete(execId);
    return { exitStatus, output: await this.output(execId) };
  }

  async resize(width: number, height: number, execId = '') {
    await this.#tasks.call('resizePty', { containerId: this.id, execId, width, height });
  }

  async closeStdin(execId = '') {
    await this.#tasks.call('closeIO', { containerId: this.id, execId, stdin: true });
  }

  async pause() {
    await this.#tasks.call('pause', { containerId: this.id });
  }

  async resume() {
    await this.#tasks.call('resume', { containerId: this.id });
  }

  async update(resources: object, typeUrl = 'types.containerd.io/opencontainers/runtime-spec/1/LinuxResources') {
    const value = Buffer.from(JSON.stringify(resources));
    await this.#tasks.call('update', { containerId: this.id, resources: { typeUrl, value }, annotations: {} });
  }

  async checkpoint() {
    await this.#tasks.call('checkpoint', { containerId: this.id, parentCheckpoint: '', options: undefined });
  }

  /** Whose they are: an exec's by its id, all others' in one word. */
  async pids() {
    const { processes } = await this.#tasks.call('listPids', { containerId: this.id });
    return processes.map(({ info }) => (info === undefined ? 'process' : ownerOf(info))).sort();
  }

  /** The metrics' type, and which of its fields are there. */
  async metrics() {
    const { metrics } = await this.#tasks.call('metrics', { filters: [`id==${this.id}`] });
    return metrics.map(({ id, data }) => ({ id: this.#nameOf(id), ...describeMetrics(data) }));
  }

  /** All events of the task, up to the first of that topic. */
  async events(last: string) {
    const events = await this.#world.events.taskThrough(this.id, last);
    return events.map(({ topic, body }) => {
      const { id = '', exit_status: status } = body;
      const words = [topic, id === '' ? '' : this.#nameOf(id), status === undefined ? '' : String(status)];
      return words.filter((word) => word !== '').join(' ');
    });
  }

  /** Calls with FIFOs as its output streams, one for a terminal; of a call that succeeds, they are the process's. */
  async #withStreams<T>(execId: string, terminal: boolean, call: (streams: Streams) => Promise<T>): Promise<T> {
    const at = (name: string) => path.join(this.#world.containerd.dir, `${this.id}.${(this.#made += 1)}.${name}`);
    const stdout = await FifoReader.open(at('out'));
    const readers = terminal ? [stdout] : [stdout, await FifoReader.open(at('err'))];
    this.#opened.push(...readers);
    const result = await call({ stdin: '', stdout: stdout.path, stderr: readers[1]?.path ?? '', terminal });
    this.#readers.set(execId, readers);
    return result;
  }

  /** Creates the task; until `attach` is called that waits for a reader of its output. */
  async createSlowly(): Promise<{ readonly creation: Promise<unknown>; readonly attach: () => void }> {
    const stdout = path.join(this.#world.containerd.dir, `${this.id}.late`);
    await makeFifo(stdout);
    const attach = () => void this.#opened.push(FifoReader.attach(stdout));
    return { creation: this.create({ stdout }), attach };
  }

  /** Removes whatever there is. */
  async destroy(): Promise<void> {
    await this.#world.client.removeContainer(this.id);
    await Promise.all(this.#opened.map((reader) => reader.stop()));
  }

  #nameOf(id: string): string {
    return id === this.id ? 'ID' : id;
  }
}

const tellPid = async (pid: number) => (pid === 0 ? 'none' : (await isAlive(pid)) ? 'alive' : 'gone');

function ownerOf({ typeUrl, value }: Any): string {
  return typeUrl.endsWith('containerd.runc.v1.ProcessDetails')
    ? `exec ${ProcessDetails.decode(value).execId}`
    : typeUrl;
}

function describeMetrics(data: Any | undefined): { readonly type: string; readonly fields: readonly string[] } {
  const type = data?.typeUrl ?? '';
  const message = type.includes('.v2.')
    ? MetricsV2.decode(data?.value ?? Buffer.of())
    : MetricsV1.decode(data?.value ?? Buffer.of());
  const isThere = (value: unknown) => value !== undefined && !(Array.isArray(value) && value.length === 0);
  const fields = Object.entries(message).flatMap(([name, value]) => (isThere(value) ? [name] : []));
  return { type, fields: fields.sort() };
}
