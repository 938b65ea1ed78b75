// firewalld as far as the firewall plugin asks it, on a real message bus: sources of zones, and the errors it has for them.
// A process: node fake-firewalld.ts <socket of the bus>. Ends with its standard input.
import { connect } from "node:net";
import {
  DBUS_FIELD,
  DBUS_TYPE,
  PREAMBLE_LENGTH,
  decodeMessage,
  encodeCall,
  encodeMessage,
  messageLength,
  type DbusMessage,
} from "#kernel/dbus/message";

const BUS = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus" };
const sources = new Map<string, string>();
const socket = connect(process.argv[2]!);
process.stdin.resume().on("end", () => process.exit());

let received = Buffer.alloc(0);
let serial = 0;
let isIn = false;

socket.write("\0AUTH EXTERNAL 30\r\n");
socket.on("data", (data: Buffer) => {
  received = Buffer.concat([received, data]);
  if (!isIn) {
    const end = received.indexOf("\r\n");
    if (end < 0) return;
    received = received.subarray(end + 2);
    isIn = true;
    socket.write("BEGIN\r\n");
    socket.write(encodeCall({ ...BUS, member: "Hello", args: [] }, ++serial));
    socket.write(
      encodeMessage({
        type: DBUS_TYPE.call,
        serial: ++serial,
        fields: [
          [DBUS_FIELD.path, "o", BUS.path],
          [DBUS_FIELD.interface, "s", BUS.interface],
          [DBUS_FIELD.member, "s", "RequestName"],
          [DBUS_FIELD.destination, "s", BUS.destination],
        ],
        body: ["org.fedoraproject.FirewallD1", 0],
      }),
    );
  }
  while (received.length >= PREAMBLE_LENGTH && received.length >= messageLength(received)) {
    const length = messageLength(received);
    const message = decodeMessage(received.subarray(0, length));
    received = received.subarray(length);
    if (message.type === DBUS_TYPE.call) answer(message);
    // The second answer: the name is ours.
    else if (message.fields.get(DBUS_FIELD.replySerial) === 2) process.stdout.write("ready");
  }
});

function answer(message: DbusMessage): void {
  const [zone = "", source = ""] = message.body.map(String);
  const member = message.fields.get(DBUS_FIELD.member);
  if (member === "querySource") reply(message, sources.get(source) === zone);
  else if (member === "addSource") {
    if (sources.get(source) === zone) refuse(message, `ZONE_ALREADY_SET: '${source}' already bound to '${zone}'`);
    else reply(message, zone, () => sources.set(source, zone));
  } else if (member === "removeSource") {
    if (sources.get(source) !== zone) refuse(message, `UNKNOWN_SOURCE: '${source}' is not in any zone`);
    else reply(message, zone, () => sources.delete(source));
  } else refuse(message, `no method ${String(member)}`);
}

function reply(to: DbusMessage, value: string | boolean, act?: () => void): void {
  act?.();
  send(to, DBUS_TYPE.answer, [], value);
}

function refuse(to: DbusMessage, text: string): void {
  send(to, DBUS_TYPE.error, [[DBUS_FIELD.errorName, "s", "org.fedoraproject.FirewallD1.Exception"]], text);
}

function send(to: DbusMessage, type: number, more: [number, "s", string][], value: string | boolean): void {
  const destination = String(to.fields.get(DBUS_FIELD.sender));
  socket.write(
    encodeMessage({
      type,
      serial: ++serial,
      fields: [[DBUS_FIELD.destination, "s", destination], [DBUS_FIELD.replySerial, "u", to.serial], ...more],
      body: [value],
    }),
  );
}
