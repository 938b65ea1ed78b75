// What error numbers say of a datagram that was not sent (asm-generic/errno.h).
export const EMSGSIZE = 90;
const EINVAL = 22;
const EIO = 5;
const EOPNOTSUPP = 95;
const ENETDOWN = 100;
const ENETUNREACH = 101;
const EHOSTUNREACH = 113;

/** Segments that are too long are EINVAL before Linux 6.14; EIO is a card that makes no checksums. */
export function isTrainRefused(errno: number): boolean {
  return errno === EMSGSIZE || errno === EINVAL || errno === EIO || errno === EOPNOTSUPP;
}

export function isNoWay(errno: number): boolean {
  return errno === ENETUNREACH || errno === EHOSTUNREACH || errno === ENETDOWN;
}
