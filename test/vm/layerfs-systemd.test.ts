import path from 'node:path';
import test from 'ava';
import { eventually } from '../support/eventually.ts';
import { CHECKOUT_BIN } from './checkout.ts';
import { containerdConfig, LAYERFS_SOCKET } from './containerd-config.ts';
import { useVm } from './with-vm.ts';

const UNITS = path.resolve(import.meta.dirname, '../../packaging/systemd');

const fixture = useVm(test);

const sh = (script: string, timeoutMs = 60_000) => fixture.vm.succeed(['sh', '-c', script], { timeoutMs });

/**
 * Through containerd, as users come. It gives a connection up that is not answered within a second, and without KVM Node
 * takes two to start; so it may need a second try.
 */
const useSnapshotter = () =>
  eventually(
    () => sh('c="ctr --address /tmp/c.sock snapshots --snapshotter layerfs"; $c prepare key && $c rm key && echo done'),
    { intervalMs: 500 },
  );

test.serial.before('install the units, and a containerd', async (t) => {
  t.timeout(300_000);
  const { vm } = fixture;
  await vm.succeed(['zpool', 'create', '-O', 'mountpoint=none', 'tank', '/dev/disk/by-id/virtio-scratch']);
  await vm.copyIn(UNITS, '/tmp/units');
  await sh(`sed -i s,/usr/bin/,${CHECKOUT_BIN}/, /tmp/units/*.service && cp /tmp/units/* /etc/systemd/system/`);
  const places = { root: '/tmp/containerd', state: '/run/test-containerd', address: '/tmp/c.sock' };
  await vm.succeed(['tee', '/tmp/containerd.toml'], { input: containerdConfig(places) });
  await sh('systemctl daemon-reload && systemctl start layerfs-snapshotter.socket');
  t.is(await sh('systemctl is-active layerfs-snapshotter.service || true'), 'inactive');
  await sh('systemd-run --unit test-containerd containerd --config /tmp/containerd.toml');
  await sh('until ctr --address /tmp/c.sock version >/dev/null 2>&1; do sleep 0.2; done');
});

test.serial('the units are sound', async (t) => {
  const { exitCode, stdout, stderr } = await fixture.vm.run([
    'systemd-analyze',
    'verify',
    '--man=no',
    'layerfs-snapshotter.service',
    'layerfs-snapshotter.socket',
  ]);
  t.is(exitCode, 0, stdout + stderr);
});

test.serial('a call starts the daemon; its socket is for root alone', async (t) => {
  t.is(await useSnapshotter(), 'done');
  t.is(await sh('systemctl is-active layerfs-snapshotter.service'), 'active');
  t.is(await sh(`stat -c '%a %U' ${LAYERFS_SOCKET} && stat -c %a $(dirname ${LAYERFS_SOCKET})`), '600 root\n700');
});

test.serial('a killed daemon is started again', async (t) => {
  for (let i = 0; i < 2; i++) {
    await sh('systemctl kill --signal SIGKILL --kill-whom main layerfs-snapshotter.service');
    t.is(await useSnapshotter(), 'done');
  }
});

test.serial(
  'it stops when asked to, without a failure and with its worker, and comes back with the next call',
  async (t) => {
    await sh('systemctl stop layerfs-snapshotter.service 2>/dev/null');
    t.is(await sh('systemctl show -P Result layerfs-snapshotter.service'), 'success');
    t.is(await sh('pgrep -c layerfs-worker || true'), '0');
    t.is(await useSnapshotter(), 'done');
    t.is(await sh('pgrep -c layerfs-worker'), '1');
  },
);

test.serial('it has the mount namespace of the host', async (t) => {
  const pid = await sh('systemctl show -P MainPID layerfs-snapshotter.service');
  t.is(await sh(`readlink /proc/${pid}/ns/mnt`), await sh('readlink /proc/1/ns/mnt'));
});
