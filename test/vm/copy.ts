import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import type { Vm } from './vm.ts';

const TAR = ['tar', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--sparse'] as const;

export async function copyIn(vm: Vm, local: string, remote: string): Promise<void> {
  const found = await stat(local);
  if (found.isDirectory()) await directoryIn(vm, local, remote);
  else await fileIn(vm, local, remote, found.mode & 0o7777);
}

async function fileIn(vm: Vm, local: string, remote: string, mode: number): Promise<void> {
  const install = ['install', '-D', '-m', mode.toString(8), '/dev/stdin', remote];
  const { child } = vm.spawn(install, { cwd: '/' }, { stdin: { file: local } });
  check(await child, `cannot copy ${local} to ${remote} in the VM`);
}

async function directoryIn(vm: Vm, local: string, remote: string): Promise<void> {
  await vm.succeed(['mkdir', '-p', remote], { cwd: '/' });
  const [program, ...args] = [...TAR, '-C', local, '-cf', '-', '.'] as const;
  const packed = execa(program, args, { stdin: 'ignore', buffer: { stdout: false } });
  const { child } = vm.spawn([...TAR, '-C', remote, '-xf', '-'], { cwd: '/' }, { input: packed.stdout });
  await packed;
  check(await child, `cannot copy ${local} to ${remote} in the VM`);
}

export async function copyOut(vm: Vm, remote: string, local: string): Promise<void> {
  const { exitCode } = await vm.run(['test', '-d', remote], { cwd: '/' });
  await mkdir(exitCode === 0 ? local : path.dirname(local), { recursive: true });
  if (exitCode === 0) await directoryOut(vm, remote, local);
  else await fileOut(vm, remote, local);
}

async function fileOut(vm: Vm, remote: string, local: string): Promise<void> {
  const { child } = vm.spawn(['cat', remote], { cwd: '/' }, { stdin: 'ignore', stdout: { file: local } });
  check(await child, `cannot copy ${remote} of the VM to ${local}`);
}

async function directoryOut(vm: Vm, remote: string, local: string): Promise<void> {
  const [program, ...args] = [...TAR, '-C', local, '-xf', '-'] as const;
  const streams = { stdin: 'ignore', buffer: { stdout: false } } as const;
  const { child } = vm.spawn([...TAR, '-C', remote, '-cf', '-', '.'], { cwd: '/' }, streams);
  await child.pipe(execa(program, args, { stdin: 'pipe' }));
  check(await child, `cannot copy ${remote} of the VM to ${local}`);
}

function check({ exitCode, stderr }: { exitCode?: number; stderr?: unknown }, failure: string): void {
  if (exitCode !== 0) throw new Error(`${failure}: ${String(stderr)}`);
}
