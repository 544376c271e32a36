/* Programs on three raw tracepoints: each process that begins, runs a program, and ends.
 * Threads are left out here already. record.go has the layout of the records as well. */
#include "kit.h"
#include "kernel.h"

enum kind { FORK = 1, EXEC, EXIT };

/* What a record could not hold. */
enum { ARGS_UNREAD = 1, EXE_UNREAD = 2, EXE_DELETED = 4, DIR_UNREAD = 8, DIR_DELETED = 16, NO_LOGIN = 32, GROUP_UNREAD = 64 };

enum {
	MAX_ARGS = 4097, /* a byte more than an event takes, so that the event knows it was cut */
	MAX_PATH = 4096,
	MAX_GROUP = 1024, /* the path of a control group */
	MAX_NAME = 256,  /* of one component, with its end */
	MAX_PARTS = 64,  /* components of a path, and mounts on its way */
	MAX_DEPTH = 24,  /* of a control group */
	MAX_TREES = 16,  /* hierarchies of control groups */
	TEXT = 16384,    /* all of them, rounded up to a power of two */
};

struct head {
	u16 kind;
	u16 flags;
	u32 pid;
	u64 time_ns;  /* CLOCK_MONOTONIC */
	u64 start_ns; /* of the process: CLOCK_BOOTTIME */
	u32 parent;
	u32 uid, gid;
	u32 value; /* EXIT: the status as wait(2) gives it; EXEC: who logged in */
};

struct exec {
	struct head head;
	u64 stack;
	u64 group; /* id of the control group of version 2 */
	char comm[16];
	u16 exe, dir, own, named, other, args; /* where each of them ends in text */
	u32 end;                               /* of what is in text so far */
	/* A path stands from its end to its beginning, each component with a zero behind
	 * it. An unnamed one is a root. */
	u8 text[TEXT + MAX_NAME + MAX_ARGS];
};

enum { EXEC_HEAD = __builtin_offsetof(struct exec, text) };

#include "kept.h"

/* Only begin_program uses it, and the kernel runs that at most once at a time on a cpu. */
struct {
	MAP_UINT(type, MAP_PERCPU_ARRAY);
	MAP_UINT(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct exec);
} scratch SEC(".maps");

INLINE void fill(struct head *h, enum kind kind, struct task_struct *task)
{
	struct task_struct *leader = 0, *parent = 0;
	const struct cred *cred = 0;

	h->kind = kind;
	h->flags = 0;
	h->time_ns = ktime_ns();
	h->value = 0;
	h->parent = h->uid = h->gid = 0;
	h->start_ns = 0;
	READ(h->pid, task->tgid);
	READ(leader, task->group_leader);
	READ(h->start_ns, leader->start_boottime);
	READ(parent, leader->real_parent);
	READ(h->parent, parent->tgid);
	READ(cred, task->cred);
	READ(h->uid, cred->euid);
	READ(h->gid, cred->egid);
}

/* walk appends the path of a file to the text, as the kernel's d_path would find it. Its
 * state is in memory, because the verifier follows the loop once for each set of values
 * that it knows. It returns the flags of what it could not do. */
INLINE u32 walk(struct exec *e, struct path *p, u32 unread, u32 deleted)
{
	struct vfsmount *vfs = 0;
	struct dentry *dentry = 0;
	void *hashed = 0;
	u32 begin = e->end;

	READ(vfs, p->mnt);
	READ(dentry, p->dentry);
	READ(hashed, dentry->d_hash.pprev);
	for (int i = 0; i < MAX_PARTS; i++) {
		struct dentry *parent = 0, *root = 0;
		const u8 *name = 0;
		u64 end;
		long n;

		READ(parent, dentry->d_parent);
		READ(root, vfs->mnt_root);
		if (dentry == root) {
			struct mount *m = (void *)vfs - OFFSET(struct mount, mnt), *up = 0;
			READ(up, m->mnt_parent);
			if (up == m)
				return hashed || e->end == begin ? 0 : deleted;
			READ(dentry, m->mnt_mountpoint);
			vfs = (void *)up + OFFSET(struct mount, mnt);
			continue;
		}
		end = e->end;
		if (end - begin > MAX_PATH - MAX_NAME)
			return unread;
		READ(name, dentry->d_name.name);
		n = read_kernel_text(e->text + BOUND(end, TEXT - 1), MAX_NAME, name);
		if (n <= 0)
			return unread;
		e->end = end + n;
		if (dentry == parent) /* it never had a place, as a file of memfd_create */
			return deleted;
		dentry = parent;
	}
	return unread;
}

INLINE struct kernfs_node *above(struct kernfs_node *kn)
{
	struct kernfs_node *parent = 0;

	if (EXISTS(kn->parent))
		READ(parent, kn->parent);
	else
		READ(parent, ((struct kernfs_node___since_6_15 *)kn)->__parent);
	return parent;
}

/* walk_group appends the path of a control group, if there is one. */
INLINE void walk_group(struct exec *e, struct kernfs_node *kn)
{
	u32 begin = e->end;

	for (int i = 0; i < MAX_DEPTH; i++) {
		struct kernfs_node *parent;
		const char *name = 0;
		u64 end = e->end;
		long n;

		parent = above(kn);
		if (!parent) /* kn is the root, or nothing */
			return;
		READ(name, kn->name);
		if (end - begin > MAX_GROUP - MAX_NAME)
			break;
		n = read_kernel_text(e->text + BOUND(end, TEXT - 1), MAX_NAME, name);
		if (n <= 0)
			break;
		e->end = end + n;
		kn = parent;
	}
	e->head.flags |= GROUP_UNREAD;
}

/* groups appends the control groups that say where a process belongs: that of version 2,
 * that of systemd in version 1, and one other of version 1 that is not the root. */
INLINE void groups(struct exec *e, struct task_struct *task)
{
	struct kernfs_node *named = 0, *other = 0, *own = 0;
	struct css_set *set = 0;
	struct cgroup *group = 0;
	struct list_head *at = 0, *end;

	READ(set, task->cgroups);
	READ(group, set->dfl_cgrp);
	READ(own, group->kn);
	end = (void *)set + OFFSET(struct css_set, cgrp_links);
	READ(at, end->next);
	for (int i = 0; i < MAX_TREES && at && at != end; i++) {
		struct cgrp_cset_link *link = (void *)at - OFFSET(struct cgrp_cset_link, cgrp_link);
		struct cgroup_root *root = 0;
		struct kernfs_node *kn = 0;
		char name[8] = {};

		READ(group, link->cgrp);
		READ(kn, group->kn);
		READ(root, group->root);
		read_kernel(name, sizeof(name), &root->name);
		if (*(u64 *)name == *(u64 *)"systemd")
			named = kn;
		else if (kn != own && above(kn))
			other = kn;
		READ(at, at->next);
	}
	walk_group(e, own);
	e->own = e->end;
	walk_group(e, named);
	e->named = e->end;
	walk_group(e, other);
	e->other = e->end;
}

INLINE bool is_process(struct task_struct *task)
{
	int pid = 0, tgid = 0;

	READ(pid, task->pid);
	READ(tgid, task->tgid);
	return pid == tgid;
}

SEC("raw_tracepoint/sched_process_fork")
int begin_process(u64 *args)
{
	struct task_struct *task = (void *)args[0], *child = (void *)args[1], *leader = 0;
	struct head h;

	if (!is_process(child))
		return 0;
	if (chosen().kinds) {
		struct kept *k;
		u64 start_ns = 0;
		u32 pid = 0;

		READ(pid, task->tgid);
		READ(leader, task->group_leader);
		READ(start_ns, leader->start_boottime);
		k = kept_of(pid, start_ns);
		if (k)
			give(k);
	}
	fill(&h, FORK, child);
	put(&h, sizeof(h), true);
	return 0;
}

SEC("raw_tracepoint/sched_process_exec")
int begin_program(u64 *args)
{
	struct task_struct *task = (void *)args[0];
	struct mm_struct *mm = 0;
	struct fs_struct *fs = 0;
	struct file *file = 0;
	unsigned long from = 0, to = 0;
	u64 end, n;
	u32 zero = 0;
	struct exec *e = map_lookup(&scratch, &zero);
	struct choice c = chosen();
	bool no_program = false;

	if (!e)
		return 0;
	fill(&e->head, EXEC, task);
	e->head.value = -1;
	if (EXISTS(task->loginuid))
		READ(e->head.value, task->loginuid);
	else
		e->head.flags |= NO_LOGIN;
	READ(e->comm, task->comm);
	READ(mm, task->mm);
	e->stack = 0;
	READ(e->stack, mm->start_stack);

	e->end = 0;
	if (c.kinds & PROGRAMS)
		__builtin_memset(e->text, 0, KEY);
	READ(file, mm->exe_file);
	e->head.flags |= walk(e, &file->f_path, EXE_UNREAD, EXE_DELETED);
	e->exe = e->end;
	if (c.kinds & PROGRAMS && !(e->head.flags & EXE_UNREAD) && e->end < KEY)
		no_program = unwanted(&no_programs, e->text, c.number);
	READ(fs, task->fs);
	e->head.flags |= walk(e, &fs->pwd, DIR_UNREAD, DIR_DELETED);
	e->dir = e->end;
	groups(e, task);
	e->group = group_id();

	READ(from, mm->arg_start);
	READ(to, mm->arg_end);
	n = to - from;
	if (n > MAX_ARGS)
		n = MAX_ARGS;
	end = BOUND(e->end, TEXT - 1);
	if (read_user(e->text + end, n, (void *)from)) {
		e->head.flags |= ARGS_UNREAD;
		n = 0;
	}
	end += n;
	e->end = e->args = end;
	if (c.kinds) {
		struct kept *before = kept_of(e->head.pid, e->head.start_ns);

		if (before && (before->head.uid != e->head.uid || before->head.gid != e->head.gid))
			give(before);
		if ((no_program || (c.kinds & USERS && unwanted(&no_users, &e->head.uid, c.number)) ||
		     (c.kinds & GROUPS && unwanted(&no_groups, &e->group, c.number))) &&
		    is_settled(&e->head, task) && keep(e)) {
			count_filtered();
			return 0;
		}
		map_delete(&kept, &e->head.pid);
	}
	emit(e, EXEC_HEAD + end);
	return 0;
}

enum { GROUP_EXIT = 4 }; /* SIGNAL_GROUP_EXIT */

SEC("raw_tracepoint/sched_process_exit")
int end_process(u64 *args)
{
	struct task_struct *task = (void *)args[0], *leader = 0;
	struct signal_struct *signal = 0;
	int live = 0;
	u32 flags = 0;
	struct head h;

	READ(signal, task->signal);
	READ(live, signal->live.counter);
	if (live > 0) /* other threads of it go on */
		return 0;
	fill(&h, EXIT, task);
	READ(flags, signal->flags);
	if (flags & GROUP_EXIT) {
		READ(h.value, signal->group_exit_code);
	} else {
		READ(leader, task->group_leader);
		READ(h.value, leader->exit_code);
	}
	if (chosen().kinds) {
		struct kept *k = kept_of(h.pid, h.start_ns);

		if (k && k->head.uid == h.uid && k->head.gid == h.gid) {
			h.flags |= LEFT_OUT;
			count_filtered();
		} else if (k) {
			give(k);
		}
		map_delete(&kept, &h.pid);
	}
	put(&h, sizeof(h), h.flags & LEFT_OUT);
	return 0;
}
