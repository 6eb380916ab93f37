export type LayerKind = 'active' | 'view' | 'committed';

export type Labels = Readonly<Record<string, string>>;

/**
 * What is known of one snapshot. A store keeps it with the snapshot's content, so that a scan of the store brings all of
 * them back. It never changes: an update makes another.
 */
export interface Layer {
  /** Names the content in the store: a number, never given again while anything is left of it. */
  readonly id: string;
  readonly kind: LayerKind;
  /** The key of an active snapshot or a view, the name of a committed one: unique among all three. */
  readonly name: string;
  /** The id of the committed layer below; none at the bottom of a chain. */
  readonly parent?: string;
  readonly labels: Labels;
  /** Nanoseconds since 1970. */
  readonly createdAt: bigint;
  readonly updatedAt: bigint;
}

/** A layer as callers know it: by names alone. */
export interface LayerInfo {
  readonly name: string;
  /** '' at the bottom of a chain. */
  readonly parent: string;
  readonly kind: LayerKind;
  readonly labels: Labels;
  readonly createdAt: bigint;
  readonly updatedAt: bigint;
}

/** containerd's mount.Mount: the client does it, in its own mount namespace. */
export interface Mount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

/** What a layer takes by itself, without those below it. */
export interface Usage {
  readonly bytes: bigint;
  readonly inodes: bigint;
}

/**
 * Set on layers that people made. containerd does not know them: were they in the List by which it looks for what nobody
 * uses any more, it would remove them.
 */
export const BY_HAND_LABEL = 'io.lxcri.layerfs/by-hand';
