// Echo requests that go on while something happens, and how many of them were answered.
import type { Address } from "#kernel/ip/address";
import type { LodendHost } from "./lodend.ts";
import type { ThrowAwayNetns } from "./netns.ts";
import { type Started, startProcess } from "./processes.ts";

export class Pings {
  readonly #process: Started;

  private constructor(process: Started) {
    this.#process = process;
  }

  /** Twenty a second from one host to the overlay address of another; resolves after the first answer. */
  static start(from: LodendHost, to: LodendHost): Promise<Pings> {
    return Pings.to(from.netns, to.subnet.address, ["-i", "0.05"]);
  }

  /** From a namespace, with more of ping's arguments; resolves after the first answer. */
  static async to(from: ThrowAwayNetns, address: Address, args: readonly string[]): Promise<Pings> {
    const process = from.run(() => startProcess("ping", ["-n", ...args, address.toString()]));
    await process.printed(/icmp_seq=\d+ ttl=/);
    return new Pings(process);
  }

  /**
   * Ends them, once at least ten were sent, however quickly all was over; `missing` are the numbers of those without an
   * answer, from 1. The last one may have been on its way, and is not counted as lost.
   */
  async stop(): Promise<{ sent: number; lost: number; missing: number[] }> {
    await this.#process.printed(/icmp_seq=\d{2,} ttl=/);
    this.#process.child.kill("SIGINT");
    const { stdout } = await this.#process.finished;
    const sent = Number(/(\d+) packets transmitted/.exec(stdout)?.[1]);
    const answered = new Set([...stdout.matchAll(/icmp_seq=(\d+) ttl=/g)].map(([, number]) => Number(number)));
    const missing = Array.from({ length: sent - 1 }, (_, index) => index + 1).filter((number) => !answered.has(number));
    return { sent, lost: missing.length, missing };
  }
}
