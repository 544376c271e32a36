// Package nats is the sink that publishes to a stream of NATS JetStream.
//
// The subject is SUBJECT.TOPIC, such as daemoneye.alerts.high or
// daemoneye.events.process.lifecycle, and daemoneye.outputs.notice for what the output
// itself reports. The payload is the body. Headers: Nats-Msg-Id is the ID of the item,
// for alerts the id of the alert, a hyphen and the number in the journal; Daemoneye-Kind
// is alert, update, message or notice; Daemoneye-Level is the level of an alert.
//
// # The stream
//
// The sink makes no stream: it belongs to whoever runs the log. It needs one that takes the
// subjects, such as
//
//	nats stream add DAEMONEYE --subjects 'daemoneye.>' --storage file --replicas 3 \
//	    --retention limits --discard old --max-age 30d --dupe-window 1h --defaults
//
// Within the window for duplicates JetStream leaves out what is sent again. A window that
// is longer than an outage of the stream keeps its messages unique. The user needs
// permission to publish daemoneye.> and to subscribe to _INBOX.>.
//
// # Guarantees
//
//  1. What Send has counted as taken, JetStream has acknowledged: the stream has it.
//     (TestAServerThatIsKilledLosesNothing)
//  2. Messages of one Send are published in order, and all of them before the first
//     acknowledgement is waited for. If the stream rejects one in the middle, those
//     behind it may be in the stream before it. A batch of 1 rules that out.
package nats
