import test from 'ava';
import { beginState, OCI_VERSION } from '../../../shim/oci/state.ts';

test('a state document lacks only what changes', (t) => {
  const container = { id: 'hello', bundle: '/run/a "bundle"', annotations: { key: 'a\nvalue' } };
  t.deepEqual(JSON.parse(`${beginState(container)},"status":"created","pid":7}`), {
    ociVersion: OCI_VERSION,
    ...container,
    status: 'created',
    pid: 7,
  });
});

test('annotations are left out where there are none, as runc does', (t) => {
  t.is(beginState({ id: 'a', bundle: '/b', annotations: {} }), `{"ociVersion":"${OCI_VERSION}","id":"a","bundle":"/b"`);
});
