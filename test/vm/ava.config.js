// Debian 13 in QEMU. The first start builds its image, which takes minutes.
export default {
  // The crash and verb tests take long without KVM and have not passed there as a whole yet: `npx ava --config
  // test/vm/ava-long.config.js` runs them.
  files: ['test/vm/**/*.test.ts', '!test/vm/layerfs-crash.test.ts', '!test/vm/layerfs-verbs.test.ts'],
  extensions: { ts: 'module' },
  workerThreads: false,
  nodeArguments: ['--import=tsx'],
  concurrency: 1,
  timeout: '25m',
};
