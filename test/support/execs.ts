import { readFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { DeleteResponse, ExecProcessRequest, WaitResponse } from '../../proto/gen/containerd/task/v2/task.ts';
import type { Shim } from './shim-host.ts';

/** A container to exec in: what the fixtures of with-shim-host.ts give. */
export type ExecHost = Pick<Shim, 'task' | 'bundle'> & { readonly init: { readonly id: string } };

/** What an OCI process says, in JSON. */
export type ProcessSpec = Readonly<Record<string, unknown>>;

const ALL_CAPABILITIES = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID'];
const SETS = ['bounding', 'effective', 'permitted'].map((set) => [set, ALL_CAPABILITIES] as const);

/** A process spec as ctr makes it; `changes` replace whole fields. */
export function processSpec(args: readonly string[], changes: ProcessSpec = {}): ProcessSpec {
  const env = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'];
  const capabilities = Object.fromEntries(SETS);
  return { user: { uid: 0, gid: 0 }, args, env, cwd: '/', capabilities, ...changes };
}

export const encodeSpec = (spec: unknown) => ({
  typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/Process',
  value: Buffer.from(JSON.stringify(spec)),
});

/** One exec whose output goes to files. */
export class ExecRun {
  readonly #host: ExecHost;
  readonly ref: { readonly id: string; readonly execId: string };
  readonly #files: string;

  constructor(host: ExecHost, execId: string) {
    this.#host = host;
    this.ref = { id: host.init.id, execId };
    this.#files = path.join(host.bundle.dir, 'execs', execId);
  }

  async add(
    args: readonly string[],
    changes: ProcessSpec = {},
    request: Partial<ExecProcessRequest> = {},
  ): Promise<this> {
    await mkdir(path.dirname(this.#files), { recursive: true });
    await this.#host.task.exec({
      ...this.ref,
      ...{ terminal: false, stdin: '', stdout: `file://${this.#files}.out`, stderr: `file://${this.#files}.err` },
      ...request,
      spec: encodeSpec(processSpec(args, changes)),
    });
    return this;
  }

  async start(): Promise<number> {
    return (await this.#host.task.start(this.ref)).pid;
  }

  wait(): Promise<WaitResponse> {
    return this.#host.task.wait(this.ref);
  }

  kill(signal: number): Promise<object> {
    return this.#host.task.kill({ ...this.ref, signal, all: false });
  }

  delete(): Promise<DeleteResponse> {
    return this.#host.task.delete(this.ref);
  }

  state() {
    return this.#host.task.state(this.ref);
  }

  stdout(): Promise<string> {
    return readFile(`${this.#files}.out`, 'utf8').catch(() => '');
  }

  stderr(): Promise<string> {
    return readFile(`${this.#files}.err`, 'utf8').catch(() => '');
  }
}

let count = 0;

export const newExec = (host: ExecHost, execId = `exec-${(count += 1)}`) => new ExecRun(host, execId);

/** Runs it to its end and deletes it. */
export async function execute(host: ExecHost, args: readonly string[], changes: ProcessSpec = {}) {
  const exec = await newExec(host).add(args, changes);
  const pid = await exec.start();
  const { exitStatus } = await exec.wait();
  const deleted = await exec.delete();
  return { pid, status: exitStatus, deleted, stdout: await exec.stdout(), stderr: await exec.stderr() };
}
