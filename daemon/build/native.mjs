// Builds raw-socket's addon for the Node that npm brought, quietly, and only when the one present does not load.
// Runs as the root package's postinstall under any Node from 20 on. Its own install script is denied in package.json
// (allowScripts) because it would build against the headers of the system's Node: the addon is tied to one ABI.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const rawSocket = path.join(root, "node_modules/raw-socket");
const runtime = path.join(root, "node_modules", `node-linux-${process.arch}`);
const node = path.join(runtime, "bin/node");

function fail(message) {
  process.stderr.write(`loden set-up: ${message}\n`);
  process.exit(1);
}

function loads() {
  const probe = 'require("raw-socket").createSocket';
  return spawnSync(node, ["-e", probe], { cwd: root, stdio: "ignore" }).status === 0;
}

if (!existsSync(node))
  fail(
    `no Node runtime in the npm packages for ${process.platform}-${process.arch}; Loden runs on Linux x64 and arm64.`,
  );
const version = spawnSync(node, ["--version"], { encoding: "utf8" });
if (version.status !== 0) {
  fail(
    `the packaged Node does not start: ${version.stderr.trim()}\nOn Debian, "apt-get install libatomic1" provides what it needs; npm run setup does this.`,
  );
}
if (!loads()) {
  const gyp = process.env.npm_config_node_gyp;
  if (!gyp) fail("run this through npm (npm install), which brings node-gyp.");
  const env = { ...process.env, PATH: `${path.dirname(node)}:${process.env.PATH}` };
  // The user's npm configuration may name headers of another Node; the packaged Node's own must win.
  for (const name of Object.keys(env)) if (/^npm_(package_)?config_(node_gyp_)?nodedir$/i.test(name)) delete env[name];
  env.npm_package_config_node_gyp_nodedir = runtime;
  const build = spawnSync(node, [gyp, "rebuild"], { cwd: rawSocket, env, encoding: "utf8" });
  if (build.status !== 0 || !loads()) {
    process.stderr.write(`${build.stdout ?? ""}${build.stderr ?? ""}`);
    fail(
      'raw-socket did not build. It needs a C++ compiler, make and python3: on Debian "apt-get install g++ make python3".',
    );
  }
}
