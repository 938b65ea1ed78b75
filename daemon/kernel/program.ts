// Where a program of the host is: in PATH, or where administrators' programs live. Works in both runtimes.

/** A service's or a container runtime's PATH often lacks them. */
const DIRECTORIES = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"];

/** The path of a program; undefined when it is not installed. */
export function findProgram(name: string, searchPath: string | undefined = process.env["PATH"]): string | undefined {
  const directories = [
    ...(searchPath?.split(":").filter((directory) => directory.startsWith("/")) ?? []),
    ...DIRECTORIES,
  ];
  for (const directory of directories) {
    const file = `${directory}/${name}`;
    try {
      const { accessSync, constants } = process.getBuiltinModule("node:fs");
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here.
    }
  }
  return undefined;
}
