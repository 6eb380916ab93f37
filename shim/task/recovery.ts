import { rmdir } from 'node:fs/promises';
import path from 'node:path';
import { finalNameOf } from '../../common/atomic-file.ts';
import { listIfExists, removeFile } from '../../common/files.ts';
import type { Logger } from '../../common/logger.ts';
import type { RunPaths } from '../daemon/paths.ts';
import { readContainerRecord, writeContainerRecord, type FoundRecord } from './container-record.ts';
import { removeStateDirectory, type ContainerRegistry } from './container-registry.ts';
import { readStatus } from './monitor-files.ts';

/** The directory of a container that an earlier daemon left. */
interface StateDirectory {
  readonly namespace: string;
  readonly id: string;
  readonly path: string;
  /** Undefined: nothing ran there yet, or it was being removed. */
  readonly found: FoundRecord | undefined;
}

/**
 * Takes over what daemons left that are gone: killed, crashed, or replaced by another build; there is never more than
 * one that lives. One container that cannot be read harms no other.
 */
export async function recover(registry: ContainerRegistry, paths: RunPaths, logger: Logger): Promise<void> {
  await registry.recoverAnswers();
  const giveUp = (namespace: string, id: string, error: unknown) => {
    registry.addUnreadable(namespace, id);
    logger.error({ namespace, id, err: error }, 'a container could not be taken over; `delete` will remove it');
  };
  const directories = await readStateDirectories(paths, giveUp);
  // First, as a later container of the same id tells nothing before.
  await recoverJournals(registry, paths, logger, directories);
  await Promise.all(
    directories.map((directory) =>
      recoverContainer(registry, paths, logger, directory).catch((error: unknown) => {
        giveUp(directory.namespace, directory.id, error);
      }),
    ),
  );
  await removeEmptyBelow(paths.containers);
}

async function readStateDirectories(
  paths: RunPaths,
  giveUp: (namespace: string, id: string, error: unknown) => void,
): Promise<StateDirectory[]> {
  const read = async (namespace: string, id: string) => {
    const directory = paths.container(namespace, id);
    try {
      return [{ namespace, id, path: directory, found: await readContainerRecord(directory) }];
    } catch (error) {
      giveUp(namespace, id, error);
      return [];
    }
  };
  const inNamespace = async (namespace: string) => {
    const ids = await listIfExists(path.join(paths.containers, namespace));
    return (await Promise.all(ids.map((id) => read(namespace, id)))).flat();
  };
  const namespaces = await listIfExists(paths.containers);
  return (await Promise.all(namespaces.map(inNamespace))).flat();
}

/** Sends the events of containers that are gone; a container that is there goes on with its journal itself. */
async function recoverJournals(
  registry: ContainerRegistry,
  paths: RunPaths,
  logger: Logger,
  directories: readonly StateDirectory[],
): Promise<void> {
  const owned = new Set(directories.map(({ namespace, found }) => `${namespace}/${found?.record.journal ?? ''}`));
  for (const namespace of await listIfExists(paths.events)) {
    for (const name of (await listIfExists(path.join(paths.events, namespace))).sort()) {
      if (finalNameOf(name) !== undefined) {
        // A daemon was killed in the middle; what it was to replace is whole.
        await removeFile(path.join(paths.events, namespace, name));
      } else if (!owned.has(`${namespace}/${name}`)) {
        await registry.adoptJournal(namespace, name).catch((error: unknown) => {
          logger.error({ namespace, journal: name, err: error }, 'events of a container that is gone cannot be read');
        });
      }
    }
  }
  await removeEmptyBelow(paths.events);
}

/** From its monitor, or, if that is gone too, from its status file. What was begun to be made or removed goes on. */
async function recoverContainer(
  registry: ContainerRegistry,
  paths: RunPaths,
  logger: Logger,
  { namespace, id, path: directory, found }: StateDirectory,
): Promise<void> {
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

/** The directories of namespaces: what was the last thing in one may have been removed when its daemon died. */
async function removeEmptyBelow(directory: string): Promise<void> {
  const namespaces = await listIfExists(directory);
  await Promise.all(namespaces.map((namespace) => rmdir(path.join(directory, namespace)).catch(() => undefined)));
}
