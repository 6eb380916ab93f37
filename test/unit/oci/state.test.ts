import test from 'ava';
import { buildState, OCI_VERSION } from '../../../shim/oci/state.ts';

const container = { id: 'hello', status: 'running', pid: 42, bundle: '/b', annotations: { a: '1' } } as const;

test('says what hooks read', (t) => {
  t.deepEqual(buildState(container), { ociVersion: OCI_VERSION, ...container });
});

test('leaves out what is empty', (t) => {
  t.deepEqual(buildState({ ...container, status: 'stopped', pid: 0, annotations: {} }), {
    ociVersion: OCI_VERSION,
    id: 'hello',
    status: 'stopped',
    bundle: '/b',
  });
});
