package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/corrillo/corrillo/bench/run/results"
)

type command struct {
	JSON    string `name:"json" default:"docs/bench/results.json" help:"What was measured."`
	Cluster string `default:"docs/bench/cluster.json" help:"What was measured with run --cluster."`
	Print   bool   `help:"Print the tables of --cluster, short runs' too, and write nothing."`
	Doc     string `default:"docs/BENCHMARKS.md" help:"The page with the places for the tables."`
	Img     string `default:"docs/img" help:"The folder of the charts, bench-*.svg."`
}

func main() {
	line := kong.Parse(&command{}, kong.Name("report"), kong.Description("Makes tables and charts of what was measured."))
	if err := line.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// Run writes the page and the charts, and takes old charts away.
func (c *command) Run() error {
	cluster, err := results.Load(c.Cluster)
	if err != nil {
		return err
	}
	if c.Print {
		_, err := fmt.Print(clusters(cluster))
		return err
	}
	page, err := os.ReadFile(c.Doc)
	if err != nil {
		return err
	}
	set, err := results.Load(c.JSON)
	if err != nil {
		return err
	}
	out, err := render(set, cluster, page)
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(c.Img, "bench-*.svg"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if _, ok := out.charts[filepath.Base(path)]; !ok {
			err = errors.Join(err, os.Remove(path))
		}
	}
	for name, svg := range out.charts {
		err = errors.Join(err, write(filepath.Join(c.Img, name), svg))
	}
	return errors.Join(err, write(c.Doc, out.page))
}

// write leaves a file alone that has these bytes already.
func write(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) { //nolint:gosec // our own path
		return nil
	}
	return os.WriteFile(path, data, 0o644) //nolint:gosec // it is to be published
}

// output is all that is generated.
type output struct {
	page   []byte
	charts map[string][]byte // by file name
}

var errShort = errors.New("these are short runs, whose figures say nothing")

func render(set, cluster *results.Set, page []byte) (output, error) {
	if set.Short || cluster.Short {
		return output{}, errShort
	}
	charts, err := drawn(set)
	if err != nil {
		return output{}, err
	}
	files := make(map[string][]byte, len(charts))
	var pictures strings.Builder
	for _, c := range charts {
		files[c.file] = c.svg
		fmt.Fprintf(&pictures, "![%s](img/%s)\n", c.title, c.file)
	}
	page, err = fill(page, map[string]string{
		"measured with": facts(set),
		"goals":         goals(set),
		"works":         tables(set),
		"charts":        pictures.String(),
		"cluster":       clusters(cluster),
	})
	return output{page: page, charts: files}, err
}
