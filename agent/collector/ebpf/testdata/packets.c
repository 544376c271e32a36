/* A program for the test of control groups: each packet that leaves makes one record. */
#include "kit.h"

SEC("cgroup_skb/egress")
int packet(void *skb)
{
	u64 process = pid_tgid();

	emit(&process, sizeof(process));
	return 1; /* it may leave */
}
