/* What every program of the collectors stands on: the helpers of the kernel that are
 * used, the ring that records go into, and the page that programs and reader share.
 *
 * A source file includes this header once, and gives the kernel's fields that it uses
 * in a header of its own. See doc.go of the package above for the whole.
 */
#ifndef KIT_H
#define KIT_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
typedef long long s64;
typedef _Bool bool;
enum { false, true };

#define SEC(name) __attribute__((section(name), used))
#define FIELDS __attribute__((preserve_access_index)) /* of a struct of the kernel */
#define INLINE static inline __attribute__((always_inline))

/* How the loader finds the properties of a map. */
#define MAP_UINT(name, value) int(*name)[value]
#define MAP_TYPE(name, type) type *name

enum { MAP_ARRAY = 2, MAP_PERCPU_ARRAY = 6, MAP_RINGBUF = 27 };
enum { MAP_MMAPABLE = 1 << 10 };

/* The numbers are those of enum bpf_func_id, which never change. */
static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static u64 (*const ktime_ns)(void) = (void *)5;
static u64 (*const pid_tgid)(void) = (void *)14;
static void *(*const current_task)(void) = (void *)35;
static long (*const read_user)(void *dst, u32 size, const void *from) = (void *)112;
static long (*const read_kernel)(void *dst, u32 size, const void *from) = (void *)113;
static long (*const read_kernel_text)(void *dst, u32 size, const void *from) = (void *)115;
static u64 (*const boot_ns)(void) = (void *)125;
static long (*const ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static void *(*const ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*const ringbuf_discard)(void *record, u64 flags) = (void *)133;
static u64 (*const ringbuf_query)(void *ring, u64 what) = (void *)134;

enum { RB_NO_WAKEUP = 1, RB_FORCE_WAKEUP = 2, RB_AVAILABLE = 0 };

/* READ reads a field of the kernel, wherever this kernel has it. */
#define READ(to, field) read_kernel(&(to), sizeof(to), &(field))

/* EXISTS says whether this kernel has a field; SIZE is what it takes there. */
#define SIZE(field) __builtin_preserve_field_info(field, 1)
#define EXISTS(field) __builtin_preserve_field_info(field, 2)
#define OFFSET(type, field) __builtin_preserve_field_info(((type *)0)->field, 0)

/* BOUND makes the verifier see that a number is at most mask, whatever the compiler
 * knows already. */
#define BOUND(n, mask) ({ u64 n_ = (n); asm volatile("" : "+r"(n_)); n_ &= (mask); n_; })

/* The ring. Its size is set by the loader. */
struct {
	MAP_UINT(type, MAP_RINGBUF);
	MAP_UINT(max_entries, 4096);
} records SEC(".maps");

/* What programs and reader share. The reader has it in its memory. */
struct control {
	/* wake_at is the fill of the ring, in bytes, at which the reader wants to be
	 * woken. 0 is never: it reads, or has been woken already. */
	u64 wake_at;
	u64 lost;    /* records that found the ring full */
	u64 prompt;  /* records that are not quiet: while their number grows, the reader looks often */
	u64 quarter; /* the fill at which quiet records wake the reader as well */
	u64 no_rest; /* the collector wants no record to be quiet */
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(map_flags, MAP_MMAPABLE);
	MAP_UINT(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct control);
} control SEC(".maps");

/* put puts a record into the ring, or counts it as lost. A quiet one makes no event by itself,
 * so that it may wait for the next one that does.
 *
 * The reader is woken only when it waits for it. It stores wake_at and then looks at
 * the ring; we put the record into the ring, which is a full barrier, and then look at
 * wake_at. So one of us sees what the other did. The wake-up is a record by itself,
 * which the reader skips. */
INLINE void put(void *record, u64 size, bool quiet)
{
	u32 zero = 0;
	struct control *c = map_lookup(&control, &zero);
	u64 wake_at;

	if (!c)
		return;
	quiet = quiet && !c->no_rest;
	if (ringbuf_output(&records, record, size, RB_NO_WAKEUP))
		__sync_fetch_and_add(&c->lost, 1);
	if (!quiet)
		__sync_fetch_and_add(&c->prompt, 1);
	wake_at = *(volatile u64 *)&c->wake_at;
	if (wake_at && ringbuf_query(&records, RB_AVAILABLE) >= (quiet ? c->quarter : wake_at)) {
		void *mark = ringbuf_reserve(&records, 8, 0);
		if (mark) {
			*(volatile u64 *)&c->wake_at = 0;
			ringbuf_discard(mark, RB_FORCE_WAKEUP);
		}
	}
}

/* emit is put of a record that is waited for. */
INLINE void emit(void *record, u64 size)
{
	put(record, size, false);
}

/* what_time is run by the loader: it says what the kernel calls our process, and what
 * its clocks show, which namespaces may have different from ours. */
struct self {
	u32 pid;
	u32 pad;
	u64 mono_ns;
	u64 boot_ns;
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct self);
} self SEC(".maps");

SEC("raw_tracepoint")
int kit_self(void *context)
{
	u32 zero = 0;
	struct self *s = map_lookup(&self, &zero);

	if (s) {
		s->pid = pid_tgid() >> 32;
		s->mono_ns = ktime_ns();
		s->boot_ns = boot_ns();
	}
	return 0;
}

/* Some helpers are open only to programs whose licence is compatible with the GPL. */
char kit_license[] SEC("license") = "Dual BSD/GPL";

#endif
