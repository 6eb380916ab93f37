import base from './ava.config.js';

export default { ...base, files: ['test/vm/layerfs-crash.test.ts', 'test/vm/layerfs-verbs.test.ts'] };
