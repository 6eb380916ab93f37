import test from 'ava';
import { readKeeperIdentity } from '../../../shim/daemon/keeper-identity.ts';

test('a keeper is its pid and its start time, and in the host’s network', (t) => {
  t.deepEqual(readKeeperIdentity({ LXCRI_KEEPER: '42.123456' }), {
    text: '42.123456',
    hostNetwork: '/proc/42/ns/net',
  });
});

for (const text of [undefined, '', '42', '42.', 'x.1', '../1.2', '1.2.3']) {
  test(`no keeper is ${String(text)}`, (t) => {
    t.throws(() => readKeeperIdentity({ LXCRI_KEEPER: text }), { message: /its keeper starts it/ });
  });
}
