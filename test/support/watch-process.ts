// A process of its own for the watch's tests: nothing but a watch keeps it alive, through many garbage collections, until
// a notification comes; then it must end by itself.
import { sys } from "#sys";
import { CLONE_NEWNET } from "#kernel/netns";
import { RTNLGRP_LINK } from "#kernel/netlink/constants";
import { watchNetlink } from "#kernel/netlink/watch";
import { spawn } from "node:child_process";

sys.unshare(CLONE_NEWNET);
const seen = new Promise<void>((resolve) => {
  const watch = watchNetlink(
    sys,
    [RTNLGRP_LINK],
    () => {
      process.stdout.write("seen\n");
      watch[Symbol.dispose]();
      resolve();
    },
    () => process.exit(2),
  );
});
// The child outlives this process's interest in it: only the watch is waited for.
spawn("ip", ["link", "set", "lo", "up"], { stdio: "ignore" }).unref();
for (let i = 0; i < 5; i++) globalThis.gc?.();
await seen;
process.stdout.write("after a promise\n");
for (let i = 0; i < 5; i++) globalThis.gc?.();
process.once("exit", () => process.stdout.write("ended\n"));
