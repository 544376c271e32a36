/* The fields of the kernel that process.c uses. The loader finds out from the running
 * kernel's BTF where each of them lies, so that neither order nor size counts here. */

typedef struct {
	u32 val;
} kuid_t;

struct cred {
	kuid_t euid, egid;
} FIELDS;

struct qstr {
	const u8 *name;
} FIELDS;

struct hlist_bl_node {
	void *pprev;
} FIELDS;

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
} FIELDS;

struct vfsmount {
	struct dentry *mnt_root;
} FIELDS;

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
} FIELDS;

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} FIELDS;

struct file {
	struct path f_path;
} FIELDS;

struct fs_struct {
	struct path pwd;
} FIELDS;

struct mm_struct {
	unsigned long arg_start, arg_end, start_stack;
	struct file *exe_file;
} FIELDS;

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	u32 flags;
} FIELDS;

struct kernfs_node {
	struct kernfs_node *parent;
	const char *name;
} FIELDS;

struct kernfs_node___since_6_15 {
	struct kernfs_node *__parent;
} FIELDS;

struct cgroup_root {
	int hierarchy_id;
	char name[64];
} FIELDS;

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
} FIELDS;

struct list_head {
	struct list_head *next;
} FIELDS;

struct cgrp_cset_link {
	struct cgroup *cgrp;
	struct list_head cgrp_link;
} FIELDS;

struct css_set {
	struct cgroup *dfl_cgrp;
	struct list_head cgrp_links;
} FIELDS;

struct task_struct {
	int pid, tgid, exit_code;
	struct mm_struct *mm;
	struct task_struct *real_parent, *group_leader;
	struct list_head children;
	u64 start_boottime;
	const struct cred *cred;
	kuid_t loginuid;
	char comm[16];
	struct fs_struct *fs;
	struct css_set *cgroups;
	struct signal_struct *signal;
} FIELDS;
