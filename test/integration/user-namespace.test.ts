import test from 'ava';
import { useContainerd } from '../support/with-containerd.ts';

// Not compared with runc's: 1.1 refuses stdin from /dev/null in a user namespace.
const fixture = useContainerd(test);

const FLAGS = ['--uidmap', '0:100000:65536', '--gidmap', '0:200000:65536'];

test('root of a user namespace: its ids, files, devices, streams, file systems', async (t) => {
  const script = `
    id -u; id -g
    cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '
    touch /tmp/made && stat -c '%u:%g' /tmp/made
    echo fine >/dev/stdout
    echo x >/dev/null && head -c 3 /dev/zero | wc -c
    grep -c '^sysfs /sys sysfs ro,nosuid,nodev,noexec' /proc/mounts
    hostname other 2>/dev/null || echo denied`;
  const { code, stdout, stderr } = await fixture.run(['sh', '-c', script], FLAGS);
  const maps = [' 0 100000 65536', ' 0 200000 65536'];
  const lines = ['0', '0', ...maps, '0:0', 'fine', '3', '1', 'denied', ''];
  t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: lines.join('\n'), stderr: '' });
});
