import type { Labels, Layer, LayerKind } from '../layerfs/layer.ts';

/** A layer's record, as both stores keep it in JSON. */
export interface LayerDocument {
  readonly v: number;
  readonly kind: LayerKind;
  readonly name: string;
  /** An id. */
  readonly parent?: string;
  readonly labels: Labels;
  /** Nanoseconds since 1970. */
  readonly created: string;
  readonly updated: string;
}

const VERSION = 1;

/** The time comes before what may be long: so the beginning of one commit's record differs from another's. */
export function toDocument({ kind, name, parent, labels, createdAt, updatedAt }: Layer): LayerDocument {
  return {
    v: VERSION,
    kind,
    created: createdAt.toString(),
    updated: updatedAt.toString(),
    name,
    ...(parent !== undefined && { parent }),
    labels,
  };
}

/**
 * @param place where the text is, for the error.
 * @throws Error that says what is wrong with it.
 */
export function parseDocument(text: string, place: string): LayerDocument & { readonly id?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${place} is no JSON`, { cause });
  }
  if (!isDocument(value)) throw new Error(`${place} is no record of version ${VERSION}`);
  return value;
}

export function toLayer(id: string, { kind, name, parent, labels, created, updated }: LayerDocument): Layer {
  return {
    id,
    kind,
    name,
    ...(parent !== undefined && { parent }),
    labels,
    createdAt: BigInt(created),
    updatedAt: BigInt(updated),
  };
}

function isDocument(value: unknown): value is LayerDocument {
  if (typeof value !== 'object' || value === null) return false;
  const { v, kind, name, parent, labels, created, updated } = value as Record<string, unknown>;
  return (
    v === VERSION &&
    (kind === 'active' || kind === 'view' || kind === 'committed') &&
    typeof name === 'string' &&
    (parent === undefined || isDigits(parent)) &&
    isLabels(labels) &&
    isDigits(created) &&
    isDigits(updated)
  );
}

const isDigits = (value: unknown): value is string => typeof value === 'string' && /^\d{1,30}$/.test(value);

const isLabels = (value: unknown): value is Labels =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((label) => typeof label === 'string');
