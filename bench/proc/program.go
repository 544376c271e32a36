package proc

import "context"

// Program is a program that has roles, by the path of its file; empty is the calling
// program. It may be of another commit: the messages between it and its parent are
// kept, see the documentation of the package.
type Program string

// Start runs the calling program again, as role, and gives it args. The process ends
// with Stop, when ctx ends, or when the caller's process dies, whatever comes first.
func Start(ctx context.Context, role string, args any) (*Process, error) {
	return Program("").Start(ctx, role, args)
}

// Start runs the program as role, as the function of the same name does.
func (g Program) Start(ctx context.Context, role string, args any) (*Process, error) {
	return start(ctx, g.path(), role, args)
}

func (g Program) path() string {
	if g == "" {
		return "/proc/self/exe"
	}
	return string(g)
}
