// Package redact replaces secrets in what leaves the host: passwords in command lines, in
// URLs and in environments, headers with credentials, keys of well-known forms.
//
// A Redactor reads JSON. It looks at each text value, leaves names, numbers and the
// structure as they are, and replaces the secret part by [redacted], no more of the text. Where it
// replaced something, the object gets a last member redacted: the list of what was
// touched, such as process.command_line. What a rule says of itself is left as it is,
// because it is no observation.
//
// testdata/cases.txt has what is replaced and what is not, case by case.
//
// # Guarantees
//
//  1. The result is JSON with the same structure. (FuzzRedact)
//  2. The time is linear in the length: the names of secrets are found in one pass, and every
//     other pattern is an expression of package regexp, which are linear.
//
// # What may not be assumed
//
// That no secret is left. A password that stands alone (an argument without a name), or that a
// program takes under a name of its own, looks like any other word. Patterns of the
// operator's own add what the defaults do not know.
package redact
