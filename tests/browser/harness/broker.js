/**
 * The built program as a child process: started on free ports and a directory of its own, stopped or
 * killed, started again on the same ports and what it left.
 *
 * The program is the one that `FERRYMQ_BIN` names (from the workspace's folder), or this workspace's
 * release build.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { inTime } from "./waiting.js";

/** The workspace's folder. */
export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** The program to test. */
export const PROGRAM = resolve(ROOT, process.env.FERRYMQ_BIN ?? "target/release/ferrymq");

/** What the program logs when it has started. */
const STARTED = "Server startup complete";

/** What it logs when it listens: for what, and where. */
const LISTENS = /started (TCP|HTTP) listener on 127\.0\.0\.1:(\d+)/;

/**
 * What `sh` runs beside each broker: when this process ends without a word, however it ends, the
 * broker and its directory go too.
 */
const WATCHDOG = 'read -r _ || { kill -KILL "$1"; rm -rf -- "$2"; }';

export class Broker {
  #directory;
  #settings;
  #ports = { TCP: "0", HTTP: "0" };
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #watchdog;
  /** What it has logged, all starts together. @type {string[]} */
  #log = [];

  /**
   * @param {string} directory
   * @param {string[]} settings
   */
  constructor(directory, settings) {
    this.#directory = directory;
    this.#settings = settings;
  }

  /**
   * A broker on an empty directory.
   *
   * @param {string[]} settings each `name=value`
   */
  static async start(...settings) {
    const directory = await mkdtemp(join(tmpdir(), "ferrymq-browser-"));
    const broker = new Broker(directory, settings);
    try {
      await broker.startAgain();
    } catch (error) {
      await broker.remove();
      throw error;
    }
    return broker;
  }

  /** Where it speaks HTTP; the same after each start. */
  get url() {
    return `http://127.0.0.1:${this.#ports.HTTP}`;
  }

  /**
   * Where it speaks AMQP.
   *
   * @param {string} user whose password is the name
   */
  amqpUrl(user = "guest") {
    return `amqp://${user}:${user}@127.0.0.1:${this.#ports.TCP}/%2f`;
  }

  /** Starts it on its directory, after `stop` or `kill`. */
  async startAgain() {
    const child = spawn(PROGRAM, this.#arguments(), { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#watchdog = spawn("sh", ["-c", WATCHDOG, "watchdog", `${child.pid}`, this.#directory], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    const started = new Promise((succeed, fail) => {
      for (const output of [child.stdout, child.stderr]) {
        createInterface({ input: output }).on("line", (line) => this.#note(line, succeed));
      }
      child.once("error", fail);
      child.once("exit", () => fail(new Error(`the broker did not start:\n${this.log}`)));
    });
    await inTime(started, () => `the broker has started:\n${this.log}`);
  }

  #arguments() {
    const fixed = [
      ...["--data-dir", join(this.#directory, "data")],
      ...["--amqp-listen", `127.0.0.1:${this.#ports.TCP}`],
      ...["--http-listen", `127.0.0.1:${this.#ports.HTTP}`],
      ...["--metrics-listen", "none"],
    ];
    return ["serve", ...fixed, ...this.#settings.flatMap((setting) => ["--set", setting])];
  }

  /**
   * @param {string} line of its log
   * @param {(started: unknown) => void} started
   */
  #note(line, started) {
    this.#log.push(line);
    const [, protocol, port] = line.match(LISTENS) ?? [];
    if (protocol === "TCP" || protocol === "HTTP") {
      this.#ports[protocol] = port;
    }
    if (line.includes(STARTED)) {
      started(undefined);
    }
  }

  /** What it has logged, all starts together. */
  get log() {
    return this.#log.join("\n");
  }

  /** Asks it to stop, and waits until it has. */
  async stop() {
    await this.#end("SIGTERM");
  }

  /** Ends it without warning. */
  async kill() {
    await this.#end("SIGKILL");
  }

  /** Ends it, and its directory; fails if it has ever panicked. */
  async remove() {
    if (this.#child) {
      await this.kill();
    }
    await rm(this.#directory, { recursive: true, force: true });
    if (this.log.includes("panicked")) {
      throw new Error(`the broker panicked:\n${this.log}`);
    }
  }

  /** @param {'SIGTERM' | 'SIGKILL'} signal */
  async #end(signal) {
    const child = this.#child;
    if (!child) {
      throw new Error("the broker does not run");
    }
    this.#child = undefined;
    if (child.kill(signal)) {
      await inTime(once(child, "exit"), () => `the broker has ended:\n${this.log}`);
    }
    this.#watchdog?.stdin?.end("done\n");
  }
}
