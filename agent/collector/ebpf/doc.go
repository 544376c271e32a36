// Package ebpf runs programs inside of the kernel and reads what they record. A collector
// brings the programs; what all of them need is here and in c/kit.h.
//
// # A program
//
// A collector has its C source in a folder bpf, with a header of just the kernel's fields
// that it uses, and the object that was built of it, which is embedded. The object fits
// every kernel that describes its own types (BTF): fields are looked up when it is loaded.
// It is little-endian, for amd64 and arm64 alike. make generate builds all objects; a
// test builds them again and compares, where the compiler is the one of c/CLANG.
//
//	#include "kit.h"
//	#include "kernel.h"                        // struct task_struct { int tgid; } FIELDS; …
//
//	SEC("raw_tracepoint/sched_process_exit")   // attached by AttachTracepoints
//	int ended(u64 *args)
//	{
//		struct task_struct *task = (void *)args[0];
//		struct end e = {};                 // the layout is between program and collector
//
//		READ(e.pid, task->tgid);
//		emit(&e, sizeof(e));               // into the ring, or counted as lost
//		return 0;
//	}
//
// Its stack is 512 bytes. What is larger belongs into a map of one entry for each cpu,
// which only one program uses: the kernel runs a program at most once at a time on a cpu.
//
// # The reader
//
//	p, err := ebpf.Load(object, ebpf.Options{Ring: 1 << 20})   // *Refusal: use another source
//	r, err := p.Reader()
//	err = p.AttachTracepoints("sched_process_exit")            // records come from here on
//	for ready := r.Ready(ctx); ; {
//		select {
//		case err := <-ready:
//			err = r.Read(4096, func(record []byte) { … })      // what there is
//			lost, total := r.Lost()                            // a gap, and a look at the host
//			r.Resume()
//		case …
//		}
//	}
//
// The kernel's ring is the queue: it is written with one lock held for a moment, keeps the
// order of what happened, and drops the newest when it is full, which is counted. Programs
// wake the reader only when it waits: while records flow it looks every 10 ms, so that a
// record costs no wake-up, and it is woken early when the ring is a quarter full. Where
// nothing came in that time it sleeps until the first record wakes it. BenchmarkBurst of
// package process has what that costs: 20 µs for the three records of a program that ends
// at once, all of its events built. With batches of 5 ms it was 31 µs.
//
// A record that makes no event by itself can be put into the ring as a quiet one (put of
// c/kit.h): it waits for the next one that is not, or for Reader.Stir.
//
// # What is left out
//
// A program that includes c/choice.h leaves out events because of the user, the control
// group or the executable, as far as Choice was shown that a value is not wanted. A value
// is noted with the number of the settings. Other settings are another number: one store
// puts all notes out of force, so that there is no moment in which some of them are of
// the settings before. A program that runs in that moment acts on those before.
//
// # Pids and times
//
// Records have the kernel's own pids and times. Load refuses where the pids of procfs are
// others, as they are in a pid namespace. The clocks of a time namespace are ahead of the
// kernel's by clock.ReadAhead.
//
// # What it leaves behind
//
// Nothing: no program and no map is pinned to a file, so that all of it ends with its
// descriptors, also when the process is killed. Any number of processes may have the same
// programs at the same time.
//
// # What the kernel has to have
//
// Everything was tried on Linux 6.18 on amd64 only. By what they use, the programs need the
// kernel's description of its types (BTF), and at least
//
//	process.c  5.10  to run a program once, as Load does to know our pid
//	dns.c      5.10  the same
//	network.c  5.12  the cookie of a socket on a tracepoint; memory with a socket is of 5.11
//
// The ring, CAP_BPF and CAP_PERFMON are of 5.8. A field that some kernels do not have is
// looked for before it is read (EXISTS of c/kit.h). Where something lacks, or the verifier
// refuses a program, Load returns a Refusal with the reason, and the collector takes its
// next source.
//
// # Known limits
//
//   - A program that takes the kernel's numbers of types (tp_btf) has the library read all
//     types. That is garbage of the start: when it has been collected the heap of the
//     network collector holds 0.6 MiB, and 4.1 MiB of its memory are its own, of which 3.0
//     are so without the program. What takes numbers in its code (bpf_core_type_id_kernel),
//     or compares what pointers lead to (bpf_core_type_matches), is not loaded right, and
//     not used here.
//   - Before Linux 5.11 the maps count against RLIMIT_MEMLOCK.
//   - A record that was reserved, and is not finished, is waited for: programs write
//     theirs in one piece, so that this takes a moment.
package ebpf
