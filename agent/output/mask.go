package output

import "errors"

// maskedError is an error of a sink without the secrets of the output in its text. It can
// be compared by errors.Is, and what it hides cannot be reached.
type maskedError struct {
	text string
	of   error
}

func (e *maskedError) Error() string        { return e.text }
func (e *maskedError) Is(target error) bool { return errors.Is(e.of, target) }

// masked returns err without what mask takes out of its text.
func masked(err error, mask func(string) string) error {
	if err == nil || mask == nil {
		return err
	}
	var refused *RefusedError
	if errors.As(err, &refused) {
		return &RefusedError{Reason: mask(refused.Reason)}
	}
	var delay *DelayError
	if errors.As(err, &delay) {
		return &DelayError{After: delay.After, Err: masked(delay.Err, mask)}
	}
	if text := mask(err.Error()); text != err.Error() {
		return &maskedError{text, err}
	}
	return err
}
