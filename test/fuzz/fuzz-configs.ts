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
  const isOver = () => signal.aborted || findings.areEnough || health.isBroken;
  const started = Date.now();
  let next = 0;
  const lanes = Array.from({ length: Math.min(LANES, total) }, async () => {
    const bundle = await world.host.makeBundle({ args: ['sleep', '1000'] });
    const sound = await readFile(configOf(bundle), 'utf8');
    while (next < total && !isOver()) {
      const number = (next += 1);
      const config = mutateConfig(new Random(world.seed, `config ${number}`), sound);
      const wrong = await tryConfig(world, bundle, config, progress);
      if (number % CHECK_EVERY === 0) wrong.push(...(await world.health.checkAmongOthers()));
      for (const why of wrong) await world.findings.config(number, config, why);
      progress.configs += 1;
      progress.ms = Date.now() - started;
    }
  });
  await Promise.all(lanes);
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
