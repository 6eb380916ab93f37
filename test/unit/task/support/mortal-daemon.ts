/**
 * A daemon's registry and Task service in a process of its own, which dies, by SIGKILL, right before or right after the
 * n-th thing that it does to the world: a write, a rename, a word to a monitor, a new process. Its parent says when.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs/promises';
import net from 'node:net';
import pino from 'pino';
import { StatusError } from '../../../../common/errors.ts';
import type { Backend } from '../../../../shim/backends/backend.ts';
import type { Cgroup } from '../../../../shim/cgroups/cgroup.ts';
import { RunPaths } from '../../../../shim/daemon/paths.ts';
import { ContainerRegistry } from '../../../../shim/task/container-registry.ts';
import { recover } from '../../../../shim/task/recovery.ts';
import { TaskService, taskHandlers } from '../../../../shim/task/task-service.ts';
import { BARE_BACKEND } from '../../../support/bare-backend.ts';
import { DirectCourier } from '../../../support/direct-courier.ts';

/** To a daemon. A method of the Task service, or `cleanUp`; a payload in base64. */
export interface MortalCall {
  readonly number: number;
  readonly method: string;
  readonly payload: string;
  readonly call: string | undefined;
  /** Before or after which effect it dies, counted from 1: an odd point is before one, an even one after. 0: it lives. */
  readonly dieAt: number;
}

export type MortalAnswer =
  | { readonly ready: true }
  | { readonly number: number; readonly payload: string; readonly points: number }
  | { readonly number: number; readonly code: number; readonly message: string; readonly points: number };

let points = 0;
let dieAt = 0;

function pass(): void {
  points += 1;
  if (points === dieAt) process.kill(process.pid, 'SIGKILL');
}

type Method = (...args: unknown[]) => unknown;

/** Dies before the call, or when it is through. */
function makeMortal(owner: object, name: string): void {
  const methods = owner as Record<string, Method>;
  const original = methods[name];
  if (original === undefined) throw new Error(`there is no ${name}`);
  methods[name] = function (this: unknown, ...args: unknown[]) {
    if (dieAt === 0) return original.apply(this, args);
    pass();
    const result = original.apply(this, args);
    if (!(result instanceof Promise)) {
      pass();
      return result;
    }
    return result.finally(pass);
  };
}

async function makeAllMortal(): Promise<void> {
  for (const name of ['writeFile', 'mkdir', 'rename', 'unlink', 'rm', 'rmdir']) makeMortal(fs, name);
  const handle = await fs.open('/dev/null');
  makeMortal(Object.getPrototypeOf(handle) as object, 'write');
  await handle.close();
  makeMortal(childProcess, 'spawn');
  makeMortal(net.Socket.prototype, 'write');
}

const send = (answer: MortalAnswer) => process.send?.(answer);

/** Answers need no death of their own: one that has left is the keeper's, and before that nothing happens any more. */
async function answer(service: ReadonlyMap<string, Handler>, { number, method, payload, call }: MortalCall) {
  try {
    const handler = service.get(method);
    if (handler === undefined) throw new Error(`no method ${method}`);
    const response = await handler('default', Buffer.from(payload, 'base64'), call);
    if (dieAt !== 0) pass();
    dieAt = 0;
    send({ number, payload: Buffer.from(response).toString('base64'), points });
  } catch (error) {
    if (dieAt !== 0) pass();
    dieAt = 0;
    const { code, message } = StatusError.from(error);
    send({ number, code, message, points });
  }
}

type Handler = (namespace: string, payload: Uint8Array, call: string | undefined) => Promise<Uint8Array>;

/** All containers have the same cgroup: there is one at a time. */
const freezable = (cgroup: Cgroup): Backend => ({
  ...BARE_BACKEND,
  prepare: async (request) => ({ ...(await BARE_BACKEND.prepare(request)), cgroups: [cgroup] }),
});

async function main(run: string, library: string, freezer: Cgroup): Promise<void> {
  const paths = new RunPaths(run, library, 'build-a');
  const logger = pino({ level: 'warn' }, pino.destination({ dest: `${run}.log`, sync: true }));
  const registry = new ContainerRegistry({ paths, backend: freezable(freezer), logger, courier: new DirectCourier() });
  const cleanUp: Handler = async (namespace, payload, call) => {
    const removed = await registry.cleanUp(namespace, Buffer.from(payload).toString(), call);
    return Buffer.from(JSON.stringify(removed?.exit.status ?? null));
  };
  const service = new Map<string, Handler>([...taskHandlers(new TaskService(registry)), ['cleanUp', cleanUp]]);
  await makeAllMortal();
  await recover(registry, paths, logger);
  process.on('message', (message: MortalCall) => {
    points = 0;
    dieAt = message.dieAt;
    void answer(service, message);
  });
  process.on('disconnect', () => process.exit(0));
  send({ ready: true });
}

const [run = '', library = '', freezer = ''] = process.argv.slice(2);
void main(run, library, JSON.parse(freezer) as Cgroup);
