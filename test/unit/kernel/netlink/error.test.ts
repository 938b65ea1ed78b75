// Acknowledgements as the kernel lays them out: struct nlmsgerr, the echoed request or none, then attributes.
import { describe, expect, test } from "vitest";
import { AttrWriter } from "#kernel/netlink/attr";
import { decodeAck, decodeDone } from "#kernel/netlink/error";

const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

function ack(errno: number, flags: number, echoed: Uint8Array, attrs: Uint8Array) {
  const head = new Uint8Array(20);
  const view = new DataView(head.buffer);
  view.setInt32(0, -errno, true);
  view.setUint32(4, 16 + echoed.length, true);
  const isCapped = (flags & NLM_F_CAPPED) !== 0;
  const padding = new Uint8Array(-echoed.length & 3);
  return { type: 2, flags, payload: Buffer.concat([head, ...(isCapped ? [] : [echoed, padding]), attrs]) };
}

const NOTHING = new Uint8Array(0);
const TEXT = new AttrWriter().string(1, "Invalid prefix for given prefix length").u32(2, 28).finish();

describe("decodeAck", () => {
  test("success is no error", () => {
    expect(decodeAck(ack(0, NLM_F_CAPPED, NOTHING, NOTHING))).toBeUndefined();
  });

  test("an errno without text", () => {
    const error = decodeAck(ack(17, NLM_F_CAPPED, NOTHING, NOTHING));
    expect(error).toMatchObject({
      code: "ERR_NETLINK",
      errno: 17,
      symbol: "EEXIST",
      message: "EEXIST (already exists)",
    });
    expect(error?.offset).toBeUndefined();
  });

  test.each([
    ["capped", NLM_F_CAPPED, NOTHING],
    ["behind the echoed request", 0, new Uint8Array(8)],
    ["behind an echoed request that needs padding", 0, new Uint8Array(8).subarray(0, 7)],
  ])("the kernel's words and the place, %s", (_, flags, echoed) => {
    const error = decodeAck(ack(22, flags | NLM_F_ACK_TLVS, echoed, TEXT));
    expect(error).toMatchObject({
      text: "Invalid prefix for given prefix length",
      offset: 28,
      fields: { errno: 22, symbol: "EINVAL", offset: 28 },
    });
    expect(error?.message).toContain("EINVAL");
    expect(error?.message).toContain("Invalid prefix for given prefix length");
  });

  test("an attribute that is missing", () => {
    const attrs = new AttrWriter().u32(5, 3).finish();
    expect(decodeAck(ack(22, NLM_F_CAPPED | NLM_F_ACK_TLVS, NOTHING, attrs))?.message).toContain(
      "attribute 3 is missing",
    );
  });

  test("refuses one that is cut short", () => {
    const short = { type: 2, flags: 0, payload: new Uint8Array(19) };
    expect(() => decodeAck(short)).toThrow(expect.objectContaining({ code: "ERR_NETLINK_DECODE" }));
  });

  test("a length of the request beyond the message leaves no attributes to read", () => {
    const message = ack(22, NLM_F_ACK_TLVS, NOTHING, NOTHING);
    new DataView(message.payload.buffer, message.payload.byteOffset).setUint32(4, 0xffff_ffff, true);
    expect(decodeAck(message)).toMatchObject({ errno: 22 });
  });
});

describe("decodeDone", () => {
  test("success, with an errno and without", () => {
    expect(decodeDone({ type: 3, flags: 2, payload: new Uint8Array(4) })).toBeUndefined();
    expect(decodeDone({ type: 3, flags: 2, payload: NOTHING })).toBeUndefined();
  });

  test("an error with the kernel's words", () => {
    const head = new Uint8Array(new Int32Array([-22]).buffer);
    const text = new AttrWriter().string(1, "Invalid values in header for dump request").finish();
    const error = decodeDone({ type: 3, flags: NLM_F_ACK_TLVS, payload: Buffer.concat([head, text]) });
    expect(error).toMatchObject({ errno: 22, text: "Invalid values in header for dump request" });
  });
});
