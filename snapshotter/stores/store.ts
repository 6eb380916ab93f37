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

  /** The dataset or directory of a layer, for people. */
  place(layer: Layer): string;

  /** What layers take, without counting files. One that is gone, or cannot be looked at, is left out. */
  space(layers: readonly Layer[], ancestors: AncestorsOf): Promise<ReadonlyMap<string, Space>>;

  /** What the store takes in all. */
  totalSpace(): Promise<TotalSpace>;

  /** Looks at everything anew, and at what a scan does not need to know. `layers` are those that it should hold. */
  inspect(layers: readonly Layer[]): Promise<Inspection>;

  /** Reads every block of a layer, without those of the layers below. @throws StatusError DataLoss if one is damaged. */
  verify(layer: Layer, work: Work): Promise<void>;

  /** Makes the committed layer `target`, which has no parent, of all that `layer` shows. It is there as a whole or not. */
  flatten(layer: Layer, ancestors: readonly Layer[], target: Layer, work: Work): Promise<void>;

  /** Not there where a store cannot. */
  readonly snapshots?: FileSystemSnapshots;
  readonly transfer?: LayerTransfer;

  /** Ends what works for the store; layers stay mounted. */
  close(): Promise<void>;
}

/** Named states of active layers. */
export interface FileSystemSnapshots {
  list(layer: Layer): Promise<SnapshotInfo[]>;
  create(layer: Layer, snapshot: string): Promise<void>;
  delete(layer: Layer, snapshot: string): Promise<void>;
  /** Destroys the snapshots that are later than this one. */
  rollback(layer: Layer, snapshot: string): Promise<void>;
  /** Makes `target`, which has the same parent, of a snapshot, or of what the layer holds now. */
  clone(layer: Layer, snapshot: string | undefined, target: Layer): Promise<void>;
  /** Makes a clone what the other was cloned from. @returns the id of that one. */
  promote(layer: Layer): Promise<string>;
}

export interface SnapshotInfo {
  readonly name: string;
  /** Nanoseconds since 1970. */
  readonly createdAt: bigint;
  /** What its removal frees. */
  readonly bytes: bigint;
  /** The ids of the layers that were cloned from it. */
  readonly clones: readonly string[];
}

/** Takes the content of committed layers from one store to another. */
export interface LayerTransfer {
  /** What tells a layer's content from every other, on whatever host; undefined for a layer that is not there. */
  identity(layer: Layer): Promise<string | undefined>;
  /** About how many bytes `send` gives. */
  estimate(layer: Layer, parent: Layer | undefined): Promise<bigint>;
  /** What makes `layer` of its parent. */
  send(layer: Layer, parent: Layer | undefined, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Makes a layer of what `send` gave elsewhere. It is there as a whole or not. */
  receive(
    layer: Layer,
    parent: Layer | undefined,
    stream: AsyncIterable<Uint8Array>,
    options: ReceiveOptions,
  ): Promise<void>;
}

export interface ReceiveOptions {
  /** What `identity` said of it elsewhere. */
  readonly identity: string;
  readonly signal: AbortSignal;
}

/** What takes long, and what it is told and tells. */
export interface Work {
  readonly signal: AbortSignal;
  /** Bytes since the last call. */
  readonly progress: (bytes: number) => void;
}

/** The parent of a layer, that one's parent, and so on. */
export type AncestorsOf = (layer: Layer) => readonly Layer[];

/** In bytes. */
export interface Space {
  /** What its removal frees. */
  readonly own: bigint;
  /** What it shows of the layers below it. */
  readonly shared: bigint;
  /** All that it shows, before compression. */
  readonly logical: bigint;
  /** By how much that is compressed. */
  readonly ratio: number;
}

export interface TotalSpace extends Space {
  readonly available: bigint;
}

export interface Inspection extends Scan {
  readonly problems: readonly Problem[];
}

/** Something that is not as it should be. */
export interface Problem {
  /** A word or two that never change, for programs. */
  readonly kind: string;
  /** The layer's, or a name if it is none. */
  readonly id: string;
  readonly place: string;
  readonly reason: string;
  /** A string tells what people can do where a program must not decide. */
  readonly repair: Repair | string;
}

export interface Repair {
  /** What it does, as a command: "destroy it". */
  readonly does: string;
  /** What it destroys may be data. */
  readonly destroys?: boolean;
  apply(): Promise<void>;
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
  /** What people can do, where it cannot be destroyed by itself. */
  readonly advice?: string;
}

export interface Undestroyed {
  readonly id: string;
  readonly reason: string;
}
