package main

import (
	"cmp"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/corrillo/corrillo/bench/peers"
	"github.com/corrillo/corrillo/bench/run/results"
	"github.com/corrillo/corrillo/bench/run/works"
	"github.com/corrillo/corrillo/bench/scenario"
)

// curve is a chart of how something grows, a line for each server.
type curve struct {
	file, title string
	x, y        string
	// log says that the sizes are apart by factors.
	log bool
	// works are those whose runs have points.
	works []string
	// points are a run's, sizes and values.
	points func(*scenario.Report) plotter.XYs
}

func curves() []curve {
	rss := func(r *scenario.Report) (points plotter.XYs) {
		for _, s := range r.Steps {
			points = append(points, plotter.XY{X: float64(s.At), Y: s.RSSMB})
		}
		return points
	}
	return []curve{
		{
			file: "bench-memory-growth.svg", title: "Memory and idle connections", x: "connections", y: "RSS, MB",
			works: []string{works.Memory}, points: rss,
		},
		{
			file: "bench-cpu.svg", title: "Server CPU for each delivery, by the size of the room", x: "members of a room", y: "us per delivery", log: true,
			works: []string{works.Rooms1, works.Fanout1000, works.Fanout5000},
			points: func(r *scenario.Report) plotter.XYs {
				return plotter.XYs{{X: float64(r.RoomSize), Y: r.ServerCPUUs}}
			},
		},
		{
			file: "bench-touched.svg", title: "Memory and conversations that were touched once", x: "conversations", y: "RSS, MB",
			works: []string{works.Touched}, points: rss,
		},
		{
			file: "bench-history.svg", title: "A page of history, by the size of the table", x: "rows", y: "p50, ms", log: true,
			works: []string{works.History},
			points: func(r *scenario.Report) (points plotter.XYs) {
				for _, s := range r.Steps {
					points = append(points, plotter.XY{X: float64(s.At), Y: latency(s.Latency).P50})
				}
				return points
			},
		},
	}
}

// draw gives nil when there is nothing to show.
func (c *curve) draw(set *results.Set) (*chart, error) {
	p := page(c.title)
	p.X.Label.Text, p.Y.Label.Text = c.x, c.y
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks{plot.DefaultTicks{}}, ticks{plot.DefaultTicks{}}
	if c.log {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ticks{plot.LogTicks{}}
	}
	p.Legend.Top, p.Legend.Left, p.Legend.XOffs = true, true, vg.Points(8)
	p.Add(plotter.NewGrid())
	shown := 0
	for _, k := range peers.Kinds() {
		points := c.line(set, k.Name)
		if len(points) < 2 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = colorOf(k.Name), vg.Points(1.5)
		dots.Color, dots.Shape, dots.Radius = colorOf(k.Name), draw.CircleGlyph{}, vg.Points(2.5)
		p.Add(line, dots)
		p.Legend.Add(plain(k.Title), line, dots)
		shown++
	}
	if shown == 0 {
		return nil, nil //nolint:nilnil // nothing to show is no error
	}
	p.Y.Min = 0
	p.Y.Max *= 1.1 + 0.09*float64(shown) // room for the names above the lines
	svg, err := drawing(p, 340)
	return &chart{file: c.file, title: c.title, svg: svg}, err
}

// line has the median of each size over a server's runs; nothing when one of
// them broke a rule.
func (c *curve) line(set *results.Set, server string) plotter.XYs {
	values := map[float64][]float64{}
	for _, work := range c.works {
		runs, void := counted(set, work, server)
		if void {
			return nil
		}
		for i := range runs {
			for _, point := range c.points(runs[i].Report) {
				if point.X > 0 && point.Y > 0 {
					values[point.X] = append(values[point.X], point.Y)
				}
			}
		}
	}
	var line plotter.XYs
	for x, y := range values {
		line = append(line, plotter.XY{X: x, Y: over(y).median})
	}
	slices.SortFunc(line, func(a, b plotter.XY) int { return cmp.Compare(a.X, b.X) })
	return line
}
