/* What is left out here, and the records that are kept of it. kept.go is the other side. */
#include "choice.h"

/* LEFT_OUT: the event was left out here, and is counted. GIVEN: a record that is kept has
 * been put into the ring as well. */
enum { LEFT_OUT = 128, GIVEN = 256 };

enum {
	KEPT_TEXT = 512, /* of a record that is kept, a power of two */
	MAX_KEPT = 1024, /* records */
	KEY = 256,       /* bytes of the path of a program that is not wanted, with zeros behind it */
};

/* The first part of a struct exec. */
struct kept {
	struct head head;
	u8 between[EXEC_HEAD - sizeof(struct head) - sizeof(u32)];
	u32 end;
	u8 text[KEPT_TEXT];
};

/* The records of programs that were left out and go on, by pid. The collector gets one when
 * it needs it: when the process forks, because its child names it, and when its user has
 * become another one, because that is an event of its own. */
struct {
	MAP_UINT(type, MAP_HASH);
	MAP_UINT(max_entries, MAX_KEPT);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct kept);
} kept SEC(".maps");

/* Programs that are not wanted, by the path as a record has it, and control groups, each
 * with the number of the settings. The id of a group is never used again. */
struct {
	MAP_UINT(type, MAP_LRU_HASH);
	MAP_UINT(max_entries, MAX_NOTES);
	u8 (*key)[KEY];
	MAP_TYPE(value, u64);
} no_programs SEC(".maps");

struct {
	MAP_UINT(type, MAP_LRU_HASH);
	MAP_UINT(max_entries, MAX_NOTES);
	MAP_TYPE(key, u64);
	MAP_TYPE(value, u64);
} no_groups SEC(".maps");

static u64 (*const group_id)(void) = (void *)80;

/* kept_of returns the record that is kept of a process, if the collector has not got it. */
INLINE struct kept *kept_of(u32 pid, u64 start_ns)
{
	struct kept *k = map_lookup(&kept, &pid);

	return k && k->head.start_ns == start_ns && !(k->head.flags & GIVEN) ? k : 0;
}

/* give puts a record that was kept into the ring. Two threads that fork at the same time may
 * both do so, which does no harm. */
INLINE void give(struct kept *k)
{
	emit(k, EXEC_HEAD + BOUND(k->end, KEPT_TEXT - 1));
	*(volatile u16 *)&k->head.flags |= GIVEN;
}

/* is_settled reports whether all that a program leaves behind is its end, if it does nothing
 * more: it has no children, which would name it from now on, and its user and group are its
 * parent's, so that they have not changed since its fork, which would be an event. */
INLINE bool is_settled(const struct head *h, struct task_struct *task)
{
	struct list_head *child = 0;
	struct task_struct *parent = 0;
	const struct cred *cred = 0;
	u32 uid = 0, gid = 0;

	READ(child, task->children.next);
	if (child != (void *)task + OFFSET(struct task_struct, children))
		return false;
	READ(parent, task->real_parent);
	READ(cred, parent->cred);
	READ(uid, cred->euid);
	READ(gid, cred->egid);
	return uid == h->uid && gid == h->gid;
}

/* keep keeps a record, and reports whether it could. */
INLINE bool keep(struct exec *e)
{
	if (e->end >= KEPT_TEXT)
		return false;
	e->head.flags |= LEFT_OUT;
	if (!map_update(&kept, &e->head.pid, e, 0))
		return true;
	e->head.flags &= ~LEFT_OUT;
	return false;
}
