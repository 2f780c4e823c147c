package ref

import (
	"math"
	"slices"

	"shake/internal/engine"
	"shake/internal/graph"
)

// Step augments, draws, runs Train, updates the weights and replica statistics, and adds to the
// metrics.
func (p *program) Step(s engine.Step) error {
	if err := p.open("Step"); err != nil {
		return err
	}
	if p.train == nil {
		return engine.NotLoaded("ref", "training")
	}
	n := len(s.Index)
	if err := p.c.CheckBatch("ref", s.Index, p.train.N); err != nil {
		return err
	}
	b := Batch{N: n, X: p.augmented(s), Labels: make([]int, n), Smoothing: p.c.Smoothing, Replicas: p.c.Replicas, Seed: p.c.Seed, Iteration: s.Iteration, Stop: p.stop}
	for i, j := range s.Index {
		b.Labels[i] = int(p.train.Labels[j])
	}
	labels := b.Labels // by which errors are counted
	if p.c.Mixup > 0 {
		labels = p.mix(&b)
	}
	b.Alpha, b.Beta = Draws(p.g, p.c.Seed, s.Iteration, n, p.c.Replicas)
	pass, err := Train(p.g, p.params, b)
	if err != nil {
		return err
	}
	var step engine.Metrics // added as a whole, as engine.Metrics says
	p.count(&step, pass, labels)
	p.sums.Images, p.sums.Loss, p.sums.Errors = p.sums.Images+step.Images, p.sums.Loss+step.Loss, p.sums.Errors+step.Errors
	if loss := pass.Loss(); p.sums.BadStep < 0 && (math.IsNaN(loss) || math.IsInf(loss, 0)) {
		p.sums.BadStep = int64(s.Iteration)
	}
	p.clip(pass.DParams)
	p.sgd(pass.DParams, s.LR)
	keep, rest := p.c.Average(s.Iteration)
	for id, mean := range p.average {
		for i, w := range p.params[id] {
			mean[i] = keep*mean[i] + rest*w
		}
	}
	p.track(pass.Stats)
	return nil
}

// mix mixes the images of a batch, and returns of each the label of the greater weight, its own
// where they are equal.
func (p *program) mix(b *Batch) []int {
	partner := make([]int32, b.N)
	b.Weight = engine.Mix(b.Seed, b.Iteration, p.c.Mixup, partner)
	plain, per := b.X, len(b.X)/b.N
	b.X = make([]float64, len(plain))
	for i, j := range partner {
		for k := range per {
			b.X[i*per+k] = b.Weight*plain[i*per+k] + (1-b.Weight)*plain[int(j)*per+k]
		}
		b.Others = append(b.Others, b.Labels[j])
	}
	if b.Weight >= 0.5 {
		return b.Labels
	}
	return b.Others
}

// Draws returns the coefficients [block][branch][image] of every block of g in one iteration, by
// engine.Draw.
func Draws(g *graph.Graph, seed uint64, iteration uint32, n, replicas int) (alpha, beta [][][]float64) {
	for i, block := range g.Blocks {
		a, b := make([][]float64, block.Branches), make([][]float64, block.Branches)
		for k := range a {
			a[k], b[k] = make([]float64, n), make([]float64, n)
		}
		engine.Draw(seed, iteration, i, block, n, replicas, a, b)
		alpha, beta = append(alpha, a), append(beta, b)
	}
	return alpha, beta
}

// augmented is the normalised batch, flipped, padded with zeros, cropped and given its holes, in
// this order.
func (p *program) augmented(s engine.Step) []float64 {
	im := p.train
	per := im.C * im.H * im.W
	out := make([]float64, 0, len(s.Index)*per)
	for i, j := range s.Index {
		x := normalized(im, int(j), int(j)+1)
		flip, dy, dx := engine.AugmentDraw(p.c.Seed, s.Iteration, i, p.c.Crop)
		if flip && p.c.Flip {
			x = flipped(x, im.W)
		}
		x = cropped(x, im.C, im.H, im.W, dy-p.c.Crop, dx-p.c.Crop)
		for _, hole := range engine.Holes(p.c.Seed, s.Iteration, i, im.H, im.W, p.c.Cutout, p.c.Erase) {
			clear(x, im.C, im.H, im.W, hole)
		}
		out = append(out, x...)
	}
	return out
}

// clear makes a hole of c maps zero.
func clear(x []float64, c, h, w int, hole engine.Hole) {
	for m := range c {
		for y := hole.Y0; y < hole.Y1; y++ {
			for col := hole.X0; col < hole.X1; col++ {
				x[(m*h+y)*w+col] = 0
			}
		}
	}
}

// normalized returns (pix-mean)/std of images lo..hi-1.
func normalized(im *engine.Images, lo, hi int) []float64 {
	hw := im.H * im.W
	out := make([]float64, 0, (hi-lo)*im.C*hw)
	for i, pix := range im.Pix[lo*im.C*hw : hi*im.C*hw] {
		c := i / hw % im.C
		out = append(out, (float64(pix)-im.Mean[c])/im.Std[c])
	}
	return out
}

// flipped mirrors every row of w pixels.
func flipped(x []float64, w int) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		row, q := i/w, i%w
		out[i] = x[row*w+w-1-q]
	}
	return out
}

// cropped returns out[y][x] = x[y+dy][x+dx], 0 outside, for each of c maps.
func cropped(in []float64, c, h, w, dy, dx int) []float64 {
	out := make([]float64, len(in))
	for m := range c {
		for y := range h {
			for x := range w {
				if y+dy >= 0 && y+dy < h && x+dx >= 0 && x+dx < w {
					out[(m*h+y)*w+x] = in[(m*h+y+dy)*w+x+dx]
				}
			}
		}
	}
	return out
}

// clip scales the gradient of all parameters so that its norm is at most the configuration's:
//
//	g *= min(1, clip/(norm + 1e-6))
func (p *program) clip(grads [][]float64) {
	if p.c.Clip == 0 {
		return
	}
	sum := 0.0
	for _, grad := range grads {
		for _, g := range grad {
			sum += g * g
		}
	}
	factor := min(1, p.c.Clip/(math.Sqrt(sum)+1e-6))
	for _, grad := range grads {
		for i := range grad {
			grad[i] *= factor
		}
	}
}

// sgd computes, for every parameter w with gradient g, momentum m and learning rate lr:
//
//	g += decay*w    v = m*v + g    w -= lr*(g + m*v) with Nesterov, lr*v without
func (p *program) sgd(grads [][]float64, lr float64) {
	for id, w := range p.params {
		v := p.velocity[id]
		for i := range w {
			g := grads[id][i] + p.c.WeightDecay*w[i]
			v[i] = p.c.Momentum*v[i] + g
			if p.c.Nesterov {
				w[i] -= lr * (g + p.c.Momentum*v[i])
			} else {
				w[i] -= lr * v[i]
			}
		}
	}
}

// track moves every replica's running statistics: running = 0.9*running + 0.1*batch. A replica
// without images keeps its own.
func (p *program) track(batch []Running) {
	for r, stats := range batch {
		for name, m := range stats {
			run := p.running[r][name]
			for c := range m.Mean {
				run.Mean[c] += graph.NormMomentum * (m.Mean[c] - run.Mean[c])
				run.Var[c] += graph.NormMomentum * (m.Var[c] - run.Var[c])
			}
		}
	}
}

// count adds a pass to the metrics: a training pass with its targets, another with its labels.
func (p *program) count(m *engine.Metrics, pass *Pass, labels []int) {
	for i, z := range pass.Logits {
		m.Images++
		if pass.Losses != nil {
			m.Loss += pass.Losses[i]
		} else {
			m.Loss += crossEntropy(z, oneHot(labels[i], len(z)))
		}
		if slices.ContainsFunc(z, math.IsNaN) || argmax(z) != labels[i] {
			m.Errors++
		}
	}
}

func (p *program) Metrics(reset bool) (engine.Metrics, error) {
	if err := p.open("Metrics"); err != nil {
		return engine.Metrics{}, err
	}
	m := p.sums
	if reset {
		p.sums = engine.Metrics{BadStep: -1}
	}
	return m, nil
}

func (p *program) Eval(lo, hi int) (engine.Metrics, error) {
	m := engine.Metrics{BadStep: -1}
	err := p.infer("Eval", lo, hi, func(pass *Pass, labels []int) { p.count(&m, pass, labels) })
	return m, err
}

func (p *program) Logits(lo, hi int) ([]float32, error) {
	var out []float32
	err := p.infer("Logits", lo, hi, func(pass *Pass, _ []int) {
		for _, z := range pass.Logits {
			for _, v := range z {
				out = append(out, float32(v))
			}
		}
	})
	return out, err
}

// infer runs test images lo..hi-1 with replica 0's running statistics, a batch at a time.
func (p *program) infer(call string, lo, hi int, f func(pass *Pass, labels []int)) error {
	if err := p.open(call); err != nil {
		return err
	}
	if p.test == nil {
		return engine.NotLoaded("ref", "test")
	}
	if err := engine.CheckRange("ref", lo, hi, p.test.N); err != nil {
		return err
	}
	for ; lo < hi; lo += p.c.Batch {
		end := min(lo+p.c.Batch, hi)
		pass, err := infer(p.g, p.params, p.running[0], normalized(p.test, lo, end), end-lo, p.stop)
		if err != nil {
			return err
		}
		labels := make([]int, end-lo)
		for i := range labels {
			labels[i] = int(p.test.Labels[lo+i])
		}
		f(pass, labels)
	}
	return nil
}
