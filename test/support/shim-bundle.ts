import { mkdir, open, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import type { Mount } from '../../proto/gen/containerd/types/mount.ts';

/** config.json, as far as tests look into it; the rest is reached by name. */
export interface TestSpec {
  process: { args: string[]; env: string[]; cwd: string; terminal?: boolean; [field: string]: unknown };
  root: { path: string; readonly?: boolean };
  linux: { cgroupsPath: string; [field: string]: unknown };
  mounts: Record<string, unknown>[];
  [field: string]: unknown;
}

export interface BundleOptions {
  readonly args?: readonly string[];
  /** Changes what containerd would write by default. */
  readonly edit?: (spec: TestSpec) => void;
}

/** A bundle, and what Create is told of it. */
export interface Bundle {
  readonly id: string;
  readonly dir: string;
  readonly rootfs: Mount[];
  /** The FIFO for the shim's log, which containerd keeps open; runc's shim ends without it. */
  readonly log: FileHandle;
}

let defaultSpec: Promise<string> | undefined;

/** The config.json that containerd itself writes by default. */
async function containerdSpec(): Promise<TestSpec> {
  defaultSpec ??= execa('ctr', ['oci', 'spec'], { timeout: 10_000 }).then(({ stdout }) => stdout);
  return JSON.parse(await defaultSpec) as TestSpec;
}

/** Makes a bundle in `dir`, its root an overlay of `image`, which stays as it is. */
export async function makeBundle(
  dir: string,
  image: string,
  { id, namespace, args = ['true'], edit }: BundleOptions & { readonly id: string; readonly namespace: string },
): Promise<Bundle> {
  const spec = await containerdSpec();
  spec.process.args = [...args];
  spec.process.env = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'];
  spec.linux.cgroupsPath = `/${namespace}/${id}`;
  edit?.(spec);
  for (const name of ['rootfs', 'upper', 'work']) await mkdir(path.join(dir, name), { recursive: true });
  await writeFile(path.join(dir, 'config.json'), JSON.stringify(spec));
  const log = path.join(dir, 'log');
  await execa('mkfifo', [log], { timeout: 10_000 });
  const layers = [`lowerdir=${image}`, `upperdir=${dir}/upper`, `workdir=${dir}/work`];
  const rootfs = [{ type: 'overlay', source: 'overlay', target: '', options: layers }];
  return { id, dir, rootfs, log: await open(log, 'r+') };
}
