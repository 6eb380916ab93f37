import { rm } from 'node:fs/promises';
import path from 'node:path';
import { finalNameOf } from '../../common/atomic-file.ts';
import { listIfExists, removeFile } from '../../common/files.ts';
import type { Logger } from '../../common/logger.ts';
import type { RunPaths } from '../daemon/paths.ts';
import { readContainerRecord } from './container-record.ts';
import type { ContainerRegistry } from './container-registry.ts';
import { readStatus } from './monitor-status.ts';

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
 * there are left alone.
 */
export async function recoverJournals(registry: ContainerRegistry, paths: RunPaths, logger: Logger): Promise<void> {
  for (const namespace of await listIfExists(paths.events)) {
    for (const name of (await listIfExists(path.join(paths.events, namespace))).sort()) {
      const rewritten = finalNameOf(name);
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

async function recoverContainer(
  registry: ContainerRegistry,
  paths: RunPaths,
  { namespace, id }: { readonly namespace: string; readonly id: string },
  logger: Logger,
): Promise<void> {
  const directory = paths.container(namespace, id);
  const record = await readContainerRecord(directory);
  if (record === undefined) {
    logger.info({ namespace, id }, 'a create was interrupted before anything ran; it is removed');
    await rm(directory, { recursive: true, force: true });
    return;
  }
  const status = await readStatus(directory);
  const container = registry.adopt(record, directory);
  await container.recover(status);
  logger.info({ namespace, id, status: container.status }, 'a container was taken over');
}
