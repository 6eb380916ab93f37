import { TaskDefinition } from '../../proto/gen/containerd/task/v2/task.ts';
import { TaskDefinition as TaskV3 } from '../../proto/gen/containerd/task/v3/task.ts';
import { ShimDefinition } from '../../proto/gen/proxmox/lxcri/v1/shim.ts';
import { Random } from '../chaos/random.ts';
import { NASTY_NUMBERS, NASTY_STRINGS } from './nasty.ts';

/** A request as it would be sent, before anything happens to it. */
export interface SeedMessage {
  readonly service: string;
  readonly method: string;
  readonly payload: Buffer;
}

export interface SeedPlaces {
  /** A directory of the run's own, in which there is nothing. */
  readonly empty: string;
  /** A container that runs; it is only looked at. */
  readonly resident: string;
}

/** Whoever it is asked of: there is no such container. */
const NOBODY = 'fuzz-nobody';
const NO_EXEC = 'fuzz-exec';
/** How many of each method have nasty values. */
const NASTY_OF_EACH = 24;

type Fields = Readonly<Record<string, unknown>>;

/**
 * One sound request of each method. None can touch anything: there is no such container, and no bundle, and the file
 * system that Create is to mount is none.
 */
function soundRequests({ empty }: SeedPlaces): Readonly<Record<string, Fields>> {
  const id = NOBODY;
  const execId = NO_EXEC;
  const stdio = { terminal: false, stdin: '', stdout: `${empty}/out`, stderr: `${empty}/err` };
  const json = (type: string, value: unknown) => ({ typeUrl: type, value: Buffer.from(JSON.stringify(value)) });
  const rootfs = [{ type: 'nosuchfs', source: 'none', target: '', options: ['ro'] }];
  const options = { typeUrl: 'containerd.runc.v1.Options', value: Buffer.from('0801', 'hex') };
  const process = { args: ['true'], cwd: '/', env: ['A=b'], user: { uid: 0, gid: 0 } };
  return {
    create: { id, bundle: `${empty}/bundle`, rootfs, ...stdio, checkpoint: '', parentCheckpoint: '', options },
    exec: { id, execId, ...stdio, spec: json('types.containerd.io/opencontainers/runtime-spec/1/Process', process) },
    update: { id, resources: json('LinuxResources', { memory: { limit: 1 } }), annotations: { a: 'b' } },
    checkpoint: { id, path: `${empty}/checkpoint`, options },
    kill: { id, execId, signal: 9, all: true },
    resizePty: { id, execId, width: 80, height: 25 },
    closeIO: { id, execId, stdin: true },
    shutdown: { id, now: false },
    cleanup: { namespace: NOBODY, id, bundle: `${empty}/bundle` },
    ...Object.fromEntries(['state', 'start', 'delete', 'wait'].map((method) => [method, { id, execId }])),
    ...Object.fromEntries(['pids', 'pause', 'resume', 'stats', 'connect'].map((method) => [method, { id }])),
  };
}

interface Codec {
  encode(message: unknown): { finish(): Uint8Array };
}

interface Method {
  readonly name: string;
  readonly requestType: unknown;
}

/** Every method of every service that a daemon has, sound and with nasty values. The same for the same places. */
export function seedMessages(places: SeedPlaces): readonly [SeedMessage, ...SeedMessage[]] {
  const sound = soundRequests(places);
  const messages: SeedMessage[] = [];
  for (const { fullName: service, methods } of [TaskDefinition, TaskV3, ShimDefinition]) {
    for (const [name, method] of Object.entries<Method>(methods)) {
      const fields = sound[name];
      if (fields === undefined) throw new Error(`there is no seed for ${name}: give it one in seed-messages.ts`);
      messages.push(...ofMethod(service, method, fields));
    }
  }
  return [looking('State', places), looking('Connect', places), ...messages];
}

function looking(method: 'State' | 'Connect', { resident }: SeedPlaces): SeedMessage {
  const fields = { id: resident, execId: '' };
  const { state, connect } = TaskDefinition.methods;
  const { requestType } = method === 'State' ? state : connect;
  return { service: TaskDefinition.fullName, method, payload: encode(requestType, fields) };
}

function ofMethod(service: string, { name, requestType }: Method, fields: Fields): SeedMessage[] {
  const random = new Random(0, name);
  const all = [fields, ...Array.from({ length: NASTY_OF_EACH }, () => withNastyValue(random, fields) as Fields)];
  return all.map((each) => ({ service, method: name, payload: encode(requestType, each) }));
}

function encode(requestType: unknown, fields: Fields): Buffer {
  return Buffer.from((requestType as Codec).encode(fields).finish());
}

/** The same, but for one value somewhere in it. */
function withNastyValue(random: Random, value: unknown): unknown {
  if (typeof value === 'string') return random.pick(NASTY_STRINGS);
  if (typeof value === 'number') return random.pick(NASTY_NUMBERS);
  if (typeof value === 'boolean') return !value;
  if (Buffer.isBuffer(value)) return Buffer.from(random.pick(NASTY_STRINGS));
  if (Array.isArray(value)) return withNastyElement(random, value);
  const entries = Object.entries(value as Fields);
  const chosen = random.between(0, entries.length - 1);
  return Object.fromEntries(
    entries.map(([key, each], index) => [key, index === chosen ? withNastyValue(random, each) : each]),
  );
}

function withNastyElement(random: Random, list: readonly unknown[]): unknown[] {
  if (random.chance(0.2)) return Array.from({ length: 100 }, () => list[0]);
  const chosen = random.between(0, list.length - 1);
  return list.map((each, index) => (index === chosen ? withNastyValue(random, each) : each));
}
