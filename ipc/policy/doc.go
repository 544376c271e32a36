// Package policy decides which processes may connect to a server of package ipc,
// and what each of them may do there. SameUser is the default, and Rules is a policy made
// of data. A Policy of your own sees each client as the kernel knows it, and may grant
// Rights.
package policy
