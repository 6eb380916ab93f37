import type { Layer } from '../../layerfs/layer.ts';
import { parseDocument, toDocument, toLayer } from '../layer-document.ts';

/** The text of record.json. It has the layer's id, too: a copy of a directory under another name is no layer. */
export const encodeRecord = (layer: Layer): string => `${JSON.stringify({ id: layer.id, ...toDocument(layer) })}\n`;

/** @throws Error that says what is wrong with it. */
export function decodeRecord(id: string, text: string): Layer {
  const document = parseDocument(text, 'record.json');
  if (document.id !== id) {
    throw new Error(`record.json is that of layer ${String(document.id)}: was the directory copied or renamed?`);
  }
  return toLayer(id, document);
}
