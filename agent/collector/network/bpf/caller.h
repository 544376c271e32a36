/* Who the current process is. */

struct actor {
	u64 start_ns; /* of the process: CLOCK_BOOTTIME */
	u32 pid, parent, uid, gid;
	char comm[16];
};

/* describe notes who the current process is. */
INLINE void describe(struct actor *a)
{
	struct task_struct *task = current_task(), *leader = 0, *parent = 0;
	const struct cred *cred = 0;

	READ(a->pid, task->tgid);
	READ(leader, task->group_leader);
	READ(a->start_ns, leader->start_boottime);
	READ(a->comm, leader->comm);
	READ(parent, leader->real_parent);
	READ(a->parent, parent->tgid);
	READ(cred, task->cred);
	READ(a->uid, cred->euid);
	READ(a->gid, cred->egid);
}
