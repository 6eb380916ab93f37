import { isDeepStrictEqual } from 'node:util';
import { failedPrecondition, invalidArgument } from '../../common/errors.ts';
import type { CgroupSetting } from '../backends/backend.ts';
import { LiveCgroupFiles, parseNumber, type CgroupFiles } from '../cgroups/cgroup-files.ts';
import type { Cgroup } from '../cgroups/cgroup.ts';
import { applySettings } from '../cgroups/settings.ts';
import { readSpec } from '../oci/read-spec.ts';
import type { Resources } from '../oci/spec.ts';

/** A container that is there, and how its backend translates limits. */
export interface ResourcesContext {
  readonly bundle: string;
  readonly cgroups: readonly Cgroup[];
  readonly translate: (resources: Resources) => readonly CgroupSetting[];
}

/**
 * Changes the limits of a container, and nothing that is not named.
 * @throws StatusError InvalidArgument, with the JSON path; FailedPrecondition by memory.checkBeforeUpdate.
 */
export async function updateResources(context: ResourcesContext, resources: Resources): Promise<void> {
  const { cgroups, translate } = context;
  await checkDevices(context, resources);
  const files = new LiveCgroupFiles(cgroups);
  await checkMemory(files, resources);
  const unified = cgroups.some(({ version }) => version === 2);
  await applySettings(cgroups, translate(unified ? await completed(files, resources) : resources));
}

/** Clients send what the container has along with what is new, the devices too; runc takes no notice of those. */
async function checkDevices({ bundle }: ResourcesContext, { devices }: Resources): Promise<void> {
  if (devices.length === 0) return;
  const { value: spec } = await readSpec(bundle);
  if (isDeepStrictEqual(devices, spec.linux.resources.devices)) return;
  throw invalidArgument('linux.resources.devices cannot be changed while the container exists: leave them out');
}

async function checkMemory(files: CgroupFiles, { memory }: Resources): Promise<void> {
  const { limit, checkBeforeUpdate } = memory;
  if (checkBeforeUpdate !== true || limit === undefined || limit < 0n) return;
  const [v1, v2] = await Promise.all([
    files.number('memory', 'memory.usage_in_bytes'),
    files.number('memory', 'memory.current'),
  ]);
  const usage = v1 > v2 ? v1 : v2;
  if (limit >= usage) return;
  throw failedPrecondition(
    `linux.resources.memory.limit is ${limit}, and the container uses ${usage}: checkBeforeUpdate refuses it`,
  );
}

/** Files of v2 that hold two of the specification's values get the one that is not named from what they have. */
async function completed(files: CgroupFiles, resources: Resources): Promise<Resources> {
  const { cpu, memory } = resources;
  return {
    ...resources,
    cpu: (cpu.quota === undefined) === (cpu.period === undefined) ? cpu : { ...(await currentCpu(files)), ...cpu },
    memory:
      memory.swap === undefined || memory.limit !== undefined
        ? memory
        : { ...memory, limit: await files.number('memory', 'memory.max') },
  };
}

async function currentCpu(files: CgroupFiles): Promise<{ readonly quota: bigint; readonly period: bigint }> {
  const [max = '', period = ''] = (await files.text('cpu', 'cpu.max')).trim().split(' ');
  return { quota: max === 'max' ? -1n : parseNumber(max), period: parseNumber(period) };
}
