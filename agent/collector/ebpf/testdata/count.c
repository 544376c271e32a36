/* A program for the tests of the reader: each run makes one record. */
#include "kit.h"

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
	struct count *c = map_lookup(&counts, &zero);

	if (!c)
		return 0;
	c->number++;
	emit(c, args[0] ? sizeof(*c) : sizeof(c->number));
	return 0;
}
