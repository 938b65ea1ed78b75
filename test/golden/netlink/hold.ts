// Holds requests of ours against the recordings of one noun: byte for byte, unless a difference is given with its
// reason.
import { expect, test } from "vitest";
import type { Message } from "#kernel/netlink/wire";
import { fixturePath, readFixture, requestOf, showMessage } from "./fixture.ts";

/** Where iproute2 and we say the same in other words. */
export interface Difference {
  /** Only the order of attributes differs, which the kernel does not mind. */
  readonly sorted?: true;
  /** Turns a line of iproute2's message into ours. */
  readonly rewrite?: (line: string) => string;
}

/** One test a recorded command; `ours` has a message for each command and for no other. */
export function holdAgainstRecordings(
  noun: string,
  ours: Readonly<Record<string, () => Message>>,
  differences: Readonly<Record<string, Difference>> = {},
): void {
  const recorded = readFixture(fixturePath(noun)).cases;

  test.for(recorded)("$command", ({ command, message }) => {
    const { header } = requestOf(command);
    const build = ours[command];
    if (message === undefined || build === undefined) throw new Error("recorded and built commands must be the same");
    const { sorted, rewrite = (line: string) => line } = differences[command] ?? {};
    const lines = (given: Message): string[] =>
      sorted === true ? showMessage(given, header).toSorted() : showMessage(given, header);
    expect(lines(build())).toEqual(lines(message).map(rewrite));
  });

  test("every message built here has a recording", () => {
    const commands = recorded.map(({ command }) => command);
    expect(Object.keys(ours).toSorted()).toEqual(commands.toSorted());
    expect(Object.keys(differences).filter((command) => !commands.includes(command))).toEqual([]);
  });
}
