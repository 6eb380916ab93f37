import { alreadyExists, failedPrecondition, invalidArgument, notFound } from '../../common/errors.ts';
import type { Layer } from './layer.ts';

interface Node {
  layer: Layer;
  /** Layers on top of this one, and those that are being made. */
  children: number;
  /** How many are reading it. */
  holds: number;
}

/**
 * All layers by name, and what stands on what. Free of any waiting: what is checked and reserved here in one go cannot
 * be overtaken.
 */
export class LayerGraph {
  readonly #byName = new Map<string, Node>();
  readonly #byId = new Map<string, Node>();
  /** Names of layers that are being made. */
  readonly #reserved = new Set<string>();

  get size(): number {
    return this.#byName.size;
  }

  /** In the order in which they were added: parents before children. */
  layers(): Layer[] {
    return [...this.#byName.values()].map(({ layer }) => layer);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** @throws StatusError NotFound */
  get(name: string): Layer {
    return this.#node(name).layer;
  }

  /** @throws StatusError NotFound; InvalidArgument if it is no committed layer. */
  getParent(name: string): Layer {
    const { layer } = this.#node(name, `parent snapshot ${quote(name)} does not exist`);
    if (layer.kind !== 'committed') {
      throw invalidArgument(
        `parent ${quote(name)} is ${article(layer.kind)} snapshot: only a committed one can be a parent`,
      );
    }
    return layer;
  }

  getById(id: string): Layer | undefined {
    return this.#byId.get(id)?.layer;
  }

  /** The parent of the layer, that one's parent, and so on. */
  ancestors(layer: Layer): Layer[] {
    const chain: Layer[] = [];
    for (let id = layer.parent; id !== undefined;) {
      const node = this.#byId.get(id);
      if (node === undefined) throw new Error(`layer ${layer.id} stands on ${id}, which is not in the graph`);
      chain.push(node.layer);
      id = node.layer.parent;
    }
    return chain;
  }

  /** The name of a layer's parent; '' if it has none. */
  parentName(layer: Layer): string {
    return layer.parent === undefined ? '' : (this.#byId.get(layer.parent)?.layer.name ?? '');
  }

  children(layer: Layer): Layer[] {
    return this.layers().filter(({ parent }) => parent === layer.id);
  }

  /**
   * Keeps a name, and the parent of the layer that is to have it, until the layer is added or the reservation dropped.
   * @throws StatusError AlreadyExists
   */
  reserve(name: string, parent: Layer | undefined): Reservation {
    if (this.#byName.has(name) || this.#reserved.has(name)) {
      throw alreadyExists(`snapshot ${quote(name)} already exists`);
    }
    const parentNode = parent === undefined ? undefined : this.#byId.get(parent.id);
    this.#reserved.add(name);
    if (parentNode !== undefined) parentNode.children++;
    let held = true;
    return {
      drop: () => {
        if (!held) return;
        held = false;
        this.#reserved.delete(name);
        if (parentNode !== undefined) parentNode.children--;
      },
    };
  }

  /** Keeps a layer from being removed until the hold is dropped. */
  hold({ id }: Layer): Reservation {
    const node = this.#byId.get(id);
    if (node !== undefined) node.holds++;
    let held = true;
    return {
      drop: () => {
        if (node !== undefined && held) node.holds--;
        held = false;
      },
    };
  }

  /** @throws Error if its parent is missing, or its name or id is taken: the caller has reserved them. */
  add(layer: Layer): void {
    if (this.#byName.has(layer.name) || this.#byId.has(layer.id)) throw new Error(`layer ${layer.id} is there already`);
    const parent = layer.parent === undefined ? undefined : this.#byId.get(layer.parent);
    if (layer.parent !== undefined && parent === undefined) {
      throw new Error(`layer ${layer.id} stands on ${layer.parent}, which is not in the graph`);
    }
    const node = { layer, children: 0, holds: 0 };
    this.#byName.set(layer.name, node);
    this.#byId.set(layer.id, node);
    if (parent !== undefined) parent.children++;
  }

  /** Puts a layer in place of the one of the same id, which may have another name. */
  replace(layer: Layer): void {
    const node = this.#byId.get(layer.id);
    if (node === undefined) throw new Error(`layer ${layer.id} is not in the graph`);
    if (node.layer.name !== layer.name) {
      this.#byName.delete(node.layer.name);
      this.#byName.set(layer.name, node);
    }
    node.layer = layer;
  }

  /** @throws StatusError NotFound; FailedPrecondition if something stands on it. */
  remove(name: string): Layer {
    const { layer, children, holds } = this.#node(name);
    if (holds > 0) {
      throw failedPrecondition(`cannot remove snapshot ${quote(name)}: it is being read by \`proxmox-lxcri layerfs\``);
    }
    if (children > 0) {
      throw failedPrecondition(
        `cannot remove snapshot ${quote(name)}: it is the parent of ${countSnapshots(children)}`,
      );
    }
    this.#byName.delete(name);
    this.#byId.delete(layer.id);
    const parent = layer.parent === undefined ? undefined : this.#byId.get(layer.parent);
    if (parent !== undefined) parent.children--;
    return layer;
  }

  #node(name: string, missing = `snapshot ${quote(name)} does not exist`): Node {
    const node = this.#byName.get(name);
    if (node === undefined) throw notFound(missing);
    return node;
  }
}

export interface Reservation {
  /** Harmless once more. */
  drop(): void;
}

export const quote = (name: string) => JSON.stringify(name);
/** As in `it is committed`, `it is a view`. */
export const described = (kind: Layer['kind']) => (kind === 'view' ? 'a view' : kind);
const article = (kind: Layer['kind']) => (kind === 'active' ? 'an active' : `a ${kind}`);
const countSnapshots = (count: number) => (count === 1 ? 'another snapshot' : `${count} snapshots`);
