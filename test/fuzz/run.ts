import { access, mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Growth } from '../soak/trend.ts';
import { leftovers, traces, untilNothingIsLeft } from '../support/leftovers.ts';
import { LXCRI } from '../support/runtimes.ts';
import { ShimHost } from '../support/shim-host.ts';
import { Findings, type Finding } from './findings.ts';
import { FrameSource } from './frames.ts';
import { fuzzConfigs, type ConfigsProgress } from './fuzz-configs.ts';
import { fuzzFrames, type FramesProgress } from './fuzz-frames.ts';
import { judgeGrowth, newDescriptors, takeSample, type GrowthSample } from './growth.ts';
import { Health } from './health.ts';
import { seedMessages } from './seed-messages.ts';

export interface FuzzOptions {
  readonly frames: number;
  readonly configs: number;
  readonly seed: number;
}

export interface FuzzResult {
  readonly seed: number;
  readonly frames: FramesProgress;
  readonly configs: ConfigsProgress;
  readonly growth: readonly Growth[];
  readonly samples: readonly GrowthSample[];
  readonly findings: readonly Finding[];
}

const LINGER_MS = 1000;
const PROGRESS_MS = 5000;

/** One run in a shim host of its own, of which nothing is left afterwards. `signal` ends it early. */
export async function runFuzz(
  options: FuzzOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<FuzzResult> {
  const host = await ShimHost.start(LXCRI, { lingerMs: LINGER_MS });
  const run = new FuzzRun(host, options);
  const timer = setInterval(() => {
    say(run.progress);
  }, PROGRESS_MS);
  try {
    await run.carryOut(signal);
  } catch (error) {
    run.findings.add(`the run broke off: ${error instanceof Error ? String(error.stack) : String(error)}`);
  } finally {
    clearInterval(timer);
    for (const forced of await host.stop()) run.findings.add(`had to be ended by force: ${forced}`);
  }
  return run.result;
}

class FuzzRun {
  readonly findings: Findings;
  readonly #host: ShimHost;
  readonly #options: FuzzOptions;
  readonly #frames: FramesProgress = { frames: 0, answers: {}, ms: 0 };
  readonly #configs: ConfigsProgress = { configs: 0, created: 0, refused: {}, ms: 0 };
  #samples: readonly GrowthSample[] = [];

  constructor(host: ShimHost, options: FuzzOptions) {
    this.#host = host;
    this.#options = options;
    this.findings = new Findings(options.seed);
  }

  get progress(): string {
    const [{ frames, ms }, { configs }, { frames: total, configs: most }] = [
      this.#frames,
      this.#configs,
      this.#options,
    ];
    const pace = `${perSecond(frames, ms)} a second`;
    return `${frames} of ${total} frames (${pace}), ${configs} of ${most} configs, ${this.findings.all.length} findings`;
  }

  get result(): FuzzResult {
    const { seed } = this.#options;
    const [frames, configs, samples] = [this.#frames, this.#configs, this.#samples];
    return { seed, frames, configs, growth: judgeGrowth(samples), samples, findings: this.findings.all };
  }

  async carryOut(signal: AbortSignal): Promise<void> {
    const [host, findings] = [this.#host, this.findings];
    const empty = path.join(host.dir, 'none');
    await mkdir(empty);
    await refuseBundlesAbove(empty);
    const health = await Health.start(host);
    const before = await traces(host.scope);
    await this.#sendFrames(health, empty, signal);
    await this.#createContainers(health, () => whatIsLeft(host, before), signal);
    for (const wrong of await health.check()) findings.add(`at the end: ${wrong}`);
    for (const left of await whatIsLeft(host, before)) findings.add(`left at the end: ${left}`);
  }

  async #createContainers(health: Health, leftovers: () => Promise<string[]>, signal: AbortSignal): Promise<void> {
    const [host, findings, { seed, configs }] = [this.#host, this.findings, this.#options];
    const before = await takeSample(0, health);
    await fuzzConfigs({ host, health, findings, seed, leftovers }, configs, this.#configs, signal);
    for (const open of newDescriptors(before, await takeSample(configs, health))) findings.add(open);
  }

  async #sendFrames(health: Health, empty: string, signal: AbortSignal): Promise<void> {
    const { bundle, address } = health.shim;
    const messages = seedMessages({ empty, resident: bundle.id });
    const world = {
      socketPath: address.replace('unix://', ''),
      source: new FrameSource(messages),
      messages,
      findings: this.findings,
      health,
      tally: this.#frames.answers,
      seed: this.#options.seed,
    };
    this.#samples = await fuzzFrames(world, this.#options.frames, this.#frames, signal);
  }
}

export const perSecond = (count: number, ms: number) => Math.round(count / (Math.max(ms, 1) / 1000));

/** A path that is cut by a mutation names a directory above, which must not be a bundle. */
async function refuseBundlesAbove(directory: string): Promise<void> {
  for (let above = directory; ; above = path.dirname(above)) {
    const config = path.join(above, 'config.json');
    const isThere = await access(config).then(
      () => true,
      () => false,
    );
    if (isThere) throw new Error(`there is a ${config}, from which a mutated Create might start: remove it`);
    if (above === '/') return;
  }
}

const whatIsLeft = ({ scope }: ShimHost, before: ReadonlySet<string>) =>
  untilNothingIsLeft(async () => leftovers(before, await traces(scope)), { timeoutMs: 10_000 });
