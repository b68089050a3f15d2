/** Clients that publish and consume, from the load generator in the program itself. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { PROGRAM } from './broker.js';
import { inTime } from './waiting.js';

/**
 * Runs `ferrymq perf` on `broker` while `body` runs.
 *
 * @template T
 * @param {import('./broker.js').Broker} broker
 * @param {string[]} options of `ferrymq perf`
 * @param {() => Promise<T>} body
 * @returns {Promise<T>}
 */
export async function withTraffic(broker, options, body) {
  const child = spawn(PROGRAM, ['perf', '--uri', broker.amqpUrl, '--duration', '600', ...options], {
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  try {
    return await body();
  } finally {
    child.kill('SIGKILL');
    await inTime(ended, () => 'the load generator has ended');
  }
}
