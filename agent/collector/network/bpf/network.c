/* A program on one tracepoint: each change of the state of a socket of TCP. A record is
 * made when a connection is opened, accepted or ended, and when a port is listened on or
 * not any more. record.go has the layout of the records as well. */
#include "kit.h"
#include "kernel.h"
#include "caller.h"

enum kind { CONNECT = 1, ACCEPT, LISTEN, END };

enum { TCP_ESTABLISHED = 1, TCP_SYN_SENT = 2, TCP_SYN_RECV = 3, TCP_CLOSE = 7, TCP_LISTEN = 10, TCP_NEW_SYN_RECV = 12 };
enum { INET = 2, INET6 = 10, TCP = 6 };

enum { MAP_SK_STORAGE = 24 };
enum { MAP_NO_PREALLOC = 1, MAP_CLONE = 1 << 9 };
enum { STORAGE_CREATE = 1 };

static u64 (*const socket_cookie)(void *sk) = (void *)46;
static void *(*const storage_get)(void *map, void *sk, void *value, u64 flags) = (void *)107;

/* What the kernel keeps with a socket for us, from who connected or listened until the
 * socket is gone. A connection that is accepted gets a copy of its port's. */
struct memory {
	u64 opened_ns; /* CLOCK_MONOTONIC; 0 until the connection is there */
	u64 port;      /* cookie of the socket that listens; 0 for a connection of ours */
	struct actor actor;
};

struct {
	MAP_UINT(type, MAP_SK_STORAGE);
	MAP_UINT(map_flags, MAP_NO_PREALLOC | MAP_CLONE);
	MAP_UINT(max_entries, 0);
	MAP_TYPE(key, int);
	MAP_TYPE(value, struct memory);
} memories SEC(".maps");

struct record {
	u8 kind, from;  /* from: the state before */
	u16 family;
	u32 namespace;  /* of the network */
	u64 cookie;
	u64 time_ns;    /* CLOCK_MONOTONIC */
	struct memory memory; /* all of it 0 if nobody saw the begin */
	u8 local[16], remote[16];
	u16 local_port, remote_port; /* in network order, as the addresses */
	u32 uid;        /* of the socket */
	u64 sent, received;
};

/* kind_of says what a change of the state is, 0 for nothing that matters. */
INLINE u8 kind_of(int from, int to)
{
	switch (to) {
	case TCP_ESTABLISHED:
		return from == TCP_SYN_SENT ? CONNECT : ACCEPT;
	case TCP_LISTEN:
		return LISTEN;
	case TCP_CLOSE:
		/* Nothing was there yet: it was refused, for example. */
		return from == TCP_CLOSE || from == TCP_SYN_SENT || from == TCP_SYN_RECV || from == TCP_NEW_SYN_RECV ? 0 : END;
	}
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int change_state(u64 *args)
{
	struct sock *sk = (void *)args[0];
	struct tcp_sock *tcp = (void *)sk;
	struct inet_sock *inet = (void *)sk;
	struct net *net = 0;
	struct memory *m;
	struct record r = {};
	u64 again = 0;
	u16 protocol = 0;
	int from = args[1], to = args[2];

	READ(protocol, sk->sk_protocol);
	READ(r.family, sk->__sk_common.skc_family);
	if (protocol != TCP || (r.family != INET && r.family != INET6))
		return 0;
	if (to == TCP_SYN_SENT) { /* from inside of connect(2): later changes happen anywhere */
		m = storage_get(&memories, sk, 0, STORAGE_CREATE);
		if (m) {
			m->opened_ns = 0;
			m->port = 0;
			describe(&m->actor);
		}
		return 0;
	}
	r.kind = kind_of(from, to);
	if (!r.kind)
		return 0;
	r.from = from;
	r.time_ns = ktime_ns();
	r.cookie = socket_cookie(sk);
	m = storage_get(&memories, sk, 0, r.kind == END ? 0 : STORAGE_CREATE);
	if (m) {
		if (r.kind == LISTEN) { /* from inside of listen(2) */
			m->port = r.cookie;
			describe(&m->actor);
		}
		if (r.kind != END)
			m->opened_ns = r.time_ns;
		r.memory = *m;
	}
	if (r.kind == ACCEPT && from == TCP_SYN_RECV && r.memory.actor.pid && !r.memory.port)
		r.kind = CONNECT; /* both sides connected to each other at the same time */
	READ(net, sk->__sk_common.skc_net.net);
	READ(r.namespace, net->ns.inum);
	READ(r.uid, sk->sk_uid);
	READ(r.local_port, inet->inet_sport);
	READ(r.remote_port, sk->__sk_common.skc_dport);
	if (r.family == INET) {
		read_kernel(r.local, 4, &sk->__sk_common.skc_rcv_saddr);
		read_kernel(r.remote, 4, &sk->__sk_common.skc_daddr);
	} else if (EXISTS(sk->__sk_common.skc_v6_daddr)) {
		READ(r.local, sk->__sk_common.skc_v6_rcv_saddr);
		READ(r.remote, sk->__sk_common.skc_v6_daddr);
	}
	READ(r.sent, tcp->bytes_sent);
	READ(again, tcp->bytes_retrans);
	READ(r.received, tcp->bytes_received);
	r.sent -= again < r.sent ? again : r.sent;
	emit(&r, sizeof(r));
	return 0;
}
