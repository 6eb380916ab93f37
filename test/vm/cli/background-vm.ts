import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../../common/atomic-file.ts';
import { cacheDirectory } from '../cache/image-cache.ts';
import { Channel } from '../machine/channel.ts';
import { Vm } from '../vm.ts';

/** The machine that `npm run vm:start` left running for this checkout: who keeps it, and where its files are. */
export interface BackgroundVm {
  readonly pid: number;
  readonly runDirectory: string;
}

const CHECKOUT = path.resolve(import.meta.dirname, '../../..');

function recordFile(): string {
  const name = createHash('sha256').update(CHECKOUT).digest('hex').slice(0, 16);
  return path.join(cacheDirectory(), 'running', `${name}.json`);
}

export async function recordBackgroundVm(vm: BackgroundVm): Promise<void> {
  await mkdir(path.dirname(recordFile()), { recursive: true });
  await writeFileAtomic(recordFile(), JSON.stringify(vm));
}

export async function forgetBackgroundVm(): Promise<void> {
  await rm(recordFile(), { force: true });
}

/** Whoever was killed leaves its record behind, but not the connection. */
export async function findBackgroundVm(): Promise<(BackgroundVm & { readonly vm: Vm }) | undefined> {
  const text = await readFile(recordFile(), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as BackgroundVm;
  const channel = new Channel(record.runDirectory);
  return (await channel.isConnected()) ? { ...record, vm: new Vm(channel) } : undefined;
}
