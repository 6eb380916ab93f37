import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rmdir } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { build } from 'esbuild';
import { StatusError, type Code } from '../../../common/errors.ts';
import { readCgroupHierarchies } from '../../../shim/cgroups/hierarchies.ts';
import type { Cgroup } from '../../../shim/cgroups/cgroup.ts';
import { TaskDefinition } from '../../../proto/gen/containerd/task/v2/task.ts';
import { eventually } from '../../support/eventually.ts';
import { RegistryWorld } from './registry-world.ts';
import type { MortalAnswer, MortalCall } from './support/mortal-daemon.ts';

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

interface Method<Request, Response> {
  readonly name: string;
  readonly requestType: Codec<Request>;
  readonly responseType: Codec<Response>;
}

/** The daemon died before it answered. */
export const DEAD = Symbol('dead');

/** One daemon at a time, and what outlives it. */
export class MortalWorld {
  readonly world: RegistryWorld;
  readonly #program: string;
  readonly #freezer: Cgroup;
  #daemon: ChildProcess | undefined;
  #calls = 0;
  /** How many points the call had that was answered last, if it was given one to die at. */
  lastPoints = 0;

  private constructor(world: RegistryWorld, program: string, freezer: Cgroup) {
    this.world = world;
    this.#freezer = freezer;
    this.#program = program;
  }

  static async create(t: ExecutionContext): Promise<MortalWorld> {
    const world = await RegistryWorld.create(t);
    const outfile = path.join(world.dir, 'mortal-daemon.cjs');
    await build({
      entryPoints: [path.join(import.meta.dirname, 'support/mortal-daemon.ts')],
      ...{ outfile, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' },
    });
    const mortal = new MortalWorld(world, outfile, await makeFreezer(t, path.basename(world.dir)));
    t.teardown(() => mortal.kill());
    return mortal;
  }

  async kill(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    this.#daemon = undefined;
    if (daemon.exitCode !== null || daemon.signalCode !== null) return;
    daemon.kill('SIGKILL');
    await once(daemon, 'exit');
  }

  /** Asks the daemon, a new one if there is none. @returns its answer, or DEAD. @throws StatusError */
  async ask<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    { call, dieAt = 0 }: { readonly call?: string; readonly dieAt?: number } = {},
  ): Promise<Response | typeof DEAD> {
    const payload = method.requestType.encode(request).finish();
    const response = await this.#ask(method.name, payload, call, dieAt);
    return response === DEAD ? DEAD : method.responseType.decode(response);
  }

  async cleanUp(id: string, { call, dieAt = 0 }: { readonly call?: string; readonly dieAt?: number } = {}) {
    const response = await this.#ask('cleanUp', Buffer.from(id), call, dieAt);
    return response === DEAD ? DEAD : (JSON.parse(response.toString()) as number | null);
  }

  async #ask(method: string, payload: Uint8Array, call: string | undefined, dieAt: number) {
    this.#daemon ??= await this.#start();
    const number = (this.#calls += 1);
    const answer = await exchange(this.#daemon, {
      ...{ number, method, call, dieAt },
      payload: Buffer.from(payload).toString('base64'),
    });
    if (answer === undefined) {
      this.#daemon = undefined;
      return DEAD;
    }
    if ('ready' in answer) throw new Error('a daemon is ready twice');
    this.lastPoints = answer.points;
    if ('code' in answer) throw new StatusError(answer.code as Code, answer.message);
    return Buffer.from(answer.payload, 'base64');
  }

  async #start(): Promise<ChildProcess> {
    const { runDirectory, libraryDirectory } = this.world.paths();
    const daemon = fork(this.#program, [runDirectory, libraryDirectory, JSON.stringify(this.#freezer)], {
      execArgv: [],
      stdio: 'inherit',
    });
    const [answer] = (await once(daemon, 'message')) as [MortalAnswer];
    if (!('ready' in answer)) throw new Error('a daemon answers before it is ready');
    return daemon;
  }

  /** What stand-in monitors have really done. */
  async notes(): Promise<readonly string[]> {
    const text = await readFile(path.join(this.world.dir, 'monitor.notes'), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  /** Of a container, up to the last of that topic; one that was sent again by a daemon's successor counts once. */
  async topicsThrough(containerId: string, last: string): Promise<readonly string[]> {
    return eventually(() => {
      const told = this.topics(containerId);
      return told.at(-1) === last ? told : undefined;
    });
  }

  topics(containerId: string): readonly string[] {
    const seen = new Set<string>();
    return this.world.sink.envelopes.flatMap(({ topic, timestamp, event }) => {
      const value = Buffer.from(event?.value ?? []);
      const key = `${topic} ${timestamp?.seconds} ${timestamp?.nanos} ${value.toString('hex')}`;
      if (!value.includes(containerId) || seen.has(key)) return [];
      seen.add(key);
      return [topic.replace('/tasks/', '')];
    });
  }
}

/** A cgroup without processes, which the host's kernel freezes at once. */
async function makeFreezer(t: ExecutionContext, name: string): Promise<Cgroup> {
  const hierarchies = await readCgroupHierarchies();
  const hierarchy = hierarchies.find(({ controllers }) => controllers.includes('freezer')) ?? hierarchies.at(-1);
  if (hierarchy === undefined) throw new Error('this host has no cgroups');
  const { version, controllers, base } = hierarchy;
  const directory = path.join(base, name);
  await mkdir(directory);
  t.teardown(() => rmdir(directory));
  return { version, controllers, directory };
}

async function exchange(daemon: ChildProcess, call: MortalCall): Promise<MortalAnswer | undefined> {
  return new Promise((resolve) => {
    const done = (answer: MortalAnswer | undefined) => {
      daemon.off('message', onMessage);
      daemon.off('exit', onExit);
      resolve(answer);
    };
    const onMessage = (answer: MortalAnswer) => {
      if ('number' in answer && answer.number === call.number) done(answer);
    };
    const onExit = () => {
      done(undefined);
    };
    daemon.on('message', onMessage);
    daemon.on('exit', onExit);
    daemon.send(call);
  });
}

export const METHODS = TaskDefinition.methods;
