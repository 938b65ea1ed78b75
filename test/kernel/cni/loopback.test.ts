// loopback, and what every plugin answers whatever it is: VERSION, and a call without a command.
import * as fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PLUGIN_NAMES } from "#spec/plugin-names";
import { GO_PLUGINS, callPlugin, type Invocation, type Sandbox } from "../../support/cni.ts";
import { FORMS, Host, NO_GO_PLUGINS, fail, hasGoPlugins, succeed } from "../../support/cni-rig.ts";

let host: Host;
beforeAll(() => {
  host = new Host();
});
afterAll(() => host[Symbol.dispose]());

describe.each(FORMS)("on $form", ({ directory: directoryOf }) => {
  const directory = directoryOf();

  function calls(sandbox: Sandbox, more: object = {}) {
    const config = { cniVersion: "1.1.0", name: "lo", type: "loopback", ...more };
    return (command: string, other: Partial<Invocation> = {}): Invocation => ({
      command,
      directory,
      plugin: "loopback",
      config,
      netns: sandbox.path,
      ...other,
    });
  }

  test("brings lo up, sees when it is down, and takes it down", () => {
    using sandbox = host.sandbox();
    const call = calls(sandbox);
    expect(succeed(call("ADD"))).toEqual({
      cniVersion: "1.1.0",
      interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox: sandbox.path }],
      ips: [
        { interface: 0, address: "127.0.0.1/8" },
        { interface: 0, address: "::1/128" },
      ],
    });
    succeed(call("CHECK"));
    succeed(call("DEL"));
    expect(fail(call("CHECK")).msg).toBe("loopback interface is down");
    succeed(call("DEL"));
    for (const netns of ["", "/nonexistent", "/proc/self/status"]) succeed(call("DEL", { netns }));
    succeed(call("STATUS"));
    succeed(call("GC"));
  });

  test("hands a previous result on", () => {
    using sandbox = host.sandbox();
    const prevResult = { cniVersion: "0.2.0", ip4: { ip: "10.0.0.2/24", gateway: "10.0.0.1" }, dns: {} };
    expect(succeed(calls(sandbox, { cniVersion: "0.2.0", PrevResult: prevResult })("ADD"))).toEqual(prevResult);
  });

  test.each(PLUGIN_NAMES)("%s answers VERSION in the version it is asked in", (plugin) => {
    const ask = (config: unknown): string => {
      const variables = { CNI_CONTAINERID: undefined, CNI_NETNS: "dummy", CNI_IFNAME: undefined, CNI_PATH: undefined };
      return callPlugin({ command: "VERSION", directory, plugin, config, variables }).stdout;
    };
    const older = plugin === "bandwidth" ? "" : '"0.1.0","0.2.0",';
    const supported = `"supportedVersions":[${older}"0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}\n`;
    expect(ask({ cniVersion: "0.4.0" })).toBe(`{"cniVersion":"0.4.0",${supported}`);
    expect(ask("")).toBe(`{"cniVersion":"1.1.0",${supported}`);
    expect(ask({ cniVersion: "9.9.9" })).toBe(`{"cniVersion":"1.1.0",${supported}`);
  });

  test("without a command says what it is, on the error output", () => {
    const outcome = callPlugin({ command: "", directory, plugin: "bridge", config: "" });
    expect(outcome).toMatchObject({ status: 0, stdout: "" });
    expect(outcome.stderr).toContain("CNI protocol versions supported: 0.1.0, 0.2.0");
  });
});

describe("every plugin", () => {
  const directory = FORMS[0].directory();

  test.skipIf(!hasGoPlugins)(`VERSION beside the Go plugins'${hasGoPlugins ? "" : ` (${NO_GO_PLUGINS})`}`, () => {
    const versions = (of: string, plugin: string): unknown =>
      callPlugin({ command: "VERSION", directory: of, plugin, config: "" }).document?.["supportedVersions"];
    /** What ours take besides: these work in them, and flannel's own configuration is of 0.3.1. */
    const besides: Readonly<Record<string, readonly string[]>> = {
      firewall: ["0.1.0", "0.2.0", "0.3.0", "0.3.1"],
      vrf: ["0.1.0", "0.2.0", "0.3.0"],
    };
    const both = PLUGIN_NAMES.filter((plugin) => fs.existsSync(path.join(GO_PLUGINS, plugin)));
    expect(both.length).toBeGreaterThan(10);
    for (const plugin of both) {
      const theirs = versions(GO_PLUGINS, plugin) as string[];
      // Debian's are of the time before 1.1.0.
      expect([plugin, versions(directory, plugin)]).toEqual([plugin, [...(besides[plugin] ?? []), ...theirs, "1.1.0"]]);
    }
  });

  test.each<[string, Partial<Invocation>, number]>([
    ["the container's id before the input", { containerId: "-a", config: "{" }, 4],
    ["the interface's name before the input", { ifname: "a/b", config: "{" }, 4],
    ["the input before the network's name", { config: '{"name":"-a"' }, 6],
    ["the network's name before the version", { config: { name: "-a", cniVersion: "9.0.0" } }, 7],
    ["the version before what the plugin reads", { config: { name: "a", cniVersion: "9.0.0", mtu: "x" } }, 1],
  ])("of two faults: %s, as the reference plugins", (_, faulty, code) => {
    using sandbox = host.sandbox();
    const call = { command: "ADD", plugin: "bridge", config: {}, netns: sandbox.path, ...faulty };
    // Debian's looked at the variables last.
    for (const of of hasGoPlugins && code !== 4 ? [directory, GO_PLUGINS] : [directory]) {
      expect(callPlugin({ ...call, directory: of })).toMatchObject({ status: 1, document: { code } });
    }
  });
});
