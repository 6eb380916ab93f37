import test from 'ava';
import { execa } from 'execa';
import { Code, StatusError } from '../../common/errors.ts';
import { Metrics } from '../../proto/gen/io/containerd/cgroups/v1/metrics.ts';
import { eventually } from '../support/eventually.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import type { TestSpec } from '../support/shim-bundle.ts';
import { useShimHost } from '../support/with-shim-host.ts';

const fixture = useShimHost(test);
const MIB = 1024n * 1024n;

type Task = Awaited<ReturnType<typeof fixture.running>>['task'];

async function metricsOf(task: Task, id: string): Promise<Metrics> {
  const { stats } = await task.stats({ id });
  if (stats?.typeUrl !== 'io.containerd.cgroups.v1.Metrics')
    throw new Error(`stats are ${stats?.typeUrl ?? 'missing'}`);
  return Metrics.decode(stats.value);
}

const edit = (spec: TestSpec) => {
  spec.linux['resources'] = {
    memory: { limit: 64 * 1024 * 1024 },
    pids: { limit: 100 },
    cpu: { quota: 20000, period: 100000 },
  };
};

test('what a container uses, by what it does', async (t) => {
  const script = 'dd if=/dev/zero of=/tmp/file bs=1M count=8 2>/dev/null; sleep 1000 & while :; do :; done';
  const { task, init } = await fixture.running(t, ['sh', '-c', script], { edit });
  const metrics = await eventually(async () => {
    const found = await metricsOf(task, init.id);
    return (found.cpu?.throttling?.throttledPeriods ?? 0n) > 2n ? found : undefined;
  });
  const { pids, cpu, memory, memoryOomControl } = metrics;
  t.deepEqual(pids, { current: 2n, limit: 100n });
  t.true((cpu?.usage?.total ?? 0n) > 20_000_000n);
  const ticks = (cpu?.usage?.user ?? 0n) + (cpu?.usage?.kernel ?? 0n);
  t.true(ticks > 0n && ticks % 10_000_000n === 0n);
  t.true((cpu?.usage?.perCpu.length ?? 0) > 0);
  t.is(cpu?.usage?.perCpu.reduce((sum, each) => sum + each, 0n) === 0n, false);
  t.true((cpu?.throttling?.throttledTime ?? 0n) > 0n);
  t.is(memory?.usage?.limit, 64n * MIB);
  t.is(memory?.hierarchicalMemoryLimit, 64n * MIB);
  t.true((memory?.usage?.usage ?? 0n) > 0n && (memory?.usage?.usage ?? 0n) <= (memory?.usage?.max ?? 0n));
  t.true((memory?.pgFault ?? 0n) > 0n && (memory?.totalPgFault ?? 0n) >= (memory?.pgFault ?? 0n));
  t.true((memory?.kernel?.usage ?? 0n) > 0n);
  t.deepEqual(memoryOomControl, { oomKillDisable: 0n, underOom: 0n, oomKill: 0n });
});

test('counts grow, and a created container has them too', async (t) => {
  const { task, init } = await fixture.created(t, { args: ['sh', '-c', 'while :; do :; done'] });
  const before = await metricsOf(task, init.id);
  t.true((before.pids?.current ?? 0n) > 0n);
  await task.start(init);
  const grown = await eventually(async () => {
    const now = await metricsOf(task, init.id);
    return (now.cpu?.usage?.total ?? 0n) > (before.cpu?.usage?.total ?? 0n) + 50_000_000n ? now : undefined;
  });
  t.true((grown.cpu?.usage?.user ?? 0n) > 0n);
});

test('what it had used is known until it is deleted', async (t) => {
  const script = 'x=$(head -c 8000000 /dev/zero | tr "\\0" x); i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done';
  const { task, init } = await fixture.running(t, ['sh', '-c', script], { edit });
  await task.wait(init);
  const { cpu, memory, pids } = await metricsOf(task, init.id);
  t.true((cpu?.usage?.total ?? 0n) > 1_000_000n);
  t.true((memory?.usage?.max ?? 0n) > 8_000_000n);
  t.deepEqual(pids, { current: 0n, limit: 100n });
  await task.delete(init);
  await t.throwsAsync(task.stats({ id: init.id }));
});

test('no container, no stats', async (t) => {
  const { task, bundle } = await fixture.shim(t);
  const error = await t.throwsAsync(task.stats({ id: bundle.id }), { instanceOf: StatusError });
  t.is(error.code, Code.NotFound);
});

if (RUNTIME !== RUNC) {
  test('the interfaces of its own network, and not those of the host', async (t) => {
    const own = await fixture.running(t, ['sleep', '1000']);
    await execa('nsenter', [`--net=/proc/${own.pid}/ns/net`, 'ip', 'link', 'add', 'br0', 'type', 'bridge']);
    const empty = { rxBytes: 0n, rxPackets: 0n, rxErrors: 0n, rxDropped: 0n };
    const { network } = await metricsOf(own.task, own.init.id);
    t.like(network, [{ name: 'br0', ...empty }]);
    const hosts = await fixture.running(t, ['sleep', '1000'], {
      edit: (spec) => {
        const namespaces = spec.linux['namespaces'] as { type: string }[];
        spec.linux['namespaces'] = namespaces.filter(({ type }) => type !== 'network');
      },
    });
    t.deepEqual((await metricsOf(hosts.task, hosts.init.id)).network, []);
  });

  test('asked by many at once', async (t) => {
    const { task, init } = await fixture.running(t, ['sleep', '1000']);
    const all = await Promise.all(Array.from({ length: 20 }, () => metricsOf(task, init.id)));
    t.true(all.every(({ pids }) => pids?.current === 1n));
  });
}
