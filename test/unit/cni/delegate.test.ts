// Plugins run as programs: what they get, and that one that is being written at the moment is waited for.
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { sys } from "#sys";
import { PathDelegates } from "../../../cni-plugins/delegate.ts";
import { readEnvironment } from "../../../cni-plugins/environment.ts";

const PROGRAM = `#!/bin/sh
cat > /dev/null
echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.2/24"}]}'
`;

let directory: string;
let file: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "loden-test-delegate-"));
  file = path.join(directory, "foreign");
  fs.writeFileSync(file, PROGRAM, { mode: 0o755 });
});
afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(directory, { recursive: true });
});

function delegates(more: Readonly<Record<string, string>> = {}): PathDelegates {
  const environment = readEnvironment({
    ...more,
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/proc/self/ns/net",
    CNI_IFNAME: "eth0",
    CNI_PATH: directory,
  });
  const callOwn = (): undefined => {
    throw new Error("a foreign plugin is not called in this process");
  };
  return new PathDelegates(sys, environment, callOwn, () => {});
}

const add = (): string[] =>
  delegates()
    .add("foreign", { cniVersion: "1.0.0", name: "net", type: "foreign" })
    .ips.map(({ address }) => address.toString());

test("it gets the whole environment and input, with the command that is meant for it", () => {
  const seen = path.join(directory, "seen");
  fs.writeFileSync(file, `#!/bin/sh\n/usr/bin/env > ${seen}; cat >> ${seen}\n`);
  const tracing = {
    TRACEPARENT: "00-4bf92f3577b34da6-00f067aa0ba902b7-01",
    TRACESTATE: "a=1",
    BAGGAGE: "user=x,y=%20",
  };
  const given = { ...tracing, CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=x", OTHER: "a b" };
  const document = { cniVersion: "1.0.0", name: "net", type: "bridge", ipam: { type: "foreign", unknown: ["kept"] } };
  delegates(given).del("foreign", document, { containerId: "c2", ifname: "eth1", netns: "" });
  const lines = fs.readFileSync(seen, "utf8").split("\n");
  const attachment = {
    CNI_COMMAND: "DEL",
    CNI_CONTAINERID: "c2",
    CNI_IFNAME: "eth1",
    CNI_NETNS: "",
    CNI_PATH: directory,
  };
  for (const [name, value] of Object.entries({ ...given, ...attachment })) expect(lines).toContain(`${name}=${value}`);
  expect(JSON.parse(lines.at(-1)!)).toEqual(document);
});

test("a program that is open for writing is tried again until it is not", () => {
  const writer = fs.openSync(file, "r+");
  let pauses = 0;
  vi.spyOn(Atomics, "wait").mockImplementation(() => {
    if (++pauses === 3) fs.closeSync(writer);
    return "timed-out";
  });
  expect(add()).toEqual(["10.9.0.2/24"]);
  expect(pauses).toBe(3);
});

test("not for ever", () => {
  const writer = fs.openSync(file, "r+");
  const pause = vi.spyOn(Atomics, "wait").mockReturnValue("timed-out");
  expect(add).toThrow(/cannot run plugin .*foreign.*ETXTBSY/);
  expect(pause).toHaveBeenCalledTimes(50);
  fs.closeSync(writer);
});

test("one that is not is not waited for", () => {
  const pause = vi.spyOn(Atomics, "wait");
  expect(add()).toEqual(["10.9.0.2/24"]);
  expect(pause).not.toHaveBeenCalled();
});
