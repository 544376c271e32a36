// Package strictjson decodes the JSON objects that peers send: hello, welcome and
// the specification of a subscription. It takes one reading of JSON and refuses
// what others read differently, because a filter that two sides understand in two
// ways is a hole. It knows nothing of frames and topics, and it writes no JSON:
// encoding/json does that.
//
// # What is accepted
//
//   - One object in valid UTF-8, with white space around it or without, of at most
//     Options.MaxBytes bytes and Options.MaxDepth objects and lists inside each
//     other.
//   - Keys in exactly the case of the struct's json tags. A key stands once in its
//     object. A key that the struct does not have is an error, unless
//     Options.IgnoreUnknown means that it is skipped; what is skipped must be JSON
//     too, without doubled keys.
//   - Integers without fraction or exponent, within the range of the field: 1.0 and
//     1e2 are refused.
//   - Strings whose escapes are characters: half of a surrogate pair is refused.
//   - null in the place of a field's value, which counts as an absent key. In lists
//     and maps it is refused.
//
// # What may not be assumed
//
// The decoder knows structs, pointers, strings, booleans, integers, slices, and maps
// with string keys. A type with a method UnmarshalText takes a string. json.RawMessage
// keeps the text of any value, which is checked like all others: no key stands twice in
// it. Another type in the struct is a mistake of the caller, and panics. The struct is filled as far as the text was good: after an error it is
// not to be used.
//
// Memory is in proportion to the text: a list of empty strings takes the most, some
// sixteen bytes for one of text (TestMemoryIsInProportionToTheText).
//
// # Errors
//
// Every error is an *Error with the path of the key, the offset, and the problem in
// words that a client's author understands, in whatever language the client is
// written.
package strictjson
