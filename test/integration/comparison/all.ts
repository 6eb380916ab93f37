/* All of them in one process: emulated, each takes minutes to be loaded (test/vm/task-api.test.ts). */
import './control.test.ts';
import './exec.test.ts';
import './life.test.ts';
import './restart.test.ts';
