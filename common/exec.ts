/**
 * The one way to run an external program: without a shell, with a time limit, and with its stderr in the error. execa
 * is loaded with the first call, since most processes of this project never make one.
 */
export interface ExecOptions {
  /** Milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly input?: Uint8Array | string;
}

/** @returns stdout. @throws Error with the command line, what happened and stderr in its message. */
export async function exec(program: string, args: readonly string[], options: ExecOptions): Promise<string> {
  const { execa } = await import('execa');
  const { timeoutMs, signal, input } = options;
  const { stdout } = await execa(program, args, {
    timeout: timeoutMs,
    stripFinalNewline: true,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
  });
  return stdout;
}
