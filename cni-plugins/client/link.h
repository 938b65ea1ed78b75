// The link that a resident asks its client to delete: see link.c.
#ifndef LODEN_CNI_LINK_H
#define LODEN_CNI_LINK_H

#include <linux/if.h>
#include <stdint.h>

/* A link of this network namespace: its index, and the alias by which it is the attachment's. */
struct link {
  uint32_t index, alias_length;
  char alias[IFALIASZ];
};

/* Deletes a link if it is the attachment's. Whether it is gone is for the plugin to see. */
void delete_link(const struct link *link);

#endif
