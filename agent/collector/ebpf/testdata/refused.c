/* A program that the verifier refuses: it reads where it may not. */
#include "kit.h"

SEC("raw_tracepoint/sched_process_exec")
int read_anywhere(u64 *args)
{
	return *(volatile int *)args[0];
}
