#!/usr/bin/env node
// The entry of every CNI plugin. Compiled, it is the executable loden-cni, which a plugin's client (cni-plugins/client)
// becomes under the plugin's name, and which is the resident plugins as `loden-cni serve`. On Node the plugin's name is
// the first argument: `node cni-plugins/main.ts bridge`.
import { pluginNamed } from "#plugins";
import { PLUGIN_NAMES } from "#spec/plugin-names";
import { sys } from "#sys";
import { processMachine } from "./machine.ts";
import { serve } from "./skeleton.ts";
import { processStreams } from "./streams.ts";

const CLIENT_OPTION = "--client=";

function main(name: string, first: string): number {
  const streams = processStreams(sys);
  const plugin = pluginNamed(name) ?? pluginNamed(first);
  if (plugin !== undefined) {
    const client = first.startsWith(CLIENT_OPTION) ? first.slice(CLIENT_OPTION.length) : undefined;
    return serve(plugin, process.env, streams, processMachine(sys, client), pluginNamed);
  }
  streams.writeError(
    `this executable is the CNI plugins ${PLUGIN_NAMES.join(", ")}; call it by one of these names, through a link\n`,
  );
  return 1;
}

const name = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
const [, , first = "", ...rest] = process.argv;
if ((name === "dhcp" || first === "dhcp") && process.argv.includes("daemon")) {
  const { env, argv } = process;
  void import("./ipam/dhcp/daemon.ts").then(async ({ runDaemon }) =>
    process.exit(await runDaemon(sys, argv.slice(argv.indexOf("daemon") + 1), env)),
  );
} else if (first === "serve" && pluginNamed(name) === undefined) {
  // Loaded here alone, as a plugin's start pays for every module.
  void import("./resident/main.ts").then(async ({ runResident }) => process.exit(await runResident(sys, rest)));
} else {
  // Nothing is left to do after the output: leave at once instead of winding the runtime down.
  process.exit(main(name, first));
}
