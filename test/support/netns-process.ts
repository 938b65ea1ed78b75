// A process of its own for the tests of netns.ts: `stranded` cannot return from a namespace, `enter <path>` prints the
// error of entering one as JSON.
import { sys } from "#sys";
import { errorText } from "#spec/errors";
import { anonymousNetns, withNetns } from "#kernel/netns";
import type { Sys } from "#kernel/sys";

const PR_SET_DUMPABLE = 4;
const [mode, path = ""] = process.argv.slice(2);

if (mode === "stranded") {
  const fd = anonymousNetns(sys);
  const oneWay: Sys = {
    ...sys,
    setns(target, type) {
      if (target !== fd) throw new Error("no way back");
      sys.setns(target, type);
    },
  };
  // No core file of an abort that is meant.
  sys.prctl(PR_SET_DUMPABLE, 0);
  withNetns(oneWay, fd, () => process.stdout.write("inside\n"));
  process.stdout.write("outside\n");
} else {
  try {
    withNetns(sys, path, () => process.stdout.write("null"));
  } catch (error) {
    process.stdout.write(JSON.stringify(Object.assign({}, error, { message: errorText(error) })));
  }
}
