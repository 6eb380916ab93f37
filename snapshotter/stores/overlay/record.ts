import type { Labels, Layer, LayerKind } from '../../layerfs/layer.ts';

const VERSION = 1;

interface Document {
  readonly v: number;
  /** As its directory is called: a copy of a directory under another name is no layer. */
  readonly id: string;
  readonly kind: LayerKind;
  readonly name: string;
  readonly parent?: string;
  readonly labels: Labels;
  readonly created: string;
  readonly updated: string;
}

/** The text of record.json. */
export function encodeRecord({ id, kind, name, parent, labels, createdAt, updatedAt }: Layer): string {
  const document: Document = {
    v: VERSION,
    id,
    kind,
    name,
    ...(parent !== undefined && { parent }),
    labels,
    created: createdAt.toString(),
    updated: updatedAt.toString(),
  };
  return `${JSON.stringify(document)}\n`;
}

/** @throws Error that says what is wrong with it. */
export function decodeRecord(id: string, text: string): Layer {
  const { id: own, kind, name, parent, labels, created, updated } = parse(text);
  if (own !== id) throw new Error(`record.json is that of layer ${own}: was the directory copied or renamed?`);
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

function parse(text: string): Document {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error('record.json is no JSON', { cause });
  }
  if (!isDocument(value)) throw new Error(`record.json is no record of version ${VERSION}`);
  return value;
}

function isDocument(value: unknown): value is Document {
  if (typeof value !== 'object' || value === null) return false;
  const { v, id, kind, name, parent, labels, created, updated } = value as Record<string, unknown>;
  return (
    v === VERSION &&
    isDigits(id) &&
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
