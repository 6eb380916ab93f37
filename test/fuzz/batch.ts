import { Random } from '../chaos/random.ts';
import { ByteSink } from './byte-sink.ts';
import type { AnswerTally } from './answers.ts';
import { carryOut, type Exchange } from './exchange.ts';
import type { FrameSource, FrameWriter } from './frames.ts';
import type { Health } from './health.ts';
import { writeHttp2, writePreface } from './http2.ts';
import type { Findings } from './findings.ts';
import type { SeedMessage } from './seed-messages.ts';

/** Where a batch goes, and what it is made of. */
export interface BatchWorld {
  readonly socketPath: string;
  readonly source: FrameSource;
  readonly messages: readonly [SeedMessage, ...SeedMessage[]];
  readonly findings: Findings;
  readonly health: Health;
  readonly tally: AnswerTally;
  readonly seed: number;
}

/** Connections that send whole frames, all at once. */
const WHOLE_LANES = 4;
const BROKEN_SHARE = 0.08;
const HTTP2_SHARE = 0.01;
/** Frames of a connection that sends broken ones: it ends at the first of them. */
const BROKEN_LENGTH = 20;
const HTTP2_LENGTH = 20;
/** Of the connections with broken frames. */
const VANISHING = 0.2;
const HTTP2_FIRST_BYTE = 'P'.charCodeAt(0);
const PATIENCE_MS = 10_000;

/** Sends so many frames over several connections at once; all of them are over afterwards. @returns what went out. */
export async function runBatch(world: BatchWorld, batch: number, frames: number): Promise<Exchange[]> {
  const broken = repeatedly(Math.round(frames * BROKEN_SHARE), BROKEN_LENGTH);
  const http2 = repeatedly(Math.round(frames * HTTP2_SHARE), HTTP2_LENGTH);
  const rest = frames - total(broken) - total(http2);
  const whole = repeatedly(rest, Math.max(1, Math.ceil(rest / WHOLE_LANES)));
  const lanes = [
    ...whole.map((length, lane) => [() => wholeExchange(world, `${batch}-whole-${lane}`, length)]),
    broken.map((length, index) => () => brokenExchange(world, `${batch}-broken-${index}`, length)),
    http2.map((length, index) => () => http2Exchange(world, `${batch}-http2-${index}`, length)),
  ];
  const sent = await Promise.all(lanes.map((lane) => oneByOne(world, lane)));
  return sent.flat();
}

async function oneByOne(world: BatchWorld, lane: readonly (() => Exchange)[]): Promise<Exchange[]> {
  const sent: Exchange[] = [];
  for (const make of lane) {
    if (world.findings.areEnough || world.health.isBroken) break;
    const exchange = make();
    sent.push(exchange);
    const wrong = await carryOut(world.socketPath, exchange, PATIENCE_MS, world.tally);
    for (const { why, frame } of wrong) await world.findings.frames(exchange, why, frame);
    if (wrong.length > 0) await world.health.askForState();
  }
  return sent;
}

/** So many in pieces of `most`. */
function repeatedly(count: number, most: number): number[] {
  return Array.from({ length: Math.ceil(count / most) }, (_, index) => Math.min(most, count - index * most));
}

const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

function wholeExchange({ seed, source }: BatchWorld, name: string, frames: number): Exchange {
  const { bytes, answered } = write(new Random(seed, name), source.whole(), frames);
  return { name, bytes, frames, expected: answered, vanishes: false, isHttp2: false };
}

function brokenExchange({ seed, source }: BatchWorld, name: string, frames: number): Exchange {
  const random = new Random(seed, name);
  const { bytes } = write(random, source.broken(), frames);
  // Garbage may begin like HTTP/2, and is then answered like it.
  const isHttp2 = bytes[0] === HTTP2_FIRST_BYTE;
  return { name, bytes, frames, expected: undefined, vanishes: random.chance(VANISHING), isHttp2 };
}

function write(random: Random, writer: FrameWriter, frames: number): { bytes: Buffer; answered: number } {
  const sink = new ByteSink();
  let answered = 0;
  for (let index = 0; index < frames; index += 1) if (writer(random, sink)) answered += 1;
  return { bytes: sink.copy(), answered };
}

function http2Exchange({ seed, messages }: BatchWorld, name: string, frames: number): Exchange {
  const random = new Random(seed, name);
  const sink = new ByteSink();
  writePreface(random, sink);
  // Of two frames each; a stream's number is odd.
  for (let stream = 1; stream < frames; stream += 2) writeHttp2(random, random.pick(messages), sink, stream);
  return { name, bytes: sink.copy(), frames, expected: undefined, vanishes: random.chance(VANISHING), isHttp2: true };
}
