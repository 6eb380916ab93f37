import { Code, StatusError, invalidArgument } from '../../common/errors.ts';
import {
  TaskDefinition,
  type CheckpointTaskRequest,
  type ConnectRequest,
  type ConnectResponse,
  type CloseIORequest,
  type CreateTaskRequest,
  type CreateTaskResponse,
  type DeleteRequest,
  type DeleteResponse,
  type ExecProcessRequest,
  type KillRequest,
  type PauseRequest,
  type PidsRequest,
  type PidsResponse,
  type ResizePtyRequest,
  type ResumeRequest,
  type StartRequest,
  type StartResponse,
  type StateRequest,
  type StateResponse,
  type StatsRequest,
  type StatsResponse,
  type UpdateTaskRequest,
  type WaitRequest,
  type WaitResponse,
} from '../../proto/gen/containerd/task/v2/task.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import type { Timestamp } from '../../proto/gen/google/protobuf/timestamp.ts';
import { exitTime } from '../events/task-events.ts';
import { ProcessDetails } from '../../proto/gen/containerd/runc/v1/options.ts';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import { checkIdentifier } from '../oci/container-id.ts';
import { parseProcess, parseResources } from '../oci/parse-documents.ts';
import type { ExitRecord } from '../monitor/messages.ts';
import type { CallIdentity } from './call-identity.ts';
import { readCheckpointRequest } from './checkpoint-options.ts';
import type { ContainerRegistry } from './container-registry.ts';
import type { ProcessStatus, TaskProcess } from './task-process.ts';

/**
 * Go's zero time, year 1: what containerd takes for "has not exited". An absent field would be 1970 from 1.7 on.
 */
const NOT_EXITED: Timestamp = { seconds: -62135596800n, nanos: 0 };

const STATUSES: Readonly<Record<ProcessStatus, Status>> = {
  creating: Status.CREATED,
  created: Status.CREATED,
  running: Status.RUNNING,
  paused: Status.PAUSED,
  stopped: Status.STOPPED,
};

/** The version of the Task service that `Connect` reports: what containerd calls a shim's version. */
const SHIM_VERSION = '2';

const MAX_SIGNAL = 64;

/**
 * containerd's Task service, as runc's shim answers it: runtime/v2/runc/task/service.go. One table of handlers serves
 * every transport and version; `namespace` is the caller's.
 */
export class TaskService {
  readonly #registry: ContainerRegistry;

  constructor(registry: ContainerRegistry) {
    this.#registry = registry;
  }

  async create(namespace: string, request: CreateTaskRequest, call?: CallIdentity): Promise<CreateTaskResponse> {
    const container = await this.#registry.create(namespace, request, call);
    return { pid: container.pid };
  }

  async start(namespace: string, { id, execId }: StartRequest, call?: CallIdentity): Promise<StartResponse> {
    return { pid: await (await this.#process(namespace, id, execId)).start(call) };
  }

  async state(namespace: string, { id, execId }: StateRequest): Promise<StateResponse> {
    const container = await this.#registry.get(namespace, id);
    const { pid, status, stdio, exit } = container.process(execId);
    const { bundle } = container.record;
    return { id, bundle, pid, status: STATUSES[status], ...stdio, ...exitResponse(exit), execId };
  }

  async wait(namespace: string, { id, execId }: WaitRequest, call?: CallIdentity): Promise<WaitResponse> {
    return exitResponse(await this.#registry.wait(namespace, id, execId, call));
  }

  async kill(namespace: string, { id, execId, signal, all }: KillRequest, call?: CallIdentity): Promise<object> {
    if (signal > MAX_SIGNAL) throw invalidArgument(`signal is ${signal}: expected 0 to ${MAX_SIGNAL}`);
    const process = await this.#process(namespace, id, execId);
    await process.kill(signal, all, call);
    return {};
  }

  async delete(namespace: string, { id, execId }: DeleteRequest, call?: CallIdentity): Promise<DeleteResponse> {
    const { pid, exit } =
      execId === ''
        ? await this.#registry.delete(namespace, id, call)
        : await this.#registry.deleteExec(namespace, id, execId, call);
    return { pid, ...exitResponse(exit) };
  }

  async exec(namespace: string, request: ExecProcessRequest, call?: CallIdentity): Promise<object> {
    const container = await this.#registry.get(namespace, request.id);
    const execId = checkIdentifier(request.execId, 'exec id');
    const { terminal, stdin, stdout, stderr, spec } = request;
    if (spec === undefined) throw invalidArgument('spec is missing: send the process to be started, as JSON');
    const { value: process } = parseProcess(spec, 'process spec');
    // The request decides, as with runc's shim (pkg/process/init.go, exec).
    await container.addExec(execId, { ...process, terminal }, { stdin, stdout, stderr, terminal }, call);
    return {};
  }

  async resizePty(
    namespace: string,
    { id, execId, width, height }: ResizePtyRequest,
    call?: CallIdentity,
  ): Promise<object> {
    const process = await this.#process(namespace, id, execId);
    await process.resize({ width, height }, call);
    return {};
  }

  async pids(namespace: string, { id }: PidsRequest): Promise<PidsResponse> {
    const container = await this.#registry.get(namespace, id);
    const pids = await container.pids();
    const { ids } = container.execs;
    return { processes: pids.map((pid) => ({ pid, info: processDetails(ids.get(pid)) })) };
  }

  async pause(namespace: string, { id }: PauseRequest, call?: CallIdentity): Promise<object> {
    await (await this.#registry.get(namespace, id)).pause(call);
    return {};
  }

  async resume(namespace: string, { id }: ResumeRequest, call?: CallIdentity): Promise<object> {
    await (await this.#registry.get(namespace, id)).resume(call);
    return {};
  }

  async checkpoint(namespace: string, request: CheckpointTaskRequest, call?: CallIdentity): Promise<object> {
    await (await this.#registry.get(namespace, request.id)).checkpoint(readCheckpointRequest(request), call);
    return {};
  }

  async update(namespace: string, { id, resources }: UpdateTaskRequest): Promise<object> {
    const container = await this.#registry.get(namespace, id);
    if (resources === undefined) throw invalidArgument('resources are missing: send a LinuxResources document');
    await container.update(parseResources(resources, 'resources').value);
    return {};
  }

  async stats(namespace: string, { id }: StatsRequest): Promise<StatsResponse> {
    return { stats: await (await this.#registry.get(namespace, id)).stats() };
  }

  async closeIO(namespace: string, { id, execId, stdin }: CloseIORequest, call?: CallIdentity): Promise<object> {
    const process = await this.#process(namespace, id, execId);
    if (stdin) await process.closeStdin(call);
    return {};
  }

  /**
   * Asked after a restart of containerd, for ids that may be gone: an unknown one has pid 0. The shim is who holds the
   * connection and stays: the keeper, whose child this is.
   */
  connect(namespace: string, { id }: ConnectRequest): Promise<ConnectResponse> {
    const taskPid = this.#registry.find(namespace, id)?.pid ?? 0;
    return Promise.resolve({ shimPid: process.ppid, taskPid, version: SHIM_VERSION });
  }

  /** containerd asks it of every container's shim; this one ends by itself when it has been idle for a while. */
  shutdown(): Promise<object> {
    return Promise.resolve({});
  }

  async #process(namespace: string, id: string, execId: string): Promise<TaskProcess> {
    return (await this.#registry.get(namespace, id)).process(execId);
  }
}

const exitResponse = (exit: ExitRecord | undefined) =>
  exit === undefined ? { exitStatus: 0, exitedAt: NOT_EXITED } : { exitStatus: exit.status, exitedAt: exitTime(exit) };

/** Which exec a process is; what containerd and the kubelet show of a pid. */
function processDetails(execId: string | undefined): Any | undefined {
  if (execId === undefined) return undefined;
  return {
    typeUrl: 'containerd.runc.v1.ProcessDetails',
    value: Buffer.from(ProcessDetails.encode({ execId }).finish()),
  };
}

/** A method of the service as the transports see it: bytes in, bytes out. `call` is undefined where none can come again. */
export type EncodedHandler = (
  namespace: string,
  payload: Uint8Array,
  call: CallIdentity | undefined,
) => Promise<Uint8Array>;

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** The handlers by their methods' names on the wire. What is missing here is Unimplemented everywhere. */
export function taskHandlers(service: TaskService): ReadonlyMap<string, EncodedHandler> {
  const { methods } = TaskDefinition;
  const handlers = new Map<string, EncodedHandler>();
  const add = <Request, Response>(
    method: { name: string; requestType: Codec<Request>; responseType: Codec<Response> },
    handler: (namespace: string, request: Request, call?: CallIdentity) => Promise<Response>,
  ) => {
    handlers.set(method.name, async (namespace, payload, call) => {
      const response = await handler.call(service, namespace, decodeRequest(method, payload), call);
      return method.responseType.encode(response).finish();
    });
  };
  add(methods.create, service.create.bind(service));
  add(methods.start, service.start.bind(service));
  add(methods.state, service.state.bind(service));
  add(methods.wait, service.wait.bind(service));
  add(methods.kill, service.kill.bind(service));
  add(methods.delete, service.delete.bind(service));
  add(methods.exec, service.exec.bind(service));
  add(methods.resizePty, service.resizePty.bind(service));
  add(methods.pids, service.pids.bind(service));
  add(methods.pause, service.pause.bind(service));
  add(methods.resume, service.resume.bind(service));
  add(methods.checkpoint, service.checkpoint.bind(service));
  add(methods.update, service.update.bind(service));
  add(methods.stats, service.stats.bind(service));
  add(methods.closeIO, service.closeIO.bind(service));
  add(methods.connect, service.connect.bind(service));
  add(methods.shutdown, service.shutdown.bind(service));
  return handlers;
}

function decodeRequest<T>(method: { name: string; requestType: Codec<T> }, payload: Uint8Array): T {
  try {
    return method.requestType.decode(payload);
  } catch (error) {
    throw new StatusError(Code.InvalidArgument, `the request to ${method.name} cannot be decoded: ${String(error)}`, {
      cause: error,
    });
  }
}
