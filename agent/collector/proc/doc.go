// Package proc reads processes from procfs: one at a time, all about it, in a way that
// suits a process which may end at any moment.
//
// What could not be read is flagged and never guessed. Where procfs hides processes of
// other users (mount option hidepid) they look as if there were none; without
// CAP_SYS_PTRACE their executables are unread. Hides reports both.
package proc
