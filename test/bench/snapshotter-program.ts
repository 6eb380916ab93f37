import type { Vm } from '../vm/vm.ts';
import { DIR } from './contenders.ts';

/** Milliseconds, by contender and operation. */
export type Times = Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;

export interface Phase {
  readonly present: number;
  readonly times: Times;
}

/** Far more than it takes; each operation has a limit of its own. */
export const LIMIT_MS = 90 * 60_000;
export const TOO_LATE = `the measuring took more than ${LIMIT_MS / 60_000} minutes, and was ended`;

/** Runs the program of ../conformance/snapshotter/go/bench in the machine. @throws Error if a contender fails. */
export async function runProgram(vm: Vm, argv: readonly string[], progress: (text: string) => void): Promise<Phase> {
  const { child, kill } = vm.spawn(argv);
  child.stderr?.on('data', (text: Buffer) => {
    progress(text.toString().trimEnd());
  });
  const limit = AbortSignal.timeout(LIMIT_MS);
  limit.addEventListener('abort', () => void kill('SIGKILL'));
  const { exitCode, stdout, stderr } = await child;
  if (limit.aborted) throw new Error(TOO_LATE);
  if (exitCode === 0) return JSON.parse(String(stdout)) as Phase;
  const logs = await vm.run(['sh', '-c', `tail -n 5 ${DIR}/*.log`]);
  throw new Error(`a contender failed: ${lastLine(String(stderr))}\n\nWhat the daemons said:\n${logs.stdout}`);
}

export const lastLine = (text: string) => text.trimEnd().split('\n').at(-1) ?? '';
