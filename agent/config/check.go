package config

// relations holds what is between two keys.
func (l *loader) relations(c *Config) {
	memory, message := keys.byName["broker.max_memory_bytes"], keys.byName["broker.max_message_size"]
	if c.Broker.MaxMemoryBytes < c.Broker.MaxMessageSize {
		l.fail(ErrConflict, l.origins[memory.Name], memory.Name, " is %s, want at least %s, which is %s",
			memory.Text(c), l.name(message), message.Text(c))
	}
}

// name is that of a key in the words of whoever chose its value.
func (l *loader) name(k *Key) string {
	if o := l.origins[k.Name]; o.Name != "" {
		return o.Name
	}
	return k.Name
}
