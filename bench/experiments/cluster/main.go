package main

import (
	"fmt"
	"os"
	"slices"
	"time"
)

type experiment struct {
	name string
	says string
	run  func()
}

// experiments are run in this order when no name is given.
var experiments = []experiment{
	{"join", "grains that live twice while a member joins", join},
	{"passivate", "tells to grains that have gone to sleep", passivate},
	{"poll", "one health poll that fails", poll},
	{"freeze", "a member that is stopped for ten seconds", freeze},
	{"kill", "messages in flight when a member dies", kill},
	{"unknown", "what one foreign message does to the process that gets it", unknown},
	{"memory", "three idle peers", memory},
	{"down", "a peer that is not there for 5 and for 20 s", down},
	{"hole", "a peer that takes connections and says nothing for 30 s", hole},
	{"silent", "a connection that was forgotten on the way", silent},
	{"cut", "a connection cut with 10,000 messages under way", cut},
	{"port", "who may speak at the port, and beside whom", port},
	{"speed", "300 bytes, one direction, two processes", speed},
}

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		serveRole(role, os.Args[1:])
		return
	}
	names := os.Args[1:]
	for _, name := range names {
		if !slices.ContainsFunc(experiments, func(e experiment) bool { return e.name == name }) {
			fmt.Fprintln(os.Stderr, "there is no experiment", name)
			os.Exit(2)
		}
	}
	for _, e := range experiments {
		if len(names) > 0 && !slices.Contains(names, e.name) {
			continue
		}
		fmt.Printf("\n== %s: %s\n", e.name, e.says)
		started := time.Now()
		e.run()
		endChildren()
		fmt.Printf("   (%.0f s)\n", time.Since(started).Seconds())
	}
}
