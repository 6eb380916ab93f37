import test from 'ava';
import { Code, StatusError } from '../../../common/errors.ts';
import { checkNamespacePaths } from '../../../shim/oci/namespace-paths.ts';
import { accept, type Json } from './documents.ts';

const check = (values: Json) => checkNamespacePaths(accept(values));
const one = (type: string, path?: string) => ({ 'linux.namespaces': [{ type, path }] });

test('new namespaces, and any namespace by path', async (t) => {
  await t.notThrowsAsync(check(one('network')));
  await t.notThrowsAsync(check(one('network', '/proc/self/ns/net')));
  await t.notThrowsAsync(check({ ...one('network', '/proc/self/ns/ipc'), 'linux.sysctl': { 'net.x': '1' } }));
});

for (const [name, values, message] of [
  [
    'a path that leads nowhere',
    one('ipc', '/proc/self/ns/nothing'),
    '"/proc/self/ns/nothing": expected the file of a namespace (ENOENT)',
  ],
  [
    'a file that is no namespace',
    one('ipc', '/proc/self/status'),
    '"/proc/self/status": expected the file of a namespace, such as /proc/PID/ns/net',
  ],
  ['a directory', one('ipc', '/'), '"/": expected the file of a namespace, such as /proc/PID/ns/net'],
  [
    "a sysctl in the host's network namespace",
    { ...one('network', '/proc/self/ns/net'), 'linux.sysctl': { 'net.ipv4.ip_forward': '1' } },
    `"/proc/self/ns/net": expected another namespace than the host's, as linux.sysctl["net.ipv4.ip_forward"] is set in it`,
  ],
  [
    "a host name in the host's UTS namespace",
    { ...one('uts', '/proc/self/ns/uts'), hostname: 'x' },
    `"/proc/self/ns/uts": expected another namespace than the host's, as hostname is set in it`,
  ],
] as const) {
  test(`refuses ${name}`, async (t) => {
    const error = await t.throwsAsync(check(values), { instanceOf: StatusError });
    t.is(error.code, Code.InvalidArgument);
    t.is(error.message, `config.json: linux.namespaces[0].path is ${message}`);
  });
}
