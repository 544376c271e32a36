/* Programs on the packets of a control group: those of UDP that go to port 53, with who sends
 * them, and those that come from there. They only look: every packet goes on its way. dns.go
 * has the layout of the records as well. */
#include "kit.h"
#include "kernel.h"
#include "caller.h"

struct __sk_buff {
	u32 len;
};

static long (*const skb_load)(const void *skb, u32 offset, void *to, u32 len) = (void *)26;
static u64 (*const socket_cookie)(void *skb) = (void *)46;

enum { UDP = 17, DNS = 53, UDP_HEAD = 8, MAX_TEXT = 1024 };
enum { OUT = 1, IN = 2 };

struct query {
	u8 way;
	u8 version; /* of IP */
	u16 size;   /* of text */
	u32 cut;    /* whether the packet is longer */
	u64 time_ns; /* CLOCK_MONOTONIC */
	u64 cookie;
	struct actor actor; /* of what leaves */
	u8 source[16], destination[16];
	u16 source_port, destination_port; /* in network order, as the addresses */
	u32 pad;
	u8 text[MAX_TEXT];
};

enum { HEAD = __builtin_offsetof(struct query, text) };

/* Each program has its own, because the kernel runs it at most once at a time on a cpu. */
struct {
	MAP_UINT(type, MAP_PERCPU_ARRAY);
	MAP_UINT(max_entries, 2);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct query);
} queries SEC(".maps");

INLINE u16 in_order(u16 n)
{
	return n << 8 | n >> 8;
}

INLINE void look(struct __sk_buff *skb, u32 way)
{
	u32 slot = way - 1, at, len = skb->len;
	struct query *q;
	u8 first = 0, protocol = 0;
	u16 ports[2], fragment = 0;
	u64 n;

	if (skb_load(skb, 0, &first, 1))
		return;
	if (first >> 4 == 4) {
		if (skb_load(skb, 9, &protocol, 1) || skb_load(skb, 6, &fragment, 2) || in_order(fragment) & 0x1fff)
			return;
		at = (first & 15) * 4;
	} else if (first >> 4 == 6) {
		if (skb_load(skb, 6, &protocol, 1))
			return;
		at = 40;
	} else {
		return;
	}
	if (protocol != UDP || skb_load(skb, at, ports, 4) || in_order(ports[way == OUT]) != DNS)
		return;
	q = map_lookup(&queries, &slot);
	if (!q || len <= at + UDP_HEAD)
		return;
	q->way = way;
	q->version = first >> 4;
	q->time_ns = ktime_ns();
	q->cookie = socket_cookie(skb);
	q->source_port = ports[0];
	q->destination_port = ports[1];
	__builtin_memset(&q->actor, 0, sizeof(q->actor));
	__builtin_memset(q->source, 0, 32);
	if (way == OUT)
		describe(&q->actor);
	if (q->version == 4) {
		skb_load(skb, 12, q->source, 4);
		skb_load(skb, 16, q->destination, 4);
	} else {
		skb_load(skb, 8, q->source, 16);
		skb_load(skb, 24, q->destination, 16);
	}
	at += UDP_HEAD;
	n = len - at;
	q->cut = n > MAX_TEXT - 1;
	if (n > MAX_TEXT - 1)
		n = MAX_TEXT - 1;
	n = BOUND(n, MAX_TEXT - 1);
	if (n == 0 || skb_load(skb, at, q->text, n))
		return;
	q->size = n;
	emit(q, HEAD + n);
}

SEC("cgroup_skb/egress")
int leaves(struct __sk_buff *skb)
{
	look(skb, OUT);
	return 1; /* it goes on */
}

SEC("cgroup_skb/ingress")
int comes(struct __sk_buff *skb)
{
	look(skb, IN);
	return 1; /* it goes on */
}
