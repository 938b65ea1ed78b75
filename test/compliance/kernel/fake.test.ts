// The kernel that tests lean on behaves as Linux does, where it matters.
import { FakeKernel, asActual } from "../../../daemon/reconcile/fake.ts";
import { linkKey, routeKey, routeObject } from "../../../daemon/reconcile/objects.ts";
import { kernelSuite } from "./suite.ts";

kernelSuite("FakeKernel", () => {
  const kernel = new FakeKernel();
  return {
    kernel,
    others: {
      addRoute: (spec) => kernel.put(asActual(routeObject(spec), false)),
      deleteRoute: (destination) => kernel.delete(routeKey(destination)),
      deleteLink: (name) => kernel.delete(linkKey(name)),
      setLinkDown: (name) => kernel.linkDown(name),
    },
    [Symbol.dispose]: () => undefined,
  };
});
