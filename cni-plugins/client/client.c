// The program behind every CNI plugin's name: hands the call to the resident plugins (cni-plugins/resident), which
// lodend keeps warm, and becomes the whole executable, loden-cni, wherever that cannot be. Formats, and what is checked
// before a call is handed over: spec/cni-resident.md.
//
// Nothing is ever done twice. Until the last byte of the request is with the kernel the resident cannot have begun, and
// every failure ends in run_whole(). After that there is only the answer, or an error that tells the runtime so.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "link.h"

#ifndef BUILD_ID
#error "BUILD_ID: 64 hexadecimal digits that client and resident share, set by daemon/build/plugins.ts"
#endif
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "both ends write numbers as they lie in memory");
_Static_assert(sizeof(BUILD_ID) == 65, "BUILD_ID is a SHA-256 in hexadecimal");

#define DEFAULT_SOCKET "/run/loden/cni.sock"
#define SOCKET_VARIABLE "LODEN_CNI_SOCKET"
#define WHOLE_EXECUTABLE "loden-cni"
/* How long a resident that is busy with others may take to greet, and to take a request. */
#define PATIENCE_S 2
/* Head, environment and input. More goes to the whole executable, which has no such limit. */
#define REQUEST_LIMIT (4u << 20)
/* What an answer's outputs may have together. */
#define REPLY_LIMIT (1u << 20)
/* Statuses that are no exit status: the call is not for the resident; a link is to be deleted before it is. */
#define DECLINED 256u
#define LINK_FIRST 257u

extern char **environ;

/* A file by device and inode: what statx(2) says, in 32-bit words. */
struct identity {
  uint32_t major, minor, inode_high, inode_low;
};

/* What a resident says first: who it is and in which world it lives. It must be what the client would say of itself. */
struct greeting {
  char magic[8];
  char build[64];
  struct identity mount, network, user, process, root;
  uint64_t capabilities;
  uint32_t uid, gid;
};
_Static_assert(sizeof(struct greeting) == 168, "as in protocol.ts");

/* A request's beginning; name, working directory, environment and input follow, of these lengths. */
struct head {
  uint32_t length; /* of all that follows this word */
  uint32_t umask;
  struct identity client;
  uint32_t is_second; /* the link that the resident named is deleted */
  uint32_t name, directory, environment, input;
};
_Static_assert(sizeof(struct head) == 44, "as in protocol.ts");

/* An answer's beginning; what goes to standard output and to standard error follows. */
struct answer {
  uint32_t status;
  uint32_t output, error;
};

/* Zero pages until they are used. */
static unsigned char buffer[REQUEST_LIMIT];

static char *plugin_name;
static struct identity own_identity;
/* Standard input as far as it was read: it must be there again for the whole executable. */
static const unsigned char *input;
static size_t input_length;

static void write_all(int fd, const void *data, size_t length) {
  const unsigned char *at = data;
  while (length > 0) {
    ssize_t written = write(fd, at, length);
    if (written > 0) {
      at += written;
      length -= (size_t)written;
    } else if (written < 0 && errno == EAGAIN) {
      poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
    } else if (written < 0 && errno != EINTR) {
      return; /* nobody is left to tell */
    }
  }
}

/* An error as the CNI specification prints it; 11 is "try again later", 5 an input or output failure. */
static _Noreturn void fail(int code, const char *text) {
  char document[512];
  int length = snprintf(document, sizeof document,
                        "{\n    \"cniVersion\": \"1.1.0\",\n    \"code\": %d,\n    \"msg\": \"%s\"\n}\n", code, text);
  signal(SIGPIPE, SIG_IGN);
  if (length > 0 && (size_t)length < sizeof document) write_all(STDOUT_FILENO, document, (size_t)length);
  _exit(1);
}

/* Bytes read, 0 at the end, -1 for a failure. */
static ssize_t read_some(int fd, void *data, size_t length) {
  for (;;) {
    ssize_t got = read(fd, data, length);
    if (got >= 0) return got;
    if (errno == EAGAIN) poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
    else if (errno != EINTR) return -1;
  }
}

/* Puts what was read of standard input, and what is still to come of it, where it can be read once more. */
static void replay_input(void) {
  if (input_length == 0) return;
  int file = memfd_create("cni-input", MFD_CLOEXEC);
  if (file < 0) fail(5, "the input cannot be kept for " WHOLE_EXECUTABLE);
  write_all(file, input, input_length);
  static unsigned char chunk[64 << 10];
  ssize_t got;
  while ((got = read_some(STDIN_FILENO, chunk, sizeof chunk)) > 0) write_all(file, chunk, (size_t)got);
  if (lseek(file, 0, SEEK_SET) != 0 || dup2(file, STDIN_FILENO) < 0) fail(5, "the input cannot be given to " WHOLE_EXECUTABLE);
}

/* Arguments of the command line, and how many of them go on: the flags of a daemon are fewer. */
#define ARGUMENT_LIMIT 64
static char **arguments;
static int argument_count;

/* Becomes the executable that has all plugins in itself. It lies beside this file, whatever name led here. */
static _Noreturn void run_whole(void) {
  char path[4096 + sizeof WHOLE_EXECUTABLE];
  ssize_t length = readlink("/proc/self/exe", path, 4096);
  if (length <= 0 || length >= 4096) fail(5, "/proc/self/exe cannot be read; " WHOLE_EXECUTABLE " is looked for beside it");
  path[length] = '\0';
  char *slash = strrchr(path, '/');
  if (slash == NULL) fail(5, "this executable was removed while it ran");
  memcpy(slash + 1, WHOLE_EXECUTABLE, sizeof WHOLE_EXECUTABLE);
  char client[64];
  snprintf(client, sizeof client, "--client=%u:%u:%u:%u", own_identity.major, own_identity.minor,
           own_identity.inode_high, own_identity.inode_low);
  replay_input();
  /* What a person asks for on the command line (`dhcp daemon`) goes on; a runtime gives no arguments. */
  char *args[ARGUMENT_LIMIT + 3] = {plugin_name, client};
  for (int i = 0; i < argument_count && i < ARGUMENT_LIMIT; i++) args[2 + i] = arguments[i];
  execv(path, args);
  fail(5, WHOLE_EXECUTABLE " cannot be run: it must lie in one directory with the plugins; install both from one dist/cni");
}

static int identify(const char *path, struct identity *identity) {
  struct statx status;
  if (statx(AT_FDCWD, path, 0, STATX_INO, &status) != 0) return -1;
  *identity = (struct identity){status.stx_dev_major, status.stx_dev_minor, (uint32_t)(status.stx_ino >> 32),
                                (uint32_t)status.stx_ino};
  return 0;
}

/* What a resident must say for its work to be the same as this process's own. */
static int own_greeting(struct greeting *own) {
  memset(own, 0, sizeof *own);
  memcpy(own->magic, "LODENCNI", sizeof own->magic);
  memcpy(own->build, BUILD_ID, sizeof own->build);
  struct __user_cap_header_struct version = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct sets[2];
  if (syscall(SYS_capget, &version, sets) != 0) return -1;
  own->capabilities = sets[0].effective | (uint64_t)sets[1].effective << 32;
  own->uid = geteuid();
  own->gid = getegid();
  if (identify("/proc/self/ns/mnt", &own->mount) != 0 || identify("/proc/self/ns/net", &own->network) != 0) return -1;
  if (identify("/proc/self/ns/user", &own->user) != 0 || identify("/proc/self/ns/pid", &own->process) != 0) return -1;
  return identify("/", &own->root);
}

/* A connection to a listener of this very user, -1 when there is none. */
static int connect_resident(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) return -1;
  memcpy(address.sun_path, path, length);
  int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) return -1;
  struct timeval patience = {.tv_sec = PATIENCE_S};
  struct ucred peer = {0};
  socklen_t size = sizeof peer;
  if (setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
      setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
      connect(connection, (struct sockaddr *)&address, sizeof address) == 0 &&
      getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && size == sizeof peer &&
      peer.uid == geteuid()) {
    return connection;
  }
  close(connection);
  return -1;
}

/* Whether exactly so many bytes came. */
static int receive_all(int connection, void *data, size_t length) {
  unsigned char *at = data;
  while (length > 0) {
    ssize_t got = recv(connection, at, length, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return 0;
    at += got;
    length -= (size_t)got;
  }
  return 1;
}

/* Whether all bytes are with the kernel. */
static int send_all(int connection, const void *data, size_t length) {
  const unsigned char *at = data;
  while (length > 0) {
    ssize_t sent = send(connection, at, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return 0;
    at += sent;
    length -= (size_t)sent;
  }
  return 1;
}

/* Appends to the request; 0 when it does not fit. */
static int append(size_t *used, const void *data, size_t length) {
  if (length > sizeof buffer - *used) return 0;
  memcpy(buffer + *used, data, length);
  *used += length;
  return 1;
}

/* Writes the request but for the input, which goes right behind it; 0 when it does not fit or cannot be told. */
static int write_head(struct head *head, size_t *used) {
  char directory[4096];
  if (getcwd(directory, sizeof directory) == NULL || directory[0] != '/') return 0;
  const char *slash = strrchr(plugin_name, '/');
  const char *name = slash == NULL ? plugin_name : slash + 1;
  mode_t mask = umask(0);
  umask(mask);
  *used = sizeof *head;
  size_t name_length = strlen(name), directory_length = strlen(directory);
  if (!append(used, name, name_length) || !append(used, directory, directory_length)) return 0;
  size_t before = *used;
  for (char **variable = environ; *variable != NULL; variable++) {
    if (!append(used, *variable, strlen(*variable) + 1)) return 0;
  }
  *head = (struct head){.umask = mask,
                        .client = own_identity,
                        .name = (uint32_t)name_length,
                        .directory = (uint32_t)directory_length,
                        .environment = (uint32_t)(*used - before)};
  return 1;
}

/* Reads standard input behind the head; 0 when it does not fit or cannot be read. */
static int read_input(size_t used) {
  input = buffer + used;
  for (;;) {
    size_t room = sizeof buffer - used - input_length;
    if (room == 0) return 0;
    ssize_t got = read_some(STDIN_FILENO, buffer + used + input_length, room);
    if (got < 0) return 0;
    if (got == 0) return 1;
    input_length += (size_t)got;
  }
}

/* Hands the request to a resident that says of itself what this process would; -1 when nobody has it. */
static int ask(const char *path, const struct greeting *own, const struct head *head, size_t length) {
  struct greeting greeting;
  int connection = connect_resident(path);
  if (connection < 0) return -1;
  memcpy(buffer, head, sizeof *head);
  if (receive_all(connection, &greeting, sizeof greeting) && memcmp(&greeting, own, sizeof greeting) == 0 &&
      send_all(connection, buffer, length)) {
    return connection;
  }
  close(connection);
  return -1;
}

/* Prints what the resident answers and ends. Comes back with 1 and the link to delete first, or with 0 when it declined. */
static int take_answer(int connection, struct link *link) {
  static const char lost[] = "the resident CNI plugins ended before they answered; what was begun is undone by DEL";
  struct timeval never = {0};
  struct answer answer;
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof never);
  if (!receive_all(connection, &answer, sizeof answer)) fail(11, lost);
  if (answer.status == DECLINED) return 0;
  if (link != NULL && answer.status == LINK_FIRST && answer.error > 0 && answer.error <= INT32_MAX &&
      answer.output > 0 && answer.output < sizeof link->alias) {
    link->index = answer.error;
    link->alias_length = answer.output;
    if (!receive_all(connection, link->alias, answer.output)) fail(11, lost);
    return 1;
  }
  if (answer.status > 255 || answer.output > REPLY_LIMIT || answer.error > REPLY_LIMIT - answer.output) {
    fail(11, "the resident CNI plugins answered what cannot be understood; what was begun is undone by DEL");
  }
  if (!receive_all(connection, buffer, (size_t)answer.output + answer.error)) fail(11, lost);
  signal(SIGPIPE, SIG_IGN);
  write_all(STDERR_FILENO, buffer + answer.output, answer.error);
  write_all(STDOUT_FILENO, buffer, answer.output);
  _exit((int)answer.status);
}

/* The commands that are worth a warm plugin. VERSION may not wait for its input, and what is no command needs no speed. */
static int is_served(const char *command) {
  static const char *const served[] = {"ADD", "DEL", "CHECK", "GC", "STATUS"};
  if (command == NULL) return 0;
  for (size_t i = 0; i < sizeof served / sizeof *served; i++) {
    if (strcmp(command, served[i]) == 0) return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 1) return 1;
  plugin_name = argv[0];
  arguments = argv + 1;
  argument_count = argc - 1;
  if (identify("/proc/self/exe", &own_identity) != 0) run_whole();
  /* A stream that is closed would give its number to what is opened here. */
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) < 0) run_whole();
  }
  const char *path = getenv(SOCKET_VARIABLE);
  if (argument_count > 0) run_whole();
  if (!is_served(getenv("CNI_COMMAND"))) run_whole();
  if (path == NULL) path = DEFAULT_SOCKET;
  if (access(path, F_OK) != 0) run_whole();

  struct greeting own;
  struct head head;
  size_t used;
  /* The input is there before the resident is asked, which never waits for whoever writes it. */
  if (own_greeting(&own) != 0 || !write_head(&head, &used) || !read_input(used)) run_whole();
  head.input = (uint32_t)input_length;
  head.length = (uint32_t)(used + input_length - sizeof head.length);
  int connection = ask(path, &own, &head, used + input_length);
  if (connection < 0) run_whole();
  struct link link;
  if (!take_answer(connection, &link)) run_whole();
  /* Only DEL is answered so, which may be begun anew by anybody. */
  close(connection);
  delete_link(&link);
  head.is_second = 1;
  connection = ask(path, &own, &head, used + input_length);
  /* Whether it declined or is gone: the link is of no matter to DEL, which begins anew. */
  if (connection >= 0) take_answer(connection, NULL);
  run_whole();
}
