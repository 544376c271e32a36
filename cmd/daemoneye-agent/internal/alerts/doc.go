// Package alerts has the commands about alerts: alerts list, show, ack and so on.
//
// Each is one request to the agent, see package agent/alert/desk. Those that change nothing
// read the data directory themselves where no agent runs. tail is a subscription.
package alerts
