// A process of its own for the tests of nftables: prints the error of opening it as JSON.
import { sys } from "#sys";
import { openNftables } from "#kernel/nft/nftables";
import { errorText } from "#spec/errors";

try {
  openNftables(sys).close();
  process.stdout.write("null");
} catch (error) {
  process.stdout.write(JSON.stringify(Object.assign({}, error, { message: errorText(error) })));
}
