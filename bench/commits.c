/*
 * Who commits to nftables in this network namespace, and when: `commits watch` prints a line for each transaction, the
 * nanoseconds of CLOCK_MONOTONIC when it was heard of and the pid that made it. The kernel tells it in the transaction,
 * so a listener hears of it some microseconds after packets meet it.
 *
 * `commits make MILLISECONDS` is another program that commits: to a table of its own, which judges nothing, that often,
 * until it is killed; it prints a line with the nanoseconds of CPU that each of its transactions took.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static long long now(clockid_t clock) {
  struct timespec at;
  clock_gettime(clock, &at);
  return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static int open_socket(unsigned groups) {
  int socket_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), size = 64 << 20;
  struct sockaddr_nl own = {.nl_family = AF_NETLINK, .nl_groups = groups};
  if (socket_ < 0 || bind(socket_, (struct sockaddr *)&own, sizeof own) < 0) fail("netlink");
  // What is not heard of is not measured.
  setsockopt(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  return socket_;
}

static char buffer[1 << 20];

static void watch(void) {
  int from = open_socket(1 << (NFNLGRP_NFTABLES - 1));
  printf("watching\n");
  for (;;) {
    long left = recv(from, buffer, sizeof buffer, 0);
    long long at = now(CLOCK_MONOTONIC);
    if (left < 0 && errno != EINTR) fail("events");
    for (struct nlmsghdr *each = (void *)buffer; left > 0 && NLMSG_OK(each, left); each = NLMSG_NEXT(each, left)) {
      if (each->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN)) continue;
      unsigned pid = 0;
      int rest = NLMSG_PAYLOAD(each, sizeof(struct nfgenmsg));
      struct nlattr *attribute = (void *)((char *)NLMSG_DATA(each) + NLMSG_ALIGN(sizeof(struct nfgenmsg)));
      while (rest >= (int)sizeof *attribute && attribute->nla_len >= sizeof *attribute && attribute->nla_len <= rest) {
        if ((attribute->nla_type & NLA_TYPE_MASK) == NFTA_GEN_PROC_PID)
          pid = ntohl(*(unsigned *)((char *)attribute + NLA_HDRLEN));
        rest -= NLA_ALIGN(attribute->nla_len);
        attribute = (void *)((char *)attribute + NLA_ALIGN(attribute->nla_len));
      }
      printf("%lld %u\n", at, pid);
    }
  }
}

static struct nlmsghdr *begin(char **end, int type, int flags, int family, int resource) {
  struct nlmsghdr *header = (void *)*end;
  *header = (struct nlmsghdr){.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
  struct nfgenmsg *family_ = NLMSG_DATA(header);
  *family_ = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
  *end += NLMSG_SPACE(sizeof *family_);
  return header;
}

static void name(char **end, int type, const char *text) {
  struct nlattr *attribute = (void *)*end;
  *attribute = (struct nlattr){.nla_type = type, .nla_len = NLA_HDRLEN + strlen(text) + 1};
  memset(attribute + 1, 0, NLA_ALIGN(attribute->nla_len) - NLA_HDRLEN);
  strcpy((char *)(attribute + 1), text);
  *end += NLA_ALIGN(attribute->nla_len);
}

/* A chain that comes, and goes with the next. */
static void make(int milliseconds) {
  int to = open_socket(0);
  const int own = NFNL_SUBSYS_NFTABLES << 8;
  for (int count = 0;; count++) {
    char *end = buffer;
    struct nlmsghdr *message = begin(&end, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    message->nlmsg_len = end - (char *)message;
    message = begin(&end, own | NFT_MSG_NEWTABLE, NLM_F_CREATE, AF_INET, 0);
    name(&end, NFTA_TABLE_NAME, "another");
    message->nlmsg_len = end - (char *)message;
    message = begin(&end, own | (count % 2 ? NFT_MSG_DELCHAIN : NFT_MSG_NEWCHAIN), count % 2 ? 0 : NLM_F_CREATE, AF_INET, 0);
    name(&end, NFTA_CHAIN_TABLE, "another");
    name(&end, NFTA_CHAIN_NAME, "comes-and-goes");
    message->nlmsg_len = end - (char *)message;
    message = begin(&end, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    message->nlmsg_len = end - (char *)message;
    long long spent = -now(CLOCK_THREAD_CPUTIME_ID);
    if (send(to, buffer, end - buffer, 0) < 0) fail("send");
    spent += now(CLOCK_THREAD_CPUTIME_ID);
    long left = recv(to, buffer, sizeof buffer, MSG_DONTWAIT);
    struct nlmsghdr *answer = (void *)buffer;
    if (left > 0 && answer->nlmsg_type == NLMSG_ERROR && ((struct nlmsgerr *)NLMSG_DATA(answer))->error) {
      errno = -((struct nlmsgerr *)NLMSG_DATA(answer))->error;
      fail("commit");
    }
    printf("%lld\n", spent);
    usleep(milliseconds * 1000);
  }
}

int main(int argc, char **argv) {
  setvbuf(stdout, 0, _IOLBF, 0);
  if (argc == 2 && !strcmp(argv[1], "watch")) watch();
  if (argc == 3 && !strcmp(argv[1], "make")) make(atoi(argv[2]));
  fprintf(stderr, "usage: commits watch | commits make MILLISECONDS\n");
  return 2;
}
