import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { invalidArgument } from '../../common/errors.ts';
import { hasErrorCode } from '../../common/files.ts';
import type { CgroupSetting } from '../backends/backend.ts';
import type { Cgroup } from './cgroup.ts';

/**
 * Writes new limits of a container that is there. If one is refused, those before it get their old values back, but for
 * the limits of single devices, whose files have many.
 * @throws StatusError InvalidArgument, with the JSON path, for what the kernel refuses.
 */
export async function applySettings(cgroups: readonly Cgroup[], settings: readonly CgroupSetting[]): Promise<void> {
  const written: { readonly file: string; readonly before: string }[] = [];
  for (const setting of await inOrder(cgroups, settings)) {
    const file = fileOf(cgroups, setting);
    try {
      const before = await readFile(file, 'utf8').catch(() => '');
      await writeFile(file, setting.value, { flag: 'r+' });
      if (isOneValue(before)) written.push({ file, before: before.trim() });
    } catch (error) {
      for (const each of written.reverse()) await writeFile(each.file, each.before).catch(() => undefined);
      throw refusal(setting, file, error);
    }
  }
}

const isOneValue = (text: string) => text.trim() !== '' && !text.includes(':') && !text.trim().includes('\n');

function fileOf(cgroups: readonly Cgroup[], { version, controller, file }: CgroupSetting): string {
  const found = cgroups.find(
    (each) => each.version === version && (version === 2 || each.controllers.includes(controller)),
  );
  if (found === undefined) throw new Error(`the container has no cgroup v${version} with ${controller}`);
  return path.join(found.directory, file);
}

/** v1 has no moment in which memory alone is allowed more than memory and swap together. */
async function inOrder(cgroups: readonly Cgroup[], settings: readonly CgroupSetting[]): Promise<CgroupSetting[]> {
  const swap = settings.find(({ file }) => file === 'memory.memsw.limit_in_bytes');
  const limit = settings.find(({ file }) => file === 'memory.limit_in_bytes');
  if (swap === undefined || limit === undefined) return [...settings];
  const current = BigInt(await readFile(fileOf(cgroups, limit), 'utf8'));
  const [wanted, rest] = [BigInt(swap.value), settings.filter((each) => each !== swap && each !== limit)];
  return wanted < 0n || wanted > current ? [swap, limit, ...rest] : [limit, swap, ...rest];
}

function refusal({ field, value }: CgroupSetting, file: string, error: unknown): Error {
  const place = `linux.resources.${field}`;
  if (hasErrorCode(error, 'ENOENT')) {
    return invalidArgument(`${place}: this kernel has no ${path.basename(file)}: remove it`, { cause: error });
  }
  if (hasErrorCode(error, 'EBUSY') && file.includes('memory')) {
    return invalidArgument(`${place}: the container uses more than ${value} already, and cannot give it back`, {
      cause: error,
    });
  }
  const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return invalidArgument(`${place}: the kernel does not take ${JSON.stringify(value)} (${reason})`, { cause: error });
}
