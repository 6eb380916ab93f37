import path from 'node:path';
import { readTextIfExists } from '../../common/files.ts';
import { parseFailure, parseMonitorStatus, type Failure, type MonitorStatus } from '../monitor/messages.ts';

/** What a monitor has written of its container. Undefined: it has not been created yet. @throws for what is no status. */
export async function readStatus(directory: string): Promise<MonitorStatus | undefined> {
  const text = await readTextIfExists(path.join(directory, 'status'));
  const status = text === undefined ? undefined : parseMonitorStatus(text);
  return status?.phase === 'creating' ? undefined : status;
}

/** Why it could not be created; undefined: nobody has said so. */
export async function readFailure(directory: string): Promise<Failure | undefined> {
  const text = await readTextIfExists(path.join(directory, 'failure'));
  return text === undefined ? undefined : parseFailure(text);
}
