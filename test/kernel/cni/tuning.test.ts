// tuning, held against what `ip -j` and /proc/sys show in the container. What is tested follows the reference plugin's own tests
// (tuning_test.go).
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GO_PLUGINS, variablesOf, type Sandbox } from "../../support/cni.ts";
import { FORMS, Host, NO_GO_PLUGINS, fail, hasGoPlugins, succeed } from "../../support/cni-rig.ts";
import { inSandbox, ip, ipJson } from "../../support/cni-network.ts";

let host: Host;
beforeAll(() => {
  host = new Host();
});
afterAll(() => host[Symbol.dispose]());

const MAC = "02:00:00:00:00:42";

/** A container with an interface that somebody made. */
class Container implements Disposable {
  readonly sandbox: Sandbox = host.sandbox();
  readonly dataDir: string;
  readonly before: Record<string, unknown>;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.dataDir = fs.mkdtempSync(path.join(host.work, "tuning-"));
    inSandbox(this.sandbox, () => {
      ip("link", "add", "eth0", "type", "veth", "peer", "name", "peer0");
      for (const name of ["eth0", "peer0"]) ip("link", "set", name, "up");
    });
    this.before = this.link();
  }

  call(command: string, config: object, more: object = {}, directory = this.#directory) {
    const interfaces = [
      { name: "br0", mac: "02:00:00:00:00:01" },
      { name: "eth0", mac: this.before["address"], sandbox: this.sandbox.path },
    ];
    const prevResult = { cniVersion: "1.0.0", interfaces, ips: [{ address: "10.0.0.2/24", interface: 1 }] };
    const document = { cniVersion: "1.0.0", name: "net", type: "tuning", dataDir: this.dataDir, prevResult, ...config };
    return { command, directory, plugin: "tuning", config: document, netns: this.sandbox.path, ...more };
  }

  link(): Record<string, unknown> {
    const [link] = ipJson(this.sandbox, "link", "show", "eth0");
    const { address, mtu, txqlen, promiscuity, flags } = link!;
    const isAll = (flags as string[]).includes("ALLMULTI");
    return { address, mtu, txqlen, promisc: (promiscuity as number) > 0, allmulti: isAll };
  }

  sysctl(name: string): string {
    return inSandbox(this.sandbox, () => execFileSync("cat", [`/proc/sys/${name}`], { encoding: "utf8" }).trim());
  }

  files(): string[] {
    return fs.existsSync(this.dataDir) ? fs.readdirSync(this.dataDir) : [];
  }

  [Symbol.dispose](): void {
    this.sandbox.close();
  }
}

const ALL = { mac: MAC, mtu: 1400, promisc: true, allmulti: true, txQLen: 777 };
const CHANGED = { address: MAC, mtu: 1400, promisc: true, allmulti: true, txqlen: 777 };

describe.each(FORMS)("on $form", ({ directory: directoryOf }) => {
  const directory = directoryOf();

  test("every attribute is changed, told of in the result, checked, and as it was after DEL", () => {
    using container = new Container(directory);
    const result = succeed(container.call("ADD", ALL));
    expect(result?.["interfaces"]).toEqual([
      expect.objectContaining({ name: "br0", mac: "02:00:00:00:00:01" }),
      expect.objectContaining({ name: "eth0", mac: MAC }),
    ]);
    expect(container.link()).toEqual(CHANGED);
    expect(container.files()).toEqual(["c1_eth0.json"]);
    expect(fs.statSync(path.join(container.dataDir, "c1_eth0.json")).mode & 0o777).toBe(0o600);
    succeed(container.call("CHECK", ALL));
    // Repeated, it keeps what was there before the first.
    succeed(container.call("ADD", ALL));
    succeed(container.call("DEL", ALL));
    expect(container.link()).toEqual(container.before);
    expect(container.files()).toEqual([]);
    succeed(container.call("DEL", ALL));
  });

  test("sysctls of the namespace and of the interface, by every spelling", () => {
    using container = new Container(directory);
    const sysctl = {
      "net.ipv4.conf.all.log_martians": "1",
      "net/ipv4/conf/IFNAME/arp_filter": "1",
      "net.ipv6.conf.IFNAME.accept_ra": "0",
      "net.ipv4.ip_local_port_range": "20000 30000",
    };
    const result = succeed(container.call("ADD", { sysctl }));
    expect(result).toHaveProperty("ips");
    expect(container.sysctl("net/ipv4/conf/all/log_martians")).toBe("1");
    expect(container.sysctl("net/ipv4/conf/eth0/arp_filter")).toBe("1");
    expect(container.sysctl("net/ipv6/conf/eth0/accept_ra")).toBe("0");
    expect(container.files()).toEqual([]);
    succeed(container.call("CHECK", { sysctl }));
    inSandbox(container.sandbox, () => execFileSync("sysctl", ["-qw", "net.ipv4.conf.eth0.arp_filter=0"]));
    expect(fail(container.call("CHECK", { sysctl })).msg).toBe(
      "Error: Tuning configured value of /proc/sys/net/ipv4/conf/eth0/arp_filter is 1, current value is 0",
    );
    succeed(container.call("DEL", { sysctl }));
  });
});

describe("in all its options", () => {
  const directory = FORMS[0].directory();

  test.each([
    ["mac", { mac: "02:00:00:00:00:43" }, "Ethernet"],
    ["mtu", { mtu: 1399 }, "MTU"],
    ["allmulti", { allmulti: false }, "all-multicast mode"],
    ["txQLen", { txQLen: 5 }, "Transmit Queue Length"],
  ])("CHECK finds another %s", (_, other, text) => {
    using container = new Container(directory);
    succeed(container.call("ADD", ALL));
    expect(fail(container.call("CHECK", { ...ALL, ...other })).msg).toContain(`Tuning configured ${text} of eth0`);
    inSandbox(container.sandbox, () => ip("link", "set", "eth0", "promisc", "off"));
    expect(fail(container.call("CHECK", ALL)).msg).toContain("Tuning configured promisc of eth0");
    succeed(container.call("CHECK", { ...ALL, promisc: false }));
    expect(fail(container.call("CHECK", ALL, { ifname: "eth7" })).msg).toBe("Cannot find container link eth7");
    expect(fail(container.call("CHECK", { ...ALL, prevResult: null })).msg).toBe("Required prevResult missing");
    succeed(container.call("DEL", ALL));
  });

  test("the later of configuration, CNI_ARGS, runtimeConfig and args.cni wins", () => {
    using container = new Container(directory);
    const mac = (last: number): string => `02:00:00:00:00:0${last}`;
    const seen = (config: object, args?: string): unknown => {
      succeed(container.call("ADD", config, args === undefined ? {} : { args }));
      const found = container.link()["address"];
      succeed(container.call("DEL", config, args === undefined ? {} : { args }));
      return found;
    };
    const runtimeConfig = { Mac: mac(3) };
    const args = {
      cni: {
        mac: mac(4),
        mtu: 1300,
        promisc: true,
        allmulti: true,
        txQLen: 9,
        sysctl: { "net.ipv4.conf.all.log_martians": "1" },
      },
    };
    expect(seen({ mac: mac(1) })).toBe(mac(1));
    expect(seen({ mac: mac(1) }, `MAC=${mac(2)}`)).toBe(mac(2));
    expect(seen({ mac: mac(1), runtimeConfig }, `IgnoreUnknown=1;MAC=${mac(2)}`)).toBe(mac(3));
    expect(seen({ mac: mac(1), runtimeConfig, args })).toBe(mac(4));
    succeed(container.call("ADD", { mtu: 1400, args }));
    expect(container.link()).toEqual({ address: mac(4), mtu: 1300, promisc: true, allmulti: true, txqlen: 9 });
    expect(container.sysctl("net/ipv4/conf/all/log_martians")).toBe("1");
    succeed(container.call("DEL", {}));
  });

  test("what cannot be is refused, and an ADD that fails halfway takes everything back", () => {
    using container = new Container(directory);
    const refusal = (config: object, more?: object): string => fail(container.call("ADD", config, more)).msg;
    for (const key of [
      "kernel.hostname",
      "net/../kernel/hostname",
      "net",
      "/etc/passwd",
      "../etc/passwd",
      "net/ipv4/../../../kernel/panic",
    ]) {
      expect(refusal({ sysctl: { [key]: "x" } }), key).toMatch(
        /invalid net sysctl key|the kernel has no such parameter/,
      );
    }
    expect(refusal({ sysctl: { "net.ipv4.conf.all.log_martians": 1 } })).toContain("must be a string");
    expect(refusal({ mac: "nonsense" })).toContain("must be a MAC address");
    expect(refusal({ prevResult: null })).toBe("Required prevResult missing");
    expect(refusal({ mtu: 1400 }, { ifname: "eth7" })).toContain('failed to get "eth7"');
    const twice = JSON.stringify(container.call("ADD", {}).config).replace(
      /}$/,
      ',"sysctl":{"net.ipv4.ip_forward":"1","net.ipv4.ip_forwar\\u0064":"0"}}',
    );
    expect(fail({ ...container.call("ADD", {}), config: twice }).msg).toBe("duplicated sysctl keys are not allowed");
    const before = container.sysctl("net/ipv4/conf/all/log_martians");
    const sysctl = { "net.ipv4.conf.all.log_martians": before === "1" ? "0" : "1" };
    // The kernel takes no MTU of 20 for a veth; what stands before it in the message it may have done.
    expect(refusal({ sysctl, mac: MAC, promisc: true, mtu: 20 })).toContain("failed to change eth0");
    expect(refusal({ sysctl: { ...sysctl, "net.no.such": "1" } })).toContain("net/no/such");
    expect(container.sysctl("net/ipv4/conf/all/log_martians")).toBe(before);
    expect(container.link()).toEqual(container.before);
    expect(container.files()).toEqual([]);
  });

  test("DEL and GC leave no file, whatever became of the namespace", () => {
    using container = new Container(directory);
    succeed(container.call("ADD", ALL));
    succeed({ ...container.call("DEL", { prevResult: null }), netns: "" });
    expect(container.files()).toEqual([]);
    succeed(container.call("ADD", ALL));
    succeed(container.call("ADD", ALL, { containerId: "c2" }));
    succeed(container.call("ADD", { ...ALL, name: "other" }, { containerId: "c3" }));
    fs.writeFileSync(path.join(container.dataDir, "old_eth0.json"), '{"mtu":1500}');
    const gc = (valid: object): void =>
      void succeed(container.call("GC", { cniVersion: "1.1.0", prevResult: null, ...valid }));
    gc({});
    expect(container.files()).toHaveLength(4);
    gc({ "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] });
    // A file that does not say whose it is may be a container's that is alive.
    expect(container.files().toSorted()).toEqual(["c2_eth0.json", "c3_eth0.json", "old_eth0.json"]);
    succeed(container.call("STATUS", { cniVersion: "1.1.0", ...ALL }));
  });

  test("the administrator's list of what is allowed", () => {
    using container = new Container(directory);
    const overlay = fs.mkdtempSync(path.join(host.work, "etc-"));
    for (const name of ["upper/cni/tuning", "work"]) fs.mkdirSync(path.join(overlay, name), { recursive: true });
    const run = (lines: string, sysctl: object) => {
      fs.writeFileSync(path.join(overlay, "upper/cni/tuning/allowlist.conf"), lines);
      const call = container.call("ADD", { sysctl });
      const mount = `mount -t overlay none -o lowerdir=/etc,upperdir=${overlay}/upper,workdir=${overlay}/work /etc`;
      const script = `${mount} && exec ${path.join(call.directory, call.plugin)}`;
      return spawnSync("unshare", ["--mount", "sh", "-c", script], {
        input: JSON.stringify(call.config),
        env: variablesOf(call),
        encoding: "utf8",
      });
    };
    const sysctl = { "net.ipv4.conf.all.log_martians": "1" };
    expect(run("^net\\.ipv4\\.conf\\..*$\n\n", sysctl)).toMatchObject({ status: 0 });
    const refused = run("^net\\.ipv6\\.\n", sysctl);
    expect(refused.status).toBe(1);
    expect(refused.stdout).toContain("Sysctl net.ipv4.conf.all.log_martians is not allowed. Only the following");
    expect(run("", {}).status).toBe(0);
    expect(run("", sysctl).stdout).toContain("is not allowed");
    expect(run("(", sysctl).stdout).toContain("no regular expression");
  });

  test.skipIf(!hasGoPlugins)(
    `the Go plugin restores what we changed, and the other way round${hasGoPlugins ? "" : ` (${NO_GO_PLUGINS})`}`,
    () => {
      using container = new Container(directory);
      // Debian's (1.1.1) is older than txQLen.
      const { txQLen: _, ...config } = ALL;
      for (const [one, other] of [
        [undefined, GO_PLUGINS],
        [GO_PLUGINS, undefined],
      ]) {
        succeed(container.call("ADD", config, {}, one));
        expect(container.link()).toEqual({ ...CHANGED, txqlen: container.before["txqlen"] });
        succeed(container.call("CHECK", config, {}, other));
        succeed(container.call("DEL", config, {}, other));
        expect(container.link()).toEqual(container.before);
        expect(container.files()).toEqual([]);
      }
    },
  );
});
