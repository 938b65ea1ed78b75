// A process of its own for the tests of openNftables: hides the files it is given, in a mount namespace of its own, then
// opens nftables and prints how that went as JSON.
import { sys } from "#sys";
import { CLONE_NEWNET } from "#kernel/netns";
import { openNftables } from "#kernel/nft/nftables";
import { errorText } from "#spec/errors";

const [CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE] = [0x20000, 0x1000, 0x4000, 1 << 18];
const hidden = process.argv.slice(2);

if (hidden.length > 0) {
  sys.unshare(CLONE_NEWNET | CLONE_NEWNS);
  sys.mount("none", "/", "none", MS_PRIVATE | MS_REC);
  for (const file of hidden) sys.mount("/dev/null", file, "none", MS_BIND);
}
try {
  using nft = openNftables(sys);
  nft.run([{ add: { table: { family: "ip", name: "made" } } }]);
  process.stdout.write(JSON.stringify(nft.run([{ list: { tables: null } }])));
} catch (error) {
  process.stdout.write(JSON.stringify(Object.assign({}, error, { message: errorText(error) })));
}
