import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { resolveBelow } from '../../../shim/criu/container-path.ts';
import { findExternal, sourceOf } from '../../../shim/criu/external-mounts.ts';
import { parseMountTable } from '../../../shim/criu/mount-table.ts';
import type { MountTie } from '../../../shim/backends/backend.ts';
import { mountTies } from '../../../shim/backends/lxc/mount-ties.ts';
import { makeTempDir } from '../../support/temp-dir.ts';
import { HYBRID, V2 } from '../backends/hierarchies.ts';
import { accept } from '../oci/documents.ts';

const MOUNT_INFO = `197 158 0:51 / / rw,relatime shared:95 master:92 - overlay overlay rw
198 197 0:54 / /proc rw - proc proc rw
172 197 0:55 / /dev rw - tmpfs tmpfs rw
184 198 0:55 /null /proc/kcore rw - tmpfs tmpfs rw
200 197 8:1 /srv /data\\040one rw - ext4 /dev/sda1 rw
201 200 0:60 / /data\\040one/below rw - tmpfs tmpfs rw
202 200 0:61 / /data\\040one/cache rw - tmpfs tmpfs rw
203 197 8:1 /etc/hosts /etc/hosts rw - ext4 /dev/sda1 rw
204 203 0:62 / /etc/hosts/x rw - tmpfs tmpfs rw
`;

const OWN = { destination: '', recursive: false };

test('a table is read as the kernel writes it', (t) => {
  const table = parseMountTable(MOUNT_INFO);
  t.is(table.length, 9);
  t.deepEqual(table[4], { id: 200, parent: 197, point: '/data one' });
});

test('what the host gave is external, with what came along; what the container mounts itself is not', (t) => {
  const places = new Map<string, MountTie>([
    ['/proc', OWN],
    ['/dev', OWN],
    ['/data one', { destination: '/var/data', source: '/srv', recursive: true }],
    ['/data one/cache', OWN],
    ['/etc/hosts', { destination: '/etc/hosts', source: '/x', recursive: false }],
  ]);
  t.deepEqual(findExternal(parseMountTable(MOUNT_INFO), places), [
    { point: '/data one', destination: '/var/data', below: '' },
    { point: '/data one/below', destination: '/var/data', below: 'below' },
    { point: '/etc/hosts', destination: '/etc/hosts', below: '' },
  ]);
});

test('its source is that of the new config.json', (t) => {
  const mount = { point: '/p/below', destination: '/var/data', below: 'below' };
  const ties = [{ destination: '/var/data', source: '/new', recursive: true }];
  t.is(sourceOf(mount, ties), '/new/below');
  t.throws(() => sourceOf(mount, []), { message: /nothing of the host’s at "\/var\/data"/ });
  t.throws(() => sourceOf(mount, [{ destination: '/var/data', recursive: false }]));
});

test('paths are followed inside of the root', async (t) => {
  const dir = await makeTempDir();
  await mkdir(path.join(dir, 'run/x'), { recursive: true });
  await mkdir(path.join(dir, 'var'));
  await writeFile(path.join(dir, 'run/x/file'), '');
  await symlink('/run', path.join(dir, 'var/run'));
  await symlink('../../../../run/x', path.join(dir, 'up'));
  await symlink('loop', path.join(dir, 'loop'));
  t.is(await resolveBelow(dir, '/var/run/x/file'), '/run/x/file');
  t.is(await resolveBelow(dir, '/up/file'), '/run/x/file');
  t.is(await resolveBelow(dir, '/none/../run'), '/run');
  t.is(await resolveBelow(dir, '/'), '/');
  t.regex(await resolveBelow(dir, '/loop/x'), /loop/);
});

test('the mounts of a spec that come from the host', (t) => {
  const spec = accept({
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/data', type: 'bind', source: '/srv', options: ['rbind'] },
      { destination: '/one', type: 'none', source: '/two', options: ['bind', 'ro'] },
      { destination: '/one', type: 'none', source: '/two', options: ['remount', 'ro'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup' },
    ],
    'linux.namespaces': [{ type: 'mount' }],
  });
  t.deepEqual(mountTies(spec, V2, '/default/c'), [
    { destination: '/proc', recursive: false },
    { destination: '/data', source: '/srv', recursive: true },
    { destination: '/one', source: '/two', recursive: false },
    { destination: '/sys/fs/cgroup', source: `${V2[0]?.base ?? ''}/default/c`, recursive: false },
  ]);
  const parts = mountTies(spec, HYBRID, '/c').filter(({ destination }) => destination.startsWith('/sys/fs/cgroup/'));
  t.is(parts.length, HYBRID.length);
  const inNamespaces = { ...spec.linux, namespaces: [{ type: 'cgroup' }, { type: 'user' }] as const };
  const ties = mountTies({ ...spec, linux: inNamespaces }, V2, '/c');
  t.is(ties.find(({ destination }) => destination === '/sys/fs/cgroup')?.source, undefined);
  t.is(ties.find(({ destination }) => destination === '/dev/null')?.source, '/dev/null');
});
