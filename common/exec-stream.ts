/** Like exec.ts, for programs that give or take more than fits into memory, and may work for hours. */
import { pipeline } from 'node:stream/promises';

export interface StreamOptions {
  /** Ends the program. */
  readonly signal: AbortSignal;
  /** Exit codes that are no failure, besides 0. */
  readonly accept?: readonly number[];
}

/** What the program writes, as it comes; whoever stops reading ends it. @throws Error with its stderr in the message. */
export async function* readFromProgram(
  program: string,
  args: readonly string[],
  { signal, accept = [] }: StreamOptions,
): AsyncGenerator<Buffer> {
  const { execa } = await import('execa');
  const child = execa(program, args, {
    stdin: 'ignore',
    buffer: { stdout: false },
    cancelSignal: signal,
  });
  const ended = outcome(child);
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
  } finally {
    // Harmless to one that has ended by itself.
    if (child.exitCode === null && !child.stdout.readableEnded) child.kill();
    await ended;
  }
  const failure = await ended;
  if (failure !== undefined && !accept.includes(failure.exitCode ?? -1)) throw failure;
}

/** Gives a program what it reads. @throws Error with its stderr in the message, or what reading from `input` threw. */
export async function writeToProgram(
  program: string,
  args: readonly string[],
  input: AsyncIterable<Uint8Array>,
  { signal }: StreamOptions,
): Promise<void> {
  const { execa } = await import('execa');
  const child = execa(program, args, { stdin: 'pipe', stdout: 'ignore', cancelSignal: signal });
  const ended = outcome(child);
  try {
    await pipeline(input, child.stdin);
  } catch (error) {
    // What is cut off must not look complete to it.
    child.kill('SIGKILL');
    const failure = await ended;
    throw isBrokenPipe(error) && failure !== undefined ? failure : error;
  }
  const failure = await ended;
  if (failure !== undefined) throw failure;
}

interface Failure extends Error {
  readonly exitCode?: number;
}

const outcome = (child: Promise<unknown>): Promise<Failure | undefined> =>
  child.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );

const isBrokenPipe = (error: unknown) =>
  error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE');
