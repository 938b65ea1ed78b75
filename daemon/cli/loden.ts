// `loden`: the command line of the fabric. Each command is a module of its own, loaded when it is asked for.
import { errorText, LodenError } from "#spec/errors";
import { VERSION } from "../version.ts";

interface Command {
  readonly about: string;
  /** Resolves to the exit status. */
  readonly run: (args: readonly string[]) => Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  status: {
    about: "what the daemon on this host is doing, and what is wrong",
    run: async (args) => (await import("./status.ts")).runStatus(args),
  },
  plan: {
    about: "what would change in this host's kernel, and why",
    run: async (args) => (await import("./state.ts")).runState("plan", args),
  },
  state: {
    about: "what this host's kernel should hold, and what it holds",
    run: async (args) => (await import("./state.ts")).runState("state", args),
  },
  drain: {
    about: "give this host's subnet back and stop its daemon",
    run: async (args) => (await import("./drain.ts")).runDrain(args),
  },
  cleanup: {
    about: "remove what Loden made on this host",
    run: async (args) => (await import("./cleanup/command.ts")).runCleanup(args),
  },
  config: {
    about: "read, check and write the network configuration in the store",
    run: async (args) => (await import("./config.ts")).runConfig(args),
  },
  store: {
    about: "serve the etcd v3 API from a file on this host",
    run: async (args) => (await import("./store.ts")).runStore(args),
  },
  cni: {
    about: "attach a namespace to a CNI network by hand, check it, detach it, collect what is left over",
    run: async (args) => (await import("./cni/command.ts")).runCni(args),
  },
  "install-cni": {
    about: "put the CNI executables and a network configuration in place",
    run: async (args) => (await import("./cni/install.ts")).runInstallCni(args),
  },
  demo: {
    about: "a whole fabric on this machine, in network namespaces",
    run: async (args) => (await import("./demo/command.ts")).runDemo(args),
  },
};

const USAGE = `loden ${VERSION}: overlay network fabric

usage: loden <command> [flags]

${Object.entries(COMMANDS)
  .map(([name, { about }]) => `  ${name.padEnd(12)} ${about}`)
  .join("\n")}

"loden <command> --help" tells a command's flags. The daemon itself is lodend.
`;

async function main(name = "", ...args: string[]): Promise<number> {
  if (["", "help", "-h", "--help", "-help"].includes(name)) {
    process[name === "" ? "stderr" : "stdout"].write(USAGE);
    return name === "" ? 2 : 0;
  }
  if (["version", "--version", "-version"].includes(name)) {
    process.stdout.write(`loden ${VERSION}\n`);
    return 0;
  }
  const command = COMMANDS[name];
  if (command === undefined)
    throw new LodenError("ERR_USAGE", `there is no command ${JSON.stringify(name)}; "loden help" lists them`);
  return await command.run(args);
}

try {
  process.exitCode = await main(...process.argv.slice(2));
} catch (error) {
  process.stderr.write(`loden: ${errorText(error)}\n`);
  process.exitCode = error instanceof LodenError && error.code === "ERR_USAGE" ? 2 : 1;
}
