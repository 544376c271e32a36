// Package broker is the engine: the routing thread, sessions of clients, routes, queue
// groups, requests, retained values, replay, limits and counters. Programs use it
// through package router; package ipc attaches its connections as sessions.
package broker
