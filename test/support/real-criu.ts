import test from 'ava';

/**
 * Whether criu works where these tests run. Debian 12's does not on every kernel, so on a host they are skipped, in
 * sight; test/vm/checkpoint.test.ts runs them in the machine, where it does.
 */
const HAS_CRIU = process.env['LXCRI_TEST_CRIU'] === '1';

export const criuTest = HAS_CRIU ? test.serial : test.serial.skip;
