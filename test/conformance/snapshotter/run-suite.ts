import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { cleanUp } from '../../support/clean-up.ts';
import { makeTempDir } from '../../support/temp-dir.ts';
import { parseGoTests, type GoTest } from './go-test-output.ts';

/** The snapshotter to test. Of commands, README.md tells how they are read. */
export type Subject = { readonly daemon: string } | { readonly socket: string };

export interface SuiteOptions {
  /** One of those that buildSuite makes. */
  readonly binary: string;
  readonly subject: Subject;
  /** The snapshotter's name in requests. */
  readonly name?: string;
  /** Commands to run before and after each test. */
  readonly before?: string;
  readonly after?: string;
  /** Which Go tests to run, and which of them not to, as Go's -run and -skip. */
  readonly filter?: string;
  readonly skip?: string;
  /** How many tests run at the same time; as many as there are CPUs unless told. */
  readonly parallel?: number;
  readonly timeoutMs?: number;
  /** More environment, for the suite and for the daemon. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface SuiteRun {
  readonly tests: readonly GoTest[];
  /** Mounts and processes that the run left, which are ended by now. */
  readonly left: readonly string[];
  /** What went wrong beside single tests. */
  readonly trouble?: string;
}

/** Runs a suite and cleans up after it. */
export async function runSuite(options: SuiteOptions): Promise<SuiteRun> {
  const dir = await makeTempDir();
  const { all, exitCode } = await execa(options.binary, suiteArguments(options), {
    all: true,
    reject: false,
    stdin: 'ignore',
    timeout: suiteTimeout(options),
    env: { ...suiteEnvironment(options), TMPDIR: dir },
  });
  const left = await cleanUp({ dir, marker: path.basename(dir), cgroups: [], lingerMs: 0 });
  return readSuiteRun(all, exitCode, left);
}

const TIMEOUT_MS = 300_000;

export function suiteArguments({ filter, skip, parallel, timeoutMs = TIMEOUT_MS }: SuiteOptions): string[] {
  const args = ['-test.v=test2json', `-test.timeout=${timeoutMs}ms`];
  if (filter !== undefined) args.push(`-test.run=${filter}`);
  if (skip !== undefined) args.push(`-test.skip=${skip}`);
  if (parallel !== undefined) args.push(`-test.parallel=${parallel}`);
  return args;
}

/** Milliseconds. Go's own timeout comes first: it tells which tests ran. */
export const suiteTimeout = ({ timeoutMs = TIMEOUT_MS }: SuiteOptions): number => timeoutMs + 10_000;

/** `exitCode` is undefined if a signal ended the suite. */
export function readSuiteRun(output: string, exitCode: number | undefined, left: readonly string[]): SuiteRun {
  const tests = parseGoTests(output);
  const explained = exitCode === 0 ? tests.length > 0 : tests.some(({ outcome }) => outcome === 'failed');
  return explained ? { tests, left } : { tests, left, trouble: `it ended with ${exitCode ?? 'a signal'}\n${output}` };
}

export function suiteEnvironment({ subject, name, before, after, env }: SuiteOptions): Record<string, string> {
  return {
    ...('daemon' in subject ? { LAYERFS_DAEMON: subject.daemon } : { LAYERFS_SOCKET: subject.socket }),
    ...(name !== undefined && { LAYERFS_NAME: name }),
    ...(before !== undefined && { LAYERFS_BEFORE: before }),
    ...(after !== undefined && { LAYERFS_AFTER: after }),
    ...env,
  };
}

/** Logs each Go test's result and fails with the output of those that failed. */
export function expectPassed(t: ExecutionContext, { tests, left, trouble }: SuiteRun): void {
  for (const { name, outcome, seconds } of tests) t.log(`${outcome} ${name} (${seconds} s)`);
  const failed = tests.filter(({ outcome }) => outcome !== 'passed');
  t.log(`${tests.length - failed.length} Go tests passed, ${failed.length} did not`);
  const reports = failed.map(({ name, outcome, output }) => `${outcome} ${name}\n${output}`);
  t.deepEqual([...reports, ...left, ...(trouble === undefined ? [] : [trouble])], []);
}
