import { invalidArgument } from '../../common/errors.ts';
import { quote } from './layer-graph.ts';

/** What containerd allows for an identifier is far less; beyond this it is a mistake. */
const MAX_NAME_BYTES = 4096;

/** @throws StatusError InvalidArgument */
export function checkName(name: string, field: string): void {
  if (name === '') throw invalidArgument(`${field} is empty: give the snapshot a name`);
  const bytes = Buffer.byteLength(name);
  if (bytes > MAX_NAME_BYTES) throw invalidArgument(`${field} has ${bytes} bytes: ${MAX_NAME_BYTES} are allowed`);
  if (name.includes('\0')) throw invalidArgument(`${field} ${quote(name)} has a NUL byte in it`);
}
