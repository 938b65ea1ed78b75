// Deleting a link by rtnetlink(7), for client.c.
#define _GNU_SOURCE
#include "link.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The kernel's answer is there when send() returns; one that comes later never will. */
#define ANSWER_PATIENCE_S 2

struct link_request {
  struct nlmsghdr header;
  struct ifinfomsg link;
};

static int send_link_request(int kernel, uint16_t type, uint32_t index) {
  struct link_request request = {
      .header = {.nlmsg_len = sizeof request, .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST},
      .link = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index}};
  ssize_t sent;
  do sent = send(kernel, &request, sizeof request, 0);
  while (sent < 0 && errno == EINTR);
  return sent == (ssize_t)sizeof request;
}

/* Whether the kernel's answer to RTM_GETLINK tells of this very link. */
static int is_link(const unsigned char *data, size_t length, const struct link *link) {
  const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)data;
  if (length < NLMSG_LENGTH(sizeof(struct ifinfomsg)) || header->nlmsg_type != RTM_NEWLINK) return 0;
  if (header->nlmsg_len > length || header->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg))) return 0;
  size_t at = NLMSG_LENGTH(sizeof(struct ifinfomsg));
  while (header->nlmsg_len - at >= sizeof(struct rtattr)) {
    const struct rtattr *attribute = (const struct rtattr *)(const void *)(data + at);
    if (attribute->rta_len < sizeof *attribute || attribute->rta_len > header->nlmsg_len - at) return 0;
    if (attribute->rta_type == IFLA_IFALIAS) {
      /* The kernel ends it with a zero. */
      return attribute->rta_len == sizeof *attribute + link->alias_length + 1 &&
             memcmp(attribute + 1, link->alias, link->alias_length) == 0;
    }
    size_t step = RTA_ALIGN(attribute->rta_len);
    if (step > header->nlmsg_len - at) return 0;
    at += step;
  }
  return 0;
}

/*
 * The kernel is done when send() returns, 20 ms later: it waits for whoever may still read from the link, and for its one
 * lock. Many clients wait together, where the resident would wait for each in turn.
 */
void delete_link(const struct link *link) {
  static _Alignas(struct nlmsghdr) unsigned char reply[32 << 10];
  struct timeval patience = {.tv_sec = ANSWER_PATIENCE_S};
  int kernel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (kernel < 0) return;
  setsockopt(kernel, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (send_link_request(kernel, RTM_GETLINK, link->index)) {
    ssize_t got = recv(kernel, reply, sizeof reply, 0);
    if (got > 0 && is_link(reply, (size_t)got, link)) send_link_request(kernel, RTM_DELLINK, link->index);
  }
  close(kernel);
}
