// The kernel of a machine as one daemon has it: each change is judged before it is carried out, notifications wait while
// the machine is paused, and are lost while it is deaf.
import type { Actual, Change, Kernel, ObjectKind, Observation, Outcome, Wanted } from "../../daemon/reconcile/port.ts";
import type { Daemon } from "./machine.ts";

export class DaemonKernel implements Kernel {
  readonly #daemon: Daemon;

  constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  dump(kinds: ReadonlySet<ObjectKind>, wanted: Wanted): Actual {
    return this.#daemon.machine.kernel.dump(kinds, wanted);
  }

  watch(onObserved: (seen: readonly Observation[]) => void): Disposable {
    const { machine } = this.#daemon;
    return machine.kernel.watch((seen) => {
      if (!machine.isDeaf) this.#daemon.run(() => onObserved(seen));
    });
  }

  apply(changes: readonly Change[]): Outcome[] {
    const { machine } = this.#daemon;
    machine.world.judge.applies(this.#daemon, changes);
    const outcomes = machine.kernel.apply(changes);
    if (machine.world.trace.isOn) machine.world.trace.add(machine.name, `kernel: ${summary(changes, outcomes)}`);
    return outcomes;
  }
}

function summary(changes: readonly Change[], outcomes: readonly Outcome[]): string {
  return changes
    .map((change, index) => {
      const key = change.type === "remove" ? change.actual.key : change.object.key;
      const sign = { add: "+", update: "~", remove: "-" }[change.type];
      return `${sign}${key}${outcomes[index] === undefined ? "" : " (fails)"}`;
    })
    .join(", ");
}
