// The tests hold what is here to what the server takes: every name of a setting,
// every port and time.
package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"github.com/corrillo/corrillo/config"
	"github.com/corrillo/corrillo/deploy"
)

// object is a YAML mapping.
type object = map[string]any

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// documents parses a file of YAML.
func documents(t *testing.T, file string) (all []object) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(read(t, file)), yaml.DisallowUnknownField())
	for {
		var o object
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if o != nil {
			all = append(all, o)
		}
	}
}

// at follows a path of keys, and numbers for places in lists.
func at(t *testing.T, o any, path ...any) any {
	t.Helper()
	for i, step := range path {
		switch step := step.(type) {
		case string:
			m, ok := o.(object)
			if !ok || m[step] == nil {
				t.Fatalf("nothing at %v in %v", path[:i+1], o)
			}
			o = m[step]
		case int:
			list, ok := o.([]any)
			if !ok || step >= len(list) {
				t.Fatalf("nothing at %v in %v", path[:i+1], o)
			}
			o = list[step]
		}
	}
	return o
}

// settings are what a server makes of this command line and environment. It
// fails where a name is no setting, or where they do not fit together.
func settings(t *testing.T, env map[string]string, args ...string) *config.Settings {
	t.Helper()
	s, l, err := load(t, env, args...)
	if err != nil {
		t.Error(err)
	}
	if w := l.Warnings(); len(w) > 0 {
		t.Error(w)
	}
	var origins []string
	for _, key := range config.Keys() {
		origins = append(origins, l.Origin(key))
	}
	for name := range env {
		if !slices.Contains(origins, "environment "+name) {
			t.Errorf("no setting comes from %s", name)
		}
	}
	return s
}

// load gives the error of what a server does not start with.
func load(t *testing.T, env map[string]string, args ...string) (*config.Settings, *config.Loader, error) {
	t.Helper()
	var environ []string
	for k, v := range env {
		environ = append(environ, k+"="+v)
	}
	l := config.NewLoader(t.TempDir(), environ)
	var cli struct {
		Serve struct {
			Settings config.Settings `embed:""`
		} `cmd:""`
	}
	parser, err := kong.New(&cli, l.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		t.Fatal(err)
	}
	return &cli.Serve.Settings, l, l.Finish(ctx, &cli.Serve.Settings)
}

var variable = regexp.MustCompile(`\$\{([A-Z_]+)(:[-?][^}]*)?\}`)

// words are the texts of a list, and of one text alone.
func words(o any) (all []string) {
	list, ok := o.([]any)
	if !ok {
		return []string{fmt.Sprint(o)}
	}
	for _, w := range list {
		all = append(all, fmt.Sprint(w))
	}
	return all
}

const aSecret = "0123456789abcdef0123456789abcdef"

func TestCompose(t *testing.T) {
	example := read(t, "env.example")
	c := documents(t, "compose.yaml")[0]
	nodes := 0
	for name, service := range at(t, c, "services").(object) {
		s := service.(object)
		if s["build"] == nil {
			continue
		}
		nodes++
		env := map[string]string{}
		for k, v := range s["environment"].(object) {
			env[k] = variable.ReplaceAllStringFunc(fmt.Sprint(v), func(m string) string {
				if name := variable.FindStringSubmatch(m)[1]; !strings.Contains(example, "\n"+name+"=") {
					t.Errorf("env.example lacks %s", name)
				}
				return map[bool]string{true: "http://localhost:3000", false: aSecret}[strings.Contains(m, "CORS")]
			})
		}
		got := settings(t, env, "serve")
		if got.Cluster.Advertise != name+got.Cluster.Listen || got.Store.URL == "" || got.AdminAddr == "off" {
			t.Errorf("%s is no node that others reach: %+v", name, got.Cluster)
		}
		if network := words(at(t, c, "networks", "default", "ipam", "config", 0, "subnet")); !slices.Equal(got.Limits.TrustedProxies, network) {
			t.Errorf("%s believes %v, the network is %v", name, got.Limits.TrustedProxies, network)
		}
		patience(t, fmt.Sprint(s["stop_grace_period"]), got)
		if !strings.Contains(read(t, "haproxy.cfg"), fmt.Sprintf(" %s:%d\n", name, got.Port)) {
			t.Errorf("haproxy.cfg does not know %s", name)
		}
		if s["restart"] != "always" {
			t.Errorf("%s is not started again", name)
		}
	}
	if nodes != 3 {
		t.Errorf("%d nodes", nodes)
	}
	for _, need := range variable.FindAllStringSubmatch(read(t, "compose.yaml"), -1) {
		if !strings.Contains(example, "\n"+need[1]+"=") {
			t.Errorf("env.example lacks %s", need[1])
		}
	}
}

// patience: whoever stops a server waits for longer than that drains, hands over
// and saves.
func patience(t *testing.T, grace string, s *config.Settings) {
	t.Helper()
	d, err := time.ParseDuration(grace)
	if err != nil {
		t.Fatal(err)
	}
	if least := s.Drain.Period + 15*time.Second; d < least {
		t.Errorf("it is killed after %s, %s is the least", d, least)
	}
}

func TestDockerfile(t *testing.T) {
	text := read(t, "Dockerfile")
	s := settings(t, map[string]string{"JWT_SECRET": aSecret}, "serve")
	for _, want := range []string{
		fmt.Sprintf("http://127.0.0.1:%d/readyz", s.Port), fmt.Sprintf("EXPOSE %d 3002 7946\n", s.Port),
		`ENTRYPOINT ["corrillo"]` + "\n" + `CMD ["serve"]`, "USER 65532\n", "WORKDIR /data\n", "HEALTHCHECK",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))[1]
	if !strings.Contains(text, "FROM golang:"+goVersion+"-") {
		t.Errorf("go.mod asks for Go %s", goVersion)
	}
	for line := range strings.Lines(read(t, "Dockerfile.dockerignore")) {
		if dir := strings.TrimSpace(line); !strings.Contains(dir, "*") && exec.Command("git", "ls-files", "--error-unmatch", "../"+dir).Run() != nil {
			t.Errorf("nothing of ours is %s", dir)
		}
	}
}

// manifests are the objects of Kubernetes, by kind and name.
func manifests(t *testing.T) map[string]object {
	t.Helper()
	all := map[string]object{}
	for _, file := range words(at(t, documents(t, "kubernetes/kustomization.yaml")[0], "resources")) {
		for _, o := range documents(t, filepath.Join("kubernetes", file)) {
			all[fmt.Sprint(at(t, o, "kind"), " ", at(t, o, "metadata", "name"))] = o
			if o["apiVersion"] == nil {
				t.Errorf("%s has no apiVersion", file)
			}
		}
	}
	files, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil || len(files) != len(words(at(t, documents(t, "kubernetes/kustomization.yaml")[0], "resources")))+1 {
		t.Errorf("the kustomization does not have all of %v", files)
	}
	return all
}

func TestKubernetes(t *testing.T) {
	all := manifests(t)
	spec := at(t, all["Deployment corrillo"], "spec")
	pod := at(t, spec, "template", "spec")
	container := at(t, pod, "containers", 0)

	env := map[string]string{}
	for k := range at(t, all["Secret corrillo"], "stringData").(object) {
		env[k] = aSecret
	}
	env["DATABASE_URL"] = fmt.Sprint(at(t, all["Secret corrillo"], "stringData", "DATABASE_URL"))
	for _, e := range at(t, container, "env").([]any) {
		if name := fmt.Sprint(at(t, e, "name")); name != "POD_IP" {
			env[name] = strings.ReplaceAll(fmt.Sprint(at(t, e, "value")), "$(POD_IP)", "10.1.2.3")
		}
	}
	s := settings(t, env, words(at(t, container, "args"))...)
	// The scaler counts the nodes, and nobody else, or each apply sets them back.
	if spec.(object)["replicas"] != nil || at(t, all["HorizontalPodAutoscaler corrillo"], "spec", "minReplicas") == nil {
		t.Error("deployment.yaml and autoscale.yaml both say how many nodes there are, or neither does")
	}

	// The preStop hook's time counts, too.
	pause, err := strconv.Atoi(words(at(t, container, "lifecycle", "preStop", "exec", "command"))[1])
	if err != nil {
		t.Fatal(err)
	}
	grace, err := strconv.Atoi(fmt.Sprint(at(t, pod, "terminationGracePeriodSeconds")))
	if err != nil {
		t.Fatal(err)
	}
	patience(t, fmt.Sprintf("%ds", grace-pause), s)

	ports := map[string]string{}
	for _, p := range at(t, container, "ports").([]any) {
		ports[fmt.Sprint(at(t, p, "name"))] = fmt.Sprint(":", at(t, p, "containerPort"))
	}
	if want := fmt.Sprint(":", s.Port); ports["clients"] != want || ports["admin"] != s.AdminAddr || ports["cluster"] != s.Cluster.Listen || "10.1.2.3"+ports["cluster"] != s.Cluster.Advertise {
		t.Errorf("ports %v, settings %q, %q, %q", ports, want, s.AdminAddr, s.Cluster.Listen)
	}
	if scraped := at(t, spec, "template", "metadata", "annotations", "prometheus.io/port"); fmt.Sprint(":", scraped) != s.AdminAddr {
		t.Errorf("Prometheus asks at %v", scraped)
	}
	for probe, path := range map[string]string{"livenessProbe": "/healthz", "readinessProbe": "/readyz"} {
		if at(t, container, probe, "httpGet", "path") != path || at(t, container, probe, "httpGet", "port") != "clients" {
			t.Errorf("%s: %v", probe, at(t, container, probe))
		}
	}
	if pod.(object)["enableServiceLinks"] != false {
		t.Error("Kubernetes sets CORRILLO_PORT")
	}
}

// Nobody runs with a secret that stands in a manifest.
func TestKubernetes_SecretsAsTheyStand(t *testing.T) {
	for name, value := range at(t, manifests(t)["Secret corrillo"], "stringData").(object) {
		if name == "DATABASE_URL" {
			continue // the database refuses that
		}
		env := map[string]string{"JWT_SECRET": aSecret, name: fmt.Sprint(value)}
		if _, _, err := load(t, env, "serve"); err == nil {
			t.Errorf("%s=%v is accepted", name, value)
		}
	}
}

// Whatever selects nodes selects them by what they have.
func TestKubernetes_FitsTogether(t *testing.T) {
	all := manifests(t)
	labels := fmt.Sprint(at(t, all["Deployment corrillo"], "spec", "template", "metadata", "labels"))
	for where, selector := range map[string]any{
		"Deployment":     at(t, all["Deployment corrillo"], "spec", "selector", "matchLabels"),
		"Service":        at(t, all["Service corrillo"], "spec", "selector"),
		"nodes":          at(t, all["Service corrillo-nodes"], "spec", "selector"),
		"budget":         at(t, all["PodDisruptionBudget corrillo"], "spec", "selector", "matchLabels"),
		"network policy": at(t, all["NetworkPolicy corrillo"], "spec", "podSelector", "matchLabels"),
		"cluster port":   at(t, all["NetworkPolicy corrillo"], "spec", "ingress", 1, "from", 0, "podSelector", "matchLabels"),
	} {
		if got := fmt.Sprint(selector); got != labels {
			t.Errorf("%s selects %s, nodes have %s", where, got, labels)
		}
	}
	scaler := at(t, all["HorizontalPodAutoscaler corrillo"], "spec")
	if fmt.Sprint(at(t, scaler, "scaleTargetRef", "name")) != "corrillo" {
		t.Error("something else is scaled")
	}
	metric := fmt.Sprint(at(t, scaler, "metrics", 0, "pods", "metric", "name"))
	name, ours := strings.CutPrefix(metric, "corrillo_")
	if sources, err := filepath.Glob("../cmd/corrillo/metrics*.go"); err != nil || !ours || !slices.ContainsFunc(sources, func(file string) bool {
		return strings.Contains(read(t, file), `desc("`+name+`"`)
	}) {
		t.Errorf("the server has no metric %s (%v)", metric, err)
	}
}

func TestHAProxy(t *testing.T) {
	haproxy := haproxyProgram(t)
	elsewhere := written(t, deploy.HAProxy{Nodes: []deploy.Node{{"node1", "10.0.0.1:3001"}, {"node2", "10.0.0.2:3001"}}})
	for _, file := range []string{"haproxy.cfg", elsewhere} {
		if out, err := exec.Command(haproxy, "-c", "-f", file).CombinedOutput(); err != nil || bytes.Contains(out, []byte("WARNING")) {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
	s := settings(t, map[string]string{"JWT_SECRET": aSecret}, "serve")
	for _, side := range []string{"client", "server"} {
		m := regexp.MustCompile(`(?m)^ +timeout ` + side + ` +(\S+)$`).FindStringSubmatch(read(t, "haproxy.cfg"))
		if m == nil {
			t.Fatalf("no timeout %s", side)
		}
		if d, err := time.ParseDuration(m[1]); err != nil || d <= s.Ping.Interval+s.Ping.Timeout {
			t.Errorf("timeout %s %s ends polls that are silent (%v)", side, m[1], err)
		}
	}
}

func TestSystemd(t *testing.T) {
	unit := read(t, "systemd/corrillo.service")
	value := func(key string) string {
		m := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindStringSubmatch(unit)
		if m == nil {
			t.Fatalf("the unit has no %s", key)
		}
		return m[1]
	}
	// The command line, with a settings file as its comment has it.
	command := strings.Fields(value("ExecStart"))
	listen := regexp.MustCompile(`(?m)^# +(cluster: \{.*?\})`).FindStringSubmatch(unit)
	if listen == nil {
		t.Fatal("the unit does not say how to be one of several nodes")
	}
	file := filepath.Join(t.TempDir(), "corrillo.yaml")
	if err := os.WriteFile(file, []byte(listen[1]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for name := range strings.SplitSeq(regexp.MustCompile(`/etc/corrillo/env +# (.*)`).FindStringSubmatch(unit)[1], ", ") {
		env[name] = aSecret
	}
	env["DATABASE_URL"] = "mysql://app@db/chat"
	s := settings(t, env, append(command[1:len(command)-1], file)...)
	if s.Cluster.Listen != "10.0.0.1:7946" {
		t.Errorf("the node listens at %q", s.Cluster.Listen)
	}
	patience(t, value("TimeoutStopSec")+"s", s)
	if value("Restart") != "always" || value("RestartPreventExitStatus") != "2" {
		t.Error("a node that has lost its lease is not started again")
	}

	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd is not on this machine")
	}
	// It looks for the program, too.
	copied := filepath.Join(t.TempDir(), "corrillo.service")
	if err := os.WriteFile(copied, []byte(strings.ReplaceAll(unit, command[0], "/bin/true")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", copied).CombinedOutput(); err != nil || strings.Contains(string(out), "corrillo.service:") {
		t.Errorf("%v\n%s", err, out)
	}
}
