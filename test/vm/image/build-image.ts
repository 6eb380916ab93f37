import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { exec } from '../../../common/exec.ts';
import { BOUND_TO_US } from '../machine/bound-process.ts';
import type { Progress } from '../progress.ts';
import { aptMirror, aptTransport } from './apt-mirror.ts';
import { BUILD_PACKAGES, COMPONENTS, EXCLUDED_PATHS, PACKAGES, ROOT_DISK_SIZE, SUITE } from './recipe.ts';

const TIMEOUT_MS = 40 * 60_000;

/** What finish.sh leaves in /out, beside the root: for QEMU and for ssh. */
const OUTPUT = ['kernel', 'initrd', 'client_key', 'known_hosts'];

/** Makes the image, root.ext4 and what belongs to it, in `directory`. */
export async function buildImage(directory: string, progress: Progress): Promise<void> {
  const root = path.join(directory, 'root');
  await mkdir(root);
  await bootstrap(root, path.join(directory, 'build.log'), progress);
  const out = path.join(root, 'out');
  await exec('mv', ['--target-directory', directory, ...OUTPUT.map((name) => path.join(out, name))], {
    timeoutMs: 30_000,
  });
  await rm(out, { recursive: true });
  progress('writing the disk');
  await writeDisk(root, path.join(directory, 'root.ext4'));
  await rm(root, { recursive: true });
}

async function bootstrap(root: string, logFile: string, progress: Progress): Promise<void> {
  progress('downloading and installing Debian packages');
  const child = execa(BOUND_TO_US.program, [...BOUND_TO_US.args, ...CONTAINED, ...(await mmdebstrap(root))], {
    all: true,
    stdin: 'ignore',
    reject: false,
    buffer: false,
    timeout: TIMEOUT_MS,
    // INITRD: linux-image would make an initramfs for any hardware; finish.sh makes a small one.
    env: { INITRD: 'No', DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
  });
  for await (const line of createInterface({ input: child.all })) {
    await appendFile(logFile, `${line}\n`);
    const step = stepOf(line);
    if (step !== undefined) progress(step);
  }
  const { failed, exitCode } = await child;
  if (!failed) return;
  throw new Error(
    `mmdebstrap ended with ${exitCode ?? 'a signal'}. Its last lines, of ${logFile}:\n${await lastLines(logFile)}\n` +
      'If they tell of a failed download, check the network and the mirror in /etc/apt, then try again.',
  );
}

/** In a PID namespace, nothing of a build goes on once it was interrupted. */
const CONTAINED = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];

async function mmdebstrap(root: string): Promise<string[]> {
  const aptOptions = ['APT::Install-Recommends "false"', 'Acquire::Languages "none"', 'Acquire::Retries "3"'];
  return [
    'mmdebstrap',
    '--verbose',
    '--mode=root',
    '--variant=minbase',
    `--components=${COMPONENTS.join(',')}`,
    `--include=${[...PACKAGES, ...BUILD_PACKAGES].join(',')}`,
    ...[...aptOptions, ...(await aptTransport())].map((option) => `--aptopt=${option}`),
    ...EXCLUDED_PATHS.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
    `--essential-hook=${path.join(import.meta.dirname, 'before-packages.sh')}`,
    `--customize-hook=${path.join(import.meta.dirname, 'finish.sh')}`,
    SUITE,
    root,
    await aptMirror(),
  ];
}

/** What to tell the one who waits, off a line of mmdebstrap, dkms or finish.sh. */
function stepOf(line: string): string | undefined {
  if (line.startsWith('vm-step: ')) return line.slice('vm-step: '.length);
  if (line.startsWith('I: installing remaining packages')) return 'installing the packages of the machine';
  if (line.startsWith('Setting up zfs-dkms')) return 'compiling the ZFS module (about three minutes)';
  return undefined;
}

/** As read-only base of every run's disk it needs no journal, and no run outlives its machine. */
async function writeDisk(root: string, disk: string): Promise<void> {
  const options = ['-q', '-t', 'ext4', '-O', '^has_journal', '-E', 'lazy_itable_init=1', '-m', '0', '-L', 'vm'];
  await exec('mke2fs', [...options, '-d', root, disk, ROOT_DISK_SIZE], { timeoutMs: 300_000 });
}

async function lastLines(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-20).join('\n');
}
