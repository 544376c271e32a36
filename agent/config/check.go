package config

// relations holds what is between two keys.
func (l *loader) relations(c *Config) {
	memory, message := keys.byName["broker.max_memory_bytes"], keys.byName["broker.max_message_size"]
	if c.Broker.MaxMemoryBytes < c.Broker.MaxMessageSize {
		at := l.origins[memory.Name]
		l.fail(ErrConflict, at, memory.Name, " is %s, want at least %s, which is %s",
			memory.Text(c), message.called(at), message.Text(c))
	}
}

// called is the key's name as the source o spells it.
func (k *Key) called(o Origin) string {
	switch {
	case o.Layer == LayerFlag && k.Flag != "":
		return "--" + k.Flag
	case o.Layer == LayerEnvironment:
		return k.Env
	}
	return k.Name
}
