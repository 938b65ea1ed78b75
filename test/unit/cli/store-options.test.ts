// Options of `loden store`: defaults, the forms that values may have, and the flag that each mistake names.
import { describe, expect, test } from "vitest";
import { parseDuration, readStoreOptions, STORE_USAGE } from "../../../daemon/cli/store-options.ts";

test("defaults are safe: this host only, an hour of history", () => {
  expect(readStoreOptions([])).toEqual({
    dataDir: "/var/lib/loden/store",
    listen: [{ host: "127.0.0.1", port: 2379 }],
    autoCompaction: { mode: "periodic", retention: 3_600_000 },
    quotaBytes: 2n ** 31n,
    progressInterval: 600_000,
    log: { level: "info", format: "auto" },
  });
});

test.each(["-h", "--help", "-help"])("%s asks for the usage", (flag) => {
  expect(readStoreOptions([flag])).toBeUndefined();
  expect(STORE_USAGE).toContain("--data-dir");
});

test.each([
  ["127.0.0.1:2379", { host: "127.0.0.1", port: 2379 }],
  ["[::1]:0", { host: "::1", port: 0 }],
  [":2379", { host: "", port: 2379 }],
  ["localhost:65535", { host: "localhost", port: 65_535 }],
  ["http://10.0.0.1:2379", { host: "10.0.0.1", port: 2379 }],
  ["https://[fd00::1]:2379/", { host: "fd00::1", port: 2379 }],
])("--listen %s", (text, address) => {
  expect(readStoreOptions([`--listen=${text}`])?.listen).toEqual([address]);
});

test("--listen may be repeated, and replaces the default", () => {
  expect(readStoreOptions(["-listen", "a:1", "--listen=b:2"])?.listen).toEqual([
    { host: "a", port: 1 },
    { host: "b", port: 2 },
  ]);
});

test.each([
  [[], "periodic", 3_600_000],
  [["--auto-compaction-retention=90m"], "periodic", 5_400_000],
  [["--auto-compaction-retention=2"], "periodic", 7_200_000],
  [["--auto-compaction-retention=0"], "periodic", 0],
  [["--auto-compaction-mode=revision", "--auto-compaction-retention=1000"], "revision", 1000],
])("history: %j", (args, mode, retention) => {
  expect(readStoreOptions(args)?.autoCompaction).toEqual({ mode, retention });
});

test("durations are Go's", () => {
  expect(["1h30m", "500ms", "1.5s", "0s"].map(parseDuration)).toEqual([5_400_000, 500, 1500, 0]);
  expect(["", "5", "h", "1d", "-1s", "1 h", "1h 2m", "1..5s"].map(parseDuration)).toEqual(Array(8).fill(undefined));
});

test("TLS", () => {
  const args = ["--cert-file=c", "--key-file=k", "--trusted-ca-file=t", "--client-cert-auth"];
  expect(readStoreOptions(args)?.tls).toEqual({
    certFile: "c",
    keyFile: "k",
    trustedCaFile: "t",
    clientCertAuth: true,
  });
});

describe("mistakes name the flag", () => {
  test.each([
    ["listen", "--listen=2379"],
    ["listen", "--listen=host:99999"],
    ["listen", "--listen=::1:2379"],
    ["listen", "--listen=ftp://a:1"],
    ["data-dir", "--data-dir="],
    ["cert-file", "--cert-file=c"],
    ["key-file", "--key-file=k"],
    ["trusted-ca-file", "--trusted-ca-file=t"],
    ["client-cert-auth", "--client-cert-auth"],
    ["client-cert-auth", "--cert-file=c", "--key-file=k", "--client-cert-auth"],
    ["auto-compaction-mode", "--auto-compaction-mode=never"],
    ["auto-compaction-retention", "--auto-compaction-retention=long"],
    ["auto-compaction-retention", "--auto-compaction-mode=revision", "--auto-compaction-retention=1h"],
    ["quota-backend-bytes", "--quota-backend-bytes=0"],
    ["quota-backend-bytes", "--quota-backend-bytes=x"],
    ["watch-progress-notify-interval", "--watch-progress-notify-interval=1ms"],
    ["log-level", "--log-level=loud"],
    ["log-format", "--log-format=xml"],
    ["data-dri", "--data-dri=x"],
  ])("--%s: %s %s %s", (flag, ...args) => {
    const given = args.filter((arg) => arg !== undefined);
    expect(() => readStoreOptions(given)).toThrow(
      expect.objectContaining({ code: "ERR_USAGE", message: expect.stringContaining(`--${flag}`) as string }) as Error,
    );
  });

  test("and words that are no flags", () => {
    expect(() => readStoreOptions(["start"])).toThrow(/unexpected argument "start"/);
  });
});
