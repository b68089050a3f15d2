/** Clients that publish and consume, from the load generator in the program itself. */

import { spawn } from "node:child_process";
import { once } from "node:events";

import { PROGRAM } from "./broker.js";
import { inTime } from "./waiting.js";

/** Long enough for any test; whoever starts it stops it. */
const DURATION_SECONDS = "600";

export class Traffic {
  #child;
  #ended;

  /**
   * Runs `ferrymq perf` from now on.
   *
   * @param {string} url of the broker, with a user
   * @param {string[]} options
   */
  constructor(url, ...options) {
    const fixed = ["perf", "--uri", url, "--duration", DURATION_SECONDS];
    this.#child = spawn(PROGRAM, [...fixed, ...options], { stdio: "ignore" });
    this.#ended = once(this.#child, "exit");
  }

  /** Ends it without a word, and waits until it has. */
  async stop() {
    this.#child.kill("SIGKILL");
    await inTime(this.#ended, () => "the load generator has ended");
  }
}
