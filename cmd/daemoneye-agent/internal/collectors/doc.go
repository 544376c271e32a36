// Package collectors has the commands about collectors, and the table of the collectors
// that this program is made of. The agent starts each as the hidden command collector.
package collectors
