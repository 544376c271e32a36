// Package journal keeps lines: each gets the next number, and is on the disk when Append
// returns. What the lines mean is not known here.
//
// # Format
//
// A journal is a directory of segments. The name of a segment is the number of its first
// line, in twenty digits, with .jsonl. It is text, one JSON object a line:
//
//	{"journal":1,"first":12,"after":11,"crc":"6a1c9f02","head":HEAD}
//	{"n":12,"crc":"0f3b7d11","line":PAYLOAD}
//	{"n":13,"crc":"b2208c5e","line":PAYLOAD}
//
// The first object is the header. Its HEAD is what the owner needs of the lines before the
// segment when those are gone. after is the number of the line before first; numbers between
// the two were never given. PAYLOAD and HEAD are JSON without a line break. crc is CRC-32C in
// hexadecimal digits, of the letter l, the number, a comma and the payload, and in a header of
// h, first, a comma, after, a comma and the head. A line has exactly this form, so that a
// changed byte anywhere in it is noticed. The payload null stands for a line that was lost, and the head null for a lost head.
//
// # What holds
//
//   - A line whose Append has returned nil is read again by every later Open, or its number
//     is reported as lost.
//   - Numbers grow by one, but for what a header declares.
//   - Data is synced by fdatasync, and a new, replaced or removed file by a sync of its
//     directory.
//   - A last line without its end was never reported as written: Open cuts it, and Recovered
//     has its size. One that only lacks the line break is whole, and stays.
//   - A segment with a broken line is kept as NAME.broken, and what is whole in it goes on
//     in a new file of the same name. At most MaxBroken such files are kept.
//   - After an error of Append nothing of its lines counts. The next Append cuts what may be
//     there of them, and writes at the same place. So a sync that failed is never repeated
//     for pages of which the kernel has dropped the contents.
//   - A file that was removed or replaced is noticed before the next write, because a write
//     to a file without a name would succeed.
//
// What may not be assumed: that a directory of which the end was cut off by others is
// noticed, because a shorter journal is a valid one. Its owner has to know the last number.
//
// One goroutine may append, begin and trim; any number may read and verify meanwhile.
package journal
