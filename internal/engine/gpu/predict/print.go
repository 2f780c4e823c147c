package predict

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Text writes the launches, sums by kind, and the whole step as images of a batch a second.
func (s *Step) Text(title string, batch int) string {
	var sb strings.Builder
	fmt.Fprintf(&sb, "%s, predicted for %s\n", title, s.Card)
	sb.WriteString("an estimate: nothing here was measured. us: expected; floor: no faster on this card; hit: read from the L2; /SM: blocks a multiprocessor holds; at: us from the step's beginning, by stream\n\n")
	tw := tabwriter.NewWriter(&sb, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "\top\tus\tfloor\tMB\thit\tGF\tblocks\t/SM\twaves\tat\t  ")
	for i, c := range s.Costs {
		fmt.Fprintf(tw, "%d\t%s\t%.1f\t%.1f\t%s\t%s\t%s\t%s\t%.0f\t  %s%s\n", i, c.Op, c.Time*1e6, c.Floor*1e6, mega(c.Bytes), mega(c.Hit), giga(c.FLOPs), c.grid(), c.Start*1e6, strings.Repeat("| ", c.Stream), shorten(c.Text, 76))
	}
	tw.Flush()
	sb.WriteString("\n")
	tw = tabwriter.NewWriter(&sb, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "kind\tlaunches\tus\tfloor\tMB\tmemory MB\tGF\tus each\t")
	var all Kind
	for _, k := range s.Kinds() {
		kindRow(tw, k)
		all.Launches += k.Launches
		all.Bytes += k.Bytes
		all.Memory += k.Memory
		all.FLOPs += k.FLOPs
		all.Floor += k.Floor
		all.Time += k.Time
	}
	all.Op = "all"
	kindRow(tw, all)
	tw.Flush()
	fmt.Fprintf(&sb, "\n%.0f us a step of %d images, %.0f us one launch after the other: %s img/s; with convolutions at 2/3 of the rate assumed %s, at 4/3 %s\n",
		s.Time*1e6, batch, s.Line*1e6, perSecond(batch, s.Time), perSecond(batch, s.Slow), perSecond(batch, s.Fast))
	if s.Overlapped > 0 {
		fmt.Fprintf(&sb, "%.0f us if programmatic launches let %d kernels begin while a kernel of ours in front of them ends, for %.1f us each in place of %.1f: %s img/s\n",
			s.Overlapped*1e6, s.Overlaps, s.Card.Overlap*1e6, s.Card.Launch*1e6, perSecond(batch, s.Overlapped))
	}
	if note := s.uncompiled(); note != "" {
		sb.WriteString(note)
	}
	return sb.String()
}

func kindRow(tw *tabwriter.Writer, k Kind) {
	fmt.Fprintf(tw, "%s\t%d\t%.1f\t%.1f\t%s\t%s\t%s\t%.1f\t\n", k.Op, k.Launches, k.Time*1e6, k.Floor*1e6, mega(k.Bytes), mega(k.Memory), giga(k.FLOPs), k.Time*1e6/float64(k.Launches))
}

// String names the card with the figures that decide.
func (c Card) String() string {
	return fmt.Sprintf("%s (%d multiprocessors, %.1f TB/s, %.0f MiB of L2, convolutions %.0f, %.0f, %.0f TFLOP/s)",
		c.Name, c.SMs, c.Memory/1e12, c.L2/(1<<20), c.Conv[0]/1e12, c.Conv[1]/1e12, c.Conv[2]/1e12)
}

// grid is blocks, blocks a multiprocessor, and waves. "+" marks a number that launch bounds promise
// as the least, "-" an unknown one.
func (c *Cost) grid() string {
	if c.Kernel == nil {
		return "-\t-\t-"
	}
	if c.PerSM == 0 {
		return fmt.Sprintf("%d\t-\t-", c.Kernel.Blocks)
	}
	mark, most := "", ""
	if !c.Kernel.Compiled {
		mark, most = "+", "<"
	}
	return fmt.Sprintf("%d\t%d%s\t%s%.2f", c.Kernel.Blocks, c.PerSM, mark, most, c.Waves)
}

func (s *Step) uncompiled() string {
	for _, c := range s.Costs {
		if c.Kernel != nil && !c.Kernel.Compiled {
			return "occupancy is from the kernels' launch bounds, which promise so many blocks at least: no NVRTC compiled them\n"
		}
	}
	return ""
}

func perSecond(batch int, t float64) string { return fmt.Sprintf("%.0f", float64(batch)/t) }

func mega(bytes float64) string { return fmt.Sprintf("%.1f", bytes/1e6) }

func giga(flops float64) string {
	if flops == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", flops/1e9)
}

func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most-2] + ".."
}
