package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// roleVariable makes this program one of the processes of an experiment.
const roleVariable = "EXPERIMENT_ROLE"

// child is a process of an experiment. It takes commands as lines on its
// standard input and answers each with a line of JSON on descriptor 3, since
// libraries print on its standard output. It ends when its input does, so that
// none is left behind.
type child struct {
	cmd    *exec.Cmd
	in     *os.File
	out    *bufio.Reader
	errors *bytes.Buffer // its standard error
	ended  chan struct{}
}

var children []*child

// start runs this program again in a role.
func start(role string, args ...any) *child {
	self, err := os.Executable()
	must(err)
	c := &child{cmd: exec.Command(self, texts(args)...), errors: new(bytes.Buffer), ended: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role)
	c.cmd.Stderr = c.errors
	inRead, inWrite, err := os.Pipe()
	must(err)
	outRead, outWrite, err := os.Pipe()
	must(err)
	c.cmd.Stdin, c.cmd.ExtraFiles = inRead, []*os.File{outWrite}
	c.in, c.out = inWrite, bufio.NewReaderSize(outRead, 1<<20)
	must(c.cmd.Start())
	inRead.Close()
	outWrite.Close()
	go func() {
		c.cmd.Wait()
		close(c.ended)
	}()
	children = append(children, c)
	c.ask(nil, "ready")
	return c
}

// ask sends a command and waits for its answer, which it puts into reply.
func (c *child) ask(reply any, verb string, args ...any) {
	must2(fmt.Fprintln(c.in, strings.Join(append([]string{verb}, texts(args)...), " ")))
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		panic(fmt.Sprintf("%s: the process has ended: %s", verb, head(c.errors.String())))
	}
	if reply != nil {
		must(json.Unmarshal(line, reply))
	}
}

func (c *child) signal(s syscall.Signal) { must(c.cmd.Process.Signal(s)) }

func (c *child) kill() {
	c.cmd.Process.Kill()
	<-c.ended
}

func endChildren() {
	for _, c := range children {
		c.kill()
		c.in.Close()
	}
	children = nil
}

// role answers one command of the parent's. The answer is written as JSON.
type role func(verb string, args []string) any

// serveRole is the main function of a child.
func serveRole(name string, args []string) {
	answer := map[string]func([]string) role{
		"member": newMember, "receiver": newReceiver, "sender": newSender, "idle": newIdle,
	}[name](args)
	replies := os.NewFile(3, "replies")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		var reply any
		if words[0] != "ready" {
			reply = answer(words[0], words[1:])
		}
		text, err := json.Marshal(reply)
		must(err)
		must2(replies.Write(append(text, '\n')))
	}
}

// usage is what a process has taken so far.
type usage struct {
	CPU  float64 // seconds
	RSS  int     // KiB
	Heap int     // KiB, after a collection
}

// freePorts returns ports that nothing listens at.
func freePorts(n int) []int {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(err)
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// eventually waits until the condition holds, and says how long that took.
func eventually(limit time.Duration, condition func() bool) (time.Duration, bool) {
	started := time.Now()
	for !condition() {
		if time.Since(started) > limit {
			return time.Since(started), false
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(started), true
}

// head is the first line of a panic, or of anything.
func head(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}

func texts(args []any) []string {
	list := make([]string, len(args))
	for i, a := range args {
		list[i] = fmt.Sprint(a)
	}
	return list
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	must(err)
	return n
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func must2[T any](_ T, err error) { must(err) }
