package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/daemoneye/eventbus/bench/bus"
	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// step measures some rows for one round.
type step struct {
	name string
	runs int // how many measurements it is, which the progress shows
	run  func(ctx context.Context, round int)
}

// job is all that is compared.
type job struct {
	base, head side
	each       time.Duration // length of one measurement
	log        io.Writer     // where measurements that failed are named
	progress   *report.Progress

	rows  []*row
	steps []step
}

const budget = 500 * time.Microsecond

// row appends a row of a quantity.
func (j *job) row(group, name string, q e2e.Quantity) *row {
	r := &row{group: group, name: name, unit: q.Unit, text: q.Text, more: q.More}
	j.rows = append(j.rows, r)
	return r
}

// runs plans one measurement of each place in turn, and what rows take from it. A floor
// without a name is none.
func (j *job) runs(name string, spec e2e.Spec, floor e2e.System, rows []*row, quantities ...e2e.Quantity) {
	in := []int{atBase, atHead}
	if floor.Name != "" {
		in = []int{atFloor, atBase, atHead}
	}
	j.steps = append(j.steps, step{name: name, runs: len(in), run: func(ctx context.Context, _ int) {
		samples := make([]sample, len(rows))
		for i := range samples {
			samples[i] = nothing()
		}
		for _, place := range in {
			system := bus.System()
			if place == atFloor {
				system = floor
			}
			j.try(ctx, name, place, func() error {
				o, err := e2e.Run(ctx, j.system(system, place), spec)
				if err != nil {
					return err
				}
				for i := range rows {
					samples[i].take(place, o, quantities[i])
				}
				return nil
			})
		}
		for i, r := range rows {
			r.rounds = append(r.rounds, samples[i])
		}
	}})
}

// take takes a quantity of an outcome. The lateness is all of the generator's, as older
// programs don't measure their own part of it.
func (s *sample) take(place int, o e2e.Outcome, q e2e.Quantity) {
	s.value[place] = q.Of(o)
	if s.value[place] == 0 {
		s.value[place] = math.NaN() // nothing has come
	}
	if q.Late != nil {
		s.late[place] = q.Late(o)
	}
	if share, known := o.Others(); known && share > e2e.CrowdedFrom {
		s.crowded = true
	}
	s.lost[place] = max(0, o.Lost()) + int64(o.Disorder)
}

// side returns the side of a place; the floor is this tree's.
func (j *job) side(place int) side {
	if place == atBase {
		return j.base
	}
	return j.head
}

func (j *job) system(s e2e.System, place int) e2e.System {
	s.Program, s.Foreign = j.side(place).roles, true
	return s
}

// try measures, and once more when that fails. What fails twice is missing in this
// round.
func (j *job) try(ctx context.Context, name string, place int, measure func() error) {
	j.progress.Begin(name + ", " + placeNames[place])
	for range 2 {
		if ctx.Err() != nil {
			return
		}
		err := measure()
		if err == nil {
			return
		}
		fmt.Fprintf(j.log, "compare: %s, %s: %v\n", name, placeNames[place], err)
	}
}
