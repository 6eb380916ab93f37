import type { Plan } from '../../monitor/plan.ts';
import { HOOK_KINDS, type Hook, type HookKind, type Spec } from '../../oci/spec.ts';
import { beginState } from '../../oci/state.ts';

/** Where hooks are run, and of which container. */
export interface HookContext {
  readonly spec: Spec;
  readonly id: string;
  /** Absolute. */
  readonly bundle: string;
  /** A path of the host's network namespace, in which the monitor is not. */
  readonly hostNetwork: string;
}

/** The hooks that the monitor runs, outside of the container: shim/native/monitor/host-hooks.c. */
export function planHostHooks(context: HookContext, monitor: Plan): void {
  const { spec, bundle, hostNetwork } = context;
  const kinds = HOOK_KINDS.filter((kind) => kind !== 'startContainer' && spec.hooks[kind].length > 0);
  if (kinds.length === 0) return;
  monitor
    .add('field', 'hooks')
    .add(
      'hooks',
      bundle,
      spec.root.path,
      hostNetwork,
      beginState({ ...context, annotations: context.spec.annotations }),
    );
  for (const kind of kinds) planHooks(kind, spec.hooks[kind], monitor);
}

/** The hooks that the init runs, in the container. */
export function planStartHooks(context: HookContext, init: Plan): void {
  const { startContainer } = context.spec.hooks;
  if (startContainer.length === 0) return;
  init
    .add('field', 'hooks.startContainer')
    .add('hooks', beginState({ ...context, annotations: context.spec.annotations }));
  planHooks('startContainer', startContainer, init);
}

function planHooks(kind: HookKind, hooks: readonly Hook[], plan: Plan): void {
  for (const { path, args, env, timeout } of hooks) {
    plan.add('hook', kind, path, timeout ?? 0);
    for (const argument of args ?? [path]) plan.add('hook-argument', argument);
    for (const variable of env) plan.add('hook-environment', variable);
  }
}
