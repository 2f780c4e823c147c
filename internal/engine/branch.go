package engine

// Branch is the branch of a block that a step belongs to (graph.Branches): that of the value that
// it makes, or whose gradient it takes on. Steps of different branches of a block need nothing of
// each other.
func (p *Plan) Branch(s PlanStep) int {
	if c, ok := s.(*ConvBackStep); ok {
		return p.branches[c.Op.Y]
	}
	branch := 0
	s.uses(func(b BufID, write bool) {
		if write {
			branch = p.Buffers[b].branch
		}
	})
	return branch
}
