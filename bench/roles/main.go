// Command roles plays the parts of the bus and of the floors beside it.
//
// The test program of package bench has the agent in it, with its rules and collectors,
// whose tables and pages are in the memory of each of its processes. Who embeds the
// broker has none of them, so the broker is measured in this program.
package main

import (
	"fmt"
	"os"

	"github.com/daemoneye/eventbus/bench/bus"
	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/floor"
)

func main() {
	e2e.Roles(append(floor.Systems(), bus.System())...).RunIfChild()
	fmt.Fprintln(os.Stderr, "roles: this program is started by the benchmarks: make bench")
	os.Exit(2)
}
