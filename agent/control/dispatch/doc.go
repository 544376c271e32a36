// Package dispatch carries out operations: it is the side of the control protocol that
// answers. See package control and its PROTOCOL.md for the envelopes.
//
// A Dispatcher is a table of handlers, one for each operation, and Respond is a
// router.Responder that calls them. It promises to each caller:
//
//   - Every request gets an answer in an envelope, whatever its bytes are.
//   - An operation does not begin after its deadline.
//   - A request with the id of an earlier one is not carried out again. It gets the
//     same answer, also while the first one is being carried out. That holds for
//     Keep after the answer, and for the newest MaxIDs ids of a caller.
//   - Operations that change the same target are carried out one after the other, in
//     the order of their arrival. Each caller gets the outcome of its own.
//   - An operation that has begun is carried out to its end or its deadline, also
//     when its caller has gone: the caller may ask again for the answer.
//
// # What it keeps
//
// It keeps at most MaxCallers callers with MaxIDs answers and MaxBytes bytes each. Where
// more come, the oldest answers are forgotten, and a repeated request is carried out
// again: MaxIDs bounds what a caller can rely on.
package dispatch
