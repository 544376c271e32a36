package sigma

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/spelling"
)

// maxMeant is for how many wrong names the nearest right one is looked for, because each
// search takes all names.
const maxMeant = 100

// nearest returns the id or name that a wrong one is most like, empty for none.
func (s *Set) nearest(name string) string {
	if s.meant++; s.meant > maxMeant {
		return ""
	}
	if s.known == nil {
		for key := range s.first {
			_, name, _ := strings.Cut(key, " ")
			s.known = append(s.known, name)
		}
		slices.Sort(s.known)
	}
	return spelling.Nearest(name, s.known)
}

// resolve finds the members of correlations. One that names what is not there, or
// that counts itself through others, is a problem and left out, and so is what counts
// on it.
func (s *Set) resolve() {
	left := map[*Correlation]bool{}
	drop := func(c *Correlation, reason, near string) {
		s.problem(&c.Head, reason, near)
		left[c] = true
	}
	for _, c := range s.Correlations {
		for _, name := range c.Rules {
			n, ok := s.named(name)
			if !ok {
				drop(c, "the correlation is of "+document.Shorten(name)+", and no rule has that id or name", s.nearest(name))
				break
			}
			c.Members = append(c.Members, &Member{Name: name, Rule: n.rule, Correlation: n.correlation})
		}
	}
	g := chains{number: map[*Correlation]int{}, depth: map[*Correlation]int{}, circle: map[*Correlation]bool{}}
	for _, c := range s.Correlations {
		if _, seen := g.number[c]; !seen {
			g.visit(c)
		}
	}
	for _, c := range s.Correlations {
		switch {
		case left[c]:
		case g.circle[c]:
			drop(c, "the correlation counts itself, by way of those that it names", "")
		case g.depth[c] > maxChain:
			drop(c, fmt.Sprintf("the correlation counts others, which count others, more than %d deep", maxChain), "")
		}
	}
	for again := true; again; { // at most maxChain times
		again = false
		for _, c := range s.Correlations {
			for _, m := range c.Members {
				if !left[c] && left[m.Correlation] {
					drop(c, "the correlation is of "+document.Shorten(m.Name)+", which is not read", "")
					again = true
				}
			}
		}
	}
	s.Correlations = slices.DeleteFunc(s.Correlations, func(c *Correlation) bool { return left[c] })
	for _, c := range s.Correlations {
		c.quiet()
	}
}

// maxChain is how many correlations may count each other, one by way of the next.
const maxChain = 16

// chains finds the correlations that count themselves, by way of others, in the time of
// one walk (the strongly connected components of Tarjan), and how deep the others are.
type chains struct {
	number map[*Correlation]int  // in the order of the walk
	depth  map[*Correlation]int  // of those in no circle
	circle map[*Correlation]bool // they count themselves
	path   []*Correlation        // that may still turn out to be a circle
}

// visit returns the least number that c leads to among those of path.
func (g *chains) visit(c *Correlation) (least int) {
	number := len(g.number)
	least = number
	g.number[c] = number
	place := len(g.path)
	g.path = append(g.path, c)
	for _, m := range c.Members {
		x := m.Correlation
		if x == nil {
			continue
		}
		if n, seen := g.number[x]; !seen {
			least = min(least, g.visit(x))
		} else {
			least = min(least, n)
		}
		g.circle[c] = g.circle[c] || x == c
		g.depth[c] = max(g.depth[c], g.depth[x])
	}
	g.depth[c]++
	if least < number {
		return least
	}
	for _, x := range g.path[place:] {
		g.circle[x] = g.circle[x] || len(g.path)-place > 1
		g.number[x] = done
	}
	g.path = g.path[:place]
	return done
}

// done is the number of what leads to no place in the path any more.
const done = math.MaxInt

// quiet keeps the members from raising alerts of their own, unless the correlation
// generates them.
func (c *Correlation) quiet() {
	if c.Generate {
		return
	}
	for _, m := range c.Members {
		if m.Rule != nil {
			m.Rule.Silent = true
		} else {
			m.Correlation.Silent = true
		}
	}
}
