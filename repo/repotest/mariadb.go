package repotest

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// The account of the private server's tests.
const (
	testUser     = "corrillo"
	testPassword = "p@ss/word" // to be percent-encoded, as real ones are
)

// Server is a private MariaDB: its own data in a temporary folder, a free
// port of 127.0.0.1 and a socket, durable like in production. Its methods are
// for one goroutine at a time.
type Server struct {
	dir  string
	port int
	args []string // of mariadbd, beyond those that all have
	// run is the process that is up, nil when there is none.
	run *process

	databases int
	mu        sync.Mutex // guards databases
}

// process is one run of mariadbd.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// shared is the one server that all tests of a process use, unless a test
// must have one that it can kill. It is a variable of the package because a
// test binary has one TestMain and many tests.
var shared struct {
	sync.Mutex
	running bool // within Main
	server  *Server
	err     error
}

// Main runs the tests of a package that calls MariaDB or Run, stops the server
// after them, if there is one, and exits the process. Call it from TestMain.
func Main(m *testing.M) {
	if !flag.Parsed() {
		flag.Parse()
	}
	// Every step of the model waits for a disk: a third of the usual number
	// of stories, unless another one was asked for.
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		if err := f.Value.Set("30"); err != nil {
			fmt.Fprintln(os.Stderr, "rapid.checks:", err)
		}
	}
	shared.Lock()
	shared.running = true
	shared.Unlock()
	code := m.Run()
	shared.Lock()
	if shared.server != nil {
		if err := shared.server.remove(); err != nil {
			fmt.Fprintln(os.Stderr, "stop MariaDB:", err)
			code = max(code, 1)
		}
	}
	shared.Unlock()
	os.Exit(code)
}

// MariaDB gives the URL (mysql://...) of a fresh, empty database on the
// process's shared server, which it starts when nobody has. The test fails
// when there is no MariaDB on this machine.
func MariaDB(tb testing.TB) string {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.running {
		tb.Fatal("call repotest.Main from TestMain: it stops the MariaDB that this test starts")
	}
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = newServer("")
	}
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.server.NewDatabase(tb)
}

// StartMariaDB starts a server for this test alone, to be killed and started
// again. It ends with the test.
func StartMariaDB(tb testing.TB) *Server {
	tb.Helper()
	return StartMariaDBIn(tb, "")
}

// StartMariaDBIn is StartMariaDB with the server's data inside of dir, and
// with more arguments for mariadbd.
func StartMariaDBIn(tb testing.TB, dir string, args ...string) *Server {
	tb.Helper()
	s, err := newServer(dir, args...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.remove(); err != nil {
			tb.Errorf("stop MariaDB: %v", err)
		}
	})
	return s
}

// NewDatabase makes a fresh database and gives its URL.
func (s *Server) NewDatabase(tb testing.TB) string {
	tb.Helper()
	url, err := s.CreateDatabase()
	if err != nil {
		tb.Fatal(err)
	}
	return url
}

// Admin opens a connection that may do anything, closed with the test.
func (s *Server) Admin(tb testing.TB) *sql.DB {
	tb.Helper()
	db, err := s.admin()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() }) // the server may have been killed
	return db
}

func (s *Server) admin() (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr = "root", "unix", s.socket()
	cfg.Logger = &mysql.NopLogger{}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// Kill ends the server at once, like a power cut would (SIGKILL).
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	if err := s.end(os.Kill); err != nil {
		tb.Fatalf("kill MariaDB: %v", err)
	}
}

// Stop ends the server in order.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	if err := s.end(terminate); err != nil {
		tb.Fatalf("stop MariaDB: %v", err)
	}
}

// Signal sends the server a signal that does not end it, such as the one that
// makes it stand still: then it returns when no thread of it runs any more.
func (s *Server) Signal(tb testing.TB, signal os.Signal) {
	tb.Helper()
	if err := s.run.cmd.Process.Signal(signal); err != nil {
		tb.Fatalf("signal MariaDB: %v", err)
	}
	for signal == syscall.SIGSTOP && !stopped(s.run.cmd.Process.Pid) {
		select {
		case <-tb.Context().Done():
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// stopped reports whether every thread of a process is stopped, or has ended.
func stopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, name := range threads {
		text, _ := os.ReadFile(name)
		if i := strings.LastIndex(string(text), ") "); i >= 0 && text[i+2] != 'T' {
			return false
		}
	}
	return true
}

// Restart starts the server again on the same data and port, and returns when
// it answers.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	if err := s.start(); err != nil {
		tb.Fatalf("restart MariaDB: %v", err)
	}
}

// Running reports whether the server has not ended, by itself or otherwise.
func (s *Server) Running() bool {
	if s.run == nil {
		return false
	}
	select {
	case <-s.run.exited:
		return false
	default:
		return true
	}
}

// Addr is host:port of clients.
func (s *Server) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

func (s *Server) socket() string { return filepath.Join(s.dir, "s") }

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// find looks a program up, also where only root's PATH has it.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if path := "/usr/sbin/" + name; fileExists(path) {
		return path, nil
	}
	return "", fmt.Errorf("%s is not on this machine: `make test` installs it (package mariadb-server)", name)
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func newServer(parent string, args ...string) (*Server, error) {
	s, err := bare(parent, args...)
	if err != nil {
		return nil, err
	}
	if err := s.install(); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	if err := s.startSomewhere(); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	if err := s.makeUser(); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// bare is a server without data, in a folder of its own inside of parent (the
// system's when empty).
func bare(parent string, args ...string) (*Server, error) {
	dir, err := os.MkdirTemp(parent, "corrillo-mariadb-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, args: args}
	if err := os.Mkdir(s.temp(), 0o700); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// install makes the data of a server that has never run.
func (s *Server) install() error {
	install, err := find("mariadb-install-db")
	if err != nil {
		return err
	}
	cmd := exec.Command(install, "--no-defaults", "--datadir="+s.data(), "--skip-test-db",
		"--auth-root-authentication-method=normal", "--user="+accountName())
	cmd.Env = s.environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadb-install-db: %w: %s", err, out)
	}
	return nil
}

// temp is the server's own folder for temporary tables: a server that starts
// removes what it takes for its leftovers, another server's too.
func (s *Server) temp() string { return filepath.Join(s.dir, "tmp") }

func (s *Server) environ() []string { return append(os.Environ(), "TMPDIR="+s.temp()) }

// startSomewhere takes a free port; somebody else may take it first.
func (s *Server) startSomewhere() (err error) {
	for range 5 {
		if s.port, err = FreePort(); err != nil {
			return err
		}
		if err = s.start(); err == nil {
			return nil
		}
	}
	return err
}

func (s *Server) makeUser() error {
	db, err := s.admin()
	if err != nil {
		return err
	}
	for _, q := range []string{
		"CREATE USER " + testUser + "@'%' IDENTIFIED BY '" + testPassword + "'",
		// Not everything: an administrator is not stopped by read_only.
		"GRANT ALL ON `test%`.* TO " + testUser + "@'%'",
	} {
		if _, err := db.Exec(q); err != nil {
			return errors.Join(fmt.Errorf("make the test user: %w", err), db.Close())
		}
	}
	return db.Close()
}

// start runs mariadbd and waits until it answers.
func (s *Server) start() error {
	path, err := find("mariadbd")
	if err != nil {
		return err
	}
	logPath := filepath.Join(s.dir, "error.log")
	args := []string{
		"--no-defaults", "--user=" + accountName(),
		"--datadir=" + s.data(), "--socket=" + s.socket(), "--pid-file=" + filepath.Join(s.dir, "pid"), "--log-error=" + logPath,
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(s.port), "--skip-name-resolve",
		"--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1",
		"--innodb-buffer-pool-size=256M", "--innodb-log-file-size=128M", "--max-connections=300",
		// The worst that a store may meet: another character set, and values
		// that do not fit are cut unless the session says otherwise.
		"--character-set-server=latin1", "--sql-mode=NO_ENGINE_SUBSTITUTION",
	}
	cmd := exec.Command(path, append(args, s.args...)...) //nolint:gosec // our own arguments
	cmd.Env = s.environ()
	p, err := run(cmd)
	if err != nil {
		return err
	}
	if err := s.await(p); err != nil {
		log, readErr := os.ReadFile(logPath) //nolint:gosec // our own file
		return errors.Join(fmt.Errorf("start mariadbd: %w\n%s", err, tail(string(log))), readErr, p.end(os.Kill))
	}
	s.run = p
	return nil
}

func tail(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// await asks until the server answers; there is nothing to be notified by.
func (s *Server) await(p *process) error {
	db, err := s.admin()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing was written through it
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return errors.New("it ended by itself")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-tick.C:
		}
	}
}

// end sends a signal and waits for the process to be gone.
func (s *Server) end(signal os.Signal) error {
	if s.run == nil {
		return nil
	}
	err := s.run.end(signal)
	s.run = nil
	return err
}

func (p *process) end(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	return nil
}

// remove ends the server and deletes its data, so there is nothing to be
// saved by an orderly end.
func (s *Server) remove() error {
	return errors.Join(s.end(os.Kill), os.RemoveAll(s.dir))
}

func accountName() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return os.Getenv("USER")
}
