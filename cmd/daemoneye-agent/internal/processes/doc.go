// Package processes has the commands that show the processes of the host as the running
// agent knows them: its process collector's table, and not /proc.
package processes
