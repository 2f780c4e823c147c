package cpu

// A step changes nothing that lasts before SGD, which is its last operation, but the running
// statistics of the norms: some thousand numbers, kept aside while the step may be abandoned.

// Abandon implements engine.Abandoner.
func (p *program) Abandon(stop func() bool) { p.stop = stop }

func (p *program) abandoned() bool { return p.stop != nil && p.stop() }

// statistics appends the running statistics of all norms and replicas to to.
func (p *program) statistics(to []float32) []float32 {
	for _, n := range p.norms {
		for r := range p.cfg.Replicas {
			mean, variance := n.Running(r)
			to = append(append(to, mean...), variance...)
		}
	}
	return to
}

// restoreStatistics undoes the changes of the step at hand to the running statistics.
func (p *program) restoreStatistics() {
	from := p.before
	for _, n := range p.norms {
		for r := range p.cfg.Replicas {
			mean, variance := n.Running(r)
			from = from[copy(mean, from):]
			from = from[copy(variance, from):]
		}
	}
}
