import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Code, StatusError } from '../../common/errors.ts';
import { readCgroupHierarchies } from '../../shim/cgroups/hierarchies.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import type { TestSpec } from '../support/shim-bundle.ts';
import { useShimHost } from '../support/with-shim-host.ts';

const fixture = useShimHost(test);
const TYPE = 'types.containerd.io/opencontainers/runtime-spec/1/LinuxResources';
const MIB = 1024 * 1024;

const resources = (document: unknown) => ({
  typeUrl: TYPE,
  value: Buffer.from(typeof document === 'string' ? document : JSON.stringify(document)),
});

/** A file of a controller, in the cgroup of a process. */
async function cgroupFile(pid: number, controller: string, file: string): Promise<string> {
  const hierarchy = (await readCgroupHierarchies()).find(({ controllers }) => controllers.includes(controller));
  const line = (await readFile(`/proc/${pid}/cgroup`, 'utf8'))
    .split('\n')
    .find((each) => each.split(':')[1]?.split(',').includes(controller));
  if (hierarchy === undefined || line === undefined) throw new Error(`this host has no ${controller} in cgroup v1`);
  return (await readFile(path.join(hierarchy.mountPoint, line.split(':')[2] ?? '', file), 'utf8')).trim();
}

const limits = { memory: { limit: 64 * MIB }, pids: { limit: 100 }, cpu: { shares: 512 } };
const edit = (spec: TestSpec) => {
  spec.linux['resources'] = limits;
};

async function refused(t: ExecutionContext, call: Promise<unknown>): Promise<StatusError> {
  return t.throwsAsync(call, { instanceOf: StatusError });
}

test('limits of a running container change, and nothing else', async (t) => {
  const { task, init, pid } = await fixture.running(t, ['sleep', '1000'], { edit });
  t.is(await cgroupFile(pid, 'memory', 'memory.limit_in_bytes'), String(64 * MIB));
  await task.update({ id: init.id, resources: resources({ memory: { limit: 96 * MIB } }), annotations: {} });
  t.is(await cgroupFile(pid, 'memory', 'memory.limit_in_bytes'), String(96 * MIB));
  t.is(await cgroupFile(pid, 'pids', 'pids.max'), '100');
  t.is(await cgroupFile(pid, 'cpu', 'cpu.shares'), '512');
  const more = { pids: { limit: 7 }, cpu: { shares: 256, quota: 20000, period: 50000 } };
  await task.update({ id: init.id, resources: resources(more), annotations: {} });
  t.is(await cgroupFile(pid, 'pids', 'pids.max'), '7');
  t.is(await cgroupFile(pid, 'cpu', 'cpu.shares'), '256');
  t.is(await cgroupFile(pid, 'cpu', 'cpu.cfs_quota_us'), '20000');
  t.is(await cgroupFile(pid, 'cpu', 'cpu.cfs_period_us'), '50000');
  t.is(await cgroupFile(pid, 'memory', 'memory.limit_in_bytes'), String(96 * MIB));
});

test('memory and swap rise and fall together', async (t) => {
  const { task, init, pid } = await fixture.running(t, ['sleep', '1000']);
  for (const [limit, swap] of [
    [64, 128],
    [256, 512],
    [32, 64],
    [300, -1],
  ] as const) {
    const memory = { limit: limit * MIB, swap: swap < 0 ? -1 : swap * MIB };
    await task.update({ id: init.id, resources: resources({ memory }), annotations: {} });
    t.is(await cgroupFile(pid, 'memory', 'memory.limit_in_bytes'), String(limit * MIB));
    if (swap > 0) t.is(await cgroupFile(pid, 'memory', 'memory.memsw.limit_in_bytes'), String(swap * MIB));
  }
});

test('a created container, and a paused one', async (t) => {
  const { task, init, pid } = await fixture.created(t, { args: ['sleep', '1000'] });
  await task.update({ id: init.id, resources: resources({ pids: { limit: 50 } }), annotations: {} });
  t.is(await cgroupFile(pid, 'pids', 'pids.max'), '50');
  await task.start(init);
  await task.pause({ id: init.id });
  await task.update({ id: init.id, resources: resources({ pids: { limit: 60 } }), annotations: {} });
  t.is(await cgroupFile(pid, 'pids', 'pids.max'), '60');
  await task.resume({ id: init.id });
});

test('a stopped container is refused', async (t) => {
  const { task, init } = await fixture.running(t, ['true']);
  await task.wait(init);
  const call = task.update({ id: init.id, resources: resources({ pids: { limit: 50 } }), annotations: {} });
  const { code, message } = await refused(t, call);
  t.is(code, Code.Unknown);
  t.is(message, 'cannot update a stopped container');
});

if (RUNTIME !== RUNC) {
  for (const [title, document, says] of [
    ['no JSON', '{', /resources is not valid JSON/],
    ['a list', '[]', /resources/],
    ['text for a number', { memory: { limit: 'much' } }, /memory\.limit is "much"/],
    ['shares below zero', { cpu: { shares: -5 } }, /cpu\.shares is -5/],
    ['a number with a fraction', { pids: { limit: 1.5 } }, /pids\.limit is 1\.5/],
    ['other devices', { devices: [{ allow: true, access: 'rwm' }] }, /linux\.resources\.devices cannot be changed/],
    ['a CPU that is not there', { cpu: { cpus: '4095' } }, /cpu\.cpus/],
    ['less memory than is used', { memory: { limit: 4096 } }, /linux\.resources\.memory\.limit/],
  ] as const) {
    test(`refused with its path, and nothing changes: ${title}`, async (t) => {
      const script = 'x=$(head -c 8000000 /dev/zero | tr "\\0" x); sleep 1000';
      const { task, init, pid } = await fixture.running(t, ['sh', '-c', script], { edit });
      if (title.startsWith('less')) await new Promise((resolve) => setTimeout(resolve, 500));
      const both = typeof document === 'string' ? document : { pids: { limit: 42 }, ...document };
      const { code, message } = await refused(
        t,
        task.update({ id: init.id, resources: resources(both), annotations: {} }),
      );
      t.is(code, Code.InvalidArgument, message);
      t.regex(message, says);
      t.is(await cgroupFile(pid, 'pids', 'pids.max'), '100');
      t.is(await cgroupFile(pid, 'memory', 'memory.limit_in_bytes'), String(64 * MIB));
    });
  }

  test('the devices that it has may be sent along', async (t) => {
    const devices = [{ allow: false, access: 'rwm' }];
    const { task, init, pid } = await fixture.running(t, ['sleep', '1000'], {
      edit: (spec) => (spec.linux['resources'] = { devices }),
    });
    await task.update({ id: init.id, resources: resources({ devices, pids: { limit: 9 } }), annotations: {} });
    t.is(await cgroupFile(pid, 'pids', 'pids.max'), '9');
  });

  test('checkBeforeUpdate', async (t) => {
    const { task, init } = await fixture.running(t, ['sleep', '1000'], { edit });
    const memory = { limit: 4096, checkBeforeUpdate: true };
    const call = task.update({ id: init.id, resources: resources({ memory }), annotations: {} });
    t.is((await refused(t, call)).code, Code.FailedPrecondition);
  });

  test('no resources at all', async (t) => {
    const { task, init } = await fixture.running(t, ['sleep', '1000']);
    const { code } = await refused(t, task.update({ id: init.id, resources: undefined, annotations: {} }));
    t.is(code, Code.InvalidArgument);
  });
}
