// Command corrillo is the chat server and its tools: the composition root
// that reads the settings, builds the parts, wires them, runs them and stops
// them in order. One file holds one command; cli.go lists them.
package main

import (
	"fmt"
	"os"
)

func main() {
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "corrillo:", err)
		os.Exit(1)
	}
	os.Exit(run(os.Args[1:], &program{
		dir: dir, environ: os.Environ(), in: os.Stdin, out: os.Stdout, err: os.Stderr,
	}))
}
