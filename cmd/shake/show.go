package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"shake/dsl"
	"shake/internal/engine"
	"shake/internal/engine/gpu"
	"shake/internal/graph"
	"shake/internal/report"
)

// planAlign is the channel block of the plan that show prints: the CPU's with AVX-512.
const planAlign = 16

func (a *app) showCmd() *cobra.Command {
	var net netFlags
	var asJSON, plan, dot, layers bool
	var device string
	var ask predictionFlags
	c := &cobra.Command{
		Use:   "show NET|RUN",
		Short: "Print a network: blocks, sizes, recipe",
		Long: `show prints a network as a table of blocks with its totals and its resolved recipe.
NET is a built-in name or a TOML file, RUN a run directory. Memory is of the stored activations of one image
as float32, before any fusion; MACs are of one image's forward pass.`,
		Example: `  shake show 26-2x32d
  shake show my.toml -o net.branches=3 --json
  shake show quick --dot | dot -Tsvg > quick.svg`,
		Args:              takes("NET or RUN"),
		ValidArgsFunction: completeNets,
		RunE: func(c *cobra.Command, args []string) error {
			if err := ask.check(plan, device); err != nil {
				return err
			}
			forms := []string{"json", "layers", "plan", "dot"}
			if ask.given() {
				forms = forms[1:]
			}
			if err := exclusive(c, forms...); err != nil {
				return err
			}
			spec, g, err := net.loadGraph(args[0])
			if err != nil {
				return err
			}
			switch {
			case ask.measure:
				err = a.showMeasurement(ask.card, spec, g, asJSON)
			case ask.card != "":
				err = a.showPrediction(ask.card, spec, g, asJSON)
			case dot:
				_, err = io.WriteString(a.out, g.Dot())
			case plan:
				var p fmt.Stringer
				if p, err = planFor(device, spec, g); err == nil {
					_, err = io.WriteString(a.out, p.String())
				}
			case asJSON:
				err = a.printNetJSON(spec, graph.Summarize(g))
			case layers:
				err = printLayers(a.out, graph.Summarize(g))
			default:
				err = printNet(a.out, spec, graph.Summarize(g))
			}
			return err
		},
	}
	net.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&layers, "layers", false, "print every layer instead of the blocks")
	c.Flags().BoolVar(&plan, "plan", false, "print the fused plan with its buffers and their lifetimes")
	c.Flags().StringVar(&device, "device", "cpu", "with --plan: of `cpu`, or gpu: launches, with buffers in device memory")
	ask.add(c)
	c.Flags().BoolVar(&dot, "dot", false, "print the graph for Graphviz")
	return c
}

// planFor is the plan of a training step for a device, which need not be in this machine.
func planFor(device string, spec *dsl.Spec, g *graph.Graph) (fmt.Stringer, error) {
	switch device {
	case "cpu":
		return engine.NewPlan(g, planAlign)
	case "gpu":
		return gpu.ListFor(g, engine.ConfigOf(spec))
	}
	return nil, exit(exitUsage, fmt.Errorf("--device %s: want cpu or gpu", device))
}

// printNetJSON prints the summary with the resolved network, "spec", in the language's own keys.
func (a *app) printNetJSON(spec *dsl.Spec, s graph.Summary) error {
	var resolved map[string]any
	if err := toml.Unmarshal(spec.TOML(), &resolved); err != nil {
		return fmt.Errorf("reading the resolved network: %w", err)
	}
	return a.printJSON(struct {
		graph.Summary
		Spec map[string]any `json:"spec"`
	}{s, resolved})
}

// netRow is one line of the table of blocks: a block, or a layer of stem or head.
type netRow struct {
	name, kernels, skip string
	c, h, w             int
	stride, groups      int
	params, macs, bytes int64
}

// blockRows folds the layers of every block into one row.
func blockRows(spec *dsl.Spec, s graph.Summary) []netRow {
	blocks := map[string]graph.BlockSummary{}
	for _, b := range s.Blocks {
		blocks[b.Name] = b
	}
	var rows []netRow
	for i, l := range s.Layers {
		if l.Block == "" {
			if l.Parameters > 0 {
				rows = append(rows, layerRow(l))
			}
			continue
		}
		if i > 0 && s.Layers[i-1].Block == l.Block {
			continue
		}
		b := blocks[l.Block]
		rows = append(rows, blockRow(spec, b, s.Layers[i:]))
	}
	return rows
}

func layerRow(l graph.LayerSummary) netRow {
	r := netRow{name: l.Name, kernels: l.Kind, c: l.C, h: l.H, w: l.W, stride: l.Stride, groups: l.Groups, params: l.Parameters, macs: l.MACs, bytes: l.Bytes}
	if l.KernelH > 0 {
		r.kernels = fmt.Sprintf("%dx%d", l.KernelH, l.KernelW)
	}
	return r
}

// blockRow sums up block b, whose layers are the first of layers.
func blockRow(spec *dsl.Spec, b graph.BlockSummary, layers []graph.LayerSummary) netRow {
	r := netRow{name: b.Name, c: b.C, h: b.H, w: b.W, params: b.Parameters, macs: b.MACs, bytes: b.Bytes, skip: "identity"}
	if s := spec.Net.Skip; s == dsl.SkipNone || s == dsl.SkipConcat {
		r.skip = s.String()
	}
	var kernels []string
	for _, l := range layers {
		if l.Block != b.Name {
			break
		}
		in := strings.TrimPrefix(l.Name, b.Name)
		if spec.Net.Skip == dsl.SkipList && strings.HasPrefix(in, ".skip.") {
			r.skip = "list"
		}
		if l.Kind != "conv" {
			continue
		}
		switch {
		case strings.HasPrefix(in, ".branches.0."):
			kernels = append(kernels, fmt.Sprintf("%dx%d", l.KernelH, l.KernelW))
			r.stride, r.groups = max(r.stride, l.Stride), max(r.groups, l.Groups)
		case in == ".skip.a":
			r.skip = "two-flow"
		case in == ".skip.conv":
			r.skip = "conv"
		}
	}
	r.kernels = fmt.Sprintf("%d x (%s)", b.Branches, strings.Join(kernels, " "))
	return r
}

// right is a column of numbers.
func right(title string) report.Column { return report.Column{Title: title, Right: true} }

func printNet(w io.Writer, spec *dsl.Spec, s graph.Summary) error {
	t := report.Table{Columns: []report.Column{
		{Title: "part"}, right("output"), {Title: "kernels"}, right("stride"), right("groups"), {Title: "skip"}, right("parameters"), right("MACs"), right("memory"),
	}}
	for _, r := range blockRows(spec, s) {
		t.Rows = append(t.Rows, []any{r.name, fmt.Sprintf("%dx%dx%d", r.c, r.h, r.w), r.kernels, dash(r.stride), dash(r.groups), r.skip,
			report.Count(r.params), report.Count(r.macs), report.Bytes(r.bytes)})
	}
	t.Rows = append(t.Rows, []any{"total", "", "", "", "", "", report.Count(s.Parameters), report.Count(s.ForwardMACs), report.Bytes(s.ActivationBytes)})
	if err := t.Text(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\ndepth %d, %.2f GFLOP of training an image, %d classes\n\n%s", s.Depth, float64(s.TrainFLOPsPerImage)/1e9, s.Classes, spec.TOML())
	return err
}

func printLayers(w io.Writer, s graph.Summary) error {
	t := report.Table{Columns: []report.Column{
		{Title: "layer"}, {Title: "kind"}, right("output"), right("kernel"), right("stride"), right("groups"), right("parameters"), right("MACs"), right("memory"),
	}}
	for _, l := range s.Layers {
		kernel := "-"
		if l.KernelH > 0 {
			kernel = fmt.Sprintf("%dx%d", l.KernelH, l.KernelW)
		}
		t.Rows = append(t.Rows, []any{l.Name, l.Kind, fmt.Sprintf("%dx%dx%d", l.C, l.H, l.W), kernel, dash(l.Stride), dash(l.Groups),
			report.Count(l.Parameters), report.Count(l.MACs), report.Bytes(l.Bytes)})
	}
	return t.Text(w)
}

func dash(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}
