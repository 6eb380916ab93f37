import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../common/errors.ts';
import { GoClient, type Call } from '../chaos/go-client.ts';
import { Containerd } from '../support/containerd.ts';
import { keepLogs } from '../support/kept-logs.ts';
import { METRICS, takeSample, type Metric, type Sample } from './sample.ts';
import { growthOf, type Growth } from './trend.ts';

export interface SoakOptions {
  readonly cycles: number;
  readonly samples: number;
  /** How many cycles are under way at a time. */
  readonly parallel: number;
}

/** How a metric went, in 1,000 cycles. */
export interface Trend extends Growth {
  /** What it would grow by in 24 hours of the same load. */
  readonly perDay: number;
}

export interface SoakResult {
  readonly cycles: number;
  readonly cyclesPerDay: number;
  readonly trends: readonly Trend[];
  readonly samples: readonly Sample[];
  readonly failures: readonly string[];
}

const RESIDENTS = 5;
/** Until the last answers are written and what was asked to end has ended. */
const SETTLE_MS = 500;
/** Caches and heaps fill up first. */
const WARM_UP = 0.2;
/** Cycles from which on memory counts. */
const HEAP_SETTLES = 1000;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Cycles of create, exec and delete beside a few containers that stay. `signal` ends it early. */
export async function runSoak(
  options: SoakOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<SoakResult> {
  // One daemon from the beginning to the end: its memory is what is looked at.
  const environment = { LXCRI_SLEEP_MS: String(HOUR_MS * 24) };
  const containerd = await Containerd.start({ lingerMs: 2000, environment });
  const failures: string[] = [];
  let samples: Sample[] = [];
  try {
    const fifos = path.join(containerd.dir, 'fifos');
    await mkdir(fifos);
    const client = await GoClient.start(containerd, fifos);
    samples = await soak(containerd, client, options, say, signal).catch(async (error: unknown) => {
      const kept = await keepLogs(containerd, `lxcri-soak-${containerd.marker}`);
      throw new Error(`${messageOf(error)}; the logs are in ${kept}`, { cause: error });
    });
    await client.close();
  } finally {
    failures.push(...(await containerd.stop()).map((line) => `had to be ended by force: ${line}`));
  }
  const daemons = new Set(samples.map(({ daemon }) => daemon));
  if (daemons.size > 1) failures.push(`there were ${daemons.size} daemons, one after the other`);
  return { ...summarize(samples), samples, failures };
}

async function soak(
  containerd: Containerd,
  client: GoClient,
  { cycles, samples: wanted, parallel }: SoakOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Sample[]> {
  const name = (what: string, number: number) => `${containerd.marker}-${what}-${number}`;
  for (let index = 0; index < RESIDENTS; index += 1) await begin(client, name('stays', index));
  const started = Date.now();
  const samples: Sample[] = [];
  let done = 0;
  while (done < cycles && !signal.aborted) {
    const until = Math.min(cycles, done + Math.ceil(cycles / wanted));
    const lanes = Array.from({ length: parallel }, async () => {
      while (done < until) await cycle(client, name('cycle', (done += 1)));
    });
    await Promise.all(lanes);
    await sleep(SETTLE_MS);
    const sample = await takeSample(containerd, done, Date.now() - started);
    samples.push(sample);
    say(`${done} of ${cycles} cycles; daemon ${sample.values['memory of the daemon'] ?? 0} KiB`);
  }
  for (let index = 0; index < RESIDENTS; index += 1) await end(client, name('stays', index));
  return samples;
}

async function cycle(client: GoClient, container: string): Promise<void> {
  await begin(client, container);
  const exec = 'e';
  await call(client, { op: 'exec', container, exec, args: ['sh', '-c', 'exit 3'] });
  await call(client, { op: 'start', container, exec });
  const { exit } = await call(client, { op: 'wait', container, exec });
  if (exit !== 3) throw new Error(`an exec in ${container} ended with ${exit} instead of 3`);
  await call(client, { op: 'delete', container, exec });
  await end(client, container);
}

async function begin(client: GoClient, container: string): Promise<void> {
  await call(client, { op: 'define', container, args: ['sleep', '100000'] });
  await call(client, { op: 'create', container });
  await call(client, { op: 'start', container });
}

async function end(client: GoClient, container: string): Promise<void> {
  await call(client, { op: 'kill', container, signal: 9 });
  const { exit } = await call(client, { op: 'wait', container });
  if (exit !== 137) throw new Error(`${container} ended with ${exit} instead of 137`);
  await call(client, { op: 'delete', container });
  await call(client, { op: 'forget', container });
}

async function call(client: GoClient, request: Call) {
  const answer = await client.call(request);
  if (answer.code !== 0) throw new Error(`${request.op} of ${request.container} failed: ${answer.message}`);
  return answer;
}

/** What the samples say, once caches and heaps are full. */
export function summarize(samples: readonly Sample[]): Pick<SoakResult, 'cycles' | 'cyclesPerDay' | 'trends'> {
  const last = samples.at(-1);
  if (last === undefined) throw new Error('there is no sample');
  const cyclesPerDay = (last.cycles / last.atMs) * DAY_MS;
  const counted = samples.slice(Math.floor(samples.length * WARM_UP));
  return { cycles: last.cycles, cyclesPerDay, trends: METRICS.map((metric) => trend(metric, counted, cyclesPerDay)) };
}

function trend(metric: Metric, samples: readonly Sample[], cyclesPerDay: number): Trend {
  const points = samples.map(({ cycles, values }) => ({ x: cycles / 1000, y: values[metric.name] ?? 0 }));
  const growth = growthOf(metric, points);
  const isSettled = metric.unit !== 'KiB' || (samples.at(-1)?.cycles ?? 0) >= HEAP_SETTLES;
  return { ...growth, tooSteep: growth.tooSteep && isSettled, perDay: (growth.slope * cyclesPerDay) / 1000 };
}
