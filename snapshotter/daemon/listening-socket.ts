import { lstat, unlink } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { failedPrecondition, StatusError, messageOf } from '../../common/errors.ts';
import { hasErrorCode } from '../../common/files.ts';
import { ownDirectory } from './own-directory.ts';

/** sd_listen_fds(3): the first descriptor that systemd hands over. */
const FIRST_DESCRIPTOR = 3;

/**
 * The socket that systemd made for this process, or one of our own, for root alone.
 * @throws StatusError FailedPrecondition
 */
export async function listen(socketPath: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onConnection);
  const inherited = isActivated(process.env);
  try {
    if (!inherited) await makeRoom(socketPath);
    await start(server, inherited ? { fd: FIRST_DESCRIPTOR } : { path: socketPath });
  } catch (cause) {
    if (cause instanceof StatusError) throw cause;
    const why = messageOf(cause);
    throw failedPrecondition(`--socket ${socketPath} cannot be listened on: ${why}; choose another`, { cause });
  }
  return server;
}

async function start(server: Server, where: { readonly fd: number } | { readonly path: string }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const before = process.umask(0o177);
    // The socket file is made within this call.
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
    process.umask(before);
  });
}

function isActivated({ LISTEN_PID, LISTEN_FDS }: NodeJS.ProcessEnv): boolean {
  if (LISTEN_PID !== String(process.pid)) return false;
  if (LISTEN_FDS === '1') return true;
  throw failedPrecondition(`LISTEN_FDS is ${String(LISTEN_FDS)}: the .socket unit must have exactly one ListenStream`);
}

/** Removes the socket of a dead daemon: a living one would hold the lock that this one has. */
async function makeRoom(socketPath: string): Promise<void> {
  await ownDirectory(path.dirname(socketPath), 'the directory of --socket,');
  try {
    if (!(await lstat(socketPath)).isSocket()) {
      throw failedPrecondition(`${socketPath} is there, and no socket: remove it, or choose another --socket`);
    }
    await unlink(socketPath);
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error;
  }
}
