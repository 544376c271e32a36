package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"time"
)

// Page is a part of the processes that the collector knows, by pid. What follows is asked
// for with the last pid of it.
type Page struct {
	Processes []json.RawMessage `json:"processes"` // in the form of events
	Last      uint32            `json:"last"`      // pid of the last one; 0 for none
	More      bool              `json:"more"`
}

const (
	// pageBytes is how large a page grows before it ends: an answer has to fit into a
	// message, of which the smallest bound is 64 KiB.
	pageBytes = 40 << 10
	// pageWait is how long the collector may take to get to it.
	pageWait = 2 * time.Second
)

// page returns the first processes behind a pid.
func (c *Collector) page(ctx context.Context, after uint32) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, pageWait)
	defer cancel()
	var all []record
	err := c.door.Through(ctx, func(t *tracker) error {
		for pid, r := range t.table {
			if pid > after {
				all = append(all, *r)
			}
		}
		return t.kept.complete(all)
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("the collector does not observe just now: %w", err)
	}
	if err != nil {
		return nil, err
	}
	sort.Slice(all, func(i, j int) bool { return all[i].PID < all[j].PID })
	p := Page{Processes: []json.RawMessage{}}
	asJSON, size := c.asJSON(), 0
	for i := range all {
		text, err := asJSON(&all[i])
		if err != nil {
			return nil, err
		}
		if size += len(text); size > pageBytes && i > 0 {
			p.More = true
			return p, nil
		}
		p.Processes, p.Last = append(p.Processes, text), all[i].PID
	}
	return p, nil
}
