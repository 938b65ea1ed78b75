// Plugins run as programs: one that is being written at the moment is waited for.
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

function delegates(): PathDelegates {
  const environment = readEnvironment({
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
