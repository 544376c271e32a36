// Package output sends alerts and chosen messages to receivers: files, syslog, the
// journal of systemd, webhooks, NATS JetStream. An output is a Spec: a name, topics, a
// least level, and a sink. Manager runs all outputs of an agent.
//
// # Where an output reads
//
// Alerts come from the Source, the journal of alerts on disk, by a cursor that the
// journal keeps for each output. They never come from the bus, because what a queue
// drops is gone. Everything else (events, say) comes from a subscription of the bus,
// which is bounded and in memory.
//
// # The way of an alert
//
//  1. A worker reads records behind its cursor, and leaves out those that its Spec does
//     not want, and alerts that are silenced. [goroutine of the output]
//  2. What is secret in them is replaced (Spec.Redact). [same]
//  3. The batch goes to the sink until the sink has taken all of it. After a failure the
//     worker waits, longer each time and with jitter, or as long as the receiver asks
//     for. From the fifth failure on it tries with one item only. [same]
//  4. The cursor moves behind what the sink has taken. [same]
//
// # Guarantees
//
//  1. At least once: the cursor passes an alert only after the sink has taken it, or
//     after the receiver took the notice that it will not get it.
//     (TestNothingIsLostWhileAReceiverFails, TestAStopBetweenSendAndCursorSendsAgain)
//  2. Order: alerts leave in the order of the journal, messages in that of the bus. No
//     batch overtakes another. The two kinds take turns.
//  3. The bound of an alert is the retention of the journal, of a message the queue of
//     the subscription. What falls out is counted, and a notice in its place tells the
//     receiver the number. (TestWhatFellOutOfTheJournalIsAnnounced, TestALostMessageIsAnnounced)
//  4. An item that the receiver refuses again and again is replaced by a notice, if the
//     receiver takes that. One that takes neither blocks its own output only, and loses
//     nothing. (TestARefusedItemIsReplacedByANotice, TestAReceiverThatNeverTookAnythingLosesNothing)
//  5. No output waits for another one. (TestADeadOutputDelaysNobody)
//  6. No error, status, log or notice has a secret of the output itself (Spec.Mask), also
//     where a receiver repeats it. (TestNoErrorOfASinkHasASecret)
//  7. Apply loses nothing: an output that changed goes on at its cursor, and its
//     subscription stays. (TestApplyUnderLoadLosesNothing)
//
// # What may not be assumed
//
//   - That an item comes once. Item.ID is the same each time that it is sent, so that a
//     receiver can leave out repetitions.
//   - That messages (not alerts) survive the end of the agent: what waits in memory when
//     it ends is lost without a notice.
//   - Any order between alerts and messages.
//   - Any order between what was raised before the agent started and after it, where the
//     journal cannot be read at the start: an output sends what is raised meanwhile, and goes
//     on at its cursor when that is known. Nothing is skipped, and health has it until then.
//     Silences are not known either. An output that changes meanwhile sends again what was
//     raised since the start. (TestAnOutputSkipsNothingWhereTheJournalCannotBeReadAtItsStart)
//   - That a sink which does not return takes nothing: what it takes in the end is sent again.
//
// # Faults, and the test of each
//
//	a receiver is down for an hour       webhook.TestAReceiverThatIsDownForAnHour
//	  for hours, beyond the bound        stored.TestHoursOfOutage (days in make soak)
//	it is slow                           webhook.TestAReceiverThatIsSlow
//	it answers 429 with Retry-After      webhook.TestWhatAnAnswerMeans, TestAReceiverGetsTheTimeThatItAsksFor
//	it answers 500, 503, 4xx             webhook.TestWhatAnAnswerMeans
//	it redirects                         webhook.TestRedirectsStayWithTheReceiver
//	it hangs, before or after a header   webhook.TestAReceiverThatHangs
//	it repeats secrets                   sinks.TestNoOutputShowsItsSecrets
//	a peer of syslog closes, or resets   syslog.TestAReceiverThatClosesInOrderGetsNothingTwice,
//	                                     syslog.TestAReceiverThatIsKilledLosesNothing
//	a server of NATS is killed           nats.TestAServerThatIsKilledLosesNothing
//	the journal of systemd restarts      journald.TestAJournalThatRestartsOrDoesNotRead
//	a disk is full                       file.TestAFullDiskLosesNothing
//	a sink does not return               TestASinkThatDoesNotReturnDelaysNoStop
//	the journal cannot be read           TestAJournalThatCannotBeReadIsReadLater
//	  at the start                       TestAnOutputSkipsNothingWhereTheJournalCannotBeReadAtItsStart
//	outputs come and go under load       TestApplyUnderLoadLosesNothing, agent.TestOutputsFollowReloads
//	a silence ends during a restart      stored.TestASilenceThatEndsDuringARestart
package output
