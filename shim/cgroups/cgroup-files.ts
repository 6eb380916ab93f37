import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { hasErrorCode, listIfExists } from '../../common/files.ts';
import { directoryOf, type Cgroup } from './cgroup.ts';

/** The files of a container's cgroup, for whoever counts what it used. A host has not all of them. */
export abstract class CgroupFiles {
  abstract has(controller: string): boolean;

  /** The names of the files that a controller has in the cgroup. */
  abstract names(controller: string): Promise<readonly string[]>;

  /** Empty where there is no such file, or the kernel has nothing to say in it. */
  abstract text(controller: string, name: string): Promise<string>;

  /** A file of one number; `max` is the largest. */
  async number(controller: string, name: string): Promise<bigint> {
    return parseNumber((await this.text(controller, name)).trim());
  }

  /** A file of lines `KEY NUMBER`; what it has not is 0. */
  async numbers(controller: string, name: string): Promise<(key: string) => bigint> {
    const lines = (await this.text(controller, name)).split('\n').map((line) => line.split(' '));
    const found = new Map(lines.map(([key = '', value = '']) => [key, parseNumber(value)]));
    return (key) => found.get(key) ?? 0n;
  }
}

/** Those of a cgroup that is there. */
export class LiveCgroupFiles extends CgroupFiles {
  readonly #cgroups: readonly Cgroup[];

  constructor(cgroups: readonly Cgroup[]) {
    super();
    this.#cgroups = cgroups;
  }

  has(controller: string): boolean {
    return directoryOf(this.#cgroups, controller) !== undefined;
  }

  async names(controller: string): Promise<readonly string[]> {
    const directory = directoryOf(this.#cgroups, controller);
    return directory === undefined ? [] : listIfExists(directory);
  }

  async text(controller: string, name: string): Promise<string> {
    const directory = directoryOf(this.#cgroups, controller);
    if (directory === undefined) return '';
    try {
      return await readFile(path.join(directory, name), 'utf8');
    } catch (error) {
      // EOPNOTSUPP: pressure where the kernel was started without it.
      if (hasErrorCode(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP', 'EINVAL')) return '';
      throw error;
    }
  }
}

/** What a monitor kept when it removed the cgroup (shim/native/monitor/keep-stats.c): names and texts, each with a NUL. */
export class KeptCgroupFiles extends CgroupFiles {
  readonly #texts = new Map<string, string>();
  readonly #controllers = new Set<string>();

  constructor(kept: string) {
    super();
    const words = kept.split('\0');
    for (let i = 0; i + 1 < words.length; i += 2) {
      const [name = '', text = ''] = words.slice(i, i + 2);
      this.#texts.set(name, text);
      this.#controllers.add(name.split('/')[0] ?? '');
    }
  }

  has(controller: string): boolean {
    return this.#controllers.has(controller);
  }

  names(controller: string): Promise<readonly string[]> {
    const prefix = `${controller}/`;
    const names = [...this.#texts.keys()].filter((name) => name.startsWith(prefix));
    return Promise.resolve(names.map((name) => name.slice(prefix.length)));
  }

  text(controller: string, name: string): Promise<string> {
    return Promise.resolve(this.#texts.get(`${controller}/${name}`) ?? '');
  }
}

const UNLIMITED = 2n ** 64n - 1n;

/** Unsigned, as the metrics are: what the kernel gives as -1 has no limit. */
export function parseNumber(text: string): bigint {
  if (text === 'max' || text === '-1') return UNLIMITED;
  return /^[0-9]+$/.test(text) ? BigInt(text) : 0n;
}
