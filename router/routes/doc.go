// Package routes finds the subscriptions that a topic reaches. Index has all subscriptions,
// Table caches a Route for each topic, and Topics caches what one session may publish on.
// Nothing of this is for more than one goroutine, which is the routing thread.
package routes
