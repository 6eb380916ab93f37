import { rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { finalNameOf } from '../../common/atomic-file.ts';
import { listIfExists, readTextIfExists, removeFile } from '../../common/files.ts';
import type { Logger } from '../../common/logger.ts';
import type { RunPaths } from '../daemon/paths.ts';
import { parseMonitorStatus, type MonitorStatus } from '../monitor/messages.ts';
import { readContainerRecord, writeContainerRecord } from './container-record.ts';
import type { ContainerRegistry } from './container-registry.ts';
import { parseJournalName } from './journal-name.ts';

/**
 * Finds the containers of daemons that are gone: killed, crashed, or replaced by another build. Each is taken over from
 * its monitor, or, if that is gone too, from its status file. One that cannot be read harms no other.
 */
export async function recoverContainers(registry: ContainerRegistry, paths: RunPaths, logger: Logger): Promise<void> {
  const namespaces = await listIfExists(paths.containers);
  const found = await Promise.all(
    namespaces.map(async (namespace) => {
      const ids = await listIfExists(path.join(paths.containers, namespace));
      return ids.map((id) => ({ namespace, id }));
    }),
  );
  await Promise.all(
    found.flat().map(async ({ namespace, id }) => {
      try {
        await recoverContainer(registry, paths, { namespace, id }, logger);
      } catch (error) {
        registry.addUnreadable(namespace, id);
        logger.error({ namespace, id, err: error }, 'a container could not be taken over; `delete` will remove it');
      }
    }),
  );
}

/**
 * Sends the events of containers that are gone; call it after recoverContainers. The journals of containers that are
 * there, and those that the living daemon of another build writes, are left alone.
 */
export async function recoverJournals(registry: ContainerRegistry, paths: RunPaths, logger: Logger): Promise<void> {
  for (const namespace of await listIfExists(paths.events)) {
    for (const name of (await listIfExists(path.join(paths.events, namespace))).sort()) {
      const rewritten = finalNameOf(name);
      if (await isWrittenByOther(paths, namespace, rewritten ?? name)) continue;
      if (rewritten !== undefined) {
        // A daemon was killed in the middle; what it was to replace is whole.
        await removeFile(path.join(paths.events, namespace, name));
        continue;
      }
      if (registry.ownsJournal(namespace, name)) continue;
      await registry.adoptJournal(namespace, name).catch((error: unknown) => {
        logger.error({ namespace, journal: name, err: error }, 'events of a container that is gone cannot be read');
      });
    }
  }
}

/** How long a create may take from the making of its directory to the writing of its record, with much to spare. */
const CREATE_TIME_MS = 10_000;

async function recoverContainer(
  registry: ContainerRegistry,
  paths: RunPaths,
  { namespace, id }: { readonly namespace: string; readonly id: string },
  logger: Logger,
): Promise<void> {
  const directory = paths.container(namespace, id);
  const record = await readContainerRecord(directory);
  if (record === undefined) {
    // The daemon of another build may be about to write it.
    if (Date.now() - (await stat(directory)).mtimeMs < CREATE_TIME_MS) {
      registry.addUnreadable(namespace, id);
      return;
    }
    logger.info({ namespace, id }, 'a create was interrupted before anything ran; it is removed');
    await rm(directory, { recursive: true, force: true });
    return;
  }
  if (await isOtherDaemon(record.build, paths)) return;
  const own = { ...record, build: paths.build };
  if (record.build !== paths.build) await writeContainerRecord(directory, own);
  const status = await readStatus(directory);
  const container = registry.adopt(own, directory);
  await container.recover(status);
  logger.info({ namespace, id, status: container.status }, 'a container was taken over');
}

/** Whether the daemon of another build has a container, or had it and still sends its events. */
async function isWrittenByOther(paths: RunPaths, namespace: string, journal: string): Promise<boolean> {
  const { id, build } = parseJournalName(journal);
  const record = await readContainerRecord(paths.container(namespace, id)).catch(() => undefined);
  const owner = record?.journal === journal ? record.build : build;
  return owner !== undefined && (await isOtherDaemon(owner, paths));
}

/** Whether this is another build, whose daemon lives. */
async function isOtherDaemon(build: string, paths: RunPaths): Promise<boolean> {
  if (build === paths.build) return false;
  return new Promise((resolve) => {
    const socket = connect(paths.socketOf(build));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

/** Undefined: the container was still being created. */
async function readStatus(directory: string): Promise<MonitorStatus | undefined> {
  const text = await readTextIfExists(path.join(directory, 'status'));
  const status = text === undefined ? undefined : parseMonitorStatus(text);
  return status?.phase === 'creating' ? undefined : status;
}
