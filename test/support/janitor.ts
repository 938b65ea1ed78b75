// Removes a directory when whoever started it is gone, however it went: its standard input ends then. Run as
// `node janitor.ts <directory>`.
import { rmSync } from "node:fs";

process.stdin.on("end", () => {
  const [directory] = process.argv.slice(2);
  // Servers that die with the test may write for a moment longer.
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});
process.stdin.resume();
