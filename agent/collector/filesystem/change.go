package filesystem

import (
	"github.com/daemoneye/eventbus/agent/event"
)

// change is what a source saw of one name in a directory. Paths are as we see them.
type change struct {
	operations event.FileOperations
	path       string
	previous   string // before a rename; empty where it is not known
	directory  bool   // it is one
	closed     bool   // somebody closed it who could write
	left       bool   // it left the trees with everything below it
	pid        uint32 // who did it; 0 where the source does not know
	pidfd      int    // of that process; -1 for none
	found      bool   // no record came: it was found by looking
}

// mainOperation returns the operation that shows most about a set. exists reports whether
// the file is there now, which tells a file that was deleted and made anew from one that
// was made and deleted.
func mainOperation(s event.FileOperations, exists bool) event.Operation {
	order := [...]event.Operation{event.OpRename, event.OpDelete, event.OpCreate, event.OpModify, event.OpAttributes}
	if exists {
		order = [...]event.Operation{event.OpRename, event.OpCreate, event.OpModify, event.OpAttributes, event.OpDelete}
	}
	for _, o := range order {
		if s.Has(o) {
			return o
		}
	}
	return 0
}
