// Package engine finds the Sigma rules that match an event.
//
// [New] compiles rules once. A [Matcher] is then given one event after the other, in
// its binary form, and returns the rules that match. What rules mean is defined by
// package sigma; the engine only is faster, and tests hold the two against each other.
//
//	rules ─► log source ─► atoms, trees ─► witnesses ─► index
//	         source.go     atom.go tree.go witness.go   affix.go grams.go short.go
//
//	event ─► fold fields ─► look in the index ─► candidates ─► evaluate trees
//	         values.go      affix.go grams.go    match.go      match.go ask.go
//
// # Why most rules cost nothing
//
// A rule has a witness: atoms of which one is true whenever the rule matches, such as
// the endings of Image under an and. The witnesses of all rules are in one index, and
// an event is looked up in it once. The rules of the witnesses that are found are the
// candidates; the others cannot match and are not looked at. A negation is never a
// witness. The few rules without one are evaluated for each event.
//
// The index of a field has a hash of endings and of beginnings (affix.go), numbers, and
// for texts inside of others one rare sequence of four bytes each behind a bitmap
// (grams.go), or the text itself where it is shorter (short.go). What it reports is
// exact, and so an atom that is in it costs one load where a tree asks for it, as does a
// list of such atoms. A common word that is no witness is not in it. A regular expression, a pattern and a comparison with case have
// guards: texts of which one is there if they match (guard.go). An expression is also
// looked for only in a text that is long enough and has the rarest run of bytes that it
// needs (runs.go). All other atoms are evaluated when a tree asks, the cheapest first, and
// once an event.
//
// What the index found in a text is remembered for a while (memo.go): programs, parents and
// folders come again and again.
//
// A look at the index of a field takes about as long as a rule that is evaluated, and so
// witnesses are chosen in few fields (witness.go). The others are looked at only when a
// rule asks.
//
// # What holds
//
//   - The engine finds what the rules mean: TestTheEngineFindsWhatTheRulesMean with
//     generated rules and events, TestTheEngineKeepsToTheGoldenCases, and
//     FuzzSigmaEngine.
//   - An event that no rule matches does not allocate (TestNoMatchDoesNotAllocate).
//   - The time for an event is linear in its size, for any rules.
//   - A rule that cannot match here, because nobody collects its log source or one of
//     its fields, is in [Engine.Inactive] with the reason.
//
// # What may not be assumed
//
// Keywords are looked for in every field with text or numbers: also in those that no rule
// names, which are read for them alone (keywords.go). Keywords that are numbers, patterns
// or compared with case do not share the index of other fields, and with one such rule
// loaded an event takes some 2 us more.
package engine
