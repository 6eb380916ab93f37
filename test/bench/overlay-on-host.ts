import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { Containerd } from '../support/containerd.ts';
import { lastLine, LIMIT_MS, TOO_LATE, type Phase } from './snapshotter-program.ts';

const PRESENT = 10;

/** LayerFS on its overlay store, which is what a machine without ZFS has, beside overlayfs, in the same containerd. */
export async function benchOnHost(program: string, rounds: number, progress: (text: string) => void): Promise<Phase> {
  const containerd = await Containerd.start({ layerFs: true });
  try {
    const directory = path.join(containerd.dir, 'bench');
    await mkdir(directory);
    const counts = ['-dir', directory, '-rounds', String(rounds), '-present', String(PRESENT)];
    const contenders = ['layerfs', 'overlayfs'].flatMap((name) => [
      '-contender',
      `${name}=${containerd.address},${name}`,
    ]);
    const child = execa(program, [...counts, ...contenders], { reject: false, stdin: 'ignore', timeout: LIMIT_MS });
    child.stderr.on('data', (text: Buffer) => {
      progress(text.toString().trimEnd());
    });
    const { exitCode, stdout, stderr, timedOut } = await child;
    if (timedOut) throw new Error(TOO_LATE);
    if (exitCode !== 0) throw new Error(`a contender on this host failed: ${lastLine(stderr)}`);
    return JSON.parse(stdout) as Phase;
  } finally {
    await containerd.stop();
  }
}
