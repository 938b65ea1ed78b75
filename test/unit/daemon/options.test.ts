// Flags and environment of lodend: Go's syntax, flannel's names and defaults, and an error that names what is wrong.
import { LodenError } from "#spec/errors";
import { describe, expect, test } from "vitest";
import { type Options, readInvocation } from "../../../daemon/options.ts";
import { FLAG_NAMES, usage } from "../../../daemon/options/table.ts";

function options(args: readonly string[], environment: Record<string, string> = {}): Options {
  const invocation = readInvocation(args, environment);
  if (invocation.action !== "run") throw new Error(`it is ${invocation.action}`);
  return invocation.options;
}

function refusal(args: readonly string[], environment: Record<string, string> = {}): string {
  try {
    readInvocation(args, environment);
  } catch (error) {
    if (error instanceof LodenError && error.code === "ERR_USAGE") return error.message;
    throw error;
  }
  return "nothing was refused";
}

describe("defaults", () => {
  test("are flannel's", () => {
    expect(options([])).toMatchObject({
      etcd: {
        endpoints: ["http://127.0.0.1:4001", "http://127.0.0.1:2379"],
        prefix: "/coreos.com/network",
        tls: {},
      },
      interface: { names: [], patterns: [], publicAddress: {} },
      subnetFile: "/run/flannel/subnet.env",
      renewMarginSeconds: 3600,
      ipMasq: false,
      fullyRandom: true,
      forwardRules: true,
      resyncSeconds: 5,
      blackholeRoute: false,
      log: { level: "info", format: "auto" },
      given: {},
      warnings: [],
    });
    expect(options([]).health).toBeUndefined();
    expect(options([]).nodeId).toBeUndefined();
  });

  test("and every flag stands in the usage text", () => {
    const text = usage("lodend");
    for (const name of FLAG_NAMES) expect(text).toContain(`\n  --${name}`);
  });
});

describe("syntax", () => {
  test.each([
    [["-subnet-file", "/x/y.env"]],
    [["--subnet-file", "/x/y.env"]],
    [["-subnet-file=/x/y.env"]],
    [["--subnet-file=/x/y.env", "--"]],
    [["--subnet-file=/first", "--subnet-file=/x/y.env"]],
  ])("%j", (args) => {
    expect(options(args).subnetFile).toBe("/x/y.env");
  });

  test.each([
    [["--ip-masq"], true],
    [["-ip-masq=true"], true],
    [["--ip-masq=T"], true],
    [["--ip-masq=1"], true],
    [["--ip-masq", "--ip-masq=FALSE"], false],
    [["--ip-masq=0"], false],
  ])("booleans: %j", (args, expected) => {
    expect(options(args).ipMasq).toBe(expected);
  });

  test.each([
    ["8", 8],
    ["0x10", 16],
    ["010", 8],
    ["0b11", 3],
    ["0o17", 15],
    ["1_000", 1000],
    ["+7", 7],
  ])("numbers: %s", (text, expected) => {
    expect(options([`--iptables-resync=${text}`]).resyncSeconds).toBe(expected);
  });

  test("lists grow with each flag", () => {
    const { interface: chosen } = options(["--iface=eth1", "-iface", "10.0.0.1", "--iface-regex=^eth"]);
    expect(chosen.names).toEqual(["eth1", "10.0.0.1"]);
    expect(chosen.patterns.map(({ source }) => source)).toEqual(["^eth"]);
  });

  test("help and version come before everything else that is on the line", () => {
    expect(readInvocation(["--healthz-port=1", "-h"], {})).toEqual({ action: "help" });
    expect(readInvocation(["--help", "--v=x"], {})).toEqual({ action: "help" });
    expect(readInvocation(["--version"], { FLANNELD_V: "x" })).toEqual({ action: "version" });
    expect(readInvocation(["--version=false"], {}).action).toBe("run");
    expect(options(["--iface", "-h"]).interface.names).toEqual(["-h"]);
  });
});

describe("environment", () => {
  test("has every flag under both prefixes; the command line wins, then LODEN_", () => {
    expect(options([], { FLANNELD_IP_MASQ: "true", FLANNELD_SUBNET_FILE: "/f" })).toMatchObject({
      ipMasq: true,
      subnetFile: "/f",
    });
    expect(options([], { FLANNELD_SUBNET_FILE: "/f", LODEN_SUBNET_FILE: "/l" }).subnetFile).toBe("/l");
    expect(options(["--subnet-file=/c"], { FLANNELD_SUBNET_FILE: "/f", LODEN_SUBNET_FILE: "/l" }).subnetFile).toBe(
      "/c",
    );
    expect(options([], { FLANNELD_V: "10" }).log.level).toBe("trace");
    expect(options([], { LODEN_LOG_BACKTRACE_AT: "" }).log.level).toBe("info");
  });

  test("gives a list one element, which the command line replaces", () => {
    expect(options([], { FLANNELD_IFACE: "eth1,eth2" }).interface.names).toEqual(["eth1,eth2"]);
    expect(options(["--iface=a", "--iface=b"], { FLANNELD_IFACE: "eth1" }).interface.names).toEqual(["a", "b"]);
  });

  test("ignores empty variables and tells of unknown ones", () => {
    const read = options([], { FLANNELD_HEALTHZ_PORT: "", FLANNELD_ETCD_ENDPOINT: "x", LODEN_: "y", PATH: "z" });
    expect(read.health).toBeUndefined();
    expect(read.warnings).toEqual([
      "the environment variable FLANNELD_ETCD_ENDPOINT belongs to no flag and has no effect",
      "the environment variable LODEN_ belongs to no flag and has no effect",
    ]);
  });
});

describe("values", () => {
  test("endpoints are trimmed, the prefix is cleaned", () => {
    const { etcd } = options(["--etcd-endpoints= https://a:1 ,http://[fd00::1]:2379/", "--etcd-prefix=//x//y///"]);
    expect(etcd).toMatchObject({ endpoints: ["https://a:1", "http://[fd00::1]:2379"], prefix: "/x/y" });
    expect(options(["--etcd-prefix=/"]).etcd.prefix).toBe("/");
    expect(options(["--etcd-prefix=net"]).etcd.prefix).toBe("net");
  });

  test("a domain for SRV records takes the endpoints' place", () => {
    const { etcd, warnings } = options(["--etcd-discovery-srv=cluster.test.", "--etcd-cafile=/ca"]);
    expect(etcd).toMatchObject({ endpoints: [], discovery: { domain: "cluster.test" } });
    expect(warnings).toEqual([]);
    const named = options(["--etcd-discovery-srv=a", "--etcd-discovery-srv-name=blue"]).etcd.discovery;
    expect(named).toEqual({ domain: "a", serviceName: "blue" });
  });

  test("a lease lives for flannel's day, or as long as is said", () => {
    expect(options([]).leaseTtlSeconds).toBe(86_400);
    expect(options(["--subnet-lease-ttl=60"]).leaseTtlSeconds).toBe(60);
  });

  test("a CA alone counts", () => {
    const { etcd, warnings } = options(["--etcd-endpoints=https://a:1", "--etcd-cafile=/ca"]);
    expect(etcd.tls).toEqual({ ca: "/ca" });
    expect(warnings).toEqual([]);
  });

  test("TLS files beside http are no error, but are told of", () => {
    const { warnings } = options(["--etcd-cafile=/ca", "--etcd-certfile=/c", "--etcd-keyfile=/k"]);
    expect(warnings).toEqual([expect.stringContaining("not encrypted")]);
  });

  test("klog's verbosity maps to levels, and --log-level beats it", () => {
    const level = (...args: string[]): string => options(args).log.level;
    expect([level("-v", "0"), level("-v=1"), level("-v=4"), level("-v=5"), level("-v=10")]).toEqual([
      "info",
      "debug",
      "debug",
      "trace",
      "trace",
    ]);
    expect(level("-v=10", "--log-level=warn")).toBe("warn");
  });

  test("secrets are not among the given", () => {
    const { given, etcd } = options(["--etcd-username=u", "--etcd-password=hunter2", "--ip-masq"]);
    expect(etcd).toMatchObject({ username: "u", password: "hunter2" });
    expect(given).toEqual({ "etcd-username": "u", "etcd-password": "***", "ip-masq": true });
  });

  test("RE2 is read as RE2", () => {
    const matches = (pattern: string, text: string): boolean =>
      options([`--iface-regex=${pattern}`]).interface.patterns[0]!.test(text);
    expect(matches("(?i)^ETH\\d", "eth0")).toBe(true);
    expect(matches("\\Aens\\z", "ens")).toBe(true);
    expect(matches("\\Aens\\z", "ens3")).toBe(false);
    expect(matches("(?P<name>eth)\\-1", "eth-1")).toBe(true);
    expect(matches("10\\.0\\.", "10.0.3.4")).toBe(true);
  });

  test("what is harmless for Kubernetes' sake is taken", () => {
    expect(options(["--set-node-network-unavailable=false", "--kube-subnet-mgr=false"]).warnings).toEqual([]);
  });
});

describe("refusals", () => {
  test.each<[readonly string[], RegExp]>([
    [["--nonsense"], /not defined: --nonsense/],
    [["--etcd-endpoint=x"], /did you mean --etcd-endpoints\?/],
    [["--etcd_prefix=x"], /did you mean --etcd-prefix\?/],
    [["run"], /unexpected argument "run"/],
    [["--ip-masq", "true"], /unexpected argument "true"/],
    [["--", "x"], /unexpected argument "x"/],
    [["-"], /unexpected argument "-"/],
    [["---x"], /bad flag syntax: ---x/],
    [["--=x"], /bad flag syntax: --=x/],
    [["--subnet-file"], /needs an argument: --subnet-file/],
    [["--subnet-file="], /--subnet-file must name a file/],
    [["--subnet-file=/x/"], /--subnet-file must name a file/],
    [["--ip-masq=yes"], /"yes" for --ip-masq: write true or false/],
    [["--healthz-port=eighty"], /"eighty" for --healthz-port: write a whole number/],
    [["--healthz-port=1.5"], /"1.5" for --healthz-port/],
    [["--healthz-port=09"], /"09" for --healthz-port/],
    [["--healthz-port=99999999999999999999"], /for --healthz-port/],
    [["--healthz-port=65536"], /--healthz-port must be from 0 to 65535/],
    [["--healthz-port=-1"], /--healthz-port must be from 0 to 65535/],
    [["--healthz-ip=localhost"], /--healthz-ip "localhost" is not an IP address/],
    [["--subnet-lease-renew-margin=0"], /--subnet-lease-renew-margin must be from 1 to 1439/],
    [["--subnet-lease-renew-margin=1440"], /--subnet-lease-renew-margin must be from 1 to 1439/],
    [["--subnet-lease-ttl=1"], /--subnet-lease-ttl must be from 2 to 31536000 seconds, not 1/],
    [["--subnet-lease-ttl=31536001"], /--subnet-lease-ttl must be from 2/],
    [["--subnet-lease-ttl=24h"], /"24h" for --subnet-lease-ttl: write a whole number/],
    [["--etcd-discovery-srv=a..b"], /--etcd-discovery-srv "a..b" is not a domain name/],
    [["--etcd-discovery-srv=http://a"], /--etcd-discovery-srv "http:\/\/a" is not a domain name/],
    [["--etcd-discovery-srv=a.test", "--etcd-discovery-srv-name=x.y"], /--etcd-discovery-srv-name may have/],
    [["--etcd-discovery-srv-name=x"], /--etcd-discovery-srv-name needs --etcd-discovery-srv beside it/],
    [["--etcd-discovery-srv=a.test", "--etcd-endpoints=http://b:1"], /--etcd-endpoints must not be given beside it/],
    [["--iptables-resync=0"], /--iptables-resync must be from 1/],
    [["--etcd-endpoints="], /--etcd-endpoints "" must begin with http/],
    [["--etcd-endpoints=10.0.0.1:2379"], /--etcd-endpoints "10.0.0.1:2379" must begin with http/],
    [["--etcd-endpoints=http://a:1,,http://b:1"], /--etcd-endpoints "" must begin/],
    [["--etcd-endpoints=http://a:99999"], /--etcd-endpoints .* is not a URL/],
    [["--etcd-endpoints=http://a:1/path"], /must end after the port/],
    [
      ["--etcd-endpoints=http://user:secret@a:1"],
      /^--etcd-endpoints must not hold a user name or password; use --etcd-username and --etcd-password$/,
    ],
    [["--etcd-prefix="], /--etcd-prefix must not be empty/],
    [["--etcd-certfile=/c"], /--etcd-certfile needs --etcd-keyfile/],
    [["--etcd-keyfile=/k"], /--etcd-keyfile needs --etcd-certfile/],
    [["--etcd-password=x"], /--etcd-password needs --etcd-username/],
    [["--public-ip=fd00::1"], /--public-ip "fd00::1" is not an IPv4 address/],
    [["--public-ip=eth0"], /--public-ip "eth0" is not/],
    [["--public-ip=0.0.0.0"], /--public-ip 0.0.0.0 is not an address of a host/],
    [["--public-ipv6=10.0.0.1"], /--public-ipv6 "10.0.0.1" is not an IPv6 address/],
    [["--iface="], /--iface must not be empty/],
    [["--iface-regex=("], /--iface-regex "\(": not a regular expression/],
    [["--iface-regex=[[:digit:]]"], /POSIX classes/],
    [["--iface-can-reach=example.org"], /--iface-can-reach "example.org" is not an IP address/],
    [["--node-id=a b"], /--node-id may have/],
    [["--log-level=loud"], /--log-level must be one of trace, debug/],
    [["--log-format=xml"], /--log-format must be one of/],
    [["--kube-subnet-mgr"], /--kube-subnet-mgr is not served: this build keeps its leases in etcd/],
    [["--kube-api-url=http://k"], /--kube-api-url is not served/],
    [["--kubeconfig-file=/k"], /--kubeconfig-file is not served/],
    [["--kube-annotation-prefix=a.b"], /--kube-annotation-prefix is not served/],
    [["--net-config-path=/n"], /--net-config-path is not served/],
    [["--vmodule=a=1"], /--vmodule is not served/],
    [["--log_backtrace_at=a:1"], /--log_backtrace_at is not served/],
  ])("%j", (args, expected) => {
    expect(refusal(args)).toMatch(expected);
  });

  test.each<[Record<string, string>, RegExp]>([
    [{ FLANNELD_IP_MASQ: "yes" }, /"yes" for FLANNELD_IP_MASQ/],
    [{ LODEN_HEALTHZ_PORT: "x" }, /"x" for LODEN_HEALTHZ_PORT/],
    [{ FLANNELD_PUBLIC_IP: "x" }, /--public-ip "x"/],
    [{ FLANNELD_KUBE_SUBNET_MGR: "true" }, /--kube-subnet-mgr is not served/],
    [{ FLANNELD_HEALTHZ_PORT: "x", LODEN_HEALTHZ_PORT: "1" }, /FLANNELD_HEALTHZ_PORT/],
  ])("%j", (environment, expected) => {
    expect(refusal([], environment)).toMatch(expected);
  });

  test("never repeat a password", () => {
    expect(refusal(["--etcd-endpoints=http://user:secret@a:1"])).not.toContain("secret");
  });
});
