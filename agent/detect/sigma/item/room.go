package item

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Room is how many bytes of memory rules may still take when their values are expanded,
// about: a short text may stand for many long ones. It is charged before something is
// kept.
//
// One goroutine at a time.
type Room struct {
	Left int
	size int // at the beginning
}

// NewRoom returns a room of so many bytes.
func NewRoom(bytes int) *Room { return &Room{bytes, bytes} }

// What things take, about, besides their texts.
const (
	atomBytes        = 160
	instructionBytes = 64 // of a regular expression
)

// Take charges the room. It notes a problem where that is too much.
func (p *Reader) Take(n *yaml.Node, bytes int) bool {
	if p.Room.Left < bytes {
		p.Over(n, "the values of the rules expand to more than "+strconv.Itoa(p.Room.size)+" bytes")
		return false
	}
	p.Room.Left -= bytes
	return true
}
