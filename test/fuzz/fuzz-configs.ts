import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Code, StatusError } from '../../common/errors.ts';
import { TaskDefinition } from '../../proto/gen/containerd/task/v2/task.ts';
import { toServiceClient, type ServiceClient } from '../../shim/ttrpc/typed-service.ts';
import { Random } from '../chaos/random.ts';
import type { Bundle } from '../support/shim-bundle.ts';
import { createRequest, type ShimHost } from '../support/shim-host.ts';
import { codeName, type AnswerTally } from './answers.ts';
import type { Findings } from './findings.ts';
import type { Health } from './health.ts';
import { mutateConfig } from './mutate-config.ts';

export interface ConfigsProgress {
  configs: number;
  /** Containers that came of them. */
  created: number;
  /** Refusals by their codes. */
  readonly refused: AnswerTally;
  ms: number;
}

export interface ConfigWorld {
  readonly host: ShimHost;
  readonly health: Health;
  readonly findings: Findings;
  readonly seed: number;
  /** What there is now and was not there when all began. */
  readonly leftovers: () => Promise<string[]>;
}

/** A bundle for one container after the other, and the config.json that it came with. */
interface Lane {
  readonly bundle: Bundle;
  readonly sound: string;
}

type Task = ServiceClient<typeof TaskDefinition>;

const LANES = 3;
const PATIENCE_MS = 10_000;
const LONGEST_MESSAGE = 5000;
const CHECK_EVERY = 100;

/** What only the kernel or liblxc finds out has no code, as with runc's shim; then it begins with these words. */
const CREATE_FAILED = /^OCI runtime create failed: ./;

/** Create after Create, each from a mutated config.json; of none anything may stay. */
export async function fuzzConfigs(
  world: ConfigWorld,
  total: number,
  progress: ConfigsProgress,
  signal: AbortSignal,
): Promise<void> {
  const { findings, health } = world;
  const started = Date.now();
  const lanes = await Promise.all(Array.from({ length: Math.min(LANES, total) }, () => makeLane(world.host)));
  const isOver = () => signal.aborted || findings.areEnough || health.isBroken;
  for (let first = 1; first <= total && !isOver(); first += CHECK_EVERY) {
    const last = Math.min(total, first + CHECK_EVERY - 1);
    const used = await runRound(world, lanes, { first, last }, progress);
    progress.ms = Date.now() - started;
    const wrong = [...(await health.check()), ...(await world.leftovers()).map((left) => `left: ${left}`)];
    for (const what of wrong) findings.add(`after configs ${first} to ${last}: ${what}`);
    if (wrong.length === 0) continue;
    for (const [number, config] of used) await findings.keep(`config-${number}.json`, config);
  }
}

async function makeLane(host: ShimHost): Promise<Lane> {
  const bundle = await host.makeBundle({ args: ['sleep', '1000'] });
  return { bundle, sound: await readFile(configOf(bundle), 'utf8') };
}

/** @returns all that were tried, by their numbers. */
async function runRound(
  world: ConfigWorld,
  lanes: readonly Lane[],
  { first, last }: { readonly first: number; readonly last: number },
  progress: ConfigsProgress,
): Promise<Map<number, Buffer>> {
  const used = new Map<number, Buffer>();
  let next = first;
  const all = lanes.map(async ({ bundle, sound }) => {
    while (next <= last) {
      const number = next;
      next += 1;
      const config = mutateConfig(new Random(world.seed, `config ${number}`), sound);
      used.set(number, config);
      for (const why of await tryConfig(world, bundle, config, progress)) {
        await world.findings.config(number, config, why);
      }
      progress.configs += 1;
    }
  });
  await Promise.all(all);
  return used;
}

const configOf = ({ dir }: Bundle) => path.join(dir, 'config.json');

/** @returns what was wrong. */
async function tryConfig(
  { host, health }: ConfigWorld,
  bundle: Bundle,
  config: Buffer,
  progress: ConfigsProgress,
): Promise<string[]> {
  await writeFile(configOf(bundle), config);
  await renewLayer(bundle);
  const client = await host.connect(health.shim.address);
  try {
    const task = toServiceClient(TaskDefinition, client);
    const refusal = await task.create(createRequest(bundle), { timeoutMs: PATIENCE_MS }).then(() => undefined, asError);
    if (refusal === undefined) {
      progress.created += 1;
      return await end(task, bundle.id);
    }
    const name = codeName(refusal.code);
    progress.refused[name] = (progress.refused[name] ?? 0) + 1;
    return objections(refusal);
  } finally {
    client.close();
  }
}

/** What an earlier container has left in its file system is not to decide about the next one. */
async function renewLayer({ dir }: Bundle): Promise<void> {
  for (const name of ['upper', 'work']) {
    await rm(path.join(dir, name), { recursive: true, force: true });
    await mkdir(path.join(dir, name));
  }
}

const asError = (error: unknown) => StatusError.from(error);

function objections(refusal: StatusError): string[] {
  const { code, message } = refusal;
  const wrong: string[] = [];
  const said = `Create is refused with ${codeName(refusal.code)}: ${message.slice(0, 500)}`;
  const isFault = code === Code.Unknown || code === Code.Internal;
  if (isFault && !CREATE_FAILED.test(message)) wrong.push(said);
  if (code === Code.DeadlineExceeded || code === Code.Unavailable || code === Code.AlreadyExists) wrong.push(said);
  if (message.length > LONGEST_MESSAGE) wrong.push(`Create is refused in ${message.length} characters`);
  return wrong;
}

/** Of a container that was created and never started. */
async function end(task: Task, id: string): Promise<string[]> {
  const init = { id, execId: '' };
  const patience = { timeoutMs: PATIENCE_MS };
  const steps = {
    Kill: () => task.kill({ ...init, signal: 9, all: false }, patience),
    Wait: () => task.wait(init, patience),
    Delete: () => task.delete(init, patience),
  };
  const wrong: string[] = [];
  for (const [name, step] of Object.entries(steps)) {
    await step().catch((error: unknown) => wrong.push(`${name} failed: ${String(error)}`));
  }
  return wrong;
}
