import { rmdir } from 'node:fs/promises';
import path from 'node:path';
import { finalNameOf } from '../../common/atomic-file.ts';
import { listIfExists, removeFile } from '../../common/files.ts';
import type { Logger } from '../../common/logger.ts';
import type { RunPaths } from '../daemon/paths.ts';
import { readContainerRecord, writeContainerRecord } from './container-record.ts';
import { removeStateDirectory, type ContainerRegistry } from './container-registry.ts';
import { parseJournalName } from './journal-name.ts';
import { readStatus } from './monitor-files.ts';

/**
 * Finds the containers of daemons that are gone: killed, crashed, or replaced by another build; there is never more than
 * one that lives. Each is taken over from its monitor, or, if that is gone too, from its status file. What was being made
 * goes on or is rolled back, what was being removed is. One that cannot be read harms no other.
 */
export async function recoverContainers(registry: ContainerRegistry, paths: RunPaths, logger: Logger): Promise<void> {
  await registry.recoverAnswers();
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
  await removeEmpty(namespaces.map((namespace) => path.join(paths.containers, namespace)));
}

/** What was the last thing in them may have been removed when its daemon died. */
async function removeEmpty(directories: readonly string[]): Promise<void> {
  await Promise.all(directories.map((directory) => rmdir(directory).catch(() => undefined)));
}

/**
 * Sends the events of containers that are gone; call it before recoverContainers, as a later container of the same id
 * tells nothing before. The journals of containers that are there are left alone.
 */
export async function recoverJournals(registry: ContainerRegistry, paths: RunPaths, logger: Logger): Promise<void> {
  const namespaces = await listIfExists(paths.events);
  for (const namespace of namespaces) {
    for (const name of (await listIfExists(path.join(paths.events, namespace))).sort()) {
      const rewritten = finalNameOf(name);
      if (rewritten !== undefined) {
        // A daemon was killed in the middle; what it was to replace is whole.
        await removeFile(path.join(paths.events, namespace, name));
        continue;
      }
      if (await isOwned(paths, namespace, name)) continue;
      await registry.adoptJournal(namespace, name).catch((error: unknown) => {
        logger.error({ namespace, journal: name, err: error }, 'events of a container that is gone cannot be read');
      });
    }
  }
  await removeEmpty(namespaces.map((namespace) => path.join(paths.events, namespace)));
}

/** Whether there is a container that goes on with it. */
async function isOwned(paths: RunPaths, namespace: string, name: string): Promise<boolean> {
  const { id } = parseJournalName(name);
  const found = await readContainerRecord(paths.container(namespace, id)).catch(() => undefined);
  return found?.record.journal === name;
}

async function recoverContainer(
  registry: ContainerRegistry,
  paths: RunPaths,
  { namespace, id }: { readonly namespace: string; readonly id: string },
  logger: Logger,
): Promise<void> {
  const directory = paths.container(namespace, id);
  const found = await readContainerRecord(directory);
  if (found === undefined) {
    logger.info(
      { namespace, id },
      'a create was interrupted before anything ran, or a delete after all; it is removed',
    );
    await removeStateDirectory(directory);
    return;
  }
  const { record, isAbandoned } = found;
  const own = { ...record, build: paths.build };
  if (record.build !== paths.build && !isAbandoned) await writeContainerRecord(directory, own);
  const status = await readStatus(directory);
  const container = await registry.adopt({ record: own, directory, status, isAbandoned });
  logger.info({ namespace, id, status: container.status }, 'a container was taken over');
}
