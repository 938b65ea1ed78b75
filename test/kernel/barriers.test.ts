// Firewalls of others that drop forwarded packets, made with the real programs: what is seen of them, and that what is
// advised, or done, lets packets through. A packet that is forwarded from one namespace to another by the host tells.
import { execFileSync, spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { Prefix } from "#kernel/ip/prefix";
import { writeSysctl } from "#kernel/sysctl";
import { composeFabric } from "../../daemon/fabric.ts";
import { readBarriers } from "../../daemon/node/firewall.ts";
import { judgeBarriers, type Barrier, type Judgement } from "../../daemon/traffic/barriers.ts";
import { chooseFirewall, type Firewall } from "../../daemon/traffic/firewall.ts";
import { makeFabric, makeNetwork, TEST_MARKS } from "../support/fabric.ts";
import { makeHost, type Host } from "../support/hosts.ts";
import { iproute, throwAwayNetns, type ThrowAwayNetns } from "../support/netns.ts";

let host: Host;
let pods: ThrowAwayNetns[];

/** A host that forwards between two of its own pods, 10.5.1.2 and 10.5.9.2. */
beforeEach(() => {
  host = makeHost(1);
  pods = [1, 9].map((n) => {
    const pod = throwAwayNetns();
    host.ip("link", "add", `pod${n}`, "type", "veth", "peer", "name", "eth0", "netns", pod.path);
    host.ip("address", "add", `10.5.${n}.1/24`, "dev", `pod${n}`);
    host.ip("link", "set", `pod${n}`, "up");
    pod.run(() => {
      iproute("address", "add", `10.5.${n}.2/24`, "dev", "eth0");
      iproute("link", "set", "eth0", "up");
      iproute("route", "add", "default", "via", `10.5.${n}.1`);
    });
    return pod;
  });
  host.netns.run(() => writeSysctl("net/ipv4/ip_forward", "1"));
});
afterEach(() => {
  for (const pod of pods) pod[Symbol.dispose]();
  host[Symbol.dispose]();
});

const isAnswered = (seconds: number): boolean =>
  pods[0]!.run(
    () => spawnSync("ping", ["-n", "-q", "-c", "1", "-i", "0.1", "-w", `${seconds}`, "10.5.9.2"]).status === 0,
  );
/** A busy machine may take its time. */
const passes = (): boolean => isAnswered(20);
const isStopped = (): boolean => !isAnswered(1);
const run = (command: string): void => {
  const [program = "", ...args] = command.split(" ");
  host.netns.run(() => execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"] }));
};
const nft = (commands: string): void => {
  host.netns.run(() => execFileSync("nft", [commands], { stdio: ["ignore", "ignore", "pipe"] }));
};

function barriers(): Barrier[] {
  const tables = new Set([TEST_MARKS.nftTable, TEST_MARKS.peersTable]);
  const networks = [Prefix.parse("10.5.0.0/16")];
  return host.netns.run(() => readBarriers(sys, { tables, networks, devices: ["flannel.1"] }));
}

function judge(flag: Firewall): Judgement {
  const { ranges, enableNFTables } = makeNetwork();
  const choice = chooseFirewall(flag, { enableNFTables });
  return judgeBarriers(barriers(), { flag, choice, defaultVariant: "nft", ranges });
}

/** Has the reconciler write the rules that a daemon with this flag would. */
async function apply(firewall: Firewall): Promise<void> {
  const { reconciler } = host.reconcile();
  const { network, node, backends } = makeFabric({}, host.node);
  const { nftTable, peersTable } = TEST_MARKS;
  const rules = { masquerade: true, fullyRandom: true, forward: true, blackhole: false, sourceFilter: false };
  const { accepts } = judge(firewall);
  const state = { arePeersKnown: true, accepts };
  reconciler.configure(composeFabric(network, node, backends, { ...rules, firewall, nftTable, peersTable }, state));
  reconciler.replaceLeases([]);
  await reconciler.settled();
  expect(reconciler.state()).toMatchObject({ failed: [], ready: true });
}

/** Carries out the commands that a problem's text advises. */
function obey(problem: Error | undefined): void {
  const commands = /(?:^|; |or )run (.+?)(?:, and keep.*)?$/.exec(problem?.message ?? "")![1]!.split(" and ");
  for (const command of commands) run(command);
}

test("where nobody drops there is nothing to tell", async () => {
  expect(barriers()).toEqual([]);
  run("iptables-nft -A FORWARD -s 192.0.2.0/24 -j DROP");
  run("iptables-legacy -A FORWARD -s 192.0.2.0/24 -j DROP");
  nft(
    "add table inet other; add chain inet other f { type filter hook forward priority 10; }; add rule inet other f ip saddr 192.0.2.1 drop",
  );
  expect(barriers()).toEqual([]);
  await apply("auto");
  expect(barriers()).toEqual([]);
  expect(passes()).toBe(true);
});

describe.each(["nft", "legacy"] as const)("iptables-%s with the policy DROP, as Docker sets it", (variant) => {
  beforeEach(() => {
    for (const rule of ["-P FORWARD DROP", "-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-A FORWARD -j DOCKER-USER"]) {
      run(`iptables-${variant} ${rule}`);
    }
  });

  test("is seen with who did it", () => {
    expect(barriers()).toEqual([
      { kind: "iptables", family: 4, variant, owner: "Docker", hasDockerUser: true, hasPrograms: true },
    ]);
  });

  test("is answered with an accept by default", async () => {
    expect(judge("auto")).toEqual({ accepts: [{ family: 4, variant }], problems: new Map() });
    await apply("auto");
    expect(passes()).toBe(true);
  });

  test("is no barrier to rules in that very iptables", async () => {
    expect(judge(`iptables-${variant}`)).toEqual({ accepts: [], problems: new Map() });
    await apply(`iptables-${variant}`);
    expect(passes()).toBe(true);
  });

  test("stops packets where nftables alone is asked for, and the advice helps", async () => {
    await apply("nftables");
    expect(isStopped()).toBe(true);
    const { problems } = judge("nftables");
    expect([...problems.keys()]).toEqual([`firewall iptables-${variant}`]);
    const [problem] = [...problems.values()];
    expect(problem).toMatchObject({ code: "ERR_FIREWALL" });
    expect(problem!.message).toContain("(as Docker sets it)");
    expect(problem!.message).toContain(`iptables-${variant} -I DOCKER-USER -s 10.5.0.0/16 -j ACCEPT`);
    obey(problem);
    expect(passes()).toBe(true);
    expect(judge("nftables").problems).toEqual(new Map());
  });

  test("the other variant's rules do not help, and that is told", async () => {
    const other = variant === "nft" ? "iptables-legacy" : "iptables-nft";
    await apply(other);
    expect(isStopped()).toBe(true);
    expect([...judge(other).problems.keys()]).toEqual([`firewall iptables-${variant}`]);
  });
});

test.each(["nft", "legacy"] as const)(
  "iptables-%s with a rule for every packet in front of ours is told of by that rule",
  async (variant) => {
    run(`iptables-${variant} -A FORWARD -j REJECT --reject-with icmp-host-prohibited`);
    await apply(`iptables-${variant}`);
    expect(isStopped()).toBe(true);
    const [problem] = [...judge(`iptables-${variant}`).problems.values()];
    expect(problem!.message).toContain('"-j REJECT --reject-with icmp-host-prohibited"');
    expect(problem!.message).toContain("before it comes to FLANNEL-FWD");
    obey(problem);
    expect(passes()).toBe(true);
  },
);

describe("a chain of nftables", () => {
  test("with the policy drop is told of, and the advice helps and ends it", async () => {
    nft("add table inet filter; add chain inet filter forward { type filter hook forward priority 0; policy drop; }");
    await apply("auto");
    expect(isStopped()).toBe(true);
    const { problems, accepts } = judge("auto");
    expect(accepts).toEqual([]);
    expect([...problems.keys()]).toEqual(["firewall inet filter forward"]);
    obey(problems.get("firewall inet filter forward"));
    expect(passes()).toBe(true);
    expect(judge("auto").problems).toEqual(new Map());
  });

  test("that ends in a reject, as firewalld's, is told of in firewalld's words", () => {
    nft(
      "add table inet firewalld; add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy accept; }; " +
        "add rule inet firewalld filter_FORWARD ct state established accept; add rule inet firewalld filter_FORWARD reject with icmpx admin-prohibited",
    );
    const [problem] = [...judge("auto").problems.values()];
    expect(problem!.message).toContain("the chain inet firewalld filter_FORWARD of nftables ends in a drop");
    expect(problem!.message).toContain("firewall-cmd --permanent --zone=trusted --add-source=10.5.0.0/16");
    // What firewall-cmd then does.
    nft("add chain inet firewalld trusted; add rule inet firewalld trusted ip saddr 10.5.0.0/16 accept");
    expect(judge("auto").problems).toEqual(new Map());
  });

  test("of a family that the network does not have is no matter", () => {
    nft("add table ip6 f; add chain ip6 f forward { type filter hook forward priority 0; policy drop; }");
    expect(judge("auto").problems).toEqual(new Map());
  });
});
