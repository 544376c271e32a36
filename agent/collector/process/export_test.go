package process

// For the external tests.
var (
	ErrNoAnswer = errNoAnswer
	Unavailable = unavailable
)
