// The errors of system calls: names and texts.
import { describe, expect, test } from "vitest";
import { Errno, errnoSymbol, errnoText, orThrow } from "#kernel/sys";

describe("errno", () => {
  test.each([
    [1, "EPERM"],
    [11, "EAGAIN"],
    [61, "ENODATA"],
    [93, "EPROTONOSUPPORT"],
    [95, "EOPNOTSUPP"],
    [105, "ENOBUFS"],
    [110, "ETIMEDOUT"],
    [117, "EUCLEAN"],
    [999, "errno 999"],
  ])("%i is %s", (errno, symbol) => expect(errnoSymbol(errno)).toBe(symbol));

  test("has a text where the name does not say it", () => {
    expect(errnoText(17)).toBe("EEXIST (already exists)");
    expect(errnoText(110)).toBe("ETIMEDOUT");
  });
});

describe("Errno", () => {
  test("names call and subject", () => {
    const error = new Errno(13, "open", "/run/x");
    expect(error.message).toBe("open /run/x: EACCES (permission denied)");
    expect(error).toMatchObject({ name: "Errno", code: "ERR_SYSCALL", errno: 13, symbol: "EACCES", call: "open" });
    expect(error.fields).toEqual({ errno: 13, symbol: "EACCES", call: "open", subject: "/run/x" });
    expect(new Errno(9, "read").message).toBe("read: EBADF");
  });

  test("orThrow lets results through", () => {
    expect(orThrow(0, "read")).toBe(0);
    expect(orThrow(7, "read")).toBe(7);
    expect(() => orThrow(-9, "read", "fd 3")).toThrow("read fd 3: EBADF");
  });
});
