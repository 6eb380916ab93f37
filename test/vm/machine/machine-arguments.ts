import path from 'node:path';
import type { Accelerator } from './accelerator.ts';

export const MEMORY = '3G';
export const CPUS = 2;
export const SCRATCH_DISKS = ['scratch', 'scratch2'];
export const SCRATCH_SIZE = 8 * 2 ** 30;

/** Where a machine finds what it is made of. */
export interface Setting {
  readonly image: string;
  readonly accelerator: Accelerator;
  /** The directory that the guest may mount read-only, by the tag `tree`. */
  readonly tree: string;
  /** For what the machine alone has: scratch disks, console log, the socket of ssh. */
  readonly runDirectory: string;
}

export interface Machine extends Setting {
  /** qcow2, on top of the image's root.ext4 or of a saved state's disk. */
  readonly rootDisk: string;
  readonly memory: Memory;
}

/** The guest's memory is a file: shared to make a saved state of it, private to use it as one. */
export interface Memory {
  readonly file: string;
  readonly shared: boolean;
}

/**
 * QEMU's command line, without what differs between a machine that boots and one that is restored: both must have the
 * same devices. QMP is on stdin and stdout.
 */
export function machineArguments(machine: Machine): string[] {
  return [...processor(machine), ...boot(machine), ...disks(machine), ...network(), ...rest(machine)];
}

function processor({ accelerator, memory }: Machine): string[] {
  const backend = `memory-backend-file,id=memory,size=${MEMORY},mem-path=${escape(memory.file)}`;
  return [
    ...['-machine', 'q35,memory-backend=memory', '-smp', String(CPUS), '-m', MEMORY],
    ...['-object', `${backend},share=${memory.shared ? 'on' : 'off'}`],
    ...(accelerator === 'kvm' ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', TCG, '-cpu', 'max']),
  ];
}

/** A thread for each processor, and room for the code that it translates. */
const TCG = 'tcg,thread=multi,tb-size=512';

function boot({ image, accelerator }: Machine): string[] {
  const commandLine = [
    ...['console=ttyS0', 'root=/dev/vda', 'net.ifnames=0', 'apparmor=1', 'quiet', 'loglevel=4', 'panic=-1'],
    // An emulated processor needs no protection from its guest, and may stand still for a while without being stuck.
    ...['mitigations=off', 'nowatchdog', 'rcupdate.rcu_cpu_stall_suppress=1'],
    // TCG translates a program anew for each address that it is loaded at, until there is room for nothing else; then it
    // forgets all translations, also of those that only wait.
    ...(accelerator === 'tcg' ? ['norandmaps'] : []),
  ];
  const kernel = ['-kernel', path.join(image, 'kernel'), '-initrd', path.join(image, 'initrd')];
  return [...kernel, '-append', commandLine.join(' ')];
}

/** The host's page cache may hold what it likes: no disk outlives its machine. */
function disks({ rootDisk, runDirectory }: Machine): string[] {
  const scratch = SCRATCH_DISKS.flatMap((name) =>
    disk(name, `format=raw,file=${escape(scratchDisk(runDirectory, name))},detect-zeroes=unmap`),
  );
  return [...disk('root', `format=qcow2,file=${escape(rootDisk)}`), ...scratch];
}

export const scratchDisk = (runDirectory: string, name: string) => path.join(runDirectory, `${name}.raw`);
export const consoleLog = (runDirectory: string) => path.join(runDirectory, 'console.log');

function disk(name: string, source: string): string[] {
  return [
    ...['-drive', `if=none,id=${name},cache=unsafe,discard=unmap,${source}`],
    ...['-device', `virtio-blk-pci,drive=${name},serial=${name}`],
  ];
}

/** Only ssh from this host comes in, on a port that is free; nothing goes out. */
function network(): string[] {
  return [
    ...['-netdev', 'user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22'],
    ...['-device', 'virtio-net-pci,netdev=net,romfile='],
  ];
}

function rest({ tree, runDirectory }: Machine): string[] {
  return [
    ...['-fsdev', `local,id=tree,path=${escape(tree)},security_model=none,readonly=on,multidevs=remap`],
    ...['-device', 'virtio-9p-pci,fsdev=tree,mount_tag=tree'],
    // Two machines restored from one state would draw the same random numbers, but for a new generation id.
    ...['-device', 'virtio-rng-pci', '-device', 'vmgenid,guid=auto'],
    ...['-chardev', `file,id=console,path=${escape(consoleLog(runDirectory))}`, '-serial', 'chardev:console'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-qmp', 'stdio'],
  ];
}

/** In QEMU's options a comma is written twice. */
const escape = (value: string) => value.replaceAll(',', ',,');
