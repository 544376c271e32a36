package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
)

// What a page of bbolt begins with: its number, what it is, how many elements it has, and
// how many pages beyond the first it takes.
const (
	pageHeader = 16
	isBranch   = 0x01
	isLeaf     = 0x02
	isMeta     = 0x04
	isFreelist = 0x10
	isBucket   = 0x01 // of an element
	element    = 16
	metaSize   = 64
	magic      = 0xED0CDAED
	manyFree   = 0xFFFF // the number of free pages is the first of them
)

// maxDepth is how deep a tree may be: one of bbolt has a hundred branches a page.
const maxDepth = 32

// pages follows the pages of a file. One goroutine at a time.
type pages struct {
	f    *os.File
	size int64  // of a page
	high uint64 // pages from here on are not used
	seen map[uint64]bool
}

func broken(format string, args ...any) error {
	return fmt.Errorf("index: %w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// checkPages follows all pages from the root, each exactly once. A file that is missing or
// empty is new.
func checkPages(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	p := &pages{f: f, seen: map[uint64]bool{}}
	root, free, err := p.meta()
	if err != nil {
		return err
	}
	if int64(p.high)*p.size > info.Size() {
		return broken("it is shorter than its pages")
	}
	if err := p.tree(root, 0); err != nil {
		return err
	}
	return p.freelist(free)
}

// meta reads the two meta pages, and takes the newer of those that are whole, as bbolt
// does.
func (p *pages) meta() (root, free uint64, err error) {
	p.size = int64(os.Getpagesize())
	newest, found := uint64(0), false
	for i := range int64(2) {
		b := make([]byte, pageHeader+metaSize)
		if _, err := p.f.ReadAt(b, i*p.size); err != nil {
			continue
		}
		m := b[pageHeader:]
		h := fnv.New64a()
		h.Write(m[:metaSize-8])
		u64 := func(at int) uint64 { return binary.NativeEndian.Uint64(m[at:]) }
		if binary.NativeEndian.Uint32(m) != magic || u64(56) != h.Sum64() || int64(binary.NativeEndian.Uint32(m[8:])) != p.size ||
			binary.NativeEndian.Uint16(b[8:])&isMeta == 0 {
			continue
		}
		if tx := u64(48); !found || tx > newest {
			newest, found = tx, true
			root, free, p.high = u64(16), u64(32), u64(40)
		}
	}
	if !found {
		return 0, 0, broken("it has no whole meta page")
	}
	return root, free, nil
}

// read reads a page with what belongs to it. It may be reached once.
func (p *pages) read(id uint64, flags uint16) (b []byte, count int, err error) {
	if id < 2 || id >= p.high {
		return nil, 0, broken("page %d is not in it", id)
	}
	var head [pageHeader]byte
	if _, err := p.f.ReadAt(head[:], int64(id)*p.size); err != nil {
		return nil, 0, err
	}
	more := uint64(binary.NativeEndian.Uint32(head[12:]))
	got := binary.NativeEndian.Uint16(head[8:])
	if binary.NativeEndian.Uint64(head[:]) != id || got&flags == 0 || got&(got-1) != 0 || id+more >= p.high {
		return nil, 0, broken("page %d is another one", id)
	}
	for n := id; n <= id+more; n++ {
		if p.seen[n] {
			return nil, 0, broken("page %d is used twice", n)
		}
		p.seen[n] = true
	}
	b = make([]byte, int64(more+1)*p.size)
	_, err = p.f.ReadAt(b, int64(id)*p.size)
	return b, int(binary.NativeEndian.Uint16(head[10:])), err
}

func (p *pages) tree(id uint64, depth int) error {
	if depth > maxDepth {
		return broken("page %d is too deep", id)
	}
	b, count, err := p.read(id, isBranch|isLeaf)
	if err != nil {
		return err
	}
	if binary.NativeEndian.Uint16(b[8:]) == isLeaf {
		return p.leaf(b, count, depth)
	}
	if count == 0 || pageHeader+count*element > len(b) {
		return broken("page %d has %d branches", id, count)
	}
	for i := range count {
		e := b[pageHeader+i*element:]
		if pos, size := binary.NativeEndian.Uint32(e), binary.NativeEndian.Uint32(e[4:]); uint64(pos)+uint64(size) > uint64(len(e)) {
			return broken("page %d has a key outside of it", id)
		}
		if err := p.tree(binary.NativeEndian.Uint64(e[8:]), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// leaf checks the elements of a leaf page, and follows the buckets in it.
func (p *pages) leaf(b []byte, count, depth int) error {
	if pageHeader+count*element > len(b) {
		return broken("a page has %d elements", count)
	}
	for i := range count {
		e := b[pageHeader+i*element:]
		flags, pos := binary.NativeEndian.Uint32(e), uint64(binary.NativeEndian.Uint32(e[4:]))
		key, value := uint64(binary.NativeEndian.Uint32(e[8:])), uint64(binary.NativeEndian.Uint32(e[12:]))
		if pos+key+value > uint64(len(e)) || flags > isBucket {
			return broken("a page has an element outside of it")
		}
		if flags == 0 {
			continue
		}
		v := e[pos+key : pos+key+value]
		if len(v) < 16 {
			return broken("a bucket has %d bytes", len(v))
		}
		var err error
		switch root := binary.NativeEndian.Uint64(v); {
		case root != 0:
			err = p.tree(root, depth+1)
		case len(v) < 16+pageHeader || depth > maxDepth || binary.NativeEndian.Uint16(v[16+8:]) != isLeaf:
			err = broken("a small bucket is no leaf")
		default:
			err = p.leaf(v[16:], int(binary.NativeEndian.Uint16(v[16+10:])), depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// freelist checks that no page is both free and used: bbolt would write over it.
func (p *pages) freelist(id uint64) error {
	b, count, err := p.read(id, isFreelist)
	if err != nil {
		return err
	}
	ids := b[pageHeader:]
	if count == manyFree {
		count = int(min(binary.NativeEndian.Uint64(ids), uint64(len(ids))))
		ids = ids[8:]
	}
	if count*8 > len(ids) {
		return broken("it has %d free pages", count)
	}
	for i := range count {
		n := binary.NativeEndian.Uint64(ids[8*i:])
		if n < 2 || n >= p.high || p.seen[n] {
			return broken("page %d is free and used", n)
		}
		p.seen[n] = true
	}
	return nil
}
