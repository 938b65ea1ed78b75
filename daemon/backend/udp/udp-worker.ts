// Entry of the worker thread: userspace/worker.ts on this machine's system calls.
import { parentPort, workerData } from "node:worker_threads";
import { sys } from "#sys";
import type { WorkerData } from "./userspace/messages.ts";
import { carryPackets } from "./userspace/worker.ts";

carryPackets(sys, parentPort!, workerData as WorkerData);
