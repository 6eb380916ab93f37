/** Where a machine has this checkout, read-only; vm-welcome mounts it. */
export const CHECKOUT = '/work';

/** What `npm run build` made of it on this host. */
export const CHECKOUT_BIN = `${CHECKOUT}/dist/bin`;

/** For the environment of what has to find this checkout's programs before any others. */
export const CHECKOUT_PATH = `${CHECKOUT_BIN}:/usr/sbin:/usr/bin:/sbin:/bin`;
