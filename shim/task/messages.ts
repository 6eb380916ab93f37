/**
 * Texts of errors that clients of the Task service match (containerd's runtime/v2/runc and moby's
 * daemon/errors.go). Docker finds "not found" anywhere, so no other error may contain it.
 */
export const CONTAINER_NOT_CREATED = 'container not created';
export const PROCESS_ALREADY_FINISHED = 'process already finished';
export const PROCESS_NOT_CREATED = 'process not created';
export const initNotRunning = (id: string) => `container ${id} init process is not running`;
export const CANNOT_DELETE_RUNNING = 'cannot delete a running process';
export const processDoesNotExist = (execId: string) => `process does not exist ${execId}`;
/** What Docker's exit codes 126 and 127 hang on follows the colon: see shim/native/init/executable.c. */
export const createFailed = (reason: string) => `OCI runtime create failed: ${reason}`;
export const execFailed = (reason: string) => `OCI runtime exec failed: ${reason}`;
export const startFailed = (reason: string) => `OCI runtime start failed: ${reason}`;
export const restoreFailed = (reason: string) => `OCI runtime restore failed: ${reason}`;
export const checkpointFailed = (reason: string) => `the checkpoint failed: ${reason}`;

/** What a call that does not fit a container's state is answered: containerd, pkg/process/init_state.go. */
export const CANNOT_PAUSE = {
  creating: 'cannot pause task in created state',
  created: 'cannot pause task in created state',
  paused: 'cannot pause a paused container',
  stopped: 'cannot pause a stopped container',
} as const;
export const CANNOT_EXEC = {
  paused: 'cannot exec in a paused state',
  stopped: 'cannot exec in a stopped state',
} as const;
export const CANNOT_CHECKPOINT = {
  creating: 'cannot checkpoint a task in created state',
  created: 'cannot checkpoint a task in created state',
  stopped: 'cannot checkpoint a stopped container',
} as const;
/** Of a container that is to be restored: it has no process yet that could be joined. */
export const CANNOT_EXEC_CREATED = 'cannot exec in a created state';
export const CANNOT_RESIZE_STOPPED = 'cannot resize a stopped container';
export const CANNOT_RESUME = {
  creating: 'cannot resume task in created state',
  created: 'cannot resume task in created state',
  running: 'cannot resume a running process',
  stopped: 'cannot resume a stopped container',
} as const;
export const CANNOT_UPDATE_STOPPED = 'cannot update a stopped container';
export const CANNOT_START = {
  running: 'cannot start a running process',
  paused: 'cannot start a paused process',
  stopped: 'cannot start a stopped process',
} as const;
export const CANNOT_DELETE_PAUSED = 'cannot delete a paused process';
