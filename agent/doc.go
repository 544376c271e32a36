// Package agent is the whole that runs on a host: a broker with its socket, the
// collectors and their manager, and the responders that tell operators how it
// all is. It only wires its parts together.
//
// Up in order: the socket, the broker on it, the agent's own responders, the
// collectors. Down in reverse: the collectors, what they have sent is routed,
// the responders, the broker, which writes out what is queued, the socket. When
// the broker ends by itself, so does everything else, and Run says why.
//
// # Who may do what
//
// The socket is open to the agent's user and to root. A collector is known by
// its process, as the kernel names it, not by what it says; it publishes its own
// events and its health. Everybody else is an operator: they see everything,
// publish events and alerts, and ask; only the agent says anything below
// control. See policy.go.
//
// # What it logs
//
// At warn:
//   - "collector ended": a collector ended that was not asked to, or did not
//     register in time and was stopped; exit says how, restart_in when it is
//     started again.
//   - "collector lost": one that runs has lost its connection to the agent, and is
//     being ended.
//   - "collector killed": it did not end within two seconds of being asked.
//   - "configuration": a variable has the agent's prefix, and no key has it.
//   - "host id": none could be derived or kept, so that the next start has another.
//   - "socket lost": the socket was removed, or another file has its place; err says
//     whether it is bound anew, or what is in the way.
//   - "nobody subscribes": once, when after a minute there is no subscription but
//     those of the agent and its collectors.
//
// At error:
//   - "configuration rejected": a reload found mistakes, and nothing changed.
//   - "collector given up": it ended too often in a row, and stays away until
//     the agent is started again.
//
// At info is what collectors write to their standard error, and at intervals a line
// "statistics" with the main figures, as the configuration says. There is nothing
// else at warn or above: what ends the agent is returned by Run, and what a
// client did wrong is told to that client and counted in the statistics.
package agent
