import test from 'ava';
import fc from 'fast-check';
import { sysctlFile, sysctlNamespace } from '../../../shim/oci/sysctl.ts';

for (const [key, file] of [
  ['net.ipv4.ip_forward', 'net/ipv4/ip_forward'],
  ['net/ipv4/ip_forward', 'net/ipv4/ip_forward'],
  ['net.ipv4.conf.eno2/100.rp_filter', 'net/ipv4/conf/eno2.100/rp_filter'],
  ['net/ipv4/conf/eno2.100/rp_filter', 'net/ipv4/conf/eno2.100/rp_filter'],
  ['kernel', undefined],
  ['', undefined],
  ['.', undefined],
  ['net.', undefined],
  ['/net/x', undefined],
  ['net..x', undefined],
  ['net/../kernel/core_pattern', undefined],
  ['net.//.kernel.core_pattern', undefined],
] as const) {
  test(`${JSON.stringify(key)} is ${String(file)}`, (t) => {
    t.is(sysctlFile(key), file);
  });
}

for (const [file, namespace] of [
  ['kernel/shmmax', 'ipc'],
  ['kernel/sem', 'ipc'],
  ['fs/mqueue/msg_max', 'ipc'],
  ['net/core/somaxconn', 'network'],
  ['user/max_user_namespaces', 'user'],
  ['kernel/domainname', 'uts'],
  ['kernel/core_pattern', undefined],
  ['vm/overcommit_memory', undefined],
  ['fs/mqueue', undefined],
  ['network/x', undefined],
] as const) {
  test(`${file} belongs to ${namespace ?? 'the machine'}`, (t) => {
    t.is(sysctlNamespace(file), namespace);
  });
}

test('no key leaves /proc/sys', (t) => {
  const key = fc.array(fc.constantFrom('net', '.', '/', '..', 'a', '')).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(key, fc.string()), (name) => {
      const file = sysctlFile(name);
      if (file !== undefined)
        t.true(
          file.split('/').every((part) => !['', '.', '..'].includes(part)),
          file,
        );
      t.pass();
    }),
  );
});
