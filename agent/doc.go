// Package agent is the whole that runs on a host: a broker with its socket, the
// collectors and their manager, and the responders that operators ask. It only wires
// its parts together.
//
// Run starts the socket, then the broker on it, the store of alerts, detection, the
// agent's own responders, and the collectors. It stops them in reverse: it ends the
// collectors and routes what they have sent, detection looks at what is queued, the store
// writes what it has, the responders are closed, the broker writes out what is queued,
// and the socket is closed. When the broker ends by itself everything else ends too, and
// Run returns the reason.
//
// # Who may do what
//
// The socket is open to the agent's user and to root, and to the users of external
// collectors. The agent identifies a collector by its process, which the kernel names, and
// not by what the collector claims; an external one by its user and its program. A
// collector publishes its own events and its health. Every other client is an operator:
// it sees everything, publishes events and alerts, and sends requests. Only the agent
// publishes below control. See package access.
//
// # Where it is in its life
//
// The agent is loading until each collector that it starts has registered. Then it is
// ready, asks the collectors to begin, and is steady until it is shutting down. Where a
// collector ends before, or does not register in time, the start has failed: the others
// go on, and the agent becomes ready when that one has registered after all. Each state
// is published and retained on control.agent.orchestration. See package lifecycle.
//
// A part of the agent is judged by its check, which is registered under its name; see
// package health.
//
// # What it logs
//
// At warn:
//   - "collector ended": a collector ended that was not asked to, or it did not
//     register in time and was stopped. exit is how it ended, restart_in the time
//     until it is started again.
//   - "collector does not respond": three heartbeats in a row were missed. The manager
//     asks for its health, and ends it when no answer comes.
//   - "collector killed": it did not end in time after it was asked to; reason is why
//     it had to end.
//   - "collector cannot be killed": it was killed, and its process is there still, as
//     one that waits for a disk.
//   - "collector takes too much": it is above a limit of the configuration. It is
//     restarted when it stays above it.
//   - "collector did not go back to the settings before": another collector did not take
//     its settings at a reload, and this one is restarted with those of before.
//   - "gap not announced": the broker did not take the announcement of what a collector
//     missed.
//   - "detection lost events": its queue was full. It is logged once a minute at most.
//   - "event dropped by detection": an event claims to be of a type that its sender cannot
//     have; from is who that is. It is logged once a minute at most.
//   - "rule not loaded": a file of rules has a mistake, or cannot be read.
//   - "rules of a file stay as they were": it has a mistake now, and had none before.
//   - "files of rules are not watched, and read at intervals": err is the reason. It is tried
//     again.
//   - "alert not published": it is in the journal, and the bus did not take it.
//   - "an output does not work": its fifth attempt in a row has failed; err is the reason.
//   - "alerts fell out of the journal before an output could send them": it was behind for
//     longer than the journal keeps them. The receiver gets a notice.
//   - "an output cannot go on where it was": the journal of alerts could not be read since
//     the start. The output sends what is raised, and older alerts when it can be read.
//   - "an output lost messages": the queue of its subscription was full.
//   - "a receiver refuses an item": a notice has taken its place.
//   - "output not closed": err is the reason.
//   - "alert store: …": what the store found and mended when it was opened or checked, such as
//     damaged segments, lines that are missing, an index that was made again; and old segments
//     that could not be removed.
//   - "alerts are not kept": there is no folder for them, because the user has no home.
//   - "configuration": a variable has the agent's prefix, and no key has that name.
//   - "host id": none could be derived or kept, so that the next start has another.
//   - "socket lost": the socket was removed, or another file has its place; err shows
//     whether it is bound anew, or what is in the way.
//   - "metrics": serving them has ended; a reload with another address begins again.
//   - "service manager": a variable of its protocol is wrong; the agent does without.
//   - "nobody subscribes": once, when after a minute there is no subscription but
//     those of the agent and its collectors.
//
// At error:
//   - "alert store: alerts go on in memory": the data directory cannot be written, or does not
//     answer. hint is what to do. When that is over it is logged at info.
//   - "alert store: the index is out of use": queries read the journal until it is made again.
//   - "alert store: the data directory was removed": it is made again, without the alerts.
//   - "detection ended": its subscription has ended while the agent runs.
//   - "configuration rejected": a reload found mistakes, and nothing changed.
//   - "configuration refused": a collector did not take its settings at a reload, and
//     nothing changed.
//   - "collector given up": it ended too often in a row. It is tried again after
//     tried_again_in, or at once when an operator restarts it.
//
// At info it logs what collectors write to their standard error, a change of the
// "health" with its reason, "agent stood still" where it got no processor for more than a
// second (heartbeats that were missed meanwhile do not count), "task begun again" where a
// collector died of it, and a line "statistics" with the main figures, at the interval of the
// configuration. There is nothing else at warn or above: Run returns what ends the agent,
// and what a client did wrong is answered with an error to that client and counted in the
// statistics.
package agent
