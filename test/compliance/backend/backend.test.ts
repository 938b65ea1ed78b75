// What every backend keeps to, whatever it does: purity, keys that fit their objects, reasons, and leases that tell of
// one peer alone.
import { describe, expect, test } from "vitest";
import { backendFactories } from "../../../daemon/backend/registry.ts";
import { kindOfKey } from "../../../daemon/reconcile/objects.ts";
import { makeLease, makeNetwork, makeNode } from "../../support/fabric.ts";

const families = [4, 6] as const;

describe.each([...backendFactories.keys()])("%s", (type) => {
  const network = makeNetwork({ type, families });
  const node = makeNode(1);
  const make = () => backendFactories.get(type)!(network, node);
  const peer = (n: number) =>
    families.flatMap((family) =>
      make().peer(node, { ...makeLease(n, { type, families }), backendType: make().leaseType }, family),
    );

  test("is named as the registry names it, and publishes its own type or none", () => {
    expect(make().type).toBe(type);
    expect([type, ""]).toContain(make().leaseType);
  });

  test("gives the same answers to the same questions", () => {
    expect(JSON.stringify(make().base(node))).toBe(JSON.stringify(make().base(node)));
    expect(JSON.stringify(peer(2))).toBe(JSON.stringify(peer(2)));
  });

  test("has keys that are of the object's kind and told once", () => {
    const objects = [...make().base(node), ...peer(2), ...peer(3)];
    for (const object of objects) expect(kindOfKey(object.key)).toBe(object.kind);
    expect(new Set(objects.map((object) => object.key)).size).toBe(objects.length);
  });

  test("wants the base for itself and a peer's objects because of its lease", () => {
    expect(
      new Set(
        make()
          .base(node)
          .map((object) => object.because),
      ).difference(new Set(["base"])),
    ).toEqual(new Set());
    for (const object of peer(2)) expect(object.because).toBe(makeLease(2, { families }).key);
  });

  test("advertises what JSON can carry, for families of the network alone", () => {
    const data = make().advertise(node);
    expect(JSON.parse(JSON.stringify(data))).toEqual(data);
    expect(Object.keys(data).every((family) => family === "4" || family === "6")).toBe(true);
  });

  test("leaves containers an MTU that the underlay carries", () => {
    expect(make().mtu(node)).toBeLessThanOrEqual(node.link.mtu);
    expect(make().mtu(node)).toBeGreaterThanOrEqual(1280);
  });

  test("names what it does not understand", () => {
    const odd = makeNetwork({ type, options: { Frobnicate: true } });
    expect(backendFactories.get(type)!(odd, node).warnings).toEqual([expect.stringContaining("Backend.Frobnicate")]);
  });
});
