package metrics

import (
	"fmt"
	"runtime"

	"github.com/prometheus/procfs"
)

// process appends what each program shows of itself, by the names that the client
// libraries of Prometheus use. What the kernel does not show is left out.
func (p *page) process() error {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	p.gauge("go_goroutines", "Number of goroutines that currently exist.", float64(runtime.NumGoroutine()))
	p.gauge("go_memstats_heap_inuse_bytes", "Number of heap bytes that are in use.", float64(m.HeapInuse))
	p.gauge("go_memstats_heap_objects", "Number of currently allocated objects.", float64(m.HeapObjects))
	p.gauge("go_memstats_sys_bytes", "Number of bytes obtained from system.", float64(m.Sys))
	p.counter("go_memstats_alloc_bytes_total", "Total number of bytes allocated in heap until now, even if released already.", float64(m.TotalAlloc))
	p.counter("go_gc_cycles_total_gc_cycles_total", "Count of all completed GC cycles.", float64(m.NumGC))

	self, err := procfs.Self()
	if err != nil {
		return nil // without a procfs there is nothing to show
	}
	s, err := self.Stat()
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	p.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", s.CPUTime())
	p.gauge("process_resident_memory_bytes", "Resident memory size in bytes.", float64(s.ResidentMemory()))
	p.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", float64(s.VirtualMemory()))
	if started, err := s.StartTime(); err == nil {
		p.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", started)
	}
	if n, err := self.FileDescriptorsLen(); err == nil {
		p.gauge("process_open_fds", "Number of open file descriptors.", float64(n))
	}
	if l, err := self.Limits(); err == nil {
		p.gauge("process_max_fds", "Maximum number of open file descriptors.", float64(l.OpenFiles))
	}
	return nil
}

func (p *page) gauge(name, help string, value float64) {
	p.metric(name, help, gauge, "", []sample{{"", value}})
}

func (p *page) counter(name, help string, value float64) {
	p.metric(name, help, counter, "", []sample{{"", value}})
}
