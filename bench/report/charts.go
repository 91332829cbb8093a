package main

import (
	"bytes"
	"fmt"
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/corrillo/corrillo/bench/peers"
	"github.com/corrillo/corrillo/bench/run/results"
	"github.com/corrillo/corrillo/bench/run/works"
)

// chart is one picture.
type chart struct {
	file, title string
	svg         []byte
}

// width is that of all charts; a page shows them one below the other.
const width = 640

// drawn are the charts of everything that was measured.
func drawn(set *results.Set) ([]chart, error) {
	var all []chart
	for _, w := range works.All() {
		for _, f := range figuresOf(w.Name) {
			if !f.main || w.Name == works.Touched || w.Name == works.History {
				continue
			}
			c, err := bars(set, &w, f)
			if err != nil {
				return nil, fmt.Errorf("chart of %s: %w", w.Name, err)
			}
			if c != nil {
				all = append(all, *c)
			}
		}
	}
	for _, l := range curves() {
		c, err := l.draw(set)
		if err != nil {
			return nil, fmt.Errorf("chart %s: %w", l.file, err)
		}
		if c != nil {
			all = append(all, *c)
		}
	}
	return all, nil
}

// bars is a bar for each server that did the work, with a line from the least
// to the most; nil when no figure of the work counts.
func bars(set *results.Set, w *works.Work, f figure) (*chart, error) {
	p := page(w.Name + ": " + f.name)
	var names []string
	kinds := peers.Kinds()
	for i := len(kinds) - 1; i >= 0; i-- { // the first one ends up at the top
		k := kinds[i]
		s, void := measured(set, w.Name, k.Name, f.value)
		if void || s.runs == 0 {
			continue
		}
		place := float64(len(names))
		bar, err := plotter.NewBarChart(plotter.Values{s.median}, vg.Points(13))
		if err != nil {
			return nil, err
		}
		bar.Horizontal, bar.XMin, bar.Color, bar.LineStyle.Width = true, place, colorOf(k.Name), 0
		whisker, err := plotter.NewXErrorBars(reach{{s.median, place, s.median - s.least, s.most - s.median}})
		if err != nil {
			return nil, err
		}
		value, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: s.most, Y: place}}, Labels: []string{number(s.median)}})
		if err != nil {
			return nil, err
		}
		value.TextStyle[0].Font, value.TextStyle[0].YAlign = typeface(9), draw.YCenter
		value.Offset = vg.Point{X: vg.Points(5)}
		p.Add(bar, whisker, value)
		names = append(names, plain(k.Title))
	}
	if len(names) == 0 {
		return nil, nil //nolint:nilnil // nothing to show is no error
	}
	p.NominalY(names...)
	p.Y.Padding = vg.Points(20) // where a viewer has another font, names are longer
	p.X.Min = 0
	p.X.Max *= 1.12 // the longest bar's number stands behind it
	p.X.Tick.Marker = ticks{plot.DefaultTicks{}}
	svg, err := drawing(p, vg.Points(70+22*float64(len(names))))
	return &chart{file: "bench-" + w.Name + ".svg", title: w.Name + ": " + f.name + ", " + w.Title, svg: svg}, err
}

// reach is where an error bar begins and ends.
type reach []struct{ x, y, low, high float64 }

// Len implements plotter.XYer.
func (r reach) Len() int { return len(r) }

// XY implements plotter.XYer.
func (r reach) XY(i int) (x, y float64) { return r[i].x, r[i].y }

// XError implements plotter.XErrorer.
func (r reach) XError(i int) (low, high float64) { return r[i].low, r[i].high }

// page is an empty plot in our hand.
func page(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.Title.TextStyle.Font, p.Title.Padding = title, typeface(12), vg.Points(8)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font, a.Tick.Label.Font = typeface(10), typeface(9)
	}
	p.Legend.TextStyle.Font, p.Legend.Padding = typeface(9), vg.Points(3)
	return p
}

func typeface(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

// drawing is the plot as SVG.
func drawing(p *plot.Plot, height vg.Length) ([]byte, error) {
	c := vgsvg.New(width, height)
	whole := draw.New(c)
	whole.SetColor(color.White)
	whole.Fill(whole.Rectangle.Path())
	p.Draw(draw.Crop(whole, vg.Points(8), -vg.Points(16), vg.Points(6), -vg.Points(6)))
	var out bytes.Buffer
	_, err := c.WriteTo(&out)
	// The font that the plot is measured with is not everywhere.
	return bytes.ReplaceAll(out.Bytes(), []byte("Liberation Sans"), []byte("Liberation Sans, Arial, Helvetica, sans-serif")), err
}

// ticks writes the numbers of others' ticks in our way.
type ticks struct{ plot.Ticker }

// Ticks implements plot.Ticker.
func (t ticks) Ticks(from, to float64) []plot.Tick {
	all := t.Ticker.Ticks(from, to)
	for i := range all {
		if !all[i].IsMinor() {
			all[i].Label = number(all[i].Value)
		}
	}
	return all
}

// plain is a title without Markdown.
func plain(title string) string { return strings.ReplaceAll(title, "`", "") }

// colorOf keeps a server's colour the same in all charts: ours are blue,
// Node's red, Centrifugo's green.
func colorOf(server string) color.Color {
	switch server {
	case peers.CorrilloMariaDB:
		return color.RGBA{R: 0x1f, G: 0x4e, B: 0x9e, A: 0xff}
	case peers.CorrilloSocketIO:
		return color.RGBA{R: 0x4f, G: 0x86, B: 0xd9, A: 0xff}
	case peers.CorrilloSQLite:
		return color.RGBA{R: 0x8f, G: 0xb8, B: 0xee, A: 0xff}
	case peers.Reference:
		return color.RGBA{R: 0xb5, G: 0x3b, B: 0x2f, A: 0xff}
	case peers.ReferenceNoStore:
		return color.RGBA{R: 0xe0, G: 0x8b, B: 0x7d, A: 0xff}
	case peers.Centrifugo:
		return color.RGBA{R: 0x3a, G: 0x8a, B: 0x4c, A: 0xff}
	case peers.CentrifugoHistory:
		return color.RGBA{R: 0x8c, G: 0xc4, B: 0x95, A: 0xff}
	}
	return color.Gray{Y: 0x60}
}
