/** Waiting with a deadline: nothing sleeps to wait. */

import { setTimeout as pause } from "node:timers/promises";

/** How long anything may take before the test fails. */
export const PATIENCE_MS = 30_000;

/** How soon a condition is asked about again. */
const INTERVAL_MS = 20;

/**
 * What `condition` answers, as soon as that is true: for effects that nothing announces.
 *
 * @template T
 * @param {() => T | Promise<T>} condition
 * @param {string} what it waits for
 * @returns {Promise<NonNullable<T>>}
 */
export async function eventually(condition, what) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await condition();
    if (answer) {
      return answer;
    }
    if (Date.now() > deadline) {
      throw new Error(`never happened: ${what}`);
    }
    await pause(INTERVAL_MS);
  }
}

/**
 * What becomes of `promise`, unless that takes too long.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {() => string} what was waited for; asked when it did not come
 * @returns {Promise<T>}
 */
export async function inTime(promise, what) {
  const stop = new AbortController();
  const tooLate = pause(PATIENCE_MS, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`never happened: ${what()}`);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    stop.abort();
    tooLate.catch(() => {});
  }
}
