import path from 'node:path';

export const LXCRI = 'io.containerd.lxcri.v1';
export const RUNC = 'io.containerd.runc.v2';

/** dist/bin of this checkout, which the build fills. */
export const DIST_BIN = path.resolve(import.meta.dirname, '../../dist/bin');

/** The runtime under test. What the tests expect can be proved against runc's: LXCRI_TEST_RUNTIME=io.containerd.runc.v2 */
export const RUNTIME = process.env['LXCRI_TEST_RUNTIME'] ?? LXCRI;

/** The binary that containerd looks up for a runtime's name: by its last two parts. */
export function shimBinary(runtime: string): string {
  const [name = '', version = ''] = runtime.split('.').slice(-2);
  const binary = `containerd-shim-${name}-${version}`;
  return name === 'runc' ? binary : path.join(DIST_BIN, binary);
}
