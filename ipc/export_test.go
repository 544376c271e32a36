package ipc

// Writes returns how often c has written something.
func Writes(c *Client) uint64 { return c.c.Writes() }

// Live returns how many bytes of buffers c holds.
func Live(c *Client) int64 { return c.c.Live() }
