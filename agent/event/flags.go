package event

import "iter"

// Flags state in which way an event is incomplete, so that nobody takes a guess
// for an observation.
type Flags uint64

// The flags. A field whose flag is set is absent to a rule. Only with
// ImageInherited does it hold something: see View.Inherited.
const (
	NameUnread           Flags = 1 << iota // process name
	ExecutableUnread                       // path of the executable
	CommandLineUnread                      // command line and arguments
	UserUnread                             // user and group
	ParentUnread                           // name, executable and command line of the parent
	DirectoryUnread                        // working directory
	ImageInherited                         // gone before it could be read: unread fields are from before the exec, so of its parent as a rule
	CommandLineTruncated                   // longer than MaxCommandLine
	StartTimeEstimated                     // start ticks were computed from the fork; a tick or two off at most
	ExitStatusUnknown                      // exit code and signal
	TimeApproximate                        // the time is that of a look at /proc; it happened before
	Inferred                               // no report came: found by comparing with /proc after a loss
	KernelThread                           // has neither executable nor command line, by nature
	ExecutableDeleted                      // another file has the path of the executable by now, or none
	LoginUnread                            // user who logged in
	CgroupUnread                           // container and unit
	AncestorsUnread                        // the ancestors end early: the next one is not known
	UserNameUnread                         // name of the user, where its number is known
	LoginNameUnread                        // name of the user who logged in, where its number is known
	TextTruncated                          // another text than the command line was longer than its bound
	FieldsDropped                          // a foreign event had more fields than are kept
	DirectoryDeleted                       // the working directory was removed
	HashUnread                             // hash of the program
	Redacted                               // a part of a text was replaced, as the configuration asks
)

// inheritable are the flags of fields that hold something with ImageInherited.
const inheritable = NameUnread | ExecutableUnread | CommandLineUnread | UserUnread | DirectoryUnread | LoginUnread | CgroupUnread

var flagNames = [...]string{
	"name_unread",
	"executable_unread",
	"command_line_unread",
	"user_unread",
	"parent_unread",
	"working_directory_unread",
	"image_inherited",
	"command_line_truncated",
	"start_time_estimated",
	"exit_status_unknown",
	"time_approximate",
	"inferred",
	"kernel_thread",
	"executable_deleted",
	"login_unread",
	"cgroup_unread",
	"ancestors_unread",
	"user_name_unread",
	"login_name_unread",
	"text_truncated",
	"fields_dropped",
	"working_directory_deleted",
	"hash_unread",
	"redacted",
}

// Has reports whether every flag of want is set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// Names yields the names of the flags that are set, as JSON has them. Flags that
// this version does not have are left out.
func (f Flags) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i, name := range flagNames {
			if f&(1<<i) != 0 && !yield(name) {
				return
			}
		}
	}
}
