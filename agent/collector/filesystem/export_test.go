package filesystem

import "context"

// Looking returns how many new directories c, which runs, is to look into once more.
func Looking(ctx context.Context, c *Collector) (n int, err error) {
	err = c.door.Through(ctx, func(t *tracker) error {
		n = len(t.again)
		return nil
	})
	return n, err
}
