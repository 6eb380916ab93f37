/**
 * The way of a host with cgroup v2 alone, on any host that has v2 mounted somewhere: the daemon's registry and the lxc
 * backend, real containers, but told of no other hierarchy. On a hybrid host there are no controllers in v2; what can be
 * seen there is the cgroup, its namespace, and the BPF program that guards devices.
 */
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import { createLogger } from '../../common/logger.ts';
import { Metrics } from '../../proto/gen/io/containerd/cgroups/v2/metrics.ts';
import { readCgroupHierarchies, type CgroupHierarchy } from '../../shim/cgroups/hierarchies.ts';
import { LxcBackend } from '../../shim/backends/lxc/lxc-backend.ts';
import { RunPaths } from '../../shim/daemon/paths.ts';
import { ContainerRegistry } from '../../shim/task/container-registry.ts';
import { busyboxRootfs, writeRootfs } from '../support/busybox-rootfs.ts';
import { DirectCourier } from '../support/direct-courier.ts';
import { eventually } from '../support/eventually.ts';
import { DIST_BIN } from '../support/runtimes.ts';
import { createRequest } from '../support/shim-host.ts';
import { makeBundle, type TestSpec } from '../support/shim-bundle.ts';
import { makeTempDir } from '../support/temp-dir.ts';

interface Context {
  dir: string;
  unified: CgroupHierarchy;
  registry: ContainerRegistry;
}

const test = anyTest as TestFn<Context>;

test.before(async (t) => {
  const dir = await makeTempDir();
  const unified = (await readCgroupHierarchies()).find(({ version }) => version === 2);
  if (unified === undefined) throw new Error('this host has no cgroup v2 mounted');
  const libraryDirectory = path.join(DIST_BIN, '../lib/proxmox-lxcri');
  const paths = new RunPaths(path.join(dir, 'r'), libraryDirectory, 'test');
  await mkdir(paths.runDirectory, { mode: 0o711 });
  await mkdir(paths.rootfsMount, { mode: 0o711 });
  await writeRootfs(path.join(dir, 'image'), await busyboxRootfs());
  const backend = new LxcBackend({
    libraryDirectory,
    rootfsMount: paths.rootfsMount,
    hierarchies: [unified],
    hugePageSizes: [],
  });
  const courier = new DirectCourier();
  const registry = new ContainerRegistry({ paths, backend, logger: createLogger('silent'), courier });
  t.context = { dir, unified, registry };
});

test.after.always(async ({ context: { dir, registry } }) => {
  await registry.close();
  await rm(dir, { recursive: true, force: true });
});

/** Runs a container to its end; @returns its status and what it wrote. */
async function run(
  { dir, registry }: Context,
  id: string,
  args: readonly string[],
  edit: (spec: TestSpec) => void = () => undefined,
): Promise<{ status: number; output: string }> {
  const namespace = path.basename(dir);
  const bundle = await makeBundle(path.join(dir, id), path.join(dir, 'image'), { id, namespace, args, edit });
  const log = path.join(dir, `${id}.log`);
  const stdout = `file://${log}`;
  try {
    const container = await registry.create(namespace, createRequest(bundle, { stdout, stderr: stdout }));
    await container.start();
    const { status } = await container.wait();
    await registry.delete(namespace, id);
    return { status, output: await readFile(log, 'utf8') };
  } finally {
    await bundle.log.close();
  }
}

test('a container has a cgroup of its own, and sees it as the root; it goes with it', async (t) => {
  const { dir, unified } = t.context;
  const add = (spec: TestSpec) => {
    (spec.linux['namespaces'] as object[]).push({ type: 'cgroup' });
  };
  const { status, output } = await run(t.context, 'own', ['grep', '^0:', '/proc/self/cgroup'], add);
  t.deepEqual({ status, output }, { status: 0, output: '0::/\n' });
  const outside = await run(t.context, 'host', ['grep', '^0:', '/proc/self/cgroup']);
  t.is(outside.output, `0::/${path.basename(dir)}/host\n`);
  await eventually(async () => {
    const left = await stat(path.join(unified.base, path.basename(dir), 'own')).catch(() => undefined);
    return left === undefined ? true : undefined;
  });
  t.pass();
});

test('one that joins a namespace by path has no cgroup namespace unless it asks for one', async (t) => {
  const { dir } = t.context;
  const join = (spec: TestSpec) => {
    const namespaces = spec.linux['namespaces'] as { type: string; path?: string }[];
    for (const namespace of namespaces)
      if (namespace.type === 'network') namespace.path = `/proc/${process.pid}/ns/net`;
  };
  const { output } = await run(t.context, 'joined', ['grep', '^0:', '/proc/self/cgroup'], join);
  t.is(output, `0::/${path.basename(dir)}/joined\n`);
  const both = (spec: TestSpec) => {
    join(spec);
    (spec.linux['namespaces'] as object[]).push({ type: 'cgroup' });
  };
  t.is((await run(t.context, 'both', ['grep', '^0:', '/proc/self/cgroup'], both)).output, '0::/\n');
});

test('devices: the harmless ones work, others can be made but not opened', async (t) => {
  const script = `
    echo x >/dev/null && echo null; head -c 1 /dev/zero | wc -c
    mknod /dev/disk b 254 0 && echo made
    head -c 1 /dev/disk 2>/dev/null || echo denied
    mknod /dev/kmsg c 1 11; head -c 1 /dev/kmsg 2>/dev/null || echo denied`;
  const { status, output } = await run(t.context, 'devices', ['sh', '-c', script]);
  t.deepEqual({ status, output }, { status: 0, output: 'null\n1\nmade\ndenied\ndenied\n' });
});

test('devices: a rule allows one, read-only', async (t) => {
  // The host's first loop device: major 7 (kernel: Documentation/admin-guide/devices.txt). Unused, it is empty.
  const allow = (spec: TestSpec) => {
    const resources = spec.linux['resources'] as { devices: object[] };
    resources.devices.push({ allow: true, type: 'b', major: 7, minor: 0, access: 'r' });
  };
  const script = `
    mknod /dev/disk b 7 0; mknod /dev/other b 7 1
    head -c 1 /dev/disk >/dev/null && echo read
    (: >>/dev/disk) 2>/dev/null || echo 'not written'
    head -c 1 /dev/other 2>/dev/null || echo denied`;
  const { output } = await run(t.context, 'allowed', ['sh', '-c', script], allow);
  t.is(output, 'read\nnot written\ndenied\n');
});

/** User and system time in ticks: proc(5), /proc/PID/stat. */
async function cpuTime(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

test('it is paused and resumed, counted, and killed while it is paused', async (t) => {
  const { dir, registry } = t.context;
  const namespace = path.basename(dir);
  const args = ['sh', '-c', 'while :; do :; done'];
  const bundle = await makeBundle(path.join(dir, 'busy'), path.join(dir, 'image'), { id: 'busy', namespace, args });
  try {
    const container = await registry.create(namespace, createRequest(bundle));
    await container.start();
    await container.pause();
    t.is(container.status, 'paused');
    const before = await cpuTime(container.pid);
    await sleep(200);
    t.is(await cpuTime(container.pid), before);
    const { typeUrl, value } = await container.stats();
    t.is(typeUrl, 'io.containerd.cgroups.v2.Metrics');
    t.true((Metrics.decode(value).cpu?.usageUsec ?? 0n) > 0n);
    await container.resume();
    t.is(container.status, 'running');
    await container.pause();
    await container.kill(9, true);
    t.is((await container.wait()).status, 137);
    t.true((Metrics.decode((await container.stats()).value).cpu?.usageUsec ?? 0n) > 0n);
    await registry.delete(namespace, 'busy');
  } finally {
    await bundle.log.close();
  }
});
