import type { StringMap } from './spec.ts';

/** The version of the specification that the state document follows; its form has not changed since 1.0. */
export const OCI_VERSION = '1.3.0';

export type Status = 'creating' | 'created' | 'running' | 'stopped';

/** The OCI state document, which hooks read from stdin: runtime.md, State. */
export interface State {
  readonly ociVersion: string;
  readonly id: string;
  readonly status: Status;
  /** Of the container's init, in the runtime's PID namespace. Absent when there is none. */
  readonly pid?: number;
  /** Absolute. */
  readonly bundle: string;
  readonly annotations?: StringMap;
}

/** Leaves out what is empty, as runc does; `pid` 0 means none. */
export function buildState(container: {
  id: string;
  status: Status;
  pid: number;
  bundle: string;
  annotations: StringMap;
}): State {
  const { id, status, pid, bundle, annotations } = container;
  return {
    ociVersion: OCI_VERSION,
    id,
    status,
    ...(pid > 0 && { pid }),
    bundle,
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}
