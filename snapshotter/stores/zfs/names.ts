/** The names of a store's datasets. All are direct children of the store's own: flat, so that none grows too long. */
export class DatasetNames {
  readonly root: string;
  /** An empty file system, on which the chains stand: whoever has no parent is a clone of it too. */
  readonly empty: string;

  constructor(root: string) {
    this.root = root;
    this.empty = `${root}/empty`;
  }

  dataset(id: string): string {
    return `${this.root}/${id}`;
  }

  /** The snapshot that makes a layer a committed one. */
  snapshot(id: string): string {
    return `${this.dataset(id)}@layer`;
  }

  /** What a new layer is cloned from. */
  origin(parent: string | undefined): string {
    return parent === undefined ? `${this.empty}@layer` : this.snapshot(parent);
  }

  /** The id of a layer's dataset; undefined for any other. */
  id(dataset: string): string | undefined {
    const name = dataset.startsWith(`${this.root}/`) ? dataset.slice(this.root.length + 1) : '';
    return /^[1-9]\d{0,17}$/.test(name) ? name : undefined;
  }
}
