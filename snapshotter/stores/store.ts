import type { Layer, Mount, Usage } from '../layerfs/layer.ts';

/**
 * Where layers are kept. A store knows nothing of names, children and order: LayerFS calls it for one layer at a time
 * in order, and for different layers at once.
 *
 * Each change can be cut off at any moment, by a killed process or a lost host: the next scan then finds the layer as it
 * was before or as it was to be, and what belongs to none is an orphan.
 *
 * Every method throws StatusError.
 */
export interface Store {
  readonly kind: StoreKind;
  /** Where it keeps layers, for people: the dataset, or the directory. */
  readonly location: string;

  /** Reads back everything. Called once, before everything else. */
  scan(): Promise<Scan>;

  /**
   * Makes the layer, whose kind is `active` or `view`, on top of `ancestors`: the parent, its parent, and so on. If it
   * fails, nothing of it is left, or an orphan.
   */
  create(layer: Layer, ancestors: readonly Layer[], options: CreateOptions): Promise<void>;

  /**
   * Makes an active layer the committed one `layer`, which has the same id. Everything that was written to it, if only
   * through a mapped file, is then in it and outlives the host's fall.
   */
  commit(layer: Layer): Promise<void>;

  /** Replaces what is kept about a layer: its labels and times. */
  update(layer: Layer): Promise<void>;

  /** How a client mounts an active layer or a view. */
  mounts(layer: Layer, ancestors: readonly Layer[]): Promise<Mount[]>;

  usage(layer: Layer, ancestors: readonly Layer[]): Promise<Usage>;

  /**
   * Lets go of a layer that nobody knows any more; quick, since containerd waits with everything for it. Whoever still
   * has it mounted keeps it.
   */
  discard(layer: Layer): Promise<void>;

  /**
   * Frees what discarded layers take; children come before parents.
   * @returns those that cannot go yet, as somebody still has them mounted, and why. What is gone already is no error.
   */
  destroy(layers: readonly Layer[]): Promise<Undestroyed[]>;

  /** Destroys what the scan, or a later one, found to belong to no layer. @returns those that cannot go yet, and why. */
  destroyOrphans(orphans: readonly Orphan[]): Promise<Undestroyed[]>;

  /** Ends what works for the store; layers stay mounted. */
  close(): Promise<void>;
}

export type StoreKind = 'zfs' | 'overlay';

export interface CreateOptions {
  /** How much the file system may hold, with what is below it; undefined: as much as there is. */
  readonly maxBytes?: bigint;
}

export interface Scan {
  readonly layers: readonly Layer[];
  readonly orphans: readonly Orphan[];
  /** What may be a layer, or somebody else's: kept, shown by fsck, never destroyed unasked. */
  readonly damaged: readonly Orphan[];
  /** The greatest id that is taken, if only by an orphan or something damaged; '0' if none is. */
  readonly lastId: string;
}

/** Something in the store's place that belongs to no layer: mostly the rest of an interrupted change. */
export interface Orphan {
  /** Its name, if it has no id. */
  readonly id: string;
  /** For people: the dataset or directory, and what is wrong with it. */
  readonly place: string;
  readonly reason: string;
}

export interface Undestroyed {
  readonly id: string;
  readonly reason: string;
}
