import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { writeFileAtomic } from '../../../common/atomic-file.ts';
import type { Progress } from '../progress.ts';
import { BOUND_TO_US } from './bound-process.ts';
import { QEMU, qemuVersion } from './qemu-program.ts';

export type Accelerator = 'kvm' | 'tcg';

/** A kernel under a sound KVM is done with the question within two seconds. */
const PROBE_MS = 8000;

/**
 * KVM where it really works, else TCG. That /dev/kvm can be opened says little: inside some virtual machines QEMU starts
 * with it, and then the guest hangs. So the image's kernel is started, and has to speak. The answer is kept until the
 * next boot of this host. LXCRI_VM_ACCEL=kvm or =tcg decides without a question.
 */
export async function chooseAccelerator(image: string, progress: Progress): Promise<Accelerator> {
  const wanted = process.env['LXCRI_VM_ACCEL'] ?? '';
  if (wanted === 'kvm' || wanted === 'tcg') return wanted;
  if (wanted !== '') throw new Error(`LXCRI_VM_ACCEL is ${wanted}; it may be kvm or tcg, or unset.`);
  const file = path.join(image, 'accelerator.json');
  const circumstances = await circumstancesOfNow();
  const known = await readAnswer(file);
  if (known?.circumstances === circumstances) return known.accelerator;
  progress('looking whether KVM can run a kernel');
  const accelerator = (await kvmRunsKernel(image)) ? 'kvm' : 'tcg';
  progress(accelerator === 'kvm' ? 'it can' : 'it cannot: QEMU will emulate the processor (TCG)');
  await writeFileAtomic(file, JSON.stringify({ circumstances, accelerator } satisfies Answer));
  return accelerator;
}

interface Answer {
  readonly circumstances: string;
  readonly accelerator: Accelerator;
}

async function readAnswer(file: string): Promise<Answer | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Answer);
}

async function circumstancesOfNow(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  return `${boot.trim()} ${await qemuVersion()}`;
}

/** Starts the kernel with the word to which image/initramfs-init answers at once. */
async function kvmRunsKernel(image: string): Promise<boolean> {
  const machine = ['-machine', 'q35', '-accel', 'kvm', '-cpu', 'host', '-smp', '2', '-m', '512M', '-no-reboot'];
  const plain = ['-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio'];
  const kernel = ['-kernel', path.join(image, 'kernel'), '-initrd', path.join(image, 'initrd')];
  const commandLine = ['-append', 'console=ttyS0 quiet panic=-1 vm.probe'];
  const { stdout, exitCode } = await execa(
    BOUND_TO_US.program,
    [...BOUND_TO_US.args, QEMU, ...machine, ...plain, ...kernel, ...commandLine],
    { stdin: 'ignore', reject: false, timeout: PROBE_MS, killSignal: 'SIGKILL' },
  );
  return exitCode === 0 && stdout.includes('vm-probe: alive');
}
