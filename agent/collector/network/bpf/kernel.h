/* The fields of the kernel that network.c uses. The loader finds out from the running
 * kernel's BTF where each of them lies, so that neither order nor size counts here. */

typedef struct {
	u32 val;
} kuid_t;

struct cred {
	kuid_t euid, egid;
} FIELDS;

struct task_struct {
	int tgid;
	struct task_struct *real_parent, *group_leader;
	u64 start_boottime;
	const struct cred *cred;
	char comm[16];
} FIELDS;

struct ns_common {
	u32 inum;
} FIELDS;

struct net {
	struct ns_common ns;
} FIELDS;

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	u8 bytes[16];
};

struct sock_common {
	u32 skc_daddr, skc_rcv_saddr;
	u16 skc_dport, skc_family;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
} FIELDS;

struct sock {
	struct sock_common __sk_common;
	kuid_t sk_uid;
	u16 sk_protocol;
} FIELDS;

struct inet_sock {
	u16 inet_sport;
} FIELDS;

struct tcp_sock {
	u64 bytes_sent, bytes_retrans, bytes_received;
} FIELDS;
