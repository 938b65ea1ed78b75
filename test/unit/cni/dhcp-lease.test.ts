// A lease on a clock and a link of the test's own: what takes a server minutes and days, and what a server should not do.
import { describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import type { Link } from "#kernel/netlink/link";
import { Lease } from "../../../cni-plugins/ipam/dhcp/lease.ts";
import {
  MESSAGE_TYPE,
  NO_ADDRESS,
  OPTION,
  decodeMessage,
  encodeMessage,
  messageType,
  type DhcpMessage,
} from "../../../cni-plugins/ipam/dhcp/message.ts";
import type { Grant } from "../../../cni-plugins/ipam/dhcp/offer.ts";
import type { Port, Transport } from "../../../cni-plugins/ipam/dhcp/transport.ts";

const SERVER = Address.parse("10.0.0.1");
const GIVEN = Address.parse("10.0.0.50");
const MAC = Mac.parse("02:00:00:00:00:09");
const LINK = { index: 2, name: "eth0", up: true, carrier: true, operState: "up", mac: MAC } as unknown as Link;

/** What was sent, and by what: `packet` without an address, `udp` with one. */
interface Sent {
  readonly by: string;
  readonly to: string;
  readonly message: DhcpMessage;
}

class Rig {
  now = 0;
  readonly sent: Sent[] = [];
  readonly logged: string[] = [];
  outcome: Grant | Error | undefined;
  readonly changes: (Grant | undefined)[] = [];
  link: Link | undefined = LINK;
  isDown = false;
  opened = 0;
  readonly #inbox: Uint8Array[] = [];
  readonly lease: Lease;

  constructor() {
    const transport = (by: string): Transport => {
      this.opened++;
      return {
        fd: 7,
        sender: undefined,
        send: (bytes, to) => void this.sent.push({ by, to: to.toString(), message: decodeMessage(bytes)! }),
        receive: () => this.#inbox.shift(),
        close: () => void this.opened--,
      };
    };
    const port: Port = {
      find: () => this.link,
      openPacket: () => transport("packet"),
      openUdp: (address) => transport(`udp ${address.toString()}`),
      sendPacket: () => {},
      takeDown: () => void (this.isDown = true),
    };
    this.lease = new Lease(
      { clientId: "c1/net/eth0", requested: [3, 1], provided: new Map([[12, Uint8Array.of(97)]]) },
      {
        port,
        patience: { answerTimeout: 10_000, resendMax: 62_000, resendTimeout: 208_000, broadcast: false },
        random: () => 0.5,
        log: (text) => void this.logged.push(text),
        settled: (outcome) => (this.outcome = outcome),
        changed: (grant) => void this.changes.push(grant),
      },
      0,
    );
  }

  get last(): Sent {
    return this.sent.at(-1)!;
  }

  /** Lets the time come at which the lease wants a turn. */
  wake(): void {
    this.now = Math.max(this.now, this.lease.wakeAt);
    this.lease.turn(this.now);
  }

  answer(type: number, more: readonly [number, Uint8Array][] = [], your = GIVEN): void {
    const { transaction } = this.last.message;
    const options = new Map<number, Uint8Array>([
      [OPTION.messageType, Uint8Array.of(type)],
      [OPTION.serverId, SERVER.toBytes()],
      [OPTION.subnetMask, Uint8Array.of(255, 255, 255, 0)],
      [OPTION.leaseTime, Uint8Array.of(0, 0, 3, 232)],
      ...more,
    ]);
    const nothing = { seconds: 0, broadcast: false, clientAddress: NO_ADDRESS };
    this.#inbox.push(
      encodeMessage({ op: 2, transaction, ...nothing, yourAddress: your, hardware: MAC.toBytes(), options }),
    );
    this.lease.turn(this.now);
  }

  bind(): void {
    this.wake();
    this.answer(MESSAGE_TYPE.offer);
    this.answer(MESSAGE_TYPE.ack);
  }
}

const typeOf = ({ message }: Sent): number | undefined => messageType(message);

describe("a lease", () => {
  test("is offered, asked for and granted; no socket stays open", () => {
    const rig = new Rig();
    rig.wake();
    expect(rig.last).toMatchObject({ by: "packet", to: "255.255.255.255" });
    expect(typeOf(rig.last)).toBe(MESSAGE_TYPE.discover);
    const { options } = rig.last.message;
    expect(new TextDecoder().decode(options.get(OPTION.clientId)!.subarray(1))).toBe("c1/net/eth0");
    expect(options.get(OPTION.clientId)![0]).toBe(0);
    expect([...options.get(OPTION.parameterList)!]).toEqual([3, 1]);
    expect([...options.get(12)!]).toEqual([97]);
    rig.answer(MESSAGE_TYPE.offer);
    expect(typeOf(rig.last)).toBe(MESSAGE_TYPE.request);
    expect(rig.last.message.options.get(OPTION.requestedAddress)).toEqual(GIVEN.toBytes());
    rig.answer(MESSAGE_TYPE.ack);
    expect(rig.outcome).toMatchObject({ expireAfter: 1000, renewAfter: 500, rebindAfter: 875 });
    expect(rig.lease).toMatchObject({ state: "bound", fd: undefined, wakeAt: 500_000 });
    expect(rig.opened).toBe(0);
  });

  test("is renewed with its server by half of its time, as often as it takes", () => {
    const rig = new Rig();
    rig.bind();
    for (let time = 500_000; time < 5_000_000; time += 500_000) {
      rig.wake();
      expect(rig.last).toMatchObject({ by: "udp 10.0.0.50", to: "10.0.0.1" });
      expect(rig.last.message.clientAddress.equals(GIVEN)).toBe(true);
      expect(rig.last.message.options.has(OPTION.serverId)).toBe(false);
      rig.answer(MESSAGE_TYPE.ack);
      expect(rig.lease).toMatchObject({ state: "bound", grantedAt: time });
    }
    expect(rig.opened).toBe(0);
  });

  test("without an answer asks every server, and at its end takes the interface down", () => {
    const rig = new Rig();
    rig.bind();
    const states = new Set<string>();
    while (rig.lease.state !== "ended") {
      rig.wake();
      states.add(rig.lease.state);
    }
    expect([...states]).toEqual(["renewing", "rebinding", "ended"]);
    expect(rig.now).toBe(1_000_000);
    expect(rig.sent.at(-1)).toMatchObject({ by: "udp 0.0.0.0", to: "255.255.255.255" });
    expect(rig.sent.length).toBeLessThan(20);
    expect(rig.isDown).toBe(true);
    expect(rig.changes.at(-1)).toBeUndefined();
    expect(rig.opened).toBe(0);
  });

  test.each([
    ["the server refuses it", (rig: Rig) => rig.answer(MESSAGE_TYPE.nak)],
    ["the server gives another", (rig: Rig) => rig.answer(MESSAGE_TYPE.ack, [], Address.parse("10.0.0.51"))],
  ])("is not used on when %s", (_, act) => {
    const rig = new Rig();
    rig.bind();
    rig.wake();
    act(rig);
    expect(rig.lease.state).toBe("ended");
    expect(rig.isDown).toBe(true);
  });

  test("ends without a word when its interface is gone", () => {
    const rig = new Rig();
    rig.bind();
    rig.link = undefined;
    const { length } = rig.sent;
    rig.wake();
    expect(rig.lease.state).toBe("ended");
    expect(rig.sent).toHaveLength(length);
  });

  test("is not got without a server: quick tries, slow ones, no more tries", () => {
    const rig = new Rig();
    while (rig.lease.state !== "ended") rig.wake();
    expect(rig.outcome).toEqual(new Error("no more tries"));
    expect(rig.now).toBe(208_000);
    expect(rig.sent).toHaveLength(11);
    expect(rig.opened).toBe(0);
  });

  test("waits for a link that is coming up", () => {
    const rig = new Rig();
    rig.link = { ...LINK, operState: "down" };
    rig.wake();
    expect(rig.sent).toEqual([]);
    rig.link = LINK;
    rig.wake();
    expect(rig.sent).toHaveLength(1);
  });

  test("begins anew when the offer is taken back, or nobody stands by it", () => {
    const rig = new Rig();
    rig.wake();
    rig.answer(MESSAGE_TYPE.offer);
    rig.answer(MESSAGE_TYPE.nak);
    rig.wake();
    expect(typeOf(rig.last)).toBe(MESSAGE_TYPE.discover);
    rig.answer(MESSAGE_TYPE.offer);
    const at = rig.now;
    while (typeOf(rig.last) === MESSAGE_TYPE.request) rig.wake();
    expect(rig.now - at).toBeGreaterThanOrEqual(10_000);
    expect(typeOf(rig.last)).toBe(MESSAGE_TYPE.discover);
  });

  test("is given back with its server's name, and an answer without a mask is none", () => {
    const rig = new Rig();
    rig.wake();
    rig.answer(MESSAGE_TYPE.offer, [[OPTION.subnetMask, Uint8Array.of(255, 0, 255, 0)]]);
    expect(rig.logged.join()).toContain("Subnet Mask not found");
    rig.answer(MESSAGE_TYPE.offer);
    rig.answer(MESSAGE_TYPE.ack);
    rig.lease.release();
    expect(typeOf(rig.last)).toBe(MESSAGE_TYPE.release);
    expect(rig.last.message.options.get(OPTION.serverId)).toEqual(SERVER.toBytes());
    expect(rig.opened).toBe(0);
    rig.lease.release();
    expect(rig.lease.state).toBe("ended");
  });
});
