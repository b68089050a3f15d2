/**
 * A reporter for node's test runner: a line per test, what went wrong, and in the end
 * `N passed, N failed`, which `tests/run.sh` counts.
 */

/** Lines of a stack that lead away from our files. */
const ELSEWHERE = /^ +at .*node:internal/;

/** @param {AsyncIterable<import('node:test/reporters').TestEvent>} source */
export default async function* report(source) {
  let passed = 0;
  let failed = 0;
  for await (const { type, data } of source) {
    if (type === "test:stdout" || type === "test:stderr") {
      yield data.message;
    } else if (type === "test:pass" && data.details.type !== "suite") {
      passed += 1;
      yield `ok     ${seconds(data)} ${data.name}\n`;
    } else if (type === "test:fail" && data.details.type !== "suite") {
      failed += 1;
      yield `FAILED ${seconds(data)} ${data.name}\n${story(data.details.error)}\n`;
    }
  }
  yield `${passed} passed, ${failed} failed\n`;
}

/** @param {{ details: { duration_ms: number } }} test */
function seconds({ details }) {
  return `${(details.duration_ms / 1000).toFixed(1).padStart(5)} s`;
}

/**
 * What the test threw, which the runner wraps into an error of its own, and where.
 *
 * @param {Error} error
 */
function story(error) {
  const { stack, message } = error.cause instanceof Error ? error.cause : error;
  const lines = (stack ?? message).split("\n");
  return lines.filter((line) => !ELSEWHERE.test(line)).join("\n");
}
