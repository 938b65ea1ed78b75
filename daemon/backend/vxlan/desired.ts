import type { BackendFactory } from "../port.ts";

export declare const createVxlan: BackendFactory;
