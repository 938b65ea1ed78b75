// `loden config` through the executable: documents are checked before they are written, and come back as written.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { startLodenStore } from "../support/loden-store.ts";
import { runProcess } from "../support/processes.ts";
import { tempDir } from "../support/temp-dir.ts";

const loden = fileURLToPath(new URL("../../dist/bin/loden", import.meta.url));
const config = (...args: string[]): ReturnType<typeof runProcess> => runProcess(loden, ["config", ...args]);

describe("loden config check", () => {
  test.each([
    ['{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}', 0, /^good: a vxlan network$/m],
    ['{"network":"10.5.0.0/16","backend":{"type":"HOST-GW"}}', 0, /^good: a host-gw network$/m],
    ['{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","Vni":1,"Nonsense":2}}', 0, /Backend\.Nonsense is no option/],
    ['{"Network":"10.5.0.0/33"}', 1, /Network is "10\.5\.0\.0\/33", must be an IPv4 prefix/],
    ['{"Network":"10.5.0.0/16"}', 0, /^good: a udp network$/m],
    [
      '{"Network":"10.5.0.0/16","Backend":{"Type":"gre"}}',
      1,
      /Backend\.Type is "gre"; this build of Loden has vxlan, /,
    ],
    ['{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":"x"}}', 1, /VNI is "x", must be a whole number/],
    ['{"Network":"10.5.0.0/16","SubnetLen":17,"Backend":{"Type":"vxlan"}}', 1, /at least four subnets/],
    ["{", 1, /not JSON/],
    ["@/nowhere/at/all", 2, /\/nowhere\/at\/all cannot be read/],
  ])("%s: exit status %i", async (document, status, text) => {
    const done = await config("check", document);
    expect(done.stdout + done.stderr).toMatch(text);
    expect(done.status).toBe(status);
  });

  test.each([
    [["check"], /config check needs a document/],
    [["get", "{}"], /config get takes no document/],
    [["set", "{}"], /takes get, put or check, not "set"/],
    [["get", "--etcd-endpoint=x"], /did you mean --etcd-endpoints/],
    [["get", "--etcd-endpoints=x"], /must begin with http/],
  ])("%j is refused as usage", async (args, text) => {
    const done = await config(...args);
    expect(done.stderr).toMatch(text);
    expect(done.status).toBe(2);
  });
});

describe("loden config put and get", () => {
  test("a document comes back as it was written, to etcdctl as well; a bad one changes nothing", async () => {
    await using store = await startLodenStore();
    const endpoint = `--etcd-endpoints=${store.endpoint}`;
    expect(await config("get", endpoint)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("no network configuration"),
    });
    await using directory = tempDir("config");
    const file = path.join(directory.path, "net.json");
    const document = '{ "Network": "10.5.0.0/16",\n  "Backend": { "Type": "vxlan" } }\n';
    writeFileSync(file, document);
    expect(await config("put", `@${file}`, endpoint)).toMatchObject({ status: 0 });
    expect(await config("put", '{"Network":"nonsense"}', endpoint)).toMatchObject({ status: 1 });
    expect((await config("get", endpoint)).stdout).toBe(document);
    const options = { env: { ...process.env, ETCDCTL_API: "3" }, encoding: "utf8" as const };
    const args = [`--endpoints=${store.endpoint}`, "get", "--print-value-only", "/coreos.com/network/config"];
    expect(execFileSync("etcdctl", args, options)).toBe(`${document}\n`);
  });
});
