// Dummy devices (drivers/net/dummy.c): they have no settings of their own.

/** A link of kind "dummy": it swallows what is sent through it. */
export interface DummyKind {
  readonly kind: "dummy";
}
