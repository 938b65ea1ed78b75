// firewalld (firewalld.dbus(5)): containers' addresses as sources of a zone.
import { DbusConnection, SYSTEM_BUS } from "#kernel/dbus/connection";
import type { Sys } from "#kernel/sys";
import type { Variables } from "../../environment.ts";
import { CNI_ERROR, CniError, failure } from "../../error.ts";

const NAME = "org.fedoraproject.FirewallD1";
const PATH = "/org/fedoraproject/FirewallD1";
const ZONE_INTERFACE = "org.fedoraproject.FirewallD1.zone";
/** The source is in the zone already. */
const ALREADY_SET = "ZONE_ALREADY_SET";
/** The source is in no zone. */
const NOT_SET = ["UNKNOWN_SOURCE", "NOT_ENABLED"];

/** The running firewalld. */
export class Firewalld implements Disposable {
  readonly #connection: DbusConnection;

  private constructor(connection: DbusConnection) {
    this.#connection = connection;
  }

  /** Undefined when there is no message bus, or no firewalld on it. */
  static find(sys: Sys, variables: Variables): Firewalld | undefined {
    let connection: DbusConnection;
    try {
      connection = DbusConnection.open(sys, variables["DBUS_SYSTEM_BUS_ADDRESS"] || SYSTEM_BUS);
    } catch {
      return undefined;
    }
    if (connection.hasOwner(NAME)) return new Firewalld(connection);
    connection[Symbol.dispose]();
    return undefined;
  }

  /** @throws CniError 50 */
  static require(sys: Sys, variables: Variables): Firewalld {
    const found = Firewalld.find(sys, variables);
    if (found !== undefined) return found;
    throw new CniError(CNI_ERROR.notAvailable, "firewalld is not running: start it, or choose another backend");
  }

  /** `source`: an address with its prefix length. */
  addSource(zone: string, source: string): void {
    const refusal = this.#call("addSource", zone, source);
    if (refusal === undefined || refusal.includes(ALREADY_SET)) return;
    throw failure(`failed to add the address ${source} to ${zone} zone: ${refusal}`);
  }

  removeSource(zone: string, source: string): void {
    const refusal = this.#call("removeSource", zone, source);
    if (refusal === undefined || NOT_SET.some((word) => refusal.includes(word))) return;
    throw failure(`failed to remove the address ${source} from ${zone} zone: ${refusal}`);
  }

  hasSource(zone: string, source: string): boolean {
    const answer = this.#connection.call(zoneCall("querySource", zone, source));
    return !("name" in answer) && answer[0] === 1;
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  /** What firewalld says when it refuses. */
  #call(member: string, zone: string, source: string): string | undefined {
    const answer = this.#connection.call(zoneCall(member, zone, source));
    return "name" in answer ? `${answer.name}: ${answer.text}` : undefined;
  }
}

function zoneCall(member: string, zone: string, source: string) {
  return { destination: NAME, path: PATH, interface: ZONE_INTERFACE, member, args: [zone, source] };
}
