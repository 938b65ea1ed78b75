// The CNI_* variables: which command needs which, and what they may hold. CNI specification, "Parameters"; the checks,
// their order and their texts are those of the reference library's skeleton.
import { CNI_ERROR, CniError } from "./error.ts";

export const COMMANDS = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"] as const;
export type Command = (typeof COMMANDS)[number];

export type Variables = { readonly [name: string]: string | undefined };

export interface Environment {
  readonly command: Command;
  readonly containerId: string;
  /** Empty when the namespace is gone, which DEL allows. */
  readonly netns: string;
  readonly ifname: string;
  /** CNI_ARGS as it came. */
  readonly args: string;
  /** Directories to look for plugins in, as they came: relative and empty ones are allowed. */
  readonly path: readonly string[];
  /** CNI_NETNS may be the plugin's own namespace. */
  readonly allowOwnNetns: boolean;
  /** Everything, for a delegate that is run as a program. */
  readonly variables: Variables;
}

const REQUIRED: Readonly<Record<Command, readonly string[]>> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"],
  GC: ["CNI_PATH"],
  STATUS: ["CNI_PATH"],
  VERSION: [],
};

/** IFNAMSIZ of linux/if.h without the final zero. */
const IFNAME_LIMIT = 15;

/**
 * Container ids and network names: a letter or digit, then letters, digits, `_`, `.` and `-`. Not a regular expression:
 * every ADD asks this, and compiling the first takes 0.06 ms.
 */
export function isIdentifier(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    const isPlain =
      (character >= "a" && character <= "z") ||
      (character >= "A" && character <= "Z") ||
      (character >= "0" && character <= "9");
    if (!isPlain && (index === 0 || (character !== "_" && character !== "." && character !== "-"))) return false;
  }
  return text !== "";
}

export function isCommand(text: string): text is Command {
  return (COMMANDS as readonly string[]).includes(text);
}

function invalid(message: string, details = ""): CniError {
  return new CniError(CNI_ERROR.invalidEnvironment, message, details);
}

/** Why a name cannot be an interface's, undefined when it can. */
export function interfaceNameProblem(name: string): string | undefined {
  // What nearly every name is; the rest is allowed as well, if it is not one of these.
  if (name.length <= IFNAME_LIMIT && isIdentifier(name)) return undefined;
  if (name === "") return "interface name is empty";
  if (new TextEncoder().encode(name).length > IFNAME_LIMIT) return "interface name is too long";
  if (name === "." || name === "..") return "interface name is . or ..";
  if (/[/:\s\0]/u.test(name)) return "interface name contains / or : or whitespace characters";
  return undefined;
}

/**
 * Reads and checks the variables.
 * @throws CniError 4, with every missing variable named at once
 */
export function readEnvironment(variables: Variables): Environment {
  const command = variables["CNI_COMMAND"] ?? "";
  if (!isCommand(command)) throw invalid(`unknown CNI_COMMAND: ${command}`);
  const missing = REQUIRED[command].filter((name) => (variables[name] ?? "") === "");
  if (missing.length > 0) throw invalid(`required env variables [${missing.join(",")}] missing`);
  const containerId = variables["CNI_CONTAINERID"] ?? "";
  const ifname = variables["CNI_IFNAME"] ?? "";
  if (REQUIRED[command].includes("CNI_CONTAINERID") && !isIdentifier(containerId)) {
    throw invalid("invalid characters in containerID", `CNI_CONTAINERID is ${JSON.stringify(containerId)}`);
  }
  if (REQUIRED[command].includes("CNI_IFNAME")) {
    const problem = interfaceNameProblem(ifname);
    if (problem !== undefined) {
      throw invalid(problem, `CNI_IFNAME is ${JSON.stringify(ifname)}; at most ${IFNAME_LIMIT} bytes are allowed`);
    }
  }
  const override = variables["CNI_NETNS_OVERRIDE"] ?? "";
  return {
    command,
    containerId,
    netns: variables["CNI_NETNS"] ?? "",
    ifname,
    args: variables["CNI_ARGS"] ?? "",
    path: (variables["CNI_PATH"] ?? "").split(":"),
    allowOwnNetns: override === "1" || override.toUpperCase() === "TRUE",
    variables,
  };
}
