// Debian 13 in QEMU. The first start builds its image, which takes minutes. LXCRI_VM_TESTS=long: what `npm test` leaves out.
const long = process.env.LXCRI_VM_TESTS === 'long';

export default {
  files: long ? ['test/vm/long/**/*.test.ts'] : ['test/vm/**/*.test.ts', '!test/vm/long/**'],
  extensions: { ts: 'module' },
  workerThreads: false,
  nodeArguments: ['--import=tsx'],
  concurrency: 1,
  timeout: '25m',
};
