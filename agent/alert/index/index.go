package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime/debug"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// ErrDamaged is returned where the file does not have what was put into it.
var ErrDamaged = errors.New("the index is damaged")

// Index is an open file. See the package.
type Index struct {
	db   *bolt.DB
	dead atomic.Bool // an update has panicked: its locks may be held for ever
}

var (
	metaBucket = []byte("meta")
	appliedKey = []byte("applied")
)

// lockTime bounds the wait for another process that has the file.
const lockTime = time.Second

// Open opens the file, which is made where it is missing, and checks all of it.
func Open(path string) (*Index, error) {
	if err := checkPages(path); err != nil {
		return nil, err
	}
	x := &Index{}
	err := x.guard(func() (err error) {
		x.db, err = bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTime, NoSync: true, NoGrowSync: true, FreelistType: bolt.FreelistMapType})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if err := x.Check(); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// Close syncs and closes the file.
func (x *Index) Close() error {
	if x.db == nil || x.dead.Load() {
		return nil
	}
	return x.guard(func() error { return errors.Join(x.db.Sync(), x.db.Close()) })
}

// guard calls f, and returns ErrDamaged where it panics or touches memory that is not there.
func (x *Index) guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			x.dead.Store(true)
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	return f()
}

func (x *Index) view(f func(*bolt.Tx) error) error {
	if x.dead.Load() {
		return ErrDamaged
	}
	return x.guard(func() error { return x.db.View(f) })
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sumBytes = 4

func sum(bucket, key, value []byte) uint32 {
	var n [5]byte
	binary.BigEndian.PutUint32(n[1:], uint32(len(key)))
	s := crc32.Update(crc32.Update(0, castagnoli, bucket), castagnoli, n[:])
	return crc32.Update(crc32.Update(s, castagnoli, key), castagnoli, value)
}

func seal(bucket, key, value []byte) []byte {
	b := append(make([]byte, 0, len(value)+sumBytes), value...)
	return binary.BigEndian.AppendUint32(b, sum(bucket, key, value))
}

func unseal(bucket, key, sealed []byte) ([]byte, error) {
	n := len(sealed) - sumBytes
	if n < 0 || binary.BigEndian.Uint32(sealed[n:]) != sum(bucket, key, sealed[:n]) {
		return nil, fmt.Errorf("%w: the value of %.40q in %s", ErrDamaged, key, bucket)
	}
	return sealed[:n:n], nil
}

// Op is one change: a key gets a value, or with nil goes.
type Op struct {
	Bucket     string
	Key, Value []byte
}

// Update carries out all ops or none, and remembers applied.
func (x *Index) Update(applied uint64, ops []Op) error {
	if x.dead.Load() {
		return ErrDamaged
	}
	return x.guard(func() error {
		return x.db.Update(func(tx *bolt.Tx) error { return update(tx, applied, ops) })
	})
}

func update(tx *bolt.Tx, applied uint64, ops []Op) error {
	meta, err := tx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return err
	}
	counts := map[string]uint64{}
	for _, op := range ops {
		name := []byte(op.Bucket)
		b, err := tx.CreateBucketIfNotExists(name)
		if err != nil {
			return err
		}
		count, ok := counts[op.Bucket]
		if !ok {
			if count, err = number(meta, name); err != nil {
				return err
			}
		}
		there := b.Get(op.Key) != nil
		switch {
		case op.Value == nil && there:
			count--
			err = b.Delete(op.Key)
		case op.Value != nil:
			if !there {
				count++
			}
			err = b.Put(op.Key, seal(name, op.Key, op.Value))
		}
		if err != nil {
			return err
		}
		counts[op.Bucket] = count
	}
	for name, count := range counts {
		if err := setNumber(meta, []byte(name), count); err != nil {
			return err
		}
	}
	return setNumber(meta, appliedKey, applied)
}

func number(meta *bolt.Bucket, key []byte) (uint64, error) {
	if meta == nil {
		return 0, nil
	}
	sealed := meta.Get(key)
	if sealed == nil {
		return 0, nil
	}
	b, err := unseal(metaBucket, key, sealed)
	if err == nil && len(b) != 8 {
		err = ErrDamaged
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

func setNumber(meta *bolt.Bucket, key []byte, n uint64) error {
	return meta.Put(key, seal(metaBucket, key, binary.BigEndian.AppendUint64(nil, n)))
}

// Applied returns what the last Update was given, 0 before the first one.
func (x *Index) Applied() (n uint64, err error) {
	err = x.view(func(tx *bolt.Tx) (err error) {
		n, err = number(tx.Bucket(metaBucket), appliedKey)
		return err
	})
	return n, err
}

// Count returns how many keys a bucket has.
func (x *Index) Count(bucket string) (n uint64, err error) {
	err = x.view(func(tx *bolt.Tx) (err error) {
		n, err = number(tx.Bucket(metaBucket), []byte(bucket))
		return err
	})
	return n, err
}

// Get returns a copy of the value of a key, nil where there is none.
func (x *Index) Get(bucket string, key []byte) (value []byte, err error) {
	name := []byte(bucket)
	err = x.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(name)
		if b == nil {
			return nil
		}
		sealed := b.Get(key)
		if sealed == nil {
			return nil
		}
		v, err := unseal(name, key, sealed)
		value = append([]byte{}, v...)
		return err
	})
	return value, err
}

// Walk passes keys and values to f in the order of the keys, or from the last to the first
// with backwards, until f returns false. They are valid until f returns. f must not call
// Update. It returns what Applied was when it began: what it passes is of that update.
func (x *Index) Walk(bucket string, backwards bool, f func(key, value []byte) bool) (applied uint64, err error) {
	err = x.view(func(tx *bolt.Tx) (err error) {
		if applied, err = number(tx.Bucket(metaBucket), appliedKey); err != nil {
			return err
		}
		return walk(tx, []byte(bucket), backwards, f)
	})
	return applied, err
}

// WalkBefore is Walk backwards from the last key that is less than before.
func (x *Index) WalkBefore(bucket string, before []byte, f func(key, value []byte) bool) (applied uint64, err error) {
	err = x.view(func(tx *bolt.Tx) (err error) {
		if applied, err = number(tx.Bucket(metaBucket), appliedKey); err != nil {
			return err
		}
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		begin := func() (key, value []byte) {
			if key, _ := c.Seek(before); key == nil {
				return c.Last()
			}
			return c.Prev()
		}
		return along([]byte(bucket), begin, c.Prev, f)
	})
	return applied, err
}

func walk(tx *bolt.Tx, name []byte, backwards bool, f func(key, value []byte) bool) error {
	b := tx.Bucket(name)
	if b == nil {
		return nil
	}
	c := b.Cursor()
	if backwards {
		return along(name, c.Last, c.Prev, f)
	}
	return along(name, c.First, c.Next, f)
}

// along passes what begin and next return to f.
func along(name []byte, begin, next func() (key, sealed []byte), f func(key, value []byte) bool) error {
	for key, sealed := begin(); key != nil; key, sealed = next() {
		value, err := unseal(name, key, sealed)
		if err != nil {
			return err
		}
		if !f(key, value) {
			return nil
		}
	}
	return nil
}

// Check reads all of the index, and returns ErrDamaged where something in it is not as it
// was put, or is missing, or is too much.
func (x *Index) Check() error {
	return x.view(func(tx *bolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		buckets := map[string]bool{}
		if err := tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			if string(name) == string(metaBucket) {
				return nil
			}
			want, err := number(meta, name)
			if err != nil {
				return err
			}
			n, last := uint64(0), []byte(nil)
			if err := walk(tx, name, false, func(key, _ []byte) bool {
				if last != nil && string(last) >= string(key) {
					return false
				}
				n, last = n+1, append(last[:0], key...)
				return true
			}); err != nil {
				return err
			}
			if n != want {
				return fmt.Errorf("%w: %s has %d keys, want %d", ErrDamaged, name, n, want)
			}
			buckets[string(name)] = true
			return nil
		}); err != nil {
			return err
		}
		if meta == nil {
			if len(buckets) > 0 {
				return fmt.Errorf("%w: it has no counts", ErrDamaged)
			}
			return nil
		}
		applied := false
		if err := meta.ForEach(func(key, _ []byte) error {
			n, err := number(meta, key)
			applied = applied || string(key) == string(appliedKey)
			if err == nil && n > 0 && string(key) != string(appliedKey) && !buckets[string(key)] {
				err = fmt.Errorf("%w: bucket %.40q is gone", ErrDamaged, key)
			}
			return err
		}); err != nil {
			return err
		}
		if !applied {
			return fmt.Errorf("%w: it does not have its number", ErrDamaged)
		}
		return nil
	})
}
