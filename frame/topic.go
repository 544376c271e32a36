package frame

import "fmt"

// What can be wrong with a topic; all are ErrTopic to errors.Is.
var (
	errTopicEmpty    = fmt.Errorf("%w: it is empty", ErrTopic)
	errTopicTooLong  = fmt.Errorf("%w: longer than %d bytes", ErrTopic, MaxTopic)
	errTopicSegments = fmt.Errorf("%w: more than %d segments", ErrTopic, MaxSegments)
	errTopicSegment  = fmt.Errorf("%w: empty segment", ErrTopic)
	errTopicByte     = fmt.Errorf("%w: other bytes than a-z 0-9 _ - and the dot", ErrTopic)
	errTopicUnwanted = fmt.Errorf("%w: this type of frame has none", ErrTopic)
)

// segmentByte marks the bytes that segments are made of.
var segmentByte = func() (set [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789_-" {
		set[c] = true
	}
	return set
}()

// CheckTopic checks the syntax of a topic: one to MaxSegments segments of
// [a-z0-9_-], none empty, with dots between them, MaxTopic bytes at most. It does
// not know what a topic means and who may use it. Errors are allocated once and are
// ErrTopic to errors.Is.
func CheckTopic[T ~string | ~[]byte](topic T) error {
	if len(topic) == 0 {
		return errTopicEmpty
	}
	if len(topic) > MaxTopic {
		return errTopicTooLong
	}
	segments, start := 1, 0
	for i := range len(topic) {
		c := topic[i]
		if segmentByte[c] {
			continue
		}
		if c != '.' {
			return errTopicByte
		}
		if i == start {
			return errTopicSegment
		}
		segments, start = segments+1, i+1
	}
	if start == len(topic) {
		return errTopicSegment
	}
	if segments > MaxSegments {
		return errTopicSegments
	}
	return nil
}
