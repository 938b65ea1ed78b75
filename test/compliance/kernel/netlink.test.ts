// The Kernel port over netlink and nftables, against Linux in network namespaces of the test's own.
import { sys } from "#sys";
import { NetlinkKernel } from "../../../daemon/reconcile/kernel/netlink.ts";
import { TEST_MARKS } from "../../support/fabric.ts";
import { iproute, throwAwayNetns } from "../../support/netns.ts";
import { kernelSuite } from "./suite.ts";

kernelSuite("NetlinkKernel", () => {
  const netns = throwAwayNetns();
  const ip = (...args: readonly string[]): string => netns.run(() => iproute(...args));
  ip("link", "add", "eth0", "type", "veth", "peer", "name", "far");
  for (const name of ["eth0", "far"]) ip("link", "set", name, "up");
  ip("address", "add", "192.168.0.1/24", "dev", "eth0");
  ip("address", "add", "fd99::1/64", "dev", "eth0", "nodad");
  const kernel = new NetlinkKernel({ sys, marks: TEST_MARKS, within: (fn) => netns.run(fn) });
  return {
    kernel,
    others: {
      addRoute: ({ destination, gateway, link }) => {
        ip("route", "replace", String(destination), "via", String(gateway), "dev", link, "protocol", "static");
      },
      deleteRoute: (destination) => ip("route", "delete", String(destination)),
      deleteLink: (name) => ip("link", "delete", name),
      setLinkDown: (name) => ip("link", "set", name, "down"),
    },
    [Symbol.dispose]: () => {
      kernel[Symbol.dispose]();
      netns[Symbol.dispose]();
    },
  };
});
