// What every body of the Sys port must do, as plain functions: run by vitest on Node and by a script in Bun, so only
// node:assert and what both runtimes have. The process must be a throw-away one: its namespaces change.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Errno, orThrow } from "#kernel/sys";
import type { Sys } from "#kernel/sys";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;
const POLLNVAL = 32;
const ENOENT = 2;
const EBADF = 9;
const EAGAIN = 11;
const EEXIST = 17;
const EINVAL = 22;
const F_GETFD = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const S_IFMT = 0o170000;
const S_IFLNK = 0o120000;
const O_RDWR = 2;
const O_CREAT = 0o100;
const LOCK_EX = 2;
const LOCK_NB = 4;
const CLONE_NEWNS = 0x20000;
const CLONE_NEWNET = 0x40000000;
const MS_REC = 0x4000;
const MS_PRIVATE = 1 << 18;
const NSFS_MAGIC = 0x6e736673;
const PROC_SUPER_MAGIC = 0x9fa0;
const TUNSETIFF = 0x4004_54ca;
const TUNSETPERSIST = 0x4004_54cb;
const IFF_TUN = 1;
const IFF_NO_PI = 0x1000;
const PR_SET_PDEATHSIG = 1;
const PR_GET_PDEATHSIG_INVALID = 999_999;
const SIGKILL = 9;

export interface Check {
  readonly name: string;
  readonly run: (sys: Sys) => void;
}

/** An address in the abstract space of Unix sockets, which needs no file. */
function abstractAddress(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(`\0loden-sys-${process.pid}-${name}`);
  const address = new Uint8Array(2 + bytes.length);
  address[0] = AF_UNIX;
  address.set(bytes, 2);
  return address;
}

function inTempDirectory(fn: (directory: string) => void): void {
  const directory = mkdtempSync(path.join(tmpdir(), "loden-test-sys-"));
  try {
    fn(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function assertErrno(fn: () => unknown, symbol: string, call: string): void {
  assert.throws(fn, (error: unknown) => {
    assert.ok(error instanceof Errno, String(error));
    assert.deepEqual([error.symbol, error.call, error.code], [symbol, call, "ERR_SYSCALL"]);
    assert.equal(error.fields["errno"], error.errno);
    return true;
  });
}

const ignore = (): void => undefined;
const hasDevice = (name: string): boolean => readFileSync("/proc/thread-self/net/dev", "utf8").includes(`${name}:`);
const netnsName = (): string => readlinkSync("/proc/thread-self/ns/net");

export const CHECKS: readonly Check[] = [
  {
    name: "datagrams go from one socket to another, and the sender is told",
    run(sys) {
      const [a, b] = [sys.socket(AF_UNIX, SOCK_DGRAM, 0), sys.socket(AF_UNIX, SOCK_DGRAM, 0)];
      sys.bind(a, abstractAddress("a"));
      sys.bind(b, abstractAddress("b"));
      assert.deepEqual(sys.getsockname(a), abstractAddress("a"));
      assert.equal(sys.sendTo(a, new Uint8Array([1, 2, 3]), 0, abstractAddress("b")), 3);
      const buffer = new Uint8Array(16);
      const received = sys.receiveFrom(b, buffer, 0);
      assert.deepEqual(received, { length: 3, from: abstractAddress("a") });
      assert.deepEqual([...buffer.subarray(0, 4)], [1, 2, 3, 0]);
      sys.connect(b, abstractAddress("a"));
      assert.equal(sys.send(b, new Uint8Array(0), 0), 0);
      assert.equal(sys.receive(a, buffer, 0), 0);
      sys.close(a);
      sys.close(b);
    },
  },
  {
    name: "a listening socket gives connections, and tells whose they are",
    run(sys) {
      const [listener, client] = [sys.socket(AF_UNIX, SOCK_STREAM, 0), sys.socket(AF_UNIX, SOCK_STREAM, 0)];
      assert.equal(sys.accept(listener, 0), -EINVAL);
      sys.bind(listener, abstractAddress("listener"));
      sys.listen(listener, 1);
      sys.connect(client, abstractAddress("listener"));
      const accepted = orThrow(sys.accept(listener, SOCK_NONBLOCK), "accept4");
      assert.equal(sys.fcntl(accepted, F_GETFD, 0), FD_CLOEXEC);
      const buffer = new Uint8Array(4);
      assert.equal(sys.receive(accepted, buffer, 0), -EAGAIN);
      assert.equal(sys.send(client, new Uint8Array([1, 2]), 0), 2);
      assert.equal(sys.receive(accepted, buffer, 0), 2);
      assert.deepEqual([sys.peerUser(accepted), sys.peerUser(client)], [process.getuid?.(), process.getuid?.()]);
      for (const fd of [accepted, client, listener]) sys.close(fd);
      assertErrno(() => sys.listen(-1, 1), "EBADF", "listen");
      assertErrno(() => sys.peerUser(-1), "EBADF", "getsockopt");
    },
  },
  {
    name: "the process's file mask and working directory change and come back",
    run(sys) {
      inTempDirectory((directory) => {
        const mask = sys.umask(0o077);
        assert.equal(sys.umask(mask), 0o077);
        const before = readlinkSync("/proc/self/cwd");
        assert.equal(sys.changeDirectory(directory), 0);
        assert.equal(readlinkSync("/proc/self/cwd"), directory);
        assert.equal(sys.changeDirectory(`${directory}/none`), -ENOENT);
        assert.equal(sys.changeDirectory(before), 0);
      });
    },
  },
  {
    name: "MSG_TRUNC tells the whole length and writes no further than the buffer",
    run(sys) {
      const fd = sys.socket(AF_UNIX, SOCK_DGRAM, 0);
      sys.bind(fd, abstractAddress("trunc"));
      orThrow(sys.sendTo(fd, new Uint8Array(1000).fill(7), 0, abstractAddress("trunc")), "sendto");
      const memory = new Uint8Array(64);
      assert.equal(sys.receive(fd, memory.subarray(8, 16), MSG_TRUNC), 1000);
      assert.deepEqual([memory[7], memory[8], memory[15], memory[16]], [0, 7, 7, 0]);
      sys.close(fd);
    },
  },
  {
    name: "calls that move data return -errno",
    run(sys) {
      const fd = sys.socket(AF_UNIX, SOCK_DGRAM, 0);
      const buffer = new Uint8Array(8);
      assert.equal(sys.receive(fd, buffer, MSG_DONTWAIT), -EAGAIN);
      assert.deepEqual(sys.receiveFrom(fd, buffer, MSG_DONTWAIT), { length: -EAGAIN, from: new Uint8Array(0) });
      sys.close(fd);
      for (const call of [
        () => sys.send(-1, buffer, 0),
        () => sys.sendTo(-1, buffer, 0, abstractAddress("x")),
        () => sys.receive(-1, buffer, 0),
        () => sys.read(-1, buffer),
        () => sys.write(-1, buffer),
      ]) {
        assert.equal(call(), -EBADF);
      }
    },
  },
  {
    name: "other calls throw an Errno with name, call and subject",
    run(sys) {
      assertErrno(() => sys.open("/nonexistent/file", 0), "ENOENT", "open");
      assertErrno(() => sys.socket(12345, SOCK_DGRAM, 0), "EAFNOSUPPORT", "socket");
      assertErrno(() => sys.bind(-1, abstractAddress("x")), "EBADF", "bind");
      assertErrno(() => sys.connect(-1, abstractAddress("x")), "EBADF", "connect");
      assertErrno(() => sys.getsockname(-1), "EBADF", "getsockname");
      assertErrno(() => sys.setsockopt(-1, 1, 1, 1), "EBADF", "setsockopt");
      assertErrno(() => sys.getsockopt(-1, 1, 1), "EBADF", "getsockopt");
      assertErrno(() => sys.fsync(-1), "EBADF", "fsync");
      assertErrno(() => sys.ftruncate(-1, 0), "EBADF", "ftruncate");
      assertErrno(() => sys.flock(-1, LOCK_EX), "EBADF", "flock");
      assertErrno(() => sys.fstat(-1), "EBADF", "statx");
      assertErrno(() => sys.ioctl(-1, 1, 0), "EBADF", "ioctl");
      assertErrno(() => sys.ioctl(-1, 1, new Uint8Array(4)), "EBADF", "ioctl");
      assertErrno(() => sys.fcntl(-1, F_GETFD, 0), "EBADF", "fcntl");
      assertErrno(() => sys.fstatfsType(-1), "EBADF", "fstatfs");
      assertErrno(() => sys.setns(-1, 0), "EBADF", "setns");
      assertErrno(() => sys.unshare(0x1234_5678), "EINVAL", "unshare");
      assertErrno(() => sys.mount("none", "/nonexistent", "tmpfs", 0), "ENOENT", "mount");
      assertErrno(() => sys.umount("/nonexistent", 0), "ENOENT", "umount");
      assertErrno(() => sys.kill(0x7fff_fff0, 0), "ESRCH", "kill");
      assertErrno(() => sys.prctl(PR_GET_PDEATHSIG_INVALID, 0), "EINVAL", "prctl");
      assertErrno(() => sys.pidfdOpen(0x7fff_fff0), "ESRCH", "pidfd_open");
      assertErrno(() => sys.pidfdSendSignal(-1, 0), "EBADF", "pidfd_send_signal");
      sys.close(-1);
      assert.throws(() => sys.open("/nonexistent/file", 0), /open \/nonexistent\/file: ENOENT \(no such file/);
    },
  },
  {
    name: "errno is right however busy the garbage collector is",
    run(sys) {
      const buffer = new Uint8Array(8);
      let garbage: unknown[] = [];
      for (let i = 0; i < 20_000; i++) {
        garbage.push({ i, text: `${i}`, bytes: new Uint8Array(64) });
        if (garbage.length > 500) garbage = [];
        assert.equal(sys.read(-1, buffer), -EBADF);
        assert.equal(sys.receive(0x7fff_ffff, buffer, 0), -EBADF);
      }
    },
  },
  {
    name: "a path with a NUL is refused, not cut short",
    run(sys) {
      assertErrno(() => sys.open("/etc/passwd\0.txt", 0), "EINVAL", "open");
      assertErrno(() => sys.umount("/\0x", 0), "EINVAL", "umount");
    },
  },
  {
    name: "socket options are numbers or bytes",
    run(sys) {
      const fd = sys.socket(AF_UNIX, SOCK_DGRAM, 0);
      assert.equal(sys.getsockopt(fd, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
      sys.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 8192);
      assert.equal(sys.getsockopt(fd, SOL_SOCKET, SO_RCVBUF), 16_384);
      // struct timeval of 10 ms: with it a receive that would wait for ever gives up.
      const timeval = new Uint8Array(new BigInt64Array([0n, 10_000n]).buffer);
      sys.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval);
      assert.equal(sys.receive(fd, new Uint8Array(1), 0), -EAGAIN);
      sys.close(fd);
    },
  },
  {
    name: "poll tells which descriptors are ready",
    run(sys) {
      const [a, b] = [sys.socket(AF_UNIX, SOCK_DGRAM, 0), sys.socket(AF_UNIX, SOCK_DGRAM, 0)];
      sys.bind(a, abstractAddress("poll-a"));
      const entries = [a, b, 0x7fff_ffff].map((fd) => ({ fd, events: POLLIN, revents: -1 }));
      assert.equal(sys.poll(entries.slice(0, 2), 0), 0);
      orThrow(sys.sendTo(b, new Uint8Array(1), 0, abstractAddress("poll-a")), "sendto");
      assert.equal(sys.poll(entries, -1), 2);
      assert.deepEqual(
        entries.map((entry) => entry.revents),
        [POLLIN, 0, POLLNVAL],
      );
      sys.close(a);
      sys.close(b);
    },
  },
  {
    name: "a wait that a signal interrupts goes on",
    run(sys) {
      process.on("SIGUSR2", ignore);
      const child = spawn("kill", ["-USR2", String(process.pid)], { stdio: "ignore" });
      const fd = sys.pidfdOpen(child.pid!);
      assert.equal(sys.poll([{ fd, events: POLLIN, revents: 0 }], -1), 1);
      sys.close(fd);
      process.off("SIGUSR2", ignore);
    },
  },
  {
    name: "files are opened, written, read, synced and linked",
    run(sys) {
      inTempDirectory((directory) => {
        const file = path.join(directory, "ünïcode");
        const fd = sys.open(file, O_RDWR | O_CREAT, 0o600);
        assert.equal(statSync(file).mode & 0o777, 0o600);
        assert.equal(sys.write(fd, new TextEncoder().encode("text")), 4);
        sys.fsync(fd);
        assert.equal(sys.link(file, `${file}2`), 0);
        const other = sys.open(`${file}2`, 0);
        const buffer = new Uint8Array(16);
        assert.equal(sys.read(other, buffer), 4);
        assert.equal(new TextDecoder().decode(buffer.subarray(0, 4)), "text");
        assert.equal(sys.read(other, buffer), 0);
        sys.close(fd);
        sys.close(other);
      });
    },
  },
  {
    name: "calls about names of files return -errno",
    run(sys) {
      inTempDirectory((directory) => {
        const [file, absent] = [path.join(directory, "file"), path.join(directory, "absent")];
        writeFileSync(file, "");
        for (const call of [
          () => sys.openFile(absent, 0),
          () => sys.link(absent, `${absent}2`),
          () => sys.mkdir(`${absent}/below`, 0o700),
          () => sys.rename(absent, file),
          () => sys.unlink(absent),
          () => sys.symlink("target", `${absent}/below`),
          () => sys.setTimes(absent, 1),
          () => sys.readlink(absent),
          () => sys.stat(absent, true),
          () => sys.stat(absent, false),
        ]) {
          assert.equal(call(), -ENOENT);
        }
        assert.equal(sys.link(file, file), -EEXIST);
        assert.equal(sys.mkdir(directory, 0o700), -EEXIST);
        assert.equal(sys.symlink("target", file), -EEXIST);
        assert.equal(sys.readlink(file), -EINVAL);
      });
    },
  },
  {
    name: "files are made, named, linked, timed and removed",
    run(sys) {
      inTempDirectory((directory) => {
        const [made, file, symbolic] = ["made", "file", "symbolic"].map((name) => path.join(directory, name));
        assert.equal(sys.mkdir(made!, 0o750), 0);
        assert.equal(statSync(made!).mode & 0o777, 0o750);
        const fd = sys.openFile(`${file!}.new`, O_RDWR | O_CREAT, 0o600);
        assert.equal(sys.fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
        sys.close(fd);
        assert.equal(sys.rename(`${file!}.new`, file!), 0);
        assert.equal(sys.symlink("fïle", symbolic!), 0);
        assert.equal(sys.readlink(symbolic!), "fïle");
        assert.equal(sys.unlink(symbolic!), 0);
        assert.equal(sys.setTimes(file!, 1_700_000_000), 0);
        assert.equal(statSync(file!, { bigint: true }).mtimeNs, 1_700_000_000_000_000_000n);
        writeFileSync(file!, "longer");
        const writable = sys.open(file!, O_RDWR);
        sys.ftruncate(writable, 4);
        sys.close(writable);
        assert.equal(readFileSync(file!, "utf8"), "long");
        assert.equal(sys.unlink(file!), 0);
        assert.equal(sys.unlink(file!), -ENOENT);
      });
    },
  },
  {
    name: "the status of a file is told, by name and by descriptor, of a link and of its target",
    run(sys) {
      inTempDirectory((directory) => {
        const [file, other, symbolic] = ["file", "other", "symbolic"].map((name) => path.join(directory, name));
        writeFileSync(file!, "", { mode: 0o640 });
        sys.link(file!, other!);
        sys.symlink(file!, symbolic!);
        const status = sys.stat(file!, true);
        assert.ok(typeof status === "object");
        const { mode, nlink, mtimeNs } = statSync(file!, { bigint: true });
        assert.deepEqual([BigInt(status.mode), BigInt(status.links), status.modified], [mode, nlink, mtimeNs]);
        assert.deepEqual(sys.stat(other!, false), status);
        assert.deepEqual(sys.stat(symbolic!, true), status);
        const fd = sys.open(file!, 0);
        assert.deepEqual(sys.fstat(fd), status);
        sys.close(fd);
        const link = sys.stat(symbolic!, false);
        assert.ok(typeof link === "object");
        assert.notEqual(link.identity, status.identity);
        assert.equal(link.mode & S_IFMT, S_IFLNK);
      });
    },
  },
  {
    name: "flock keeps another open file out",
    run(sys) {
      inTempDirectory((directory) => {
        const file = path.join(directory, "lock");
        const [a, b] = [sys.open(file, O_RDWR | O_CREAT, 0o600), sys.open(file, O_RDWR)];
        sys.flock(a, LOCK_EX);
        assertErrno(() => sys.flock(b, LOCK_EX | LOCK_NB), "EAGAIN", "flock");
        sys.close(a);
        sys.flock(b, LOCK_EX | LOCK_NB);
        sys.close(b);
      });
    },
  },
  {
    name: "no descriptor goes to child processes, and fcntl decides it",
    run(sys) {
      const [socket, file] = [sys.socket(AF_UNIX, SOCK_DGRAM, 0), sys.open("/etc/passwd", 0)];
      assert.equal(sys.fcntl(socket, F_GETFD, 0), FD_CLOEXEC);
      assert.equal(sys.fcntl(file, F_GETFD, 0), FD_CLOEXEC);
      assert.equal(sys.fcntl(file, F_SETFD, 0), 0);
      assert.equal(sys.fcntl(file, F_GETFD, 0), 0);
      sys.close(socket);
      sys.close(file);
    },
  },
  {
    name: "the type of a file system is told",
    run(sys) {
      for (const [file, type] of [
        ["/proc/self/ns/net", NSFS_MAGIC],
        ["/proc/self/status", PROC_SUPER_MAGIC],
      ] as const) {
        const fd = sys.open(file, 0);
        assert.equal(sys.fstatfsType(fd), type);
        sys.close(fd);
      }
    },
  },
  {
    name: "the thread leaves for a new network namespace and comes back",
    run(sys) {
      const [own, name] = [sys.open("/proc/thread-self/ns/net", 0), netnsName()];
      sys.unshare(CLONE_NEWNET);
      assert.notEqual(netnsName(), name);
      sys.setns(own, CLONE_NEWNET);
      assert.equal(netnsName(), name);
      sys.close(own);
    },
  },
  {
    name: "file systems are mounted and unmounted",
    run(sys) {
      sys.unshare(CLONE_NEWNS);
      sys.mount("none", "/", "none", MS_PRIVATE | MS_REC);
      inTempDirectory((directory) => {
        writeFileSync(path.join(directory, "under"), "");
        sys.mount("none", directory, "tmpfs", 0, "size=64k");
        assert.throws(() => statSync(path.join(directory, "under")));
        assert.match(readFileSync("/proc/thread-self/mounts", "utf8"), new RegExp(`${directory} tmpfs .*size=64k`));
        sys.umount(directory, 0);
        statSync(path.join(directory, "under"));
      });
    },
  },
  {
    name: "ioctl fills in structures and takes plain numbers: a TUN device",
    run(sys) {
      sys.unshare(CLONE_NEWNET);
      const fd = sys.open("/dev/net/tun", O_RDWR);
      // struct ifreq: 16 bytes of name, then u16 flags.
      const request = new Uint8Array(40);
      request.set(new TextEncoder().encode("probe%d"));
      new DataView(request.buffer).setUint16(16, IFF_TUN | IFF_NO_PI, true);
      sys.ioctl(fd, TUNSETIFF, request);
      assert.equal(new TextDecoder().decode(request.subarray(0, 7)), "probe0\0");
      assert.equal(hasDevice("probe0"), true);
      sys.ioctl(fd, TUNSETPERSIST, 1);
      sys.close(fd);
      assert.equal(hasDevice("probe0"), true);
    },
  },
  {
    name: "processes are asked for, signalled and awaited",
    run(sys) {
      sys.kill(process.pid, 0);
      assert.equal(sys.prctl(PR_SET_PDEATHSIG, 0), 0);
      const child = spawn("sleep", ["600"], { stdio: "ignore" });
      const fd = sys.pidfdOpen(child.pid!);
      const entry = { fd, events: POLLIN, revents: 0 };
      assert.equal(sys.poll([entry], 0), 0);
      sys.pidfdSendSignal(fd, SIGKILL);
      assert.equal(sys.poll([entry], -1), 1);
      sys.close(fd);
    },
  },
];
