// Package hostile is a battery of hostile clients. Each attacks an agent in a process of
// its own, over its socket and with frames made by hand, and the test asserts what the
// agent's promises are worth then:
//
//	memory        its anonymous memory stays within max_memory and 48 MiB, and what it
//	              charges to its clients within max_memory; when they have gone it is
//	              given back, to 16 MiB above what it had before
//	conservation  what was matched was delivered, was dropped or is queued
//	work          what was inflated was inflated once
//	others        another client waits for at most 50 ms, and gets in
//
// These are the attacks, and the tests in other packages that count the work that each
// makes, which this package cannot see from outside:
//
//	messages of a few bytes that inflate to a megabyte
//	    for many subscriptions     TestMessagesThatInflate; router/broker: TestAMessageIsInflatedOnceForAll
//	    retained, replayed         TestThePastThatInflates; router/broker: TestRetainedValuesAreInflatedAsTheyAreTaken
//	    requests and replies       TestRequestsThatInflate, TestRepliesThatInflate
//	conflating subscriptions and topics
//	                               TestConflatedTopics; router/broker: TestConflatedTopicsAreWithinTheLimit
//	topics and subscriptions that a route lists
//	                               TestCachesOfTopics (the memory is given back, too)
//	subscriptions with a replay of many topics
//	                               TestReplayOfManyTopics; router/store: TestCollectVisitsOnlyWhatMatches
//	full memory, thousands of subscriptions
//	                               TestFullMemory; router/broker: TestFullMemoryVisitsFewQueues
//	full memory, of the past       TestSlotsOfQueues; router/broker: TestMemoryThatIsFullOfThePastVisitsFewQueues
//	retained values of a thousand clients
//	                               TestValuesOfManyOwners; router/store: TestManyOwnersCostLittle
//	globs that look at every message
//	                               TestGlobsThatMatchNothing; ipc: TestFilterWorkOfATurnIsBounded
//	slots of queues                TestSlotsOfQueues; router/broker: TestWhatIsKeptIsCharged
//	patterns, filters and what they are compiled to
//	                               TestPatternsAndFilters; router/broker: TestSubscriptionsHaveAShareOfTheMemory
//	sockets that take a part       TestWritesUnderWay
//	answers that nobody reads      TestAnswersThatNobodyReads; ipc/internal/server: TestAnswersThatAreNotTakenAreBounded
//	connections without a hello    TestSlowHandshakes; ipc: TestSlowHandshakesLeaveRoom
//	a house full of idle clients   TestAHouseFullOfIdleClients; agent: TestAFullHouseLocksNobodyOut
//
// make test runs a short form of each, which asserts memory, conservation and work: they
// depend on no machine's speed. make soak runs the long forms, and asserts times as well.
// Beside the agent under attack there is another one then, which nobody attacks. The same
// client measures both of them, by an alert to itself each 20 ms. When it waits for more
// than 10 ms without an attack, or other processes have a tenth of the machine, times are
// not measurable. The processor time that a thread of the agent takes while the client
// waits is measurable also then, and has the same bound.
package hostile
