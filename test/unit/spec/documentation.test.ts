// The format documents against the code: links lead somewhere, every key is named, every example in the text is valid.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { leaseContract, vxlanDataContract } from "#spec/documents/lease";
import { parseSubnetEnv } from "#spec/subnet-env";
import { parseDocument } from "#spec/validate";
import { describe, expect, test } from "vitest";
import { readSchemas } from "../../../daemon/build/validators.ts";

const root = fileURLToPath(new URL("../../../spec/", import.meta.url));
const documents = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".md"));
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");

describe("documentation", () => {
  test.each(documents)("%s links to what exists", (file) => {
    const targets = [...read(file).matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1] ?? "");
    expect(targets.filter((target) => !existsSync(path.join(root, path.dirname(file), target)))).toEqual([]);
  });

  test.each([
    ["kv.md", "network-config.json"],
    ["kv.md", "lease.json"],
    ["subnet-env.md", "subnet-env.json"],
    ["vxlan.md", "vxlan-data.json"],
  ])("%s names every key of %s", (file, schema) => {
    const text = read(file);
    const keys = Object.keys(readSchemas().get(schema)?.properties ?? {});
    expect(keys.length).toBeGreaterThan(1);
    expect(keys.filter((key) => !text.includes(key))).toEqual([]);
  });

  test("examples in the text are valid", () => {
    const [lease = ""] = /^\{"PublicIP".*$/m.exec(read("kv.md")) ?? [];
    expect(parseDocument(leaseContract, lease)).toMatchObject({ PublicIP: "192.168.64.3", Epoch: 3 });
    const [data = ""] = /\{"VNI":[^}]*\}/.exec(read("vxlan.md")) ?? [];
    expect(parseDocument(vxlanDataContract, data)).toMatchObject({ VNI: 1 });
    const [, env = ""] = /```\n(FLANNEL_[^`]*)```/.exec(read("subnet-env.md")) ?? [];
    expect(parseSubnetEnv(env, "f").mtu).toBe(1450);
  });
});
