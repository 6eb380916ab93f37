import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { invalidArgument } from '../../common/errors.ts';
import { hasErrorCode, readTextIfExists } from '../../common/files.ts';
import type { Logger } from '../../common/logger.ts';
import type { CreateTaskRequest } from '../../proto/gen/containerd/task/v2/task.ts';
import type { Backend } from '../backends/backend.ts';
import type { RunPaths } from '../daemon/paths.ts';
import { parseEventTarget } from '../events/event.ts';
import { Plan } from '../monitor/plan.ts';
import { readSpec } from '../oci/read-spec.ts';
import type { Spec } from '../oci/spec.ts';
import type { CallIdentity } from './call-identity.ts';
import type { ContainerRecord } from './container-record.ts';
import { newJournalName } from './journal-name.ts';
import { prepareRestore } from './restoring.ts';
import { planRootfsMounts } from './rootfs-mounts.ts';
import { planStdio } from './stdio.ts';
import { readTaskOptions } from './task-options.ts';

/** What a container starts from. */
export interface CreationPlan {
  readonly record: ContainerRecord;
  readonly directory: string;
  /** To be written into the directory, by name. */
  readonly files: PlanFiles;
  readonly plan: Plan;
}

export interface CreationContext {
  readonly paths: RunPaths;
  readonly backend: Backend;
  readonly logger: Logger;
  /** A path of the host's network namespace. */
  readonly hostNetwork: string;
}

/** Everything that can be refused is refused here: nothing has been made yet. @throws StatusError */
export async function planCreation(
  { paths, backend, logger, hostNetwork }: CreationContext,
  { namespace, id, call }: { readonly namespace: string; readonly id: string; readonly call: CallIdentity | undefined },
  request: CreateTaskRequest,
): Promise<CreationPlan> {
  const { bundle, rootfs } = request;
  const { stdin, stdout, stderr, terminal } = request;
  const stdio = { stdin, stdout, stderr, terminal };
  const plan = new Plan();
  planStdio(stdio, { namespace, id, hostNetwork }, plan);
  const { ioUid, ioGid, criu, ...options } = readTaskOptions(request.options);
  if (ioUid !== 0 || ioGid !== 0) plan.add('stdio-owner', ioUid, ioGid);
  const checkpoint = request.checkpoint === '' ? options.checkpoint : request.checkpoint;
  checkBundle(bundle);

  const [{ value: spec, warnings }, publisher] = await Promise.all([
    readSpec(bundle),
    readTextIfExists(path.join(bundle, 'publisher')),
  ]);
  for (const warning of warnings) logger.warn({ namespace, id }, warning);
  checkTerminal(terminal, spec.process.terminal);
  const target = parseEventTarget(publisher ?? '');
  const directory = paths.container(namespace, id);
  const mountTarget = path.join(bundle, 'rootfs');
  const wanted = { namespace, id, bundle, directory, spec };
  const [prepared, restore] = await Promise.all([
    backend.prepare({ ...wanted, restored: checkpoint !== '' }),
    checkpoint === '' ? undefined : prepareRestore(backend, { ...wanted, checkpoint, criu, stdio }),
    checkRootfs(spec, rootfs.length > 0 ? mountTarget : undefined),
  ]);
  planRootfsMounts(rootfs, mountTarget, plan);
  plan.append(prepared.plan);

  const { cgroups, execDefaults } = prepared;
  const { build } = paths;
  const journal = newJournalName(id);
  const identity = { namespace, id, bundle, backend: backend.name, build, journal, call };
  const record = { ...identity, stdio, rootfs, target, cgroups, execDefaults, criu, checkpoint };
  const files = [...prepared.files, ...(restore === undefined ? [] : [restore])];
  return { record, directory, files, plan };
}

function checkBundle(bundle: string): void {
  if (bundle.includes('\0')) throw invalidArgument('bundle contains a NUL character');
  if (!path.isAbsolute(bundle)) {
    throw invalidArgument(`bundle is ${JSON.stringify(bundle)}: expected an absolute path`);
  }
}

/** The monitor takes its word from the one, the init from the other. */
function checkTerminal(asked: boolean, specified: boolean): void {
  if (asked === specified) return;
  throw invalidArgument(
    `terminal is ${asked}, and process.terminal in config.json is ${specified}: make them the same`,
  );
}

async function checkRootfs(spec: Spec, mountTarget: string | undefined): Promise<void> {
  const { path: root } = spec.root;
  const found = await stat(mountTarget ?? root).catch((error: unknown) => error as Error);
  if (found instanceof Error) {
    if (!hasErrorCode(found, 'ENOENT', 'ENOTDIR')) throw found;
    throw invalidArgument(`config.json: root.path is ${JSON.stringify(root)}: there is no such directory`);
  }
  if (!found.isDirectory()) {
    throw invalidArgument(`config.json: root.path is ${JSON.stringify(root)}: expected a directory`);
  }
  if (mountTarget !== undefined && path.resolve(root) !== mountTarget) {
    throw invalidArgument(
      `config.json: root.path is ${JSON.stringify(root)}: expected ${mountTarget}, where the rootfs is mounted`,
    );
  }
}

type PlanFiles = readonly (readonly [name: string, text: string])[];

export async function writePlans(directory: string, files: PlanFiles, plan: Plan): Promise<void> {
  const all = [...files, ['monitor.plan', plan.toString()] as const];
  await Promise.all(all.map(([name, text]) => writeFile(path.join(directory, name), text, { mode: 0o600 })));
}
