import type { BackendFactory } from "../port.ts";

export declare const createAlloc: BackendFactory;
