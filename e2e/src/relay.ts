// A service of which one replica runs at a time, so that it is known who holds a call; when that one is killed or
// paused, another takes over.

import type { Service, ServiceProcess, Stack } from '@flow-mcp/testing';

/** What is done to the replica that runs. */
export type Disturbance = 'kill' | 'pause';

/** See the head of this file. */
export class Relay {
  readonly #stack: Stack;
  readonly #service: Service;
  #running: ServiceProcess;
  #resting: ServiceProcess | undefined;

  /** The stack must run one replica of the service. */
  constructor(stack: Stack, service: Service) {
    this.#stack = stack;
    this.#service = service;
    this.#running = stack.replica(service);
  }

  /** Kills (-9) or pauses (SIGSTOP) the replica that runs. */
  async strike(how: Disturbance): Promise<void> {
    if (how === 'kill') await this.#running.kill();
    else this.#running.pause();
  }

  /** Resolves when another replica has taken over. */
  async takeOver(): Promise<void> {
    const struck = this.#running;
    this.#running = await this.#startOther();
    this.#resting = struck;
  }

  /** Wakes the paused replica and, once `awake` has resolved, stops it. */
  async wake(awake: () => Promise<unknown>): Promise<void> {
    this.#resting?.resume();
    await awake();
    await this.#resting?.stop();
  }

  async #startOther(): Promise<ServiceProcess> {
    if (this.#resting === undefined) return this.#stack.addReplica(this.#service);
    await this.#resting.restart();
    return this.#resting;
  }
}
