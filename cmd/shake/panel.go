package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"shake/internal/gpustat"
	"shake/internal/report"
)

const (
	panelWidth = 38 // the least; two fit on 80 columns
	panelWide  = 72 // the most: longer lines are harder to read
	between    = 3  // columns between two panels
)

// lines are the whole page in at most width columns: a heading, and as many panels beside each
// other as fit.
func (v *view) lines(width int) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := []string{cut(fmt.Sprintf("%s  %s", report.Plural(len(v.panels), "card"), v.head), width), ""}
	across := max(1, min(len(v.panels), (width+between)/(panelWidth+between)))
	w := min((width+between)/across-between, panelWide)
	for row := range slices.Chunk(sortPanels(v.panels, v.order), across) {
		columns := make([][]string, len(row))
		height := 0
		for i, p := range row {
			columns[i] = p.lines(max(w, 1), v.every)
			height = max(height, len(columns[i]))
		}
		for y := range height {
			var b strings.Builder
			for i, c := range columns {
				line := ""
				if y < len(c) {
					line = cut(c[y], w)
				}
				b.WriteString(line)
				if i < len(columns)-1 {
					b.WriteString(strings.Repeat(" ", w+between-utf8.RuneCountInString(line)))
				}
			}
			out = append(out, strings.TrimRight(b.String(), " "))
		}
		out = append(out, "")
	}
	return out
}

// lines are the panel in w columns. With readings at intervals it has their course too.
func (p *panel) lines(w int, every time.Duration) []string {
	s := p.sample
	title := fmt.Sprintf("%d  %s", p.card.Index, p.card.Name)
	if p.card.MIG {
		title += fmt.Sprintf(", MIG: %s", report.Plural(len(p.card.Instances), "instance"))
	}
	out := []string{justify(title, p.card.Bus, w)}
	if p.lost != "" {
		return append(out, "lost    no answer: "+p.lost)
	}
	if s.Time.IsZero() {
		return append(out, "no reading yet")
	}
	row := func(name, text string) { out = append(out, fmt.Sprintf("%-8s%s", name, text)) }
	reason := func(field, otherwise string) string {
		if r := p.gaps[field]; r != "" {
			return r
		}
		return otherwise
	}

	if s.MemoryUsed.Known() && s.MemoryTotal > 0 {
		row("memory", gauge(float64(s.MemoryUsed/s.MemoryTotal), fmt.Sprintf("%.1f of %.1f GiB", s.MemoryUsed/(1<<30), s.MemoryTotal/(1<<30)), w-8))
	} else {
		row("memory", reason("memory", "?"))
	}
	if s.Utilization.Known() {
		row("gpu", gauge(float64(s.Utilization)/100, fmt.Sprintf("%3.0f%%", float64(s.Utilization)), w-8))
	} else {
		row("gpu", reason("utilization", "?"))
	}
	power := reason("power", "?")
	if s.Power.Known() {
		power = fmt.Sprintf("%.0f W", float64(s.Power))
		if p.card.PowerLimit.Known() {
			power = fmt.Sprintf("%.0f of %.0f W", float64(s.Power), float64(p.card.PowerLimit))
		}
	}
	if s.Fan.Known() {
		row("power", fmt.Sprintf("%s, %s, fan %s", power, figure0(s.Temperature, " C"), figure0(s.Fan, "%")))
	} else {
		row("power", fmt.Sprintf("%s, %s", power, figure0(s.Temperature, " C")))
	}
	row("clocks", fmt.Sprintf("sm %s, memory %s", figure0(s.SMClock, " MHz"), figure0(s.MemoryClock, " MHz")))
	if why := s.Slowed(); len(why) > 0 {
		row("slowed", "by "+strings.Join(why, " and "))
	} else if s.Throttle != nil {
		row("slowed", "no")
	} else {
		row("slowed", reason("throttle", "?"))
	}
	flow := func(name string, sent, received gpustat.Figure) {
		if sent.Known() && received.Known() {
			row(name, fmt.Sprintf("%s out, %s in", rate0(sent), rate0(received)))
		} else {
			row(name, reason(name, "?"))
		}
	}
	flow("pcie", s.PCIeSent, s.PCIeReceived)
	flow("nvlink", s.NVLinkSent, s.NVLinkReceived)

	if every > 0 {
		span := report.Duration((remembered * every).Seconds())
		out = append(out, "", justify("the last "+strings.TrimSuffix(span, " 0 s"), "now", w))
		row("gpu", spark(p.utilization, w-8, 100))
		row("memory", spark(p.memory, w-8, s.MemoryTotal.Or(0)))
	}
	return append(append(out, ""), p.processes(reason)...)
}

// processes are the lines of the processes on the card, shake's first.
func (p *panel) processes(reason func(field, otherwise string) string) []string {
	if r := reason("processes", ""); r != "" {
		return []string{"processes: " + r}
	}
	if len(p.sample.Processes) == 0 {
		return []string{"no process"}
	}
	list := slices.Clone(p.sample.Processes)
	slices.SortStableFunc(list, func(a, b gpustat.Process) int {
		if a.Shake != b.Shake {
			if a.Shake {
				return -1
			}
			return 1
		}
		return int(b.Memory.Or(0)/(1<<20)) - int(a.Memory.Or(0)/(1<<20))
	})
	var out []string
	for _, q := range list {
		mark := " "
		if q.Shake {
			mark = "*"
		}
		whose := q.User
		if whose == "" {
			whose = "?"
		}
		out = append(out, fmt.Sprintf("%s %8s  %d %s %s", mark, gibibytes(q.Memory), q.PID, whose, q.Name))
	}
	return out
}

// gauge is a bar with a text behind it, in w columns.
func gauge(full float64, text string, w int) string {
	return bar(full, max(w-2-len(text), 0)) + "  " + text
}

// spark draws the ring over w columns.
func spark(r *gpustat.Ring, w int, top float64) string {
	figures := r.Figures()
	values := make([]float64, len(figures))
	for i, f := range figures {
		values[i] = float64(f)
	}
	return report.Sparkline(values, r.Total()-len(figures), remembered, w, top, report.Blocks())
}

// justify puts left and right at the ends of w columns; without room for both, left alone.
func justify(left, right string, w int) string {
	n := w - utf8.RuneCountInString(left) - utf8.RuneCountInString(right)
	if right == "" || n < 2 {
		return left
	}
	return left + strings.Repeat(" ", n) + right
}

// cut is s in at most w columns.
func cut(s string, w int) string {
	r := []rune(s)
	return string(r[:max(0, min(len(r), w))])
}
