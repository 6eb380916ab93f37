// The same tests in the VM, where the checkout cannot be written to, and everything takes ten times as long: one by one,
// so that what containerd gives a shim 5 s for does not wait for others.
import config from './ava.config.js';

const files = ['test/integration/**/*.test.ts', 'test/integration/comparison/all.ts'];
export default { ...config, files, cache: false, serial: true, timeout: '10m' };
