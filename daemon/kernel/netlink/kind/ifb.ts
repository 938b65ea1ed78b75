// Intermediate functional blocks (drivers/net/ifb.c): devices that give what others receive a queue to wait in. They have
// no settings of their own.

/** A link of kind "ifb". */
export interface IfbKind {
  readonly kind: "ifb";
}
