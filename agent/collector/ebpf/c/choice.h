/* What a program leaves out itself.
 *
 * The collector judges each event, and notes here the values because of which one was left
 * out: the next one with such a value is left out at its source. A value without a note goes
 * to the collector. So a program never leaves out more than the collector does, and needs no
 * rules: a wildcard is decided by the collector, once for each value that it meets.
 *
 * A note has the number of the settings by which it was made, and counts as long as they are
 * in force: other settings are another number. ../choice.go is the other side of this.
 */
#ifndef CHOICE_H
#define CHOICE_H

enum { MAP_HASH = 1, MAP_LRU_HASH = 9 };

static long (*const map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const map_delete)(void *map, const void *key) = (void *)3;

enum { EVER = 1, USERS = 2, GROUPS = 4, PROGRAMS = 8 };
enum { MAX_NOTES = 1024 };

struct choice {
	u64 number; /* of the settings in force */
	u64 kinds;  /* EVER once there was a note, and of which kinds there are some now */
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct choice);
} choice SEC(".maps");

/* Users whose events are not wanted, with the number of the settings. */
struct {
	MAP_UINT(type, MAP_LRU_HASH);
	MAP_UINT(max_entries, MAX_NOTES);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u64);
} no_users SEC(".maps");

/* How many events were left out, on each cpu. */
struct {
	MAP_UINT(type, MAP_PERCPU_ARRAY);
	MAP_UINT(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u64);
} filtered SEC(".maps");

/* chosen returns what is in force, which kinds are 0 of where nothing is left out. */
INLINE struct choice chosen(void)
{
	u32 zero = 0;
	struct choice *c = map_lookup(&choice, &zero), none = {};

	return c ? *c : none;
}

/* unwanted reports whether the settings in force do not want a value. */
INLINE bool unwanted(void *notes, const void *value, u64 number)
{
	u64 *noted = map_lookup(notes, value);

	return noted && *noted == number;
}

INLINE void count_filtered(void)
{
	u32 zero = 0;
	u64 *n = map_lookup(&filtered, &zero);

	if (n)
		__sync_fetch_and_add(n, 1);
}

#endif
