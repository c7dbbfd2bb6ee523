/*
 * Sends packets and opens connections inside network namespaces, at its parent's word, and measures what the kernel
 * spends on them.
 *
 * Packets enter the stack at a device as if that device had received them (BPF_PROG_TEST_RUN with live frames, kernel
 * 5.18 and later): no socket, no queue and no second core stand between the generator and the rules. All work happens
 * in this thread, so that its CPU time is what the packets cost, however loaded the machine is.
 *
 * One command a line on standard input, one JSON object a line on standard output:
 *
 *     packets NETNS DEVICE OUT FRAME COUNT MASK OPEN-DEVICE OPEN-FRAME
 *         Frames in hexadecimal. MASK: 4 hexadecimal digits, the bits of the last two bytes of the source address that
 *         vary, with the source port, so that each packet is a new flow; - sends one frame COUNT times. OPEN-FRAME is
 *         sent once before, at OPEN-DEVICE; - means none. `arrived` counts what left at OUT.
 *     connections ROUTER CLIENT SERVER ADDRESS PORT COUNT
 *         Connects, accepts and resets in turn. ADDRESS is IPv4.
 *
 * Tracked connections of the namespace between are forgotten before each. The answer of a failure is {"error": …}.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MOST_BYTES 128
#define MOST_DEVICES 4096

static char failure[512];

#define FAIL(...)                                                                                                      \
  do {                                                                                                                 \
    snprintf(failure, sizeof failure, __VA_ARGS__);                                                                    \
    return -1;                                                                                                         \
  } while (0)

static int64_t now(clockid_t clock) {
  struct timespec at;
  clock_gettime(clock, &at);
  return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static int bpf(int command, union bpf_attr *attr) { return syscall(SYS_bpf, command, attr, sizeof *attr); }

static int enter(const char *netns) {
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", netns);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) FAIL("%s: %s", path, strerror(errno));
  int entered = setns(fd, CLONE_NEWNET);
  close(fd);
  if (entered < 0) FAIL("%s: %s", netns, strerror(errno));
  return 0;
}

static int forget_connections(void) {
  struct {
    struct nlmsghdr header;
    struct nfgenmsg message;
  } request = {
      .header = {.nlmsg_len = sizeof request,
                 .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
      .message = {.nfgen_family = AF_UNSPEC},
  };
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) FAIL("netlink: %s", strerror(errno));
  char answer[256];
  int done = send(fd, &request, sizeof request, 0) < 0 || recv(fd, answer, sizeof answer, 0) < 0 ? -1 : 0;
  close(fd);
  if (done < 0) FAIL("forgetting connections: %s", strerror(errno));
  return 0;
}

struct frame {
  uint8_t bytes[MOST_BYTES];
  int length;
};

static int parse(const char *text, struct frame *frame) {
  frame->length = strlen(text) / 2;
  if (frame->length < 54 || frame->length > MOST_BYTES) FAIL("a frame of %d bytes", frame->length);
  for (int i = 0; i < frame->length; i++)
    if (sscanf(text + 2 * i, "%2hhx", &frame->bytes[i]) != 1) FAIL("no frame: %s", text);
  return 0;
}

#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define STORE(size, d, o, i) INSN(BPF_ST | BPF_MEM | (size), d, 0, o, i)
#define STORE_REGISTER(size, d, s, o) INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define LOAD(size, d, s, o) INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define COMPUTE(op, d, i) INSN(BPF_ALU64 | BPF_K | (op), d, 0, 0, i)
#define COMPUTE_REGISTER(op, d, s) INSN(BPF_ALU64 | BPF_X | (op), d, s, 0, 0)

static int load(const struct bpf_insn *program, int count) {
  static char log[8192];
  union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_XDP,
                         .insns = (uintptr_t)program,
                         .insn_cnt = count,
                         .license = (uintptr_t) "GPL",
                         .log_buf = (uintptr_t)log,
                         .log_size = sizeof log,
                         .log_level = 1};
  int fd = bpf(BPF_PROG_LOAD, &attr);
  if (fd < 0) FAIL("the kernel refuses the program (%s)", strerror(errno));
  return fd;
}

/* The one element of an array: which flow is next. */
static int counter(void) {
  static int fd = -1;
  if (fd >= 0) return fd;
  union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
  fd = bpf(BPF_MAP_CREATE, &attr);
  if (fd < 0) FAIL("no map: %s", strerror(errno));
  return fd;
}

/* Writes the frame anew each time, since routing changes it in place. `mask` < 0: always the same frame. */
static int writer(const struct frame *frame, int mask) {
  struct bpf_insn program[MOST_BYTES + 32];
  int n = 0;
  const uint8_t *bytes = frame->bytes;
  const int ipv4 = bytes[12] == 0x08;
  const int source = ipv4 ? 14 + 12 + 2 : 14 + 8 + 14, port = ipv4 ? 34 : 54, id = 18;
  program[n++] = LOAD(BPF_W, BPF_REG_2, BPF_REG_1, 0);
  program[n++] = LOAD(BPF_W, BPF_REG_3, BPF_REG_1, 4);
  program[n++] = COMPUTE_REGISTER(BPF_MOV, BPF_REG_4, BPF_REG_2);
  program[n++] = COMPUTE(BPF_ADD, BPF_REG_4, frame->length);
  program[n++] = INSN(BPF_JMP | BPF_JLE | BPF_X, BPF_REG_4, BPF_REG_3, 2, 0);
  program[n++] = COMPUTE(BPF_MOV, BPF_REG_0, XDP_ABORTED);
  program[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  int at = 0;
  for (; at + 4 <= frame->length; at += 4) {
    int32_t word;
    memcpy(&word, bytes + at, 4);
    program[n++] = STORE(BPF_W, BPF_REG_2, at, word);
  }
  for (; at < frame->length; at++) program[n++] = STORE(BPF_B, BPF_REG_2, at, bytes[at]);
  if (mask >= 0) {
    int map = counter();
    if (map < 0) return -1;
    uint16_t vary = htons(mask), base;
    memcpy(&base, bytes + source, 2);
    program[n++] = INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_7, BPF_PSEUDO_MAP_VALUE, 0, map);
    program[n++] = INSN(0, 0, 0, 0, 0);
    program[n++] = LOAD(BPF_W, BPF_REG_8, BPF_REG_7, 0);
    program[n++] = COMPUTE(BPF_ADD, BPF_REG_8, 1);
    program[n++] = STORE_REGISTER(BPF_W, BPF_REG_7, BPF_REG_8, 0);
    program[n++] = STORE_REGISTER(BPF_H, BPF_REG_2, BPF_REG_8, port);
    program[n++] = COMPUTE_REGISTER(BPF_MOV, BPF_REG_9, BPF_REG_8);
    program[n++] = COMPUTE(BPF_RSH, BPF_REG_9, 16);
    program[n++] = COMPUTE(BPF_MUL, BPF_REG_8, 0x9e3b);
    program[n++] = COMPUTE_REGISTER(BPF_ADD, BPF_REG_9, BPF_REG_8);
    program[n++] = COMPUTE(BPF_AND, BPF_REG_9, vary);
    program[n++] = COMPUTE(BPF_OR, BPF_REG_9, base & ~vary);
    program[n++] = STORE_REGISTER(BPF_H, BPF_REG_2, BPF_REG_9, source);
    if (ipv4) {
      /* The identification makes up for the address: the header's checksum stays. */
      program[n++] = COMPUTE(BPF_XOR, BPF_REG_9, 0xffff);
      program[n++] = STORE_REGISTER(BPF_H, BPF_REG_2, BPF_REG_9, id);
    }
  }
  program[n++] = COMPUTE(BPF_MOV, BPF_REG_0, XDP_PASS);
  program[n++] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  return load(program, n);
}

/* A veth device has receive queues for live frames only while some XDP program is attached to it. */
static int prepare(const char *netns, const char *device, int index) {
  static char done[MOST_DEVICES][80];
  static int count;
  char key[80];
  snprintf(key, sizeof key, "%s/%s", netns, device);
  for (int i = 0; i < count; i++)
    if (strcmp(done[i], key) == 0) return 0;
  if (count == MOST_DEVICES) FAIL("too many devices");
  const struct bpf_insn pass[] = {COMPUTE(BPF_MOV, BPF_REG_0, XDP_PASS), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)};
  int program = load(pass, 2);
  if (program < 0) return -1;
  union bpf_attr attr = {0};
  attr.link_create.prog_fd = program;
  attr.link_create.target_ifindex = index;
  attr.link_create.attach_type = BPF_XDP;
  /* The link stays until the device or this process is gone. */
  int link = bpf(BPF_LINK_CREATE, &attr);
  close(program);
  if (link < 0) FAIL("%s takes no program: %s", key, strerror(errno));
  strcpy(done[count++], key);
  return 0;
}

static int64_t sent_by(const char *device) {
  FILE *file = fopen("/proc/thread-self/net/dev", "r");
  if (!file) FAIL("/proc/thread-self/net/dev: %s", strerror(errno));
  char line[512];
  int64_t packets = -1;
  while (packets < 0 && fgets(line, sizeof line, file)) {
    char *name = line + strspn(line, " "), *colon = strchr(name, ':');
    if (!colon) continue;
    *colon = 0;
    long long sent;
    if (strcmp(name, device) == 0 &&
        sscanf(colon + 1, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %lld", &sent) == 1)
      packets = sent;
  }
  fclose(file);
  if (packets < 0) FAIL("there is no device %s", device);
  return packets;
}

static int inject(const char *netns, const char *device, const struct frame *frame, int mask, int64_t count,
                  int64_t *cpu, int64_t *wall) {
  int index = if_nametoindex(device);
  if (index == 0) FAIL("there is no device %s in %s", device, netns);
  if (prepare(netns, device, index) < 0) return -1;
  int program = writer(frame, mask);
  if (program < 0) return -1;
  struct xdp_md context = {.data_end = frame->length, .ingress_ifindex = index};
  union bpf_attr attr = {0};
  attr.test.prog_fd = program;
  attr.test.data_in = (uintptr_t)frame->bytes;
  attr.test.data_size_in = frame->length;
  attr.test.ctx_in = (uintptr_t)&context;
  attr.test.ctx_size_in = sizeof context;
  attr.test.repeat = count;
  attr.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  attr.test.batch_size = count < 64 ? count : 64;
  *wall = -now(CLOCK_MONOTONIC);
  *cpu = -now(CLOCK_THREAD_CPUTIME_ID);
  int ran = bpf(BPF_PROG_TEST_RUN, &attr);
  *cpu += now(CLOCK_THREAD_CPUTIME_ID);
  *wall += now(CLOCK_MONOTONIC);
  int why = errno;
  close(program);
  if (ran < 0) FAIL("sending at %s in %s: %s", device, netns, strerror(why));
  return 0;
}

static int packets(char *arguments) {
  char netns[64], device[32], out[32], text[2 * MOST_BYTES + 1], mask_text[8], open_device[32],
      open_text[2 * MOST_BYTES + 1];
  long long count;
  if (sscanf(arguments, "%63s %31s %31s %256s %lld %7s %31s %256s", netns, device, out, text, &count, mask_text,
             open_device, open_text) != 8)
    FAIL("packets: %s", arguments);
  struct frame frame, opening;
  int64_t cpu, wall;
  if (parse(text, &frame) < 0 || enter(netns) < 0 || forget_connections() < 0) return -1;
  if (strcmp(open_text, "-") != 0 &&
      (parse(open_text, &opening) < 0 || inject(netns, open_device, &opening, -1, 1, &cpu, &wall) < 0))
    return -1;
  int mask = strcmp(mask_text, "-") == 0 ? -1 : (int)strtol(mask_text, 0, 16);
  int64_t before = sent_by(out);
  if (before < 0 || inject(netns, device, &frame, mask, count, &cpu, &wall) < 0) return -1;
  int64_t after = sent_by(out);
  if (after < 0) return -1;
  printf("{\"cpuNs\":%lld,\"wallNs\":%lld,\"arrived\":%lld}\n", (long long)cpu, (long long)wall,
         (long long)(after - before));
  return 0;
}

static int connections(char *arguments) {
  char router[64], client[64], server[64], address[64];
  int port, count;
  if (sscanf(arguments, "%63s %63s %63s %63s %d %d", router, client, server, address, &port, &count) != 6)
    FAIL("connections: %s", arguments);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1) FAIL("no address: %s", address);
  if (enter(router) < 0 || forget_connections() < 0 || enter(server) < 0) return -1;
  int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct timeval patience = {.tv_sec = 5};
  setsockopt(listening, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (bind(listening, (struct sockaddr *)&to, sizeof to) < 0 || listen(listening, 16) < 0) {
    close(listening);
    FAIL("listening: %s", strerror(errno));
  }
  if (enter(client) < 0) return -1;
  int64_t wall = -now(CLOCK_MONOTONIC), cpu = -now(CLOCK_THREAD_CPUTIME_ID);
  const struct linger reset = {.l_onoff = 1};
  const char *step = 0;
  for (int i = 0; i < count && !step; i++) {
    int from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted = -1;
    setsockopt(from, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(from, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (connect(from, (struct sockaddr *)&to, sizeof to) < 0)
      step = "connecting";
    else if ((accepted = accept4(listening, 0, 0, SOCK_CLOEXEC)) < 0)
      step = "accepting";
    int why = errno;
    close(from);
    if (accepted >= 0) close(accepted);
    errno = why;
  }
  int why = errno;
  cpu += now(CLOCK_THREAD_CPUTIME_ID);
  wall += now(CLOCK_MONOTONIC);
  close(listening);
  if (step) FAIL("%s: %s", step, strerror(why));
  printf("{\"cpuNs\":%lld,\"wallNs\":%lld,\"arrived\":%d}\n", (long long)cpu, (long long)wall, count);
  return 0;
}

int main(void) {
  static char line[4096];
  /* Whoever removes a namespace ends the processes in it. */
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    char *space = strchr(line, ' ');
    int done = -1;
    snprintf(failure, sizeof failure, "unknown: %.100s", line);
    if (space) {
      *space = 0;
      if (strcmp(line, "packets") == 0) done = packets(space + 1);
      if (strcmp(line, "connections") == 0) done = connections(space + 1);
    }
    if (setns(home, CLONE_NEWNET) < 0) return 1;
    if (done < 0) printf("{\"error\":\"%s\"}\n", failure);
    fflush(stdout);
  }
  return 0;
}
