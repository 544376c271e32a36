/* A program on one tracepoint: each change of the state of a socket of TCP. A record is
 * made when a connection is opened, accepted or ended, and when a port is listened on or
 * not any more. record.go has the layout of the records as well. */
#include "kit.h"
#include "choice.h"
#include "kernel.h"
#include "caller.h"

/* LEFT_OUT_END is that of a socket whose begin was left out here. */
enum kind { CONNECT = 1, ACCEPT, LISTEN, END, LEFT_OUT_END };

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

struct socket {
	struct memory memory;
	u64 left_out; /* its begin was, and is counted */
};

struct {
	MAP_UINT(type, MAP_SK_STORAGE);
	MAP_UINT(map_flags, MAP_NO_PREALLOC | MAP_CLONE);
	MAP_UINT(max_entries, 0);
	MAP_TYPE(key, int);
	MAP_TYPE(value, struct socket);
} sockets SEC(".maps");

/* What concerns the collector itself. */
struct own {
	u32 namespace; /* of the network: sockets of others are none of its business; 0 for any */
	u32 listed;    /* it may know sockets from a list that were left out here, and wants their ends */
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct own);
} own SEC(".maps");

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

/* leave_out reports whether a record is not to be made, because the collector does not want
 * what the user does. Where the number of a port is not chosen yet, the collector
 * looks for it, and then decides. */
INLINE bool leave_out(struct record *r, struct socket *s, struct own *o)
{
	struct choice c = chosen();

	if (!c.kinds)
		return false;
	if (r->kind == END) {
		if (!s->left_out)
			return false;
		r->kind = LEFT_OUT_END;
		if (o->listed)
			return false;
	} else {
		s->left_out = c.kinds & USERS && r->memory.actor.pid && r->local_port && unwanted(&no_users, &r->memory.actor.uid, c.number);
		if (!s->left_out)
			return false;
	}
	count_filtered();
	return true;
}

SEC("tp_btf/inet_sock_set_state")
int change_state(u64 *args)
{
	struct sock *sk = (void *)args[0];
	struct tcp_sock *tcp = (void *)sk;
	struct inet_sock *inet = (void *)sk;
	struct net *net = 0;
	struct socket *m;
	struct record r = {};
	u64 again = 0;
	u32 zero = 0;
	u16 protocol = 0;
	int from = args[1], to = args[2];
	struct own *o = map_lookup(&own, &zero);

	READ(protocol, sk->sk_protocol);
	READ(r.family, sk->__sk_common.skc_family);
	if (!o || protocol != TCP || (r.family != INET && r.family != INET6))
		return 0;
	READ(net, sk->__sk_common.skc_net.net);
	READ(r.namespace, net->ns.inum);
	if (o->namespace && o->namespace != r.namespace)
		return 0;
	if (to == TCP_SYN_SENT) { /* from inside of connect(2): later changes happen anywhere */
		m = storage_get(&sockets, sk, 0, STORAGE_CREATE);
		if (m) {
			m->memory.opened_ns = 0;
			m->memory.port = 0;
			describe(&m->memory.actor);
		}
		return 0;
	}
	r.kind = kind_of(from, to);
	if (!r.kind)
		return 0;
	r.from = from;
	r.time_ns = ktime_ns();
	r.cookie = socket_cookie(sk);
	m = storage_get(&sockets, sk, 0, r.kind == END ? 0 : STORAGE_CREATE);
	if (m) {
		if (r.kind == LISTEN) { /* from inside of listen(2) */
			m->memory.port = r.cookie;
			describe(&m->memory.actor);
		}
		if (r.kind != END)
			m->memory.opened_ns = r.time_ns;
		r.memory = m->memory;
	}
	if (r.kind == ACCEPT && from == TCP_SYN_RECV && r.memory.actor.pid && !r.memory.port)
		r.kind = CONNECT; /* both sides connected to each other at the same time */
	READ(r.local_port, inet->inet_sport);
	if (m && leave_out(&r, m, o))
		return 0;
	READ(r.uid, sk->sk_uid);
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
