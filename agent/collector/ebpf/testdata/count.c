/* A program for the tests of the reader and of what is left out: each run makes one record,
 * unless its user is not wanted. */
#include "kit.h"
#include "choice.h"

/* What the argument holds, below the user. */
enum { PAGE = 1, QUIET = 2 };

struct count {
	u64 number;
	u8 rest[4088];
};

struct {
	MAP_UINT(type, MAP_ARRAY);
	MAP_UINT(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct count);
} counts SEC(".maps");

SEC("raw_tracepoint")
int count(u64 *args)
{
	u32 zero = 0;
	u32 user = args[0] >> 32;
	struct count *c = map_lookup(&counts, &zero);
	struct choice made = chosen();

	if (!c)
		return 0;
	if (made.kinds & USERS && unwanted(&no_users, &user, made.number)) {
		count_filtered();
		return 0;
	}
	c->number++;
	put(c, args[0] & PAGE ? sizeof(*c) : sizeof(c->number), args[0] & QUIET);
	return 0;
}
