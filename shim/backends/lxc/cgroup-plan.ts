import type { Plan } from '../../monitor/plan.ts';
import type { Spec } from '../../oci/spec.ts';
import type { CgroupHierarchy } from '../../cgroups/hierarchies.ts';
import { statFiles } from '../../cgroups/stat-files.ts';
import { buildDeviceFilter } from './device-filter.ts';
import { DEFAULT_DEVICE_RULES, formatDeviceRule, translateResources } from './resources.ts';

/**
 * The hierarchies in which a container gets a cgroup: all of v1, or that of v2. A hybrid host has v2 besides, without
 * controllers; a cgroup there would do nothing but cost a move.
 */
export function usedHierarchies(hierarchies: readonly CgroupHierarchy[]): readonly CgroupHierarchy[] {
  const legacy = hierarchies.filter(({ version }) => version === 1);
  return legacy.length > 0 ? legacy : hierarchies;
}

/** What of the host a plan for cgroups rests on. */
export interface CgroupHost {
  readonly hierarchies: readonly CgroupHierarchy[];
  readonly hugePageSizes: readonly string[];
}

/** Adds to the monitor's plan the container's cgroups, their limits and its rules for devices. */
export function planCgroups(spec: Spec, host: CgroupHost, cgroup: string, plan: Plan): void {
  const { hierarchies, hugePageSizes } = host;
  const { resources } = spec.linux;
  for (const hierarchy of hierarchies) plan.add('cgroup', kindOf(hierarchy), hierarchy.base, cgroup);
  for (const { field, version, controller, file, value } of translateResources(resources, hierarchies)) {
    const directory = directoryOf(hierarchies, version, controller) + cgroup;
    plan.add('field', `linux.resources.${field}`).add('cgroup-set', `${directory}/${file}`, value);
  }
  const memory = hierarchies.find(({ controllers }) => controllers.includes('memory'));
  if (memory !== undefined) plan.add('watch-oom', `v${memory.version}`, memory.base + cgroup);
  for (const { version, controllers, base } of hierarchies) {
    for (const [controller, file] of statFiles(version, controllers, hugePageSizes)) {
      plan.add('keep', `${controller}/${file}`, `${base}${cgroup}/${file}`);
    }
  }
  planDeviceRules(spec, hierarchies, cgroup, plan);
}

function kindOf({ version, controllers }: CgroupHierarchy): string {
  if (version === 2) return 'v2';
  return controllers.includes('cpuset') ? 'v1-cpuset' : 'v1';
}

function directoryOf(hierarchies: readonly CgroupHierarchy[], version: 1 | 2, controller: string): string {
  const found = hierarchies.find(
    (each) => each.version === version && (version === 2 || each.controllers.includes(controller)),
  );
  if (found === undefined) throw new Error(`no cgroup v${version} hierarchy with ${controller}`);
  return found.base;
}

function planDeviceRules(spec: Spec, hierarchies: readonly CgroupHierarchy[], cgroup: string, plan: Plan): void {
  const rules = [...spec.linux.resources.devices, ...DEFAULT_DEVICE_RULES];
  const unified = hierarchies.find(({ version }) => version === 2);
  const legacy = hierarchies.find(({ controllers }) => controllers.includes('devices'));
  plan.add('field', 'linux.resources.devices');
  if (legacy !== undefined) {
    for (const rule of rules) {
      const file = rule.allow ? 'devices.allow' : 'devices.deny';
      plan.add('cgroup-set', `${legacy.base}${cgroup}/${file}`, formatDeviceRule(rule));
    }
  } else if (unified !== undefined) {
    plan.add('device-filter', unified.base + cgroup, buildDeviceFilter(rules).toString('hex'));
  }
}
