package life

import "time"

// State is where a collector is in its life.
type State uint8

// The states.
const (
	Stopped State = iota
	Starting
	Running
	Paused
	Unresponsive
	Stopping
	Killing
	Stuck
	Waiting
	GaveUp
	Absent // an external one that is wanted, and not registered
)

var stateNames = [...]string{
	Stopped: "stopped", Starting: "starting", Running: "running", Paused: "paused", Unresponsive: "unresponsive",
	Stopping: "stopping", Killing: "being killed", Stuck: "cannot be killed", Waiting: "waiting to restart",
	GaveUp: "gave up", Absent: "absent",
}

func (s State) String() string { return stateNames[s] }

// Wish is what a collector is to be.
type Wish uint8

// The wishes.
const (
	ToStop Wish = iota
	ToRun
	ToPause
)

// Kind is what happened.
type Kind uint8

// The kinds of events. Behind each stands which fields of Event it has.
const (
	Tick          Kind = iota // time has passed
	Wished                    // somebody wants it to be Wish; Operator, Within
	RestartWished             // somebody wants a new process; Reason, Operator
	KillWished                // somebody wants it ended at once
	Spawned                   // its process runs
	NotSpawned                // its process could not be started; Reason
	Exited                    // its process ended; Reason, Refused
	Registered                // it is ready; Paused
	Deregistered              // it announced its end, or its connection has ended; Reason
	Beaten                    // its heartbeat came; Paused, Collecting
	Answered                  // it answered a call; Call
	NotAnswered               // it did not, or with an error; Call, Reason
	Exceeded                  // it takes more than it may; Reason
)

// Event is something that happened to a collector.
type Event struct {
	Kind       Kind
	Wish       Wish
	Reason     string
	Operator   bool // a person wants it
	Refused    bool // its exit status means that the agent refused it for the moment
	Paused     bool // it reports that it is paused
	Collecting bool // it has emitted something since it began to collect
	Call       uint64
	// Within bounds the time that it may take to end; 0 is StopTimeout.
	Within time.Duration
}

// Do is what is to be done.
type Do uint8

// The actions. Behind each stands which event answers it, if one does.
const (
	Spawn     Do = iota // Spawned or NotSpawned, later Exited
	Check               // ask for its health, within Wait: Answered or NotAnswered, with Call
	Pause               // as Check
	Resume              // as Check
	Terminate           // ask its process to end: Exited
	Kill                // Exited
	Note                // from its last event on, events are missed
	Announce            // what was noted is over
	Forget              // what was noted is over, and the collector announces it itself
	WarnEnded           // it ended without being asked to: it starts again after Wait
	WarnGaveUp
	WarnSilent // it missed its heartbeats
	WarnKilled // it did not end in time, and is killed
	WarnStuck  // it was killed, and is there still
)

// Action is one thing to do. Reason is why.
type Action struct {
	Do     Do
	Reason string
	Wait   time.Duration
	Call   uint64
}
