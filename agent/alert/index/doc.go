// Package index is a checked table of keys and values in a file, for what can be made again
// from elsewhere. It is bbolt with what bbolt does not have: it notices a changed byte.
//
// # Format
//
// A bbolt file. Each value of a bucket is followed by its CRC-32C in four bytes, big-endian,
// of the bucket's name, a zero byte, the key's length in four bytes, the key and the value.
// The bucket "meta" has for each other bucket its number of keys, and for "applied" the
// number that Update was last given, as eight bytes, with a CRC in the same form.
//
// # What holds
//
//   - A value is returned as it was put, or the call returns ErrDamaged. Check, which Open
//     calls, finds values that are changed, missing or too many.
//   - Before bbolt reads a file, its pages are followed here: a page that is reached twice
//     or lies outside of the file would keep bbolt busy for ever, or have it write over
//     another one.
//   - A panic of bbolt, and a fault of its memory map (a file that became shorter, a disk
//     that cannot be read), is ErrDamaged. After it the Index is of no use but to be closed.
//
// It is not synced to the disk but by Close: after a crash of the machine it may be damaged,
// and is made again. A crash of the process takes nothing from it.
//
// Safe for concurrent use; updates are carried out one after the other.
package index
