// The address package is loaded late and by three ways: from sources on Node (all other tests), and from a bundle for
// Node or Bun that lies where no package is installed.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { bunPath } from "../../../daemon/build/plugins.ts";

const work = mkdtempSync(path.join(tmpdir(), "loden-address-"));
const addressFile = fileURLToPath(new URL("../../../daemon/kernel/ip/address.ts", import.meta.url));

afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

test.each([
  ["node", process.execPath],
  ["bun", bunPath()],
])("a bundle for %s holds the package", (target, runtime) => {
  const entry = path.join(work, "entry.ts");
  writeFileSync(
    entry,
    `import { Address } from ${JSON.stringify(addressFile)};\n` +
      `console.log(Address.parse("10.0.0.1").toString(), Address.parse("FD00::1").toString(), String(Address.tryParse("10.0.0")));\n`,
  );
  const bundle = path.join(work, `${target}.mjs`);
  execFileSync(bunPath(), ["build", entry, `--target=${target}`, "--format=esm", `--outfile=${bundle}`]);
  expect(execFileSync(runtime, [bundle], { cwd: work, encoding: "utf8" })).toBe("10.0.0.1 fd00::1 undefined\n");
});
