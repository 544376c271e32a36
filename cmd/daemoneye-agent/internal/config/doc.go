// Package config has the commands about the configuration.
package config
