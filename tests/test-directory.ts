import type { Test } from 'tap';

type Content = Parameters<Test['testdir']>[0];

/**
 * Makes a directory for this test and returns its path. It is removed after the test, once every
 * teardown has run. tap alone would remove it before them, under programs that a teardown has yet
 * to stop and that still write there.
 */
export function testDirectory(t: Pick<Test, 'testdir' | 'teardown'>, content?: Content): string {
  // tap ends a test in the order in which directory and teardowns first came.
  t.teardown(() => undefined);
  return t.testdir(content);
}
