/** A digest of an image's layer or configuration: twelve of its digits tell it from others. */
const DIGEST = /\b(sha(?:256|384|512):[0-9a-f]{12})[0-9a-f]{20,}\b/g;

/** A name for people to read: `default/7/sha256:0123456789ab…`, without the rest of the digest. */
export const shortName = (name: string): string => name.replaceAll(DIGEST, '$1');
