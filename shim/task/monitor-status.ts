import path from 'node:path';
import { readTextIfExists } from '../../common/files.ts';
import { parseMonitorStatus, type MonitorStatus } from '../monitor/messages.ts';

/** What the monitor has written of a container. Undefined: the container was still being created. */
export async function readStatus(directory: string): Promise<MonitorStatus | undefined> {
  const text = await readTextIfExists(path.join(directory, 'status'));
  const status = text === undefined ? undefined : parseMonitorStatus(text);
  return status?.phase === 'creating' ? undefined : status;
}
