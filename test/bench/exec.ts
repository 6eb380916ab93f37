import path from 'node:path';
import { execa } from 'execa';
import type { Containerd } from '../support/containerd.ts';
import { BUSYBOX_IMAGE } from '../support/oci-image.ts';
import { LXCRI, RUNC } from '../support/runtimes.ts';
import { inContainerd } from './in-containerd.ts';
import { describeMachine, type Machine } from './machine.ts';
import { measurePairs, type Pair } from './pairs.ts';

export interface ExecOptions {
  readonly runs: number;
  readonly parallel: number;
}

export interface ExecResult {
  readonly date: string;
  readonly machine: Machine;
  readonly options: ExecOptions;
  /** Milliseconds of `ctr tasks exec … true`, alone. */
  readonly single: readonly Pair[];
  /** Milliseconds until `options.parallel` of them, started at once, have ended. */
  readonly parallel: readonly Pair[];
}

const PARALLEL_ROUNDS = 5;

let count = 0;

async function exec(containerd: Containerd, container: string): Promise<void> {
  await containerd.ctr(['tasks', 'exec', '--exec-id', `e${(count += 1)}`, container, 'true']);
}

const AT_ONCE = 'for id; do ctr tasks exec --exec-id "$id" "$container" true & done; wait';

/** Started by a shell: this process would take as long for it as the shim does. */
async function execAtOnce(containerd: Containerd, container: string, parallel: number): Promise<void> {
  const ids = Array.from({ length: parallel }, () => `e${(count += 1)}`);
  const env = { ...containerd.environment, container };
  const { stdout, stderr } = await execa('sh', ['-c', AT_ONCE, 'sh', ...ids], { env, stdin: 'ignore' });
  if (stdout + stderr !== '') throw new Error(`${parallel} execs at once: ${stdout}${stderr}`);
}

async function time(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** Execs in a container of this project's shim beside those in one of runc's, under the same containerd. */
export async function benchExec(options: ExecOptions, say: (text: string) => void): Promise<ExecResult> {
  const machine = await describeMachine();
  const measured = await inContainerd({ lingerMs: 5000, stateInMemory: true }, async (containerd) => {
    for (const runtime of [LXCRI, RUNC]) await startContainer(containerd, runtime);
    say(`${options.runs} pairs of ctr tasks exec … true`);
    const single = await measurePairs(LXCRI, options.runs, (runtime) => time(() => exec(containerd, runtime)));
    say(`${PARALLEL_ROUNDS} pairs of ${options.parallel} at once`);
    const parallel = await measurePairs(LXCRI, PARALLEL_ROUNDS, (runtime) =>
      time(() => execAtOnce(containerd, runtime, options.parallel)),
    );
    return { single, parallel };
  });
  return { date: new Date().toISOString().slice(0, 10), machine, options, ...measured };
}

async function startContainer(containerd: Containerd, runtime: string): Promise<void> {
  const state = runtime === RUNC ? ['--runc-root', path.join(containerd.stateDir, 'runc')] : [];
  const container = [BUSYBOX_IMAGE.name, runtime, 'sleep', '3600'];
  await containerd.ctr(['run', '--detach', '--runtime', runtime, ...state, ...container]);
}
