import path from 'node:path';

/**
 * What is where below the store's root:
 *
 *     snapshots/ID/record.json   the layer, as record.ts has it
 *     snapshots/ID/fs            its content: an overlay's upper directory, later a lower one
 *     snapshots/ID/work          the overlay's work directory, while the layer is active
 *     snapshots/ID/usage.json    what a committed layer takes, once somebody asked
 *     snapshots/new-ID           a layer that is being made
 *     snapshots/new-ID/merged    the chain that it is made of, while it is
 *     snapshots/removed-ID       a removed layer that is still to be destroyed
 *
 * The options of a mount must fit into a page, and containerd leaves out what all lower directories begin with: so names
 * are short, and alike up to the id.
 */
export class LayerPaths {
  readonly root: string;
  readonly snapshots: string;

  constructor(root: string) {
    this.root = root;
    this.snapshots = path.join(root, 'snapshots');
  }

  directory(id: string): string {
    return `${this.snapshots}/${id}`;
  }

  beingMade(id: string): string {
    return `${this.snapshots}/new-${id}`;
  }

  removed(id: string): string {
    return `${this.snapshots}/removed-${id}`;
  }

  content(id: string): string {
    return contentIn(this.directory(id));
  }

  work(id: string): string {
    return workIn(this.directory(id));
  }

  record(id: string): string {
    return recordIn(this.directory(id));
  }

  usage(id: string): string {
    return `${this.directory(id)}/usage.json`;
  }
}

export const contentIn = (directory: string) => `${directory}/fs`;
export const workIn = (directory: string) => `${directory}/work`;
export const mergedIn = (directory: string) => `${directory}/merged`;
export const recordIn = (directory: string) => `${directory}/record.json`;

export interface EntryName {
  readonly state: 'layer' | 'new' | 'removed';
  readonly id: string;
}

const NAME = /^(?:(new|removed)-)?([1-9]\d{0,29})$/;

/** What a name in `snapshots` stands for; undefined if LayerFS gives no such names. */
export function parseEntryName(name: string): EntryName | undefined {
  const [, state, id] = NAME.exec(name) ?? [];
  if (id === undefined) return undefined;
  return { state: state === 'new' || state === 'removed' ? state : 'layer', id };
}
