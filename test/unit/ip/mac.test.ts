// MAC addresses: the text forms, bytes, and locally administered ones.
import { Mac } from "#kernel/ip/mac";
import { describe, expect, test } from "vitest";

describe("MAC", () => {
  test.each(["c6:D2:32:6f:8F:44", "C6-D2-32-6F-8F-44", "c6d2.326f.8f44"])("%s is read", (text) => {
    expect(Mac.parse(text).toString()).toBe("c6:d2:32:6f:8f:44");
    expect([...Mac.parse(text).toBytes()]).toEqual([0xc6, 0xd2, 0x32, 0x6f, 0x8f, 0x44]);
    expect(JSON.stringify(Mac.parse(text))).toBe('"c6:d2:32:6f:8f:44"');
  });

  test.each([
    "",
    "c6:d2:32:6f:8f",
    "c6:d2:32:6f:8f:44:55",
    "c6:d2-32:6f:8f:44",
    "c6:d2:32:6f:8f:4",
    "g6:d2:32:6f:8f:44",
    "c6d2326f8f44",
    "c6:d2:32:6f:8f:44\n",
    "00:00:00:00:fe:80:00:00",
  ])("%j is refused", (text) => {
    expect(Mac.tryParse(text)).toBeUndefined();
    expect(() => Mac.parse(text)).toThrow(expect.objectContaining({ code: "ERR_ADDRESS" }));
  });

  test("bytes make the round trip, and only six of them", () => {
    const mac = Mac.fromBytes(Uint8Array.of(0, 1, 2, 0xab, 0xff, 9));
    expect(mac.toString()).toBe("00:01:02:ab:ff:09");
    expect(Mac.fromBytes(mac.toBytes()).equals(mac)).toBe(true);
    expect(mac.equals(Mac.parse("00:01:02:ab:ff:0a"))).toBe(false);
    expect(() => Mac.fromBytes(new Uint8Array(8))).toThrow(/6 bytes/);
  });

  test("a locally administered address is unicast, marked as local, and the same for one seed", () => {
    const seed = Uint8Array.of(0xff, 1, 2, 3, 4, 5, 6, 7);
    const mac = Mac.locallyAdministered(seed);
    expect(mac.toString()).toBe("fe:01:02:03:04:05");
    expect(Mac.locallyAdministered(seed)).toEqual(mac);
    expect(Mac.locallyAdministered(new Uint8Array(6)).toString()).toBe("02:00:00:00:00:00");
    expect(seed[0]).toBe(0xff);
    expect(() => Mac.locallyAdministered(new Uint8Array(5))).toThrow(/6 bytes/);
  });
});
