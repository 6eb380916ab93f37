import type { Backend } from '../../shim/backends/backend.ts';
import { Plan } from '../../shim/monitor/plan.ts';

/** A backend that asks nothing of the host. */
export const BARE_BACKEND: Backend = {
  name: 'none',
  driver: '/none/driver',
  init: '/none/init',
  prepare: () =>
    Promise.resolve({
      files: new Map([['init.plan', '']]),
      plan: new Plan(),
      cgroups: [],
      execDefaults: { rlimits: [] },
    }),
  prepareExec: () => Promise.resolve({ plan: new Plan(), init: new Plan() }),
  translateResources: () => [],
  describeTies: () => ({ mounts: [], namespaces: [], cgroupRoots: [], hasCgroupNamespace: false, place: '/none' }),
};
