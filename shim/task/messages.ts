/**
 * Texts of errors that clients of the Task service match (containerd's runtime/v2/runc and moby's
 * daemon/errors.go). Docker finds "not found" anywhere, so no other error may contain it.
 */
export const CONTAINER_NOT_CREATED = 'container not created';
export const PROCESS_ALREADY_FINISHED = 'process already finished';
export const CANNOT_DELETE_RUNNING = 'cannot delete a running process';
export const processDoesNotExist = (execId: string) => `process does not exist ${execId}`;
/** What Docker's exit codes 126 and 127 hang on follows the colon: see shim/native/init/executable.c. */
export const createFailed = (reason: string) => `OCI runtime create failed: ${reason}`;
export const startFailed = (reason: string) => `OCI runtime start failed: ${reason}`;
