import type { AnswerTally } from './answers.ts';
import { runBatch, type BatchWorld } from './batch.ts';
import type { Exchange } from './exchange.ts';
import { takeSample, type GrowthSample } from './growth.ts';

/** Frames between two looks at the daemon. */
const BATCH = 10_000;
/** Runs of less have some batches all the same. */
const LEAST_BATCHES = 10;
const MOST_SAMPLES = 50;

export interface FramesProgress {
  frames: number;
  /** What was answered over ttrpc. */
  readonly answers: AnswerTally;
  ms: number;
}

/** Batch after batch, until there were so many frames; after each, all has to be as it was. */
export async function fuzzFrames(
  world: BatchWorld,
  total: number,
  progress: FramesProgress,
  signal: AbortSignal,
): Promise<GrowthSample[]> {
  const { health, findings } = world;
  const isOver = () => signal.aborted || findings.areEnough || health.isBroken;
  const size = Math.max(1, Math.min(BATCH, Math.ceil(total / LEAST_BATCHES)));
  const batches = Math.ceil(total / size);
  const sampleEvery = Math.ceil(batches / MOST_SAMPLES);
  const samples: GrowthSample[] = [];
  const started = Date.now();
  for (let batch = 0; batch < batches && !isOver(); batch += 1) {
    const sent = await runBatch(world, batch, Math.min(size, total - progress.frames));
    progress.frames += sent.reduce((sum, { frames }) => sum + frames, 0);
    progress.ms = Date.now() - started;
    await report(world, batch, sent, await health.check());
    const isDue = (batch + 1) % sampleEvery === 0;
    const sample = isDue ? await takeSample(progress.frames, health) : undefined;
    if (sample !== undefined) samples.push(sample);
  }
  return samples;
}

/** Which of the connections it was nobody knows: all are kept. */
async function report(
  { findings }: BatchWorld,
  batch: number,
  sent: readonly Exchange[],
  wrong: readonly string[],
): Promise<void> {
  for (const what of wrong) findings.add(`after batch ${batch}: ${what}`);
  if (wrong.length === 0) return;
  for (const { name, bytes } of sent) await findings.keep(`frames-${name}.bin`, bytes);
}
