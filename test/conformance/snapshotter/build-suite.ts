import path from 'node:path';
import { execa } from 'execa';

/** Programs without a library to find, so that they run in a machine that has no Go. */
export interface SuiteBinaries {
  /** containerd 2's suite and ours. */
  readonly suite: string;
  /** The suite of containerd 1.7. */
  readonly suite17: string;
  /** containerd's own snapshotters, on a socket. */
  readonly reference: string;
}

/** Builds into `directory`. Needs `go`; what it downloads and compiles, Go caches. */
export async function buildSuite(directory: string): Promise<SuiteBinaries> {
  const binaries = {
    suite: path.join(directory, 'snapshotter-suite.test'),
    suite17: path.join(directory, 'snapshotter-suite-1.7.test'),
    reference: path.join(directory, 'reference'),
  };
  await go('test', '-c', '-o', binaries.suite, './suite');
  await go('test', '-c', '-o', binaries.suite17, './suite17');
  await buildProgram('./reference', binaries.reference);
  return binaries;
}

/** Builds one of the other programs of the module. */
export const buildProgram = (directory: string, output: string): Promise<void> => go('build', '-o', output, directory);

async function go(...args: readonly string[]): Promise<void> {
  await execa('go', args, {
    cwd: path.join(import.meta.dirname, 'go'),
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/local/go/bin`, CGO_ENABLED: '0' },
    timeout: 300_000,
  });
}
