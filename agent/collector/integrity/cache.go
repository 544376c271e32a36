package integrity

// number is what the kernel knows a file by.
type number struct{ device, inode uint64 }

// state is a file as it was when it was hashed.
type state struct {
	size                  int64
	modifiedNs, changedNs int64 // mtime and ctime
	settled               bool  // no later change has that ctime
	hash                  string
}

// files are the hashes that are known.
//
// One goroutine at a time.
type files struct {
	byNumber *cache[number, state]
	byPlace  *cache[string, string] // the last one of a path
}

// hash returns the hash of a file that is in the same state as when it was hashed.
func (f *files) hash(n number, now state) (string, bool) {
	s, ok := f.byNumber.get(n)
	if !ok || !s.settled || !s.isAs(now) {
		return "", false
	}
	return s.hash, true
}

// isAs reports whether the file looks as it did.
func (s state) isAs(o state) bool {
	return s.size == o.size && s.modifiedNs == o.modifiedNs && s.changedNs == o.changedNs
}

// cache remembers what was used last.
type cache[K comparable, V any] struct{ young, old map[K]V }

// maxYoung is how much is remembered at least, and half of what is at most.
const maxYoung = 4096

func newCache[K comparable, V any]() *cache[K, V] { return &cache[K, V]{young: make(map[K]V)} }

func (c *cache[K, V]) get(k K) (v V, ok bool) {
	if v, ok = c.young[k]; ok {
		return v, true
	}
	if v, ok = c.old[k]; ok {
		c.put(k, v)
	}
	return v, ok
}

func (c *cache[K, V]) put(k K, v V) {
	if _, ok := c.young[k]; !ok && len(c.young) >= maxYoung {
		c.young, c.old = make(map[K]V), c.young
	}
	c.young[k] = v
}
